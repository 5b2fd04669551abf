import { useEffect, useState } from "react";

import { ACCEPT, post, readJson } from "../endpoint";
import type { Answer } from "./answers";

/** What `extensions.explain` says of one upstream call. Any of it may be missing. */
interface Call {
  endpoint?: string;
  body?: unknown;
  assets?: number | null;
  windows?: number | null;
  points?: number | null;
  reasons?: string[];
  start_ms?: number;
  duration_ms?: number;
  wait_ms?: number;
  tries?: number;
  bytes?: number | null;
  rows?: number | null;
  status?: number | null;
  cache?: string;
}

/** What was asked for together. */
interface Batch {
  what: string;
  cached?: string | null;
  calls: number;
  reasons?: string[];
}

interface Explained {
  calls: Call[];
  batches: Batch[];
  cost?: number;
  limits?: { cost?: number };
  phases?: Record<string, number>;
}

interface Props {
  answer: Answer;
  headers: () => Headers;
}

/** The calls that an operation made upstream, each as a bar. Run for it where the answer was not explained itself. */
export default function Explain({ answer, headers }: Props) {
  const [found, setFound] = useState<Explained | null>(null);
  const [error, setError] = useState("");
  const [run, setRun] = useState({ count: 0, isFresh: false });

  useEffect(() => {
    const own = explainedOf(answer.result);
    setError("");
    if (own && !run.count) return setFound(own);
    const abort = new AbortController();
    ask(answer, headers(), run.isFresh, abort.signal).then(
      setFound,
      (reason: Error) => abort.signal.aborted || setError(reason.message),
    );
    return () => abort.abort();
  }, [answer, headers, run]);

  const again = (isFresh: boolean) => () => setRun({ count: run.count + 1, isFresh });
  return (
    <div className="facade-explain">
      <div className="facade-controls">
        <button type="button" onClick={again(false)}>
          Run again
        </button>
        <button type="button" onClick={again(true)} title="With Cache-Control: no-cache">
          Run past the cache
        </button>
        {found && <b id="facade-explained">{summary(found)}</b>}
      </div>
      {error && (
        <p className="facade-note" role="alert">
          {error}
        </p>
      )}
      {found && (
        <div className="facade-scroll" tabIndex={0} role="region" aria-label="Explained">
          {found.phases && <Phases phases={found.phases} />}
          {found.calls.length > 0 && <Waterfall calls={found.calls} whole={wholeOf(found)} />}
          <Batches batches={found.batches} />
        </div>
      )}
    </div>
  );
}

async function ask({ operation }: Answer, headers: Headers, isFresh: boolean, signal: AbortSignal): Promise<Explained> {
  headers.set("Accept", ACCEPT);
  if (isFresh) headers.set("Cache-Control", "no-cache");
  const body = JSON.stringify({ ...operation, extensions: { explain: "analyze" } });
  const answer = (await readJson(await post(body, headers, signal))) as Answer["result"];
  const explained = explainedOf(answer);
  if (explained) return explained;
  throw new Error(answer.errors?.[0]?.message ?? "This server does not explain operations (FACADE_EXPLAIN).");
}

function explainedOf({ extensions }: Answer["result"]): Explained | null {
  const said = extensions?.explain as Partial<Explained> | undefined;
  return said ? { ...said, calls: said.calls ?? [], batches: said.batches ?? [] } : null;
}

const number = (value: number): string => value.toLocaleString("en");
const count = (value: number | null | undefined, one: string, many = `${one}s`): string | null =>
  value == null ? null : `${number(value)} ${value === 1 ? one : many}`;
