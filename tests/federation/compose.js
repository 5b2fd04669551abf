// Composes the subgraph whose SDL comes on standard input with a Relay-style one that extends its rooms, by Apollo's
// composer and by The Guild's, and prints both outcomes.
import { readFileSync } from "node:fs";
import { composeServices as byApollo } from "@apollo/composition";
import { composeServices as byTheGuild } from "@theguild/federation-composition";
import { parse } from "graphql";
import { DESKS } from "./desks.js";

const subgraphs = [
  { name: "butlr", url: "http://butlr.test", typeDefs: parse(readFileSync(0, "utf8")) },
  { name: "desks", url: "http://desks.test", typeDefs: parse(DESKS) },
];
const outcome = (composed) => ({
  errors: (composed.errors ?? []).map((error) => error.message),
  supergraph: composed.supergraphSdl ?? null,
});
console.log(JSON.stringify({ apollo: outcome(byApollo(subgraphs)), guild: outcome(byTheGuild(subgraphs)) }));
