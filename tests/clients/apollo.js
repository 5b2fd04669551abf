// apollo.js
import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQL17Alpha9Handler } from "@apollo/client/incremental";
import { possibleTypes, typePolicies } from "./cache.js";
import { headers, url } from "./connection.js";

export const client = new ApolloClient({
  cache: new InMemoryCache({ possibleTypes, typePolicies }),
  link: new HttpLink({ uri: url, headers }),
  // Delivers parts as they arrive. With Defer20220824Handler the answer arrives as one part.
  incrementalHandler: new GraphQL17Alpha9Handler(),
});
