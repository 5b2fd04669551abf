import { RESTDataSource } from '@apollo/datasource-rest';
import { ApolloServer } from '@apollo/server';
import responseCachePlugin from '@apollo/server-plugin-response-cache';
import { ApolloServerPluginCacheControl } from '@apollo/server/plugin/cacheControl';
import { startStandaloneServer } from '@apollo/server/standalone';
import { detectionsLoader, resolvers, typeDefs } from './sources.js';

class Butlr extends RESTDataSource {
  baseURL = process.env.UPSTREAM;

  constructor(token, options) {
    super(options);
    this.token = token;
  }

  send(path, body) {
    return this.post(path, { body, headers: { authorization: this.token } });
  }
}

const cached = process.env.RESPONSE_CACHE === '1';
const server = new ApolloServer({
  typeDefs,
  resolvers,
  introspection: false,
  plugins: cached
    ? [
        ApolloServerPluginCacheControl({ defaultMaxAge: 600 }),
        // `sessionId` tells callers apart only in what is marked PRIVATE field by field; this does in everything.
        responseCachePlugin({ extraCacheKeyData: async ({ request }) => request.http.headers.get('authorization') }),
      ]
    : [],
});
await startStandaloneServer(server, {
  listen: { host: '127.0.0.1', port: Number(process.env.PORT) },
  context: async ({ req }) => {
    const butlr = new Butlr(req.headers.authorization, { cache: server.cache });
    const post = (path, body) => butlr.send(path, body);
    return { post, detections: detectionsLoader(post) };
  },
});
