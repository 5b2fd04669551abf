import type { Fetcher, FetcherParams, FetcherReturnType } from "@graphiql/toolkit";
import { getOperationAST, type DocumentNode, type ExecutionResult, type GraphQLError } from "graphql";
import { meros } from "meros/browser";

import { ACCEPT, post, readJson } from "./endpoint";
import { readEvents } from "./events";

/** GraphiQL's way to the API. Subscriptions come as server-sent events: they take the same headers as the rest. */
export function createFetcher(token: () => string): Fetcher {
  return async (params, options): Promise<Awaited<FetcherReturnType>> => {
    const abort = new AbortController();
    try {
      const headers = new Headers({ Accept: accept(params, options?.documentAST) });
      if (token()) headers.set("Authorization", `Bearer ${token()}`);
      // What the header editor says wins.
      for (const [name, value] of Object.entries(options?.headers ?? {})) headers.set(name, String(value));
      const response = await post(JSON.stringify(params), headers, abort.signal);
      const type = response.headers.get("Content-Type") ?? "";
      if (type.startsWith("text/event-stream")) return stoppable(readEvents(response), abort);
      if (type.startsWith("multipart/mixed")) return stoppable(readParts(response), abort);
      return (await readJson(response)) as ExecutionResult;
    } catch (error) {
      // Thrown on, it would be shown with its stack.
      return { errors: [{ message: (error as Error).message } as GraphQLError] };
    }
  };
}

function accept({ query, operationName }: FetcherParams, document?: DocumentNode): string {
  const operation = document && getOperationAST(document, operationName);
  if (operation?.operation === "subscription") return `text/event-stream, ${ACCEPT}`;
  if (/@(defer|stream)\b/.test(query)) return `multipart/mixed, ${ACCEPT}`;
  return ACCEPT;
}

async function* readParts(response: Response): AsyncGenerator<ExecutionResult[]> {
  const parts = await meros<ExecutionResult>(response, { multiple: true });
  if (parts instanceof Response) return;
  for await (const chunk of parts) {
    yield chunk.map((part) => {
      if (!part.json) throw new Error(`A part of the answer is no JSON: ${part.body}`);
      return part.body;
    });
  }
}

/** A generator's own `return` waits for the value it is at, which for a quiet stream is never. */
function stoppable<T>(source: AsyncGenerator<T>, abort: AbortController): AsyncIterableIterator<T> {
  const done = { done: true, value: undefined } as const;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        return await source.next();
      } catch (error) {
        if (abort.signal.aborted) return done;
        throw error;
      }
    },
    async return() {
      abort.abort();
      return done;
    },
  };
}
