import type { ExecutionResult } from "graphql";

export interface Cause {
  /** How often, and where: `205 × rooms.data[*].report`. */
  where: string;
  message: string;
  code: string;
}

const MOST_NAMED = 3;

/** The errors of an answer by their cause: one line for each message and code, worded as `facade query` and the log do. */
export function causes(errors: ExecutionResult["errors"]): Cause[] {
  const found = new Map<string, { message: string; code: string; count: number; first: string; places: Map<string, number> }>();
  for (const { message, extensions, path = [] } of errors ?? []) {
    const code = typeof extensions?.code === "string" ? extensions.code : "";
    const key = JSON.stringify([message, code]);
    let cause = found.get(key);
    if (!cause) found.set(key, (cause = { message, code, count: 0, first: written(path, String), places: new Map() }));
    const place = written(path, () => "*");
    cause.count += 1;
    cause.places.set(place, (cause.places.get(place) ?? 0) + 1);
  }
  return [...found.values()]
    .sort((one, other) => other.count - one.count)
    .map(({ message, code, count, first, places }) => ({ message, code, where: count === 1 ? first : named(places) }));
}

function named(places: Map<string, number>): string {
  const most = [...places].sort(([, one], [, other]) => other - one);
  const listed = most.slice(0, MOST_NAMED).map(([place, count]) => `${count} × ${place || "the operation"}`);
  const more = most.length - listed.length;
  return listed.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

const written = (path: readonly (string | number)[], index: (at: number) => string): string =>
  path.reduce<string>((text, key) => (typeof key === "number" ? `${text}[${index(key)}]` : text ? `${text}.${key}` : key), "");
