// Asks a supergraph of the facade and of desks, through Apollo's gateway. Arguments: the facade's address, a token,
// and the rooms of the desks; the supergraph comes on standard input.
import { readFileSync } from "node:fs";
import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { parse } from "graphql";
import { desksIn } from "./desks.js";

const [url, token, ...rooms] = process.argv.slice(2);

class Facade extends RemoteGraphQLDataSource {
  willSendRequest({ request }) {
    request.http.headers.set("authorization", `Bearer ${token}`);
  }
}

const gateway = new ApolloGateway({
  supergraphSdl: readFileSync(0, "utf8"),
  buildService: ({ name }) => (name === "butlr" ? new Facade({ url: `${url}/graphql` }) : desksIn(rooms)),
  logger: { debug() {}, info() {}, warn: console.error, error: console.error },
});
const { executor } = await gateway.load();

async function ask(query) {
  const cache = new Map();
  const { data, errors } = await executor({
    request: { query, variables: {}, http: { headers: new Map() } },
    document: parse(query),
    queryHash: query,
    operationName: null,
    context: {},
    metrics: {},
    cache: { get: async (key) => cache.get(key), set: async (key, value) => void cache.set(key, value) },
    overallCachePolicy: { restrict() {}, policyIfCacheable: () => undefined },
  });
  return { data, errors };
}

const answers = [];
for (const query of JSON.parse(process.env.QUERIES)) answers.push(await ask(query));
console.log(JSON.stringify(answers));
await gateway.stop();
