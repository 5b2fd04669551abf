// Composes the subgraph whose SDL comes on standard input with one that extends its rooms, and prints the outcome.
import { readFileSync } from "node:fs";
import { composeServices } from "@apollo/composition";
import { parse } from "graphql";

const desks = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key"])
  type Query { desks: [Desk!]! }
  type Desk { id: ID! room: Room }
  type Room @key(fields: "id", resolvable: false) { id: ID! }
`;

const { errors, supergraphSdl } = composeServices([
  { name: "butlr", url: "http://butlr.test", typeDefs: parse(readFileSync(0, "utf8")) },
  { name: "desks", url: "http://desks.test", typeDefs: parse(desks) },
]);
console.log(JSON.stringify({ errors: (errors ?? []).map(String), supergraph: supergraphSdl ?? null }));
