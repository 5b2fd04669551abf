import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { resolvers, telling, typeDefs } from './live.js';

const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), graphiql: false, logging: false });
createServer(telling(yoga)).listen(Number(process.env.PORT), '127.0.0.1');
