import type { Storage } from "@graphiql/toolkit";

import { hasCredentials } from "./page";

// GraphiQL keeps tabs, history and layout in localStorage. Two things must not get there: request
// headers, which its history stores even where it is told not to persist them, and operations that
// carry credentials. Its separate notes of the current query and variables are copies of the active
// tab, so they are read from there and never written: one place to keep clean.

// Until a user has moved it: the result, with its charts, is the wider one.
// Most operations have no variables: their editor is low.
const DEFAULTS: Record<string, string> = { "graphiql:editorFlex": "0.85", "graphiql:secondaryEditorFlex": "4" };

interface Operation {
  query?: string | null;
  variables?: string | null;
  headers?: string | null;
}

interface Tabs {
  activeTabIndex: number;
  tabs: Operation[];
}

export const storage: Storage = {
  getItem(key) {
    if (key !== "graphiql:query" && key !== "graphiql:variables") return localStorage.getItem(key) ?? DEFAULTS[key] ?? null;
    const stored = localStorage.getItem("graphiql:tabState");
    if (!stored) return null;
    const { activeTabIndex, tabs } = JSON.parse(stored) as Tabs;
    return tabs[activeTabIndex]?.[key === "graphiql:query" ? "query" : "variables"] ?? null;
  },
  setItem(key, value) {
    if (key !== "graphiql:query" && key !== "graphiql:variables") localStorage.setItem(key, cleaned(key, value));
  },
  removeItem: (key) => localStorage.removeItem(key),
  clear: () => ownKeys().forEach((key) => localStorage.removeItem(key)),
  get length() {
    return ownKeys().length;
  },
};

function cleaned(key: string, value: string): string {
  if (key === "graphiql:tabState") {
    const state = JSON.parse(value) as Tabs;
    // Emptied, not left out: the active tab is known by its place.
    const tabs = state.tabs.map((tab) => (isSecret(tab) ? { ...tab, query: null, variables: null } : tab));
    return JSON.stringify({ ...state, tabs });
  }
  if (key === "graphiql:queries" || key === "graphiql:favorites") {
    const lists = JSON.parse(value) as Record<string, Operation[]>;
    return JSON.stringify(lists, (_, part: unknown) =>
      Array.isArray(part) ? part.filter((item: Operation) => !isSecret(item)).map(withoutHeaders) : part,
    );
  }
  return value;
}

const isSecret = ({ query, variables }: Operation): boolean => hasCredentials(query, variables);

function withoutHeaders({ headers: _, ...operation }: Operation): Operation {
  return operation;
}

function ownKeys(): string[] {
  return Object.keys(localStorage).filter((key) => key.startsWith("graphiql:"));
}
