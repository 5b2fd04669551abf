import { useGraphiQL } from "@graphiql/react";
import type { ExecutionResult } from "graphql";
import { lazy, Suspense, useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";

import { authorized } from "../fetcher";
import { answers, useAnswer, useStream, type Answer, type Stream } from "./answers";
import { causes } from "./errors";
import { format } from "./format";
import { Status } from "./status";

const Chart = lazy(() => import("./chart"));
const Explain = lazy(() => import("./explain"));
const Floor = lazy(() => import("./floor"));
const Live = lazy(() => import("./live"));
const Table = lazy(() => import("./table"));

export const TABS = ["JSON", "Table", "Chart", "Floor", "Explain", "Live"] as const;
export type Tab = (typeof TABS)[number];

interface Props {
  token: string;
  /** The tab that a shared link names. */
  first: Tab | null;
  onStatus: (status: string) => void;
}

/** What came back, in the pane of GraphiQL's own result: its editor is the first of the tabs. */
export function Results({ token, first, onStatus }: Props) {
  const id = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.id ?? "");
  const text = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.response ?? "");
  const isFetching = useGraphiQL((state) => state.isFetching);
  const editor = useGraphiQL((state) => state.responseEditor);
  answers.tab = id;
  const own = useAnswer(id);
  const stream = useStream(id);
  const answer = useMemo(() => own && (own.shown ? { ...own, result: parsed(text) } : own), [own, text]);
  // What a user has chosen stays; else the tab that fits is open.
  const [chosen, setChosen] = useState<Record<string, Tab>>({});
  const link = useRef(first);
  if (link.current && id && !chosen[id]) {
    chosen[id] = link.current;
    link.current = null;
  }
  const tab = chosen[id] ?? fitting(answer, stream);
  const latest = useRef(token);
  latest.current = token;
  const [headers] = useState(() => () => authorized(latest.current));

  useEffect(() => {
    document.body.dataset.tab = tab;
    answers.isExplained = tab === "Explain";
    // Written only when it is looked at.
    if (tab === "JSON" && editor && answer && !answer.shown) editor.setValue(format(answer.result));
  }, [tab, editor, answer]);

  useEffect(() => {
    if (own || stream) document.body.dataset.pane = "result";
  }, [own, stream]);

  return (
    <div className="facade-results" data-tab={tab}>
      <Tabs tab={tab} onChoose={(next) => setChosen({ ...chosen, [id]: next })} />
      {answer?.result.errors && <Causes errors={answer.result.errors} />}
      {tab !== "JSON" && (
        <section className="facade-panel" id="facade-panel" role="tabpanel" aria-labelledby={`facade-tab-${tab}`}>
          <Suspense fallback={<p className="facade-nothing">Loading…</p>}>
            <Shown tab={tab} answer={answer} stream={stream} isFetching={isFetching} headers={headers} key={tab} />
          </Suspense>
        </section>
      )}
      <Status answer={answer} stream={stream} tab={tab} onStatus={onStatus} />
    </div>
  );
}

interface ShownProps {
  tab: Tab;
  answer: Answer | undefined;
  stream: Stream | undefined;
  isFetching: boolean;
  headers: () => Headers;
}

function Shown({ tab, answer, stream, isFetching, headers }: ShownProps) {
  if (tab === "Live") {
    if (stream) return <Live stream={stream} />;
    return <p className="facade-nothing">Run a subscription to see values as they change: “People now” among the examples is one.</p>;
  }
  if (stream) return <p className="facade-nothing">A subscription is shown under Live.</p>;
  if (!answer) return <p className="facade-nothing">{isFetching ? "Waiting for the answer…" : "Run an operation to see its answer here."}</p>;
  if (tab === "Table") return <Table answer={answer} />;
  if (tab === "Chart") return <Chart answer={answer} />;
  if (tab === "Floor") return <Floor answer={answer} />;
  return <Explain answer={answer} headers={headers} />;
}

function Tabs({ tab, onChoose }: { tab: Tab; onChoose: (tab: Tab) => void }) {
  function moved(event: KeyboardEvent<HTMLDivElement>) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length]!;
    onChoose(next);
    document.getElementById(`facade-tab-${next}`)?.focus();
  }
  return (
    <div className="facade-tabs" role="tablist" aria-label="Result as" onKeyDown={moved}>
      {TABS.map((name) => (
        <button
          key={name}
          id={`facade-tab-${name}`}
          type="button"
          role="tab"
          aria-selected={name === tab}
          aria-controls={name === tab && name !== "JSON" ? "facade-panel" : undefined}
          tabIndex={name === tab ? 0 : -1}
          onClick={() => onChoose(name)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

function Causes({ errors }: { errors: NonNullable<ExecutionResult["errors"]> }) {
  const found = useMemo(() => causes(errors), [errors]);
  return (
    <ul className="facade-causes" aria-label="Errors by cause">
      {found.map(({ where, message, code }) => (
        <li key={`${code} ${message}`}>
          <b>
            {where}
          </b>{" "}
          {message} {code && <code>{code}</code>}
        </li>
      ))}
    </ul>
  );
}

/** What an answer is looked at with: a floor where there is one to see, a chart where there are series. */
function fitting(answer: Answer | undefined, stream: Stream | undefined): Tab {
  if (stream) return "Live";
  const data = answer?.result.data;
  if (!data) return "JSON";
  const keys = keysOf(data);
  if (keys.has("times") && keys.has("values")) return "Chart";
  if (keys.has("detections_world") || keys.has("array_cells")) return "Floor";
  return "JSON";
}

function keysOf(value: unknown, found = new Set<string>()): Set<string> {
  if (Array.isArray(value)) {
    if (typeof value[0] === "object") value.forEach((one) => keysOf(one, found));
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      found.add(key);
      keysOf(item, found);
    }
  }
  return found;
}

function parsed(text: string): ExecutionResult {
  try {
    return JSON.parse(text) as ExecutionResult;
  } catch {
    return {};
  }
}