const listed = (...parts: (string | null | undefined | false)[]): string => parts.filter(Boolean).join(" · ");
const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : number(Math.round(value))} ms`;

function summary({ calls, cost, limits, phases }: Explained): string {
  return listed(
    calls.length ? count(calls.length, "upstream call") : "0 upstream calls: all from the cache",
    cost !== undefined && `cost ${number(cost)}${limits?.cost ? ` of ${number(limits.cost)}` : ""}`,
    phases?.total_ms !== undefined && ms(phases.total_ms),
  );
}

const PHASES = {
  receive_ms: "receive",
  parse_validate_ms: "parse, validate",
  upstream_ms: "wait for Butlr",
  execute_ms: "execute",
  encode_ms: "write JSON",
};

/** Where the time of the whole went: one bar, a part each. */
function Phases({ phases }: { phases: Record<string, number> }) {
  const parts = Object.entries(PHASES).filter(([key]) => phases[key] !== undefined);
  return (
    <div className="facade-phases">
      <div aria-hidden="true">
        {parts.map(([key]) => (
          <i key={key} className={`facade-${key}`} style={{ flexGrow: phases[key] }} />
        ))}
      </div>
      <ul aria-label="Where the time went">
        {parts.map(([key, name]) => (
          <li key={key}>
            <i className={`facade-${key}`} /> {name} {ms(phases[key]!)}
          </li>
        ))}
      </ul>
    </div>
  );
}

const wholeOf = ({ calls, phases }: Explained): number =>
  Math.max(1, phases?.total_ms ?? 0, ...calls.map((call) => (call.start_ms ?? 0) + (call.duration_ms ?? 0)));

function Waterfall({ calls, whole }: { calls: Call[]; whole: number }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const share = (time: number | undefined) => `${((time ?? 0) / whole) * 100}%`;
  return (
    <>
      <div className="facade-ticks" aria-hidden="true">
        <b>Calls to Butlr</b>
        <span>
          {[0, 0.25, 0.5, 0.75].map((part) => (
            <small key={part}>{part ? ms(whole * part) : "0"}</small>
          ))}
        </span>
      </div>
      <ol className="facade-calls" aria-label="Upstream calls">
        {calls.map((call, at) => (
          <li key={at}>
            <button type="button" title="Show its body" aria-expanded={chosen === at} onClick={() => setChosen(chosen === at ? null : at)}>
              <span className="facade-call">
                {call.endpoint ?? "a call"}
                <small>{whatOf(call)}</small>
              </span>
              <span className="facade-lane">
                <i
                  className={`facade-bar-${(call.cache ?? "MISS").toLowerCase()}`}
                  style={{ marginLeft: share(call.start_ms), width: `max(3px, ${share(call.duration_ms)})` }}
                />
                <small>{said(call)}</small>
              </span>
            </button>
            {chosen === at && <Details call={call} />}
          </li>
        ))}
      </ol>
    </>
  );
}

/** In a few words, what a body asks for. */
function whatOf({ body, assets, windows, points }: Call): string {
  const held = (body ?? {}) as { filter?: { measurements?: string[] }; data_types?: string[]; query?: string };
  const asked = held.filter?.measurements ?? held.data_types ?? (held.query ? ["sites, floors, rooms, devices"] : []);
  return listed(asked.join(", "), assets ? count(assets, "asset") : null, count(windows, "window"), count(points, "point"));
}

function said(call: Call): string {
  return listed(
    call.duration_ms !== undefined && ms(call.duration_ms),
    call.cache,
    call.status != null && call.status !== 200 && `HTTP ${call.status}`,
    count(call.rows, "row"),
    call.bytes != null && `${number(Math.ceil(call.bytes / 1000))} kB`,
    (call.tries ?? 1) > 1 && `${call.tries} tries`,
  );
}

function Details({ call }: { call: Call }) {
  return (
    <div className="facade-details">
      {call.reasons?.map((reason) => <p key={reason}>{reason}</p>)}
      {call.wait_ms ? <p>Waited {ms(call.wait_ms)} for its turn.</p> : null}
      <pre tabIndex={0}>{JSON.stringify(call.body ?? null, null, 2)}</pre>
    </div>
  );
}

/** What the operation asked for together, and how many calls that took: none where the cache had it. */
function Batches({ batches }: { batches: Batch[] }) {
  if (!batches.length) return null;
  return (
    <table className="facade-batches">
      <thead>
        <tr>
          <th scope="col">Asked for together</th>
          <th scope="col">Calls</th>
          <th scope="col">Cache</th>
        </tr>
      </thead>
      <tbody>
        {batches.map(({ what, calls, cached, reasons }, at) => (
          <tr key={at}>
            <td>
              {what}
              {reasons?.map((reason) => <small key={reason}>{reason}</small>)}
            </td>
            <td className="facade-number">{calls}</td>
            <td>
              <b className={calls ? "facade-miss" : "facade-hit"}>{calls ? "MISS" : "HIT"}</b> {cached?.replace(/^cached /, "")}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
