import { hasCredentials } from "./page";

/** What a link holds: never a token, a header or an answer. */
export interface Shared {
  query: string;
  variables?: string;
  tab?: string;
}

/** The page's address with an operation in its fragment, which no server sees. Throws where it would give secrets away. */
export function linkTo({ query, variables, tab }: Shared): string {
  if (hasCredentials(query, variables)) throw new Error("This operation carries credentials: it is not shared.");
  const link = new URL(window.location.href);
  link.search = "";
  const held = new URLSearchParams({ query });
  if (variables?.trim()) held.set("variables", variables);
  if (tab) held.set("tab", tab);
  link.hash = held.toString();
  return link.href;
}

/** The operation of the address that the page was opened with: of its fragment, or of `?query=`. */
export function sharedOf({ search, hash }: Pick<Location, "search" | "hash">): Shared | null {
  for (const text of [hash.slice(1), search.slice(1)]) {
    const held = new URLSearchParams(text);
    const query = held.get("query");
    if (query) return { query, variables: pretty(held.get("variables")), tab: held.get("tab") ?? undefined };
  }
  return null;
}

function pretty(variables: string | null): string | undefined {
  if (!variables) return undefined;
  try {
    return JSON.stringify(JSON.parse(variables), null, 2);
  } catch {
    // Kept to be mended in the editor.
    return variables;
  }
}
