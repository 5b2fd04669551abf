import { useEffect, useRef } from "react";

import type { Session } from "./login";
import { LoginDialog } from "./login-dialog";
import { page } from "./page";

interface Props {
  token: string;
  status: string;
  onToken: (token: string) => void;
  onStatus: (status: string) => void;
}

export function Bar({ token, status, onToken, onStatus }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);

  // Not as `value`: React would write the token into the document as an attribute.
  useEffect(() => {
    if (field.current && field.current.value.trim() !== token) field.current.value = token;
  }, [token]);

  function loggedIn(session: Session) {
    onToken(session.access_token);
    const end = new Date(Date.now() + session.expires_in * 1000);
    onStatus(`Logged in until ${end.toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit" })}`);
  }

  function logOut() {
    onToken("");
    onStatus(page.sandbox ? "Logged out: the sandbox's demo client asks." : "Logged out.");
  }

  return (
    <>
      <header className="facade-bar">
        <h1>Butlr GraphQL facade</h1>
        {page.sandbox && (
          <span id="facade-sandbox" title="Without a token the sandbox's demo client asks: no log-in is needed.">
            Sandbox – simulated data
          </span>
        )}
        <nav id="facade-examples" aria-label="Examples" />
        <Switch />
        <span id="facade-status" role="status">
          {status}
        </span>
        <label htmlFor="facade-token">Bearer token</label>
        <input
          id="facade-token"
          type="password"
          ref={field}
          placeholder={page.sandbox ? "none: the demo client" : "none: no header is sent"}
          // Not "off": browsers would fill a saved password in here.
          autoComplete="new-password"
          spellCheck={false}
          onChange={(event) => {
            onToken(event.target.value.trim());
            onStatus("");
          }}
        />
        {token && (
          <button id="facade-logout" type="button" onClick={logOut}>
            Log out
          </button>
        )}
        <button id="facade-login-open" type="button" aria-haspopup="dialog" onClick={() => dialog.current?.showModal()}>
          Log in
        </button>
      </header>
      <LoginDialog ref={dialog} onSession={loggedIn} />
    </>
  );
}

/** On a narrow screen one of the two is shown. */
function Switch() {
  const show = (pane: string) => () => void (document.body.dataset.pane = pane);
  return (
    <span className="facade-switch" role="group" aria-label="Show">
      <button type="button" id="facade-show-editor" onClick={show("editor")}>
        Editor
      </button>
      <button type="button" id="facade-show-result" onClick={show("result")}>
        Result
      </button>
    </span>
  );
}
