// Runs one client against a facade and prints what it came to. Arguments: the client, and the variables as JSON.
// Each client asks as its own documentation says; what it answered is judged by tests/integration/test_clients.py.
const [name, given] = process.argv.slice(2);
const variables = JSON.parse(given);

const DEFERRED = `
  query Deferred($start: Time!, $every: Duration!) {
    rooms {
      data {
        __typename
        id
        name
        ... @defer { floor { __typename id name } }
      }
    }
    report(filter: { measurements: [presence], start: $start, value: { gte: 0 } }, window: { every: $every }) {
      series { sensor_id times values }
      ... @defer { freshness { partial } }
    }
  }
`;

/** Every result until a client says that there will be no more. */
async function watched(client, gql) {
  const results = [];
  await new Promise((resolve, reject) =>
    client.watchQuery({ query: gql(DEFERRED), variables }).subscribe({
      next(result) {
        results.push(result);
        if (result.error) reject(result.error);
        if (!result.loading && result.networkStatus === 7) resolve();
      },
      error: reject,
    }),
  );
  return { data: results.at(-1).data, results: results.length };
}

async function apollo4(handler) {
  const { ApolloClient, gql } = await import("@apollo/client");
  const incremental = await import("@apollo/client/incremental");
  const { client } = await import("./apollo.js");
  if (handler) {
    const own = new ApolloClient({
      cache: client.cache, link: client.link, incrementalHandler: new incremental[handler](),
    });
    return watched(own, gql);
  }
  return watched(client, gql);
}

const clients = {
  "apollo-4-current": () => apollo4(null),
  "apollo-4-20220824": () => apollo4("Defer20220824Handler"),

  async "apollo-3"() {
    const { ApolloClient, InMemoryCache, HttpLink, gql } = (await import("apollo-client-3/core/core.cjs")).default;
    const { possibleTypes, typePolicies } = await import("./cache.js");
    const { headers, url } = await import("./connection.js");
    const cache = new InMemoryCache({ possibleTypes, typePolicies });
    return watched(new ApolloClient({ cache, link: new HttpLink({ uri: url, headers }) }), gql);
  },

  async "apollo-cache"() {
    // What the list of rooms brought is found by its id, and pages of rows are put one after the other.
    const { gql } = await import("@apollo/client");
    const { client } = await import("./apollo.js");
    const { data } = await client.query({ query: gql`{ rooms { data { id name } } }` });
    const { id } = data.rooms.data[0];
    const ONE = gql`query ($id: ID) { room(id: $id) { id name ... on Node { id } } }`;
    const one = await client.query({ query: ONE, variables: { id }, fetchPolicy: "cache-only" });
    const PAGE = gql`
      query ($start: Time!, $every: Duration!, $after: String) {
        report(filter: { measurements: [presence], start: $start, value: { gte: 0 } }, window: { every: $every }) {
          rows_connection(first: 5, after: $after) {
            edges { cursor node { time value } }
            pageInfo { hasNextPage endCursor }
          }
        }
      }`;
    await client.query({ query: PAGE, variables });
    const pages = client.watchQuery({ query: PAGE, variables });
    pages.subscribe(() => {});
    const { endCursor } = pages.getCurrentResult().data.report.rows_connection.pageInfo;
    await pages.fetchMore({ variables: { after: endCursor } });
    const both = client.readQuery({ query: PAGE, variables });
    return { data: { one: one.data.room.id === id, rows: both.report.rows_connection.edges.length } };
  },

  async urql() {
    const { gql } = await import("@urql/core");
    const { client } = await import("./urql.js");
    const results = [];
    await new Promise((resolve) =>
      client.query(gql(DEFERRED), variables).subscribe((result) => {
        results.push(result);
        if (!result.hasNext && !result.stale) resolve();
      }),
    );
    const { data, error } = results.at(-1);
    if (error) throw error;
    return { data, results: results.length };
  },

  async relay() {
    const { createOperationDescriptor, fetchQuery, getSelector } = (await import("relay-runtime")).default;
    const { environment } = await import("./relay.js");
    const query = (await import("./relay/__generated__/RowsQuery.graphql.js")).default;
    const fragment = (await import("./relay/__generated__/Rows_report.graphql.js")).default;
    const asked = async (after) => {
      const all = { start: variables.start, first: 5, after };
      await fetchQuery(environment, query, all).toPromise();
      const operation = createOperationDescriptor(query, all);
      const { data } = environment.lookup(operation.fragment);
      return environment.lookup(getSelector(fragment, data.report)).data.rows_connection;
    };
    const first = await asked(null);
    const next = await asked(first.pageInfo.endCursor);
    return { data: { first: first.edges.length, next: next.edges.length } };
  },

  async graphiql() {
    const { fetcher } = await import("./graphiql.js");
    const parts = [];
    for await (const part of await fetcher({ query: DEFERRED, variables }, {})) parts.push(...[part].flat());
    return { data: parts, results: parts.length };
  },

  async codegen() {
    // The manifest's hash in place of the document, as the client preset writes it.
    const { readFileSync } = await import("node:fs");
    const { headers, url } = await import("./connection.js");
    const [documentId] = Object.keys(JSON.parse(readFileSync("generated/persisted-documents.json", "utf8")));
    const answer = await fetch(url, {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/json" },
      body: JSON.stringify({ documentId, variables }),
    });
    const { data, errors } = await answer.json();
    return { data, errors };
  },
};

const warned = [];
for (const level of ["warn", "error"]) console[level] = (...text) => warned.push(text.join(" "));
const said = (outcome, code) => process.stdout.write(JSON.stringify({ ...outcome, warned }), () => process.exit(code));
try {
  said(await clients[name](), 0);
} catch (error) {
  said({ failed: `${error?.stack ?? error}` }, 1);
}
