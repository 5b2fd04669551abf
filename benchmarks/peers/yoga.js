import { createServer } from 'node:http';
import { useResponseCache } from '@graphql-yoga/plugin-response-cache';
import { createSchema, createYoga } from 'graphql-yoga';
import { detectionsLoader, resolvers, typeDefs } from './sources.js';

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  graphiql: false,
  logging: false,
  plugins: [useResponseCache({ session: (request) => request.headers.get('authorization'), ttl: 600_000 })],
  context: ({ request }) => {
    const authorization = request.headers.get('authorization');
    const post = async (path, body) => {
      const answer = await fetch(process.env.UPSTREAM + path, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (!answer.ok) throw new Error(`the upstream answered ${answer.status}`);
      return answer.json();
    };
    return { post, detections: detectionsLoader(post) };
  },
});
createServer(yoga).listen(Number(process.env.PORT), '127.0.0.1');
