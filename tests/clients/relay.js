// relay.js
import { Environment, Network, RecordSource, Store } from "relay-runtime";
import { headers, url } from "./connection.js";

// `params.id` is set if relay.config.json has persistConfig. The facade accepts it as `doc_id`.
async function fetchQuery(params, variables) {
  const named = params.id ? { doc_id: params.id } : { query: params.text };
  const answer = await fetch(url, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/json", Accept: "application/graphql-response+json" },
    body: JSON.stringify({ ...named, variables, operationName: params.name }),
  });
  return answer.json();
}

export const environment = new Environment({
  network: Network.create(fetchQuery),
  store: new Store(new RecordSource()),
});
