import { ToolbarButton, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useEffect, useRef, useState, type FormEvent } from "react";

import { isRest, translate, type Translated } from "./translate";

/** REST requests as tabs: pasted into the query editor, or into a dialog. Lives in GraphiQL's toolbar. */
export function FromRest({ onStatus }: { onStatus: (status: string) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const { addTab } = useGraphiQLActions();

  function open({ query, variables, left_out }: Translated) {
    const isEmpty = !queryEditor?.getValue().trim() && !variableEditor?.getValue().trim();
    if (!isEmpty) addTab();
    variableEditor?.setValue(Object.keys(variables).length ? JSON.stringify(variables, null, 2) : "");
    queryEditor?.setValue(query);
    queryEditor?.focus();
    onStatus(left_out.length ? `Left out: ${left_out.join(", ")}. Paste a token here, or log in.` : "Translated.");
  }

  /** Where it cannot be translated the dialog holds the text, to be mended. */
  async function take(pasted: string) {
    setBusy(true);
    setError("");
    try {
      open(await translate(pasted));
      setText("");
      dialog.current?.close();
    } catch (reason) {
      setText(pasted);
      setError((reason as Error).message);
      if (!dialog.current?.open) dialog.current?.showModal();
    } finally {
      setBusy(false);
    }
  }

  const latest = useRef(take);
  latest.current = take;

  useEffect(() => {
    function onPaste(event: ClipboardEvent) {
      const pasted = event.clipboardData?.getData("text/plain") ?? "";
      const isHere = queryEditor?.getContainerDomNode().contains(event.target as Node);
      if (!isHere || !isRest(pasted)) return;
      event.preventDefault();
      event.stopPropagation();
      void latest.current(pasted);
    }
    // On the way down from the document: the editor listens so itself, and would be first.
    document.addEventListener("paste", onPaste, true);
    return () => document.removeEventListener("paste", onPaste, true);
  }, [queryEditor]);

  function submit(event: FormEvent) {
    event.preventDefault();
    void take(text);
  }

  function forget() {
    setText("");
    setError("");
  }

  return (
    <>
      <ToolbarButton id="facade-rest-open" label="From REST…" onClick={() => dialog.current?.showModal()}>
        REST
      </ToolbarButton>
      <dialog ref={dialog} className="facade-dialog" aria-labelledby="facade-rest-title" onClose={forget}>
        <h2 id="facade-rest-title">From REST</h2>
        <p id="facade-rest-help">
          Paste a curl line, an HTTP request, or a JSON body with its path. Pasted into the query editor it opens a tab
          at once. Tokens and passwords in it are not used.
        </p>
        <form className="facade-rest" onSubmit={submit}>
          <textarea
            id="facade-rest-text"
            aria-labelledby="facade-rest-title"
            aria-describedby="facade-rest-help"
            rows={10}
            value={text}
            placeholder="curl https://api.butlr.io/api/v2/sensors"
            autoComplete="off"
            spellCheck={false}
            required
            onChange={(event) => setText(event.target.value)}
          />
          <p id="facade-rest-error" role="alert">
            {error}
          </p>
          <div className="facade-actions">
            <button id="facade-rest-submit" type="submit" disabled={busy}>
              Open as GraphQL
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
