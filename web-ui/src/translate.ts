import { readJson } from "./endpoint";
import { beside } from "./page";

/** An operation in place of a REST request. `left_out` names what authorized the request: it is never sent back. */
export interface Translated {
  query: string;
  variables: Record<string, unknown>;
  left_out: string[];
}

// How a GraphQL document cannot begin: a command, a request line, JSON. What it means the server tells.
const REST = /^\s*(?:(?:\$\s+)?(?:\S*\/)?curl(?:\.exe)?\s|(?:GET|POST|PUT|PATCH|DELETE|HEAD)\s+\S|[{[]\s*")/;

export const isRest = (text: string) => REST.test(text);

/** Throws an error whose message is the server's reason. */
export async function translate(text: string): Promise<Translated> {
  let response: Response;
  try {
    response = await fetch(beside("translate"), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text }),
    });
  } catch {
    throw new Error("The server cannot be reached. Is it still running?");
  }
  const answer = (await readJson(response)) as Translated & { message?: string };
  if (!response.ok) throw new Error(answer.message ?? `The server answered HTTP ${response.status}.`);
  return answer;
}
