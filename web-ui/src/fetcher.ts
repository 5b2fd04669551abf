import type { Fetcher, FetcherParams, FetcherReturnType } from "@graphiql/toolkit";
import { getOperationAST, type DocumentNode, type ExecutionResult, type GraphQLError } from "graphql";
import { meros } from "meros/browser";

import { ACCEPT, post, readJson } from "./endpoint";
import { answers, type Operation, type Stream } from "./results/answers";
import { readSchema } from "./schema-cache";
import { subscribe } from "./subscription";
import { bytesOnTheWire } from "./wire";

/** GraphiQL's way to the API. Subscriptions come as server-sent events: they take the same headers as the rest. */
export function createFetcher(token: () => string): Fetcher {
  return async (params, options): Promise<Awaited<FetcherReturnType>> => {
    const abort = new AbortController();
    const tab = answers.tab;
    const operation: Operation = { query: params.query, variables: params.variables, operationName: params.operationName };
    const headers = () => {
      const sent = authorized(token());
      sent.set("Accept", accept(params, options?.documentAST));
      // What the header editor says wins.
      for (const [name, value] of Object.entries(options?.headers ?? {})) sent.set(name, String(value));
      return sent;
    };
    try {
      if (params.operationName === "IntrospectionQuery") {
        return await readSchema(params.query, authorized(token()), abort.signal);
      }
      const isExplained = answers.isExplained && !isSubscription(params, options?.documentAST);
      const body = JSON.stringify(isExplained ? { ...params, extensions: { explain: "analyze" } } : params);
      if (isSubscription(params, options?.documentAST)) {
        answers.begin(tab, operation);
        const onState = (state: Stream["state"]) => answers.change(tab, { state });
        const onBytes = (bytes: number) => answers.change(tab, { bytes });
        const results = subscribe({ body, headers, signal: abort.signal, onState, onBytes });
        return stoppable(told(results, (result) => answers.event(tab, result)), abort, () => onState("ended"));
      }
      const began = performance.now();
      const response = await post(body, headers(), abort.signal);
      const bytes = bytesOnTheWire(response, began);
      const come = (result: ExecutionResult, shown = false) =>
        answers.put(tab, {
          operation,
          result,
          status: response.status,
          ms: performance.now() - began,
          bytes,
          headers: response.headers,
          at: Date.now(),
          shown,
        });
      if ((response.headers.get("Content-Type") ?? "").startsWith("multipart/mixed")) {
        // GraphiQL puts the parts together; the results are read from what it shows.
        return stoppable(told(readParts(response), (parts) => parts.length && come({}, true)), abort);
      }
      come((await readJson(response)) as ExecutionResult);
      // Shown by the results' own tabs: as text in an editor a large answer would take its time.
      return nothing();
    } catch (error) {
      const result: ExecutionResult = { errors: [{ message: (error as Error).message } as GraphQLError] };
      if (params.operationName === "IntrospectionQuery") return result;
      answers.put(tab, { operation, result, status: 0, ms: 0, bytes: null, headers: new Headers(), at: Date.now() });
      return nothing();
    }
  };
}

export function authorized(token: string): Headers {
  return new Headers(token ? { Authorization: `Bearer ${token}` } : {});
}

function isSubscription({ operationName }: FetcherParams, document?: DocumentNode): boolean {
  return (document && getOperationAST(document, operationName))?.operation === "subscription";
}

function accept(params: FetcherParams, document?: DocumentNode): string {
  if (isSubscription(params, document)) return `text/event-stream, ${ACCEPT}`;
  if (/@(defer|stream)\b/.test(params.query)) return `multipart/mixed, ${ACCEPT}`;
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

async function* nothing(): AsyncGenerator<ExecutionResult> {
  // GraphiQL has nothing to show.
}

async function* told<T>(source: AsyncGenerator<T>, tell: (item: T) => void): AsyncGenerator<T> {
  for await (const item of source) {
    tell(item);
    yield item;
  }
}

/** A generator's own `return` waits for the value it is at, which for a quiet stream is never. */
function stoppable<T>(source: AsyncGenerator<T>, abort: AbortController, stopped = () => {}): AsyncIterableIterator<T> {
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
      stopped();
      return done;
    },
  };
}
