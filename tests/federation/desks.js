// A subgraph as Relay wants one: `node`, connections and a `PageInfo` of its own. Its desks stand in Butlr's rooms.
import { buildSchema, graphql, parse, print, visit } from "graphql";

export const DESKS = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])
  scalar Time
  interface Node { id: ID! }
  type Query { node(id: ID!): Node desks(first: Int): DeskConnection! }
  type DeskConnection { edges: [DeskEdge!]! pageInfo: PageInfo! }
  type DeskEdge { cursor: String! node: Desk! }
  type PageInfo @shareable { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
  type Desk implements Node @key(fields: "id") { id: ID! room: Room at: Point address: Address }
  type Point @shareable { x: Float! y: Float! }
  type Address @shareable { lines: [String!] country: String }
  type Room @key(fields: "id", resolvable: false) { id: ID! }
  type Tag @key(fields: "id", resolvable: false) { id: ID! }
`;

// For execution, which knows nothing of federation.
const plain = print(
  visit(parse(DESKS), { SchemaExtension: () => null, Directive: () => null }),
);

/** Answers a gateway's requests with a desk in each of these rooms. */
export function desksIn(rooms) {
  const schema = buildSchema(plain);
  const edges = rooms.map((room, at) => ({
    cursor: `${at}`,
    node: { id: `desk_${at}`, room: { __typename: "Room", id: room }, at: { x: at, y: 0 } },
  }));
  const rootValue = { desks: { edges, pageInfo: { hasNextPage: false, hasPreviousPage: false } } };
  return {
    process: ({ request }) => graphql({ schema, source: request.query, variableValues: request.variables, rootValue }),
  };
}
