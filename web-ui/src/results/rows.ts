import type { ExecutionResult } from "graphql";

export type Cell = string | number | boolean | null;

export interface Table {
  name: string;
  header: string[];
  rows: Cell[][];
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const isList = (value: unknown): value is Json[] => Array.isArray(value) && value.some(isObject);

/** The lists of an answer as tables: what is above a list's rows is in each of them, and a series is a row a window. */
export function tablesOf(result: ExecutionResult): Table[] {
  const tables = new Map<string, Json[]>();

  function add(name: string, row: Json): void {
    const rows = tables.get(name);
    if (rows) rows.push(row);
    else tables.set(name, [row]);
  }

  function walk(value: Json, path: string, above: Json): void {
    const plain: Json = { ...above };
    const lists: [string, Json[]][] = [];
    collect(value, "", plain, lists);
    if (Array.isArray(value.times) && Array.isArray(value.values)) {
      const columns = Object.entries(value).filter(([, item]) => Array.isArray(item)) as [string, unknown[]][];
      for (const [name] of columns) delete plain[name];
      value.times.forEach((_, at) => add(path, { ...plain, ...Object.fromEntries(columns.map(([key, list]) => [key, list[at]])) }));
      return;
    }
    if (!lists.length) {
      if (path) add(path, plain);
      return;
    }
    const held = prefixed(plain, path, above);
    for (const [key, list] of lists) {
      const name = path ? `${path}.${key}` : key;
      // A list of lists is dealt with by each of its rows.
      for (const item of list) if (isObject(item)) walk(item, name, held);
    }
  }

  /** Objects become columns; lists of objects are tables of their own. */
  function collect(value: Json, prefix: string, plain: Json, lists: [string, Json[]][]): void {
    for (const [key, item] of Object.entries(value)) {
      const name = prefix ? `${prefix}.${key}` : key;
      if (isList(item)) lists.push([name, item]);
      else if (isObject(item)) collect(item, name, plain, lists);
      else plain[name] = item;
    }
  }

  if (isObject(result.data)) {
    walk(result.data, "", {});
    const whole: Json = {};
    collect(result.data, "", whole, []);
    if (!tables.size && Object.keys(whole).length) tables.set("data", [whole]);
  }
  return [...tables].map(([name, rows]) => {
    const header = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    return { name, header, rows: rows.map((row) => header.map((key) => cellOf(row[key]))) };
  });
}

/** Columns of what is above, by the last list's name, so that two `id`s stay apart. */
function prefixed(plain: Json, path: string, above: Json): Json {
  const owner = path.split(".").findLast((key) => key !== "data");
  return Object.fromEntries(
    // Lists of numbers are of what is above alone.
    Object.entries(plain).filter(([, value]) => typeof value !== "object" || value === null).map(([key, value]) => [key in above || !owner ? key : `${owner}.${key}`, value]),
  );
}

function cellOf(value: unknown): Cell {
  if (value === undefined || value === null) return null;
  return typeof value === "object" ? JSON.stringify(value) : (value as Cell);
}
