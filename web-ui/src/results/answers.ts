import type { ExecutionResult } from "graphql";
import { useSyncExternalStore } from "react";

export interface Operation {
  query: string;
  operationName?: string | null;
  variables?: Record<string, unknown> | null;
}

/** One answer of the server, and what came with it. */
export interface Answer {
  operation: Operation;
  result: ExecutionResult;
  status: number;
  ms: number;
  /** The body's on the wire, once they are counted; null where none came. */
  bytes: Promise<number> | null;
  headers: Headers;
  /** When it came, in epoch milliseconds. */
  at: number;
  /** Whether GraphiQL has shown it already: what comes in parts. */
  shown?: boolean;
}

/** Events of a subscription, the newest last. */
export interface Stream {
  operation: Operation;
  events: { at: number; result: ExecutionResult }[];
  state: "open" | "paused" | "reconnecting" | "ended";
  /** That came so far. */
  bytes: number;
}

const MOST_EVENTS = 500;

/** The newest answer of each of the editor's tabs. */
class Answers {
  /** The tab that the editor is at: set while it is drawn, read when an operation is sent. */
  tab = "";
  /** Whether an operation is sent to be explained: set by the tab that shows it. */
  isExplained = false;
  private readonly answers = new Map<string, Answer>();
  private readonly streams = new Map<string, Stream>();
  private readonly listeners = new Set<() => void>();

  put(tab: string, answer: Answer): void {
    this.answers.set(tab, answer);
    this.streams.delete(tab);
    this.tell();
  }

  begin(tab: string, operation: Operation): void {
    this.answers.delete(tab);
    this.streams.set(tab, { operation, events: [], state: "open", bytes: 0 });
    this.tell();
  }

  event(tab: string, result: ExecutionResult): void {
    const stream = this.streams.get(tab);
    if (!stream) return;
    const events = [...stream.events.slice(1 - MOST_EVENTS), { at: Date.now(), result }];
    this.streams.set(tab, { ...stream, events });
    this.tell();
  }

  change(tab: string, changed: Partial<Pick<Stream, "state" | "bytes">>): void {
    const stream = this.streams.get(tab);
    if (!stream) return;
    this.streams.set(tab, { ...stream, ...changed });
    this.tell();
  }

  answer = (tab: string): Answer | undefined => this.answers.get(tab);
  stream = (tab: string): Stream | undefined => this.streams.get(tab);

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private tell(): void {
    this.listeners.forEach((listener) => listener());
  }
}

export const answers = new Answers();

export const useAnswer = (tab: string): Answer | undefined =>
  useSyncExternalStore(answers.subscribe, () => answers.answer(tab));

export const useStream = (tab: string): Stream | undefined =>
  useSyncExternalStore(answers.subscribe, () => answers.stream(tab));
