import { isMacOs, useGraphiQLActions } from "@graphiql/react";
import { useEffect } from "react";

/**
 * GraphiQL's shortcuts with Shift and Ctrl. The editor binds them to the Control key of a Mac alone, which is the
 * Windows key elsewhere; and the browser is to leave Shift-Ctrl-R to the page.
 */
export function Shortcuts() {
  const { copyQuery, mergeQuery, prettifyEditors } = useGraphiQLActions();
  useEffect(() => {
    const does: Record<string, () => unknown> = isMacOs
      ? {}
      : { KeyC: copyQuery, KeyM: mergeQuery, KeyP: prettifyEditors };
    function pressed(event: KeyboardEvent) {
      if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return;
      const action = does[event.code];
      if (action || event.code === "KeyR") event.preventDefault();
      void action?.();
    }
    // Before the editor, which keeps some keys for itself.
    window.addEventListener("keydown", pressed, { capture: true });
    return () => window.removeEventListener("keydown", pressed, { capture: true });
  }, [copyQuery, mergeQuery, prettifyEditors]);
  return null;
}
