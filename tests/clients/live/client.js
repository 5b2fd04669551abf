// Subscribes with one of the clients and writes a JSON line for each answer: `node client.js CLIENT URL TOKEN [RESUME]`.
// The document and its variables come as JSON on stdin's first line.
import { createInterface } from "node:readline";

const [, , name, url, token, resume] = process.argv;
const { query, variables } = JSON.parse(await first_line());
const extensions = resume ? { resume } : undefined;
const authorization = `Bearer ${token}`;
const show = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");
const fail = (error) => {
  process.stderr.write(`${error?.stack ?? JSON.stringify(error)}\n`);
  process.exit(1);
};
const sink = { next: show, error: fail, complete: () => process.exit(0) };

const socket_client = async () => {
  const { createClient } = await import("graphql-ws");
  const { default: WebSocket } = await import("ws");
  return createClient({
    url: url.replace(/^http/, "ws"),
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: authorization },
  });
};

const apollo = async (link) => {
  const { ApolloClient, InMemoryCache, gql } = await import("@apollo/client");
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  client.subscribe({ query: gql(query), variables, extensions }).subscribe(sink);
};

const clients = {
  "graphql-ws": async () => (await socket_client()).subscribe({ query, variables, extensions }, sink),
  "graphql-sse": async () => {
    const { createClient } = await import("graphql-sse");
    createClient({ url, headers: { Authorization: authorization } }).subscribe({ query, variables, extensions }, sink);
  },
  "apollo-multipart": async () => {
    const { HttpLink } = await import("@apollo/client");
    await apollo(new HttpLink({ uri: url, headers: { authorization }, includeExtensions: true }));
  },
  "apollo-ws": async () => {
    const { GraphQLWsLink } = await import("@apollo/client/link/subscriptions");
    await apollo(new GraphQLWsLink(await socket_client()));
  },
  "urql-sse": async () => {
    const { Client, fetchExchange } = await import("@urql/core");
    const { pipe, subscribe } = await import("wonka");
    const client = new Client({
      url,
      exchanges: [fetchExchange],
      fetchSubscriptions: true,
      preferGetMethod: false,
      fetchOptions: { headers: { authorization } },
    });
    const { createRequest } = await import("@urql/core");
    const operation = client.createRequestOperation("subscription", createRequest(query, variables, extensions), {});
    pipe(client.executeRequestOperation(operation), subscribe(({ data, error, extensions: more }) => {
      if (error) fail(error);
      show({ data, extensions: more });
    }));
  },
  "urql-ws": async () => {
    const { Client, subscriptionExchange, createRequest } = await import("@urql/core");
    const { pipe, subscribe } = await import("wonka");
    const ws = await socket_client();
    const client = new Client({
      url,
      exchanges: [
        subscriptionExchange({
          forwardSubscription: (request) => ({
            subscribe: (to) => ({ unsubscribe: ws.subscribe({ ...request, extensions }, to) }),
          }),
        }),
      ],
      preferGetMethod: false,
    });
    const operation = client.createRequestOperation("subscription", createRequest(query, variables), {});
    pipe(client.executeRequestOperation(operation), subscribe(({ data, error, extensions: more }) => {
      if (error) fail(error);
      show({ data, extensions: more });
    }));
  },
  relay: async () => {
    const { Network, Observable } = (await import("relay-runtime")).default;
    const ws = await socket_client();
    const network = Network.create(
      () => fail(new Error("a subscription is no fetch")),
      (operation, given) =>
        Observable.create((to) => ws.subscribe({ query: operation.text, variables: given, extensions }, to)),
    );
    network.execute({ operationKind: "subscription", text: query, name: "live" }, variables ?? {}, {}).subscribe(sink);
  },
};

await clients[name]().catch?.(fail);

async function first_line() {
  for await (const line of createInterface({ input: process.stdin })) return line;
  return "{}";
}
