// What both peers push: the events that are posted to /tell.
import { createPubSub } from 'graphql-yoga';
import { GraphQLScalarType } from 'graphql';

export const typeDefs = /* GraphQL */ `
  scalar JSON
  type Event { id: ID! type: String! data: JSON }
  type Query { isLive: Boolean! }
  type Subscription { events: Event! }
`;

const pubSub = createPubSub();

export const resolvers = {
  JSON: new GraphQLScalarType({ name: 'JSON' }),
  Query: { isLive: () => true },
  Subscription: { events: { subscribe: () => pubSub.subscribe('events'), resolve: (event) => event } },
};

// A listener of node's server that takes events, and passes all else on.
export const telling = (otherwise) => async (request, response) => {
  if (request.url !== '/tell') return otherwise(request, response);
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  pubSub.publish('events', JSON.parse(Buffer.concat(chunks)));
  return response.writeHead(204).end();
};
