import type { ExecutionResult } from "graphql";

import { post, readJson } from "./endpoint";
import { readEvents } from "./events";

interface Options {
  body: string;
  headers: () => Headers;
  signal: AbortSignal;
  onState: (state: "open" | "paused" | "reconnecting" | "ended") => void;
  /** Of all connections so far. */
  onBytes: (bytes: number) => void;
}

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

/** The results of a subscription for as long as it lasts: taken up again where it was cut, and paused while hidden. */
export async function* subscribe({ body, headers, signal, onState, onBytes }: Options): AsyncGenerator<ExecutionResult> {
  let lastId = "";
  let pause = FIRST_PAUSE;
  let wasOpen = false;
  let bytes = 0;
  while (!signal.aborted) {
    if (document.hidden) {
      onState("paused");
      await shown(signal);
      continue;
    }
    // The connection ends when the page is hidden: a hidden page asks for nothing.
    const connection = new AbortController();
    const cut = () => (document.hidden || signal.aborted) && connection.abort();
    document.addEventListener("visibilitychange", cut);
    signal.addEventListener("abort", cut);
    try {
      const sent = headers();
      if (lastId) sent.set("Last-Event-ID", lastId);
      const response = await post(body, sent, connection.signal);
      if (!(response.headers.get("Content-Type") ?? "").startsWith("text/event-stream")) {
        yield (await readJson(response)) as ExecutionResult;
        return onState("ended");
      }
      onState("open");
      wasOpen = true;
      for await (const { id, result } of readEvents(response, (length) => onBytes((bytes += length)))) {
        lastId = id || lastId;
        pause = FIRST_PAUSE;
        if (!result) return onState("ended");
        yield result;
      }
    } catch (reason) {
      // Where the server has never answered there is nothing to take up again.
      if (!connection.signal.aborted && !wasOpen) throw reason;
    } finally {
      document.removeEventListener("visibilitychange", cut);
      signal.removeEventListener("abort", cut);
      connection.abort();
    }
    if (signal.aborted || document.hidden) continue;
    onState("reconnecting");
    await waited(pause, signal);
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }
}

function shown(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const changed = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", changed);
      signal.removeEventListener("abort", changed);
      resolve();
    };
    document.addEventListener("visibilitychange", changed);
    signal.addEventListener("abort", changed);
  });
}

function waited(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
