import { useGraphiQL } from "@graphiql/react";
import { useEffect, useState } from "react";

import { copyAs, FORMS, type Form } from "../copy-as";
import { linkTo } from "../share";
import type { Answer, Stream } from "./answers";

interface Props {
  answer: Answer | undefined;
  stream: Stream | undefined;
  tab: string;
  onStatus: (status: string) => void;
}

/** A line below the result: how it came to be, and how to take it along. */
export function Status({ answer, stream, tab, onStatus }: Props) {
  const query = useGraphiQL((state) => state.queryEditor);
  const variables = useGraphiQL((state) => state.variableEditor);
  const operationName = useGraphiQL((state) => state.operationName);
  // What was copied, for browsers that keep the clipboard from pages without a certificate.
  const [taken, setTaken] = useState("");
  const [bytes, setBytes] = useState<number | null>(null);
  const counted = answer?.bytes;

  useEffect(() => {
    let isCurrent = true;
    setBytes(null);
    void counted?.then((all) => isCurrent && setBytes(all));
    return () => {
      isCurrent = false;
    };
  }, [counted]);

  async function take(make: () => string, what: string) {
    try {
      const text = make();
      setTaken(text);
      await navigator.clipboard?.writeText(text);
      onStatus(`${what} is copied.`);
    } catch (reason) {
      onStatus((reason as Error).message);
    }
  }

  function copy(form: Form) {
    void take(() => {
      const written = variables?.getValue().trim();
      const given = written ? (JSON.parse(written) as Record<string, unknown>) : {};
      const url = `${window.location.origin}${window.location.pathname}`;
      return copyAs(form, { query: query?.getValue() ?? "", variables: given, operationName }, url);
    }, form);
  }

  function share() {
    void take(() => {
      const link = linkTo({ query: query?.getValue() ?? "", variables: variables?.getValue(), tab });
      window.history.replaceState(null, "", link);
      return link;
    }, "The link");
  }

  return (
    <footer className="facade-status" data-taken={taken || undefined}>
      <span id="facade-came" role={stream ? undefined : "status"}>
        {answer && said(answer, bytes)}
        {stream && `${stream.events.length} ${stream.events.length === 1 ? "event" : "events"} · ${size(stream.bytes)}`}
      </span>
      <span className="facade-take">
        <select aria-label="Copy as" value="" onChange={(event) => event.target.value && copy(event.target.value as Form)}>
            <option value="">Copy as…</option>
            {FORMS.map((form) => (
              <option key={form}>{form}</option>
            ))}
        </select>
        <button type="button" id="facade-share" onClick={share}>
          Share
        </button>
      </span>
    </footer>
  );
}

function said({ status, ms, headers, at }: Answer, bytes: number | null): string {
  const calls = headers.get("X-Upstream-Calls");
  const cost = headers.get("X-Cost");
  const parts = [
    status || "no answer",
    `${Math.round(ms)} ms`,
    calls === null ? null : `${calls} upstream ${calls === "1" ? "call" : "calls"}`,
    headers.get("X-Cache"),
    bytes ? size(bytes) : null,
    freshUntil(headers, at),
    cost === null ? null : `cost ${Number(cost).toLocaleString("en")}`,
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

function size(bytes: number): string {
  return bytes < 1000 ? `${bytes} bytes` : bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function freshUntil(headers: Headers, at: number): string | null {
  const most = /max-age=(\d+)/.exec(headers.get("Cache-Control") ?? "")?.[1];
  if (most === undefined) return null;
  const left = Number(most) - Number(headers.get("Age") ?? 0);
  return `fresh until ${new Date(at + left * 1000).toLocaleTimeString([], { hourCycle: "h23" })}`;
}
