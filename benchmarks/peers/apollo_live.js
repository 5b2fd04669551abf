// As Apollo's documentation sets up subscriptions: its schema, served by graphql-ws beside it.
import { createServer } from 'node:http';
import { makeExecutableSchema } from '@graphql-tools/schema';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { resolvers, telling, typeDefs } from './live.js';

const server = createServer(telling((_, response) => response.writeHead(404).end()));
// Without pings: the load answers none.
useServer({ schema: makeExecutableSchema({ typeDefs, resolvers }) }, new WebSocketServer({ server, path: '/graphql' }), 0);
server.listen(Number(process.env.PORT), '127.0.0.1');
