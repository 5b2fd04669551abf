import type { ExecutionResult } from "graphql";

export interface Cause {
  places: number;
  /** Where it first happened, with `[*]` in place of list indexes. */
  path: string;
  message: string;
  code: string;
}

/** The errors of an answer by their cause: one line for each message and code, as `facade query` has it. */
export function causes(errors: ExecutionResult["errors"]): Cause[] {
  const found = new Map<string, Cause>();
  for (const { message, extensions, path } of errors ?? []) {
    const code = typeof extensions?.code === "string" ? extensions.code : "";
    const key = JSON.stringify([message, code]);
    const cause = found.get(key);
    if (cause) cause.places += 1;
    else found.set(key, { places: 1, path: general(path ?? []), message, code });
  }
  return [...found.values()].sort((one, other) => other.places - one.places);
}

function general(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[*]` : text ? `${text}.${key}` : key),
    "",
  );
}
