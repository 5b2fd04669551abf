import { useEffect, useState } from "react";

import { ACCEPT, post, readJson } from "../endpoint";
import type { Operation } from "./answers";

/** What `extensions.explain` says of one upstream call. Any of it may be missing. */
interface Call {
  endpoint?: string;
  body?: unknown;
  assets?: number;
  windows?: number;
  points?: number;
  cached?: unknown;
  reason?: string;
  reasons?: string[];
  start_ms?: number;
  duration_ms?: number;
  wait_ms?: number;
  tries?: number;
  bytes?: number;
  rows?: number;
  status?: number | string;
  cache?: string;
}

interface Explained {
  calls: Call[];
  cost: unknown;
  limits: unknown;
}

interface Props {
  operation: Operation;
  headers: () => Headers;
}

/** Runs the operation once more and shows each call that it made upstream as a bar. */
export default function Explain({ operation, headers }: Props) {
  const [found, setFound] = useState<Explained | null>(null);
  const [error, setError] = useState("");
  const [runs, setRuns] = useState(0);

  useEffect(() => {
    const abort = new AbortController();
    setError("");
    ask(operation, headers(), abort.signal).then(setFound, (reason: Error) => abort.signal.aborted || setError(reason.message));
    return () => abort.abort();
  }, [operation, headers, runs]);

  return (
    <div className="facade-explain">
      <div className="facade-controls">
        <button type="button" onClick={() => setRuns(runs + 1)}>Explain again</button>
        {found && <span id="facade-explained">{summary(found)}</span>}
      </div>
      {error && (
        <p className="facade-note" role="alert">
          {error}
        </p>
      )}
      {found && <Waterfall calls={found.calls} />}
    </div>
  );
}

async function ask({ query, variables, operationName }: Operation, headers: Headers, signal: AbortSignal): Promise<Explained> {
  headers.set("Accept", ACCEPT);
  const body = JSON.stringify({ query, variables, operationName, extensions: { explain: "analyze" } });
  const answer = (await readJson(await post(body, headers, signal))) as {
    errors?: { message: string }[];
    extensions?: { explain?: Partial<Explained> };
  };
  const explained = answer.extensions?.explain;
  if (!explained) {
    throw new Error(answer.errors?.[0]?.message ?? "This server does not explain operations (FACADE_EXPLAIN).");
  }
  return { calls: Array.isArray(explained.calls) ? explained.calls : [], cost: explained.cost, limits: explained.limits };
}

function summary({ calls, cost, limits }: Explained): string {
  const hits = calls.filter(isHit).length;
  const made = calls.length - hits;
  const limit = typeof limits === "object" && limits !== null ? (limits as Record<string, unknown>).cost : undefined;
  const spent = typeof cost === "object" && cost !== null ? JSON.stringify(cost) : cost;
  return [
    `${made} upstream ${made === 1 ? "call" : "calls"}`,
    hits ? `${hits} from the cache` : null,
    spent === undefined ? null : `cost ${number(spent)}${limit === undefined ? "" : ` of ${number(limit)}`}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

const number = (value: unknown): string => (typeof value === "number" ? value.toLocaleString("en") : String(value));

const isHit = ({ cache, cached }: Call): boolean => (cache ? /^(HIT|STALE)$/i.test(cache) : cached === true);

function Waterfall({ calls }: { calls: Call[] }) {
  const [chosen, setChosen] = useState<number | null>(null);
  if (!calls.length) return <p className="facade-nothing">No upstream call: all of it is known here.</p>;
  const whole = Math.max(1, ...calls.map((call) => (call.start_ms ?? 0) + (call.duration_ms ?? 0)));
  return (
    <ol className="facade-calls facade-scroll" tabIndex={0} aria-label="Upstream calls">
      {calls.map((call, at) => (
        <li key={at}>
          <button type="button" aria-expanded={chosen === at} onClick={() => setChosen(chosen === at ? null : at)}>
            <span className="facade-call">{call.endpoint ?? "a call"}</span>
            <span className="facade-lane">
              <i
                className={isHit(call) ? "facade-bar-hit" : "facade-bar-miss"}
                style={{
                  marginLeft: `${((call.start_ms ?? 0) / whole) * 100}%`,
                  width: `max(3px, ${((call.duration_ms ?? 0) / whole) * 100}%)`,
                }}
              />
            </span>
            <span className="facade-said">{said(call)}</span>
          </button>
          {chosen === at && <Details call={call} />}
        </li>
      ))}
    </ol>
  );
}

function said(call: Call): string {
  const count = (value: number | undefined, one: string, many = `${one}s`) =>
    value === undefined ? null : `${value.toLocaleString("en")} ${value === 1 ? one : many}`;
  return [
    call.duration_ms === undefined ? null : `${call.duration_ms.toFixed(0)} ms`,
    call.wait_ms ? `waited ${call.wait_ms.toFixed(0)} ms` : null,
    call.cache ?? (call.cached === true ? "HIT" : null),
    call.status === undefined ? null : String(call.status),
    count(call.assets, "asset"),
    count(call.windows, "window"),
    count(call.points, "point"),
    count(call.rows, "row"),
    count(call.bytes, "byte"),
    call.tries !== undefined && call.tries > 1 ? `${call.tries} tries` : null,
  ]
    .filter(Boolean)
    .join(" · ");
}

function Details({ call }: { call: Call }) {
  const reasons = call.reasons ?? (call.reason ? [call.reason] : []);
  return (
    <div className="facade-details">
      {reasons.map((reason) => (
        <p key={reason}>{reason}</p>
      ))}
      <pre tabIndex={0}>{JSON.stringify(call.body ?? null, null, 2)}</pre>
    </div>
  );
}
