import type { Answer } from "./answers";
import { isObject, type Json } from "./json";
import { Selected } from "./selected";

export type Cell = string | number | boolean | null;

export interface Table {
  name: string;
  header: string[];
  rows: Cell[][];
}

const isList = (value: unknown): value is Json[] => Array.isArray(value) && value.some(isObject);

/** A group's keys and the like: a column each. */
const isPairs = (value: unknown): value is { name: string; value: unknown }[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((one) => isObject(one) && Object.keys(one).length === 2 && typeof one.name === "string" && "value" in one && typeof one.value !== "object");

/** The lists of an answer as tables: what is above a list's rows is in each of them, and a series is a row a window. */
export function tablesOf({ result, operation }: Pick<Answer, "result" | "operation">): Table[] {
  const selected = new Selected(operation);
  const leaves = new Map<string, boolean>();
  const tables = new Map<string, Json[]>();

  function add(name: string, row: Json): void {
    const rows = tables.get(name);
    if (rows) rows.push(row);
    else tables.set(name, [row]);
  }

  function walk(value: Json, path: string, above: Json): void {
    const plain: Json = { ...above };
    const lists: [string, Json[]][] = [];
    collect(value, "", plain, lists, path);
    if (Array.isArray(value.times) && Array.isArray(value.values)) {
      const columns = Object.entries(value).filter(([, item]) => Array.isArray(item)) as [string, unknown[]][];
      for (const [name] of columns) delete plain[name];
      // What is measured stands beside the names that it is of: the rest is the same in many rows.
      const names = Object.fromEntries(Object.entries(plain).filter(([key]) => /(^|\.)name$/.test(key)));
      const { times, values } = value;
      times.forEach((time, at) => {
        const measured = { times: time, values: values[at], ...Object.fromEntries(columns.map(([key, list]) => [key, list[at]])) };
        add(path, { ...names, ...measured, ...plain });
      });
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
  function collect(value: Json, prefix: string, plain: Json, lists: [string, Json[]][], path: string): void {
    for (const [key, item] of Object.entries(value)) {
      const name = prefix ? `${prefix}.${key}` : key;
      if (isLeaf(path ? `${path}.${name}` : name)) plain[name] = item;
      else if (isPairs(item)) for (const pair of item) plain[`${name}.${pair.name}`] = pair.value;
      else if (isList(item)) lists.push([name, item]);
      else if (isObject(item)) collect(item, name, plain, lists, path);
      else plain[name] = item;
    }
  }

  function isLeaf(path: string): boolean {
    let found = leaves.get(path);
    if (found === undefined) leaves.set(path, (found = selected.isLeaf(path.split("."))));
    return found;
  }

  if (isObject(result.data)) {
    walk(result.data, "", {});
    const whole: Json = {};
    collect(result.data, "", whole, [], "");
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
