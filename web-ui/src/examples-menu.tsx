import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { createPortal } from "react-dom";

import { examples, type Example } from "./examples";

/** The examples, each under its question, in the bar above the editor. */
export function ExamplesMenu() {
  const [isOpen, setOpen] = useState(false);
  const [slot, setSlot] = useState<Element | null>(null);
  const menu = useRef<HTMLUListElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const subscribes = useGraphiQL((state) => Boolean(state.schema?.getSubscriptionType()));
  const { addTab } = useGraphiQLActions();

  useEffect(() => setSlot(document.getElementById("facade-examples")), []);
  useEffect(() => {
    if (!isOpen) return;
    menu.current?.querySelector("button")?.focus();
    const left = (event: MouseEvent) => !menu.current?.contains(event.target as Node) && setOpen(false);
    document.addEventListener("click", left);
    return () => document.removeEventListener("click", left);
  }, [isOpen]);

  function open({ query, variables }: Example) {
    setOpen(false);
    if (queryEditor?.getValue().trim() || variableEditor?.getValue().trim()) addTab();
    variableEditor?.setValue(variables ?? "");
    queryEditor?.setValue(query);
    queryEditor?.focus();
  }

  function moved(event: KeyboardEvent) {
    if (event.key === "Escape") {
      setOpen(false);
      button.current?.focus();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = [...menu.current!.querySelectorAll("button")];
    items[(items.indexOf(document.activeElement as HTMLButtonElement) + step + items.length) % items.length]?.focus();
  }

  const shown = examples.filter(({ query }) => subscribes || !/^subscription\b/m.test(query));
  return (
    slot &&
    createPortal(
      <>
        <button
          ref={button}
          id="facade-examples-open"
          type="button"
          aria-haspopup="menu"
          aria-expanded={isOpen}
          onClick={(event) => {
            event.stopPropagation();
            setOpen(!isOpen);
          }}
        >
          Examples
        </button>
        {isOpen && (
          <ul ref={menu} role="menu" aria-label="Examples" onKeyDown={moved}>
            {shown.map((example) => (
              <li key={example.question} role="none">
                <button type="button" role="menuitem" tabIndex={-1} onClick={() => open(example)}>
                  {example.question}
                </button>
              </li>
            ))}
          </ul>
        )}
      </>,
      slot,
    )
  );
}
