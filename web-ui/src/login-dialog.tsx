import { useRef, useState, type FormEvent, type Ref } from "react";

import { clientLogin, login, type Session } from "./login";
import { page } from "./page";

interface Props {
  ref: Ref<HTMLDialogElement>;
  onSession: (session: Session) => void;
}

export function LoginDialog({ ref, onSession }: Props) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const forms = useRef<HTMLDivElement>(null);

  async function submit(event: FormEvent<HTMLFormElement>, open: (name: string, secret: string) => Promise<Session>) {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    setBusy(true);
    setError("");
    try {
      onSession(await open(String(fields.get("name")), String(fields.get("secret"))));
      form.closest("dialog")?.close();
    } catch (reason) {
      setError((reason as Error).message);
    } finally {
      setBusy(false);
    }
  }

  function forget() {
    forms.current?.querySelectorAll("form").forEach((form) => form.reset());
    setError("");
  }

  return (
    <dialog ref={ref} className="facade-dialog" aria-labelledby="facade-login-title" onClose={forget}>
      <h2 id="facade-login-title">Log in to Butlr</h2>
      <p>The token is kept in this page only and is gone when it is closed or reloaded.</p>
      <div className="facade-forms" ref={forms}>
        <form onSubmit={(event) => submit(event, login)}>
          <h3>As a user</h3>
          <label htmlFor="facade-login-username">Username</label>
          <input id="facade-login-username" defaultValue={page.sandbox?.username} name="name" autoComplete="username" required />
          <label htmlFor="facade-login-password">Password</label>
          <input id="facade-login-password" defaultValue={page.sandbox?.password} name="secret" type="password" autoComplete="current-password" required />
          <button id="facade-login-submit" type="submit" disabled={busy}>
            Log in as user
          </button>
        </form>
        <form onSubmit={(event) => submit(event, clientLogin)}>
          <h3>As a client</h3>
          <label htmlFor="facade-client-id">Client id</label>
          <input id="facade-client-id" defaultValue={page.sandbox?.client_id} name="name" autoComplete="off" spellCheck={false} required />
          <label htmlFor="facade-client-secret">Client secret</label>
          <input id="facade-client-secret" defaultValue={page.sandbox?.client_secret} name="secret" type="password" autoComplete="new-password" required />
          <button id="facade-client-submit" type="submit" disabled={busy}>
            Log in as client
          </button>
        </form>
      </div>
      <p id="facade-login-error" role="alert">
        {error}
      </p>
      <button type="button" onClick={(event) => event.currentTarget.closest("dialog")?.close()}>
        Cancel
      </button>
    </dialog>
  );
}
