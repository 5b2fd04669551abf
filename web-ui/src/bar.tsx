import { useRef } from "react";

import type { Session } from "./login";
import { LoginDialog } from "./login-dialog";

interface Props {
  token: string;
  status: string;
  onToken: (token: string) => void;
  onStatus: (status: string) => void;
}

export function Bar({ token, status, onToken, onStatus }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);

  function loggedIn(session: Session) {
    onToken(session.access_token);
    const end = new Date(Date.now() + session.expires_in * 1000);
    onStatus(`Logged in until ${end.toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit" })}`);
  }

  return (
    <>
      <header className="facade-bar">
        <h1>Butlr GraphQL facade</h1>
        <span id="facade-status" role="status">
          {status}
        </span>
        <label htmlFor="facade-token">Bearer token</label>
        <input
          id="facade-token"
          type="password"
          value={token}
          placeholder="none: no header is sent"
          // Not "off": browsers would fill a saved password in here.
          autoComplete="new-password"
          spellCheck={false}
          onChange={(event) => {
            onToken(event.target.value.trim());
            onStatus("");
          }}
        />
        <button id="facade-login-open" type="button" aria-haspopup="dialog" onClick={() => dialog.current?.showModal()}>
          Log in
        </button>
      </header>
      <LoginDialog ref={dialog} onSession={loggedIn} />
    </>
  );
}
