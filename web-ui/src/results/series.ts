import { Kind, type ValueNode } from "graphql";

import type { Answer } from "./answers";
import { isObject, type Json } from "./json";
import { Selected } from "./selected";

export type Shape = "steps" | "bars" | "line";

/** A series found in an answer, under the name that a person would call it by. */
export interface Found {
  name: string;
  path: string;
  measurement: string;
  /** Epoch seconds: the windows' labels, their starts where they were asked for, their values. */
  times: number[];
  starts: (number | null)[] | null;
  values: (number | null)[];
  capacity: number | null;
  zone: string | null;
  shape: Shape;
  /** From which index on the windows are not over yet. */
  openFrom: number;
}

const text = (value: unknown): string | null => (typeof value === "string" && value ? value : null);

/** Every `{times, values}` of an answer, in its order. */
export function findSeries(answer: Pick<Answer, "result" | "operation" | "at">): Found[] {
  const functions = new Functions(answer.operation);
  const raw: { found: Found; floor: string | null }[] = [];

  function walk(value: unknown, path: (string | number)[], above: Json[]): void {
    if (Array.isArray(value)) {
      // Numbers and times are many and hold nothing.
      if (typeof value[0] === "object") value.forEach((item, at) => walk(item, [...path, at], above));
      return;
    }
    if (!isObject(value)) return;
    if (Array.isArray(value.times) && Array.isArray(value.values)) raw.push(read(value, path, above));
    for (const [key, item] of Object.entries(value)) {
      // What has no series has a row that shows it.
      if (key === "series" && Array.isArray(item) && !item.length) {
        raw.push(read({ times: [], values: [] }, [...path, key], [value, ...above]));
      } else if (typeof item === "object") walk(item, [...path, key], [value, ...above]);
    }
  }

  function read(value: Json, path: (string | number)[], above: Json[]) {
    const times = (value.times as unknown[]).map(seconds);
    const measurement = text(value.measurement) ?? "";
    const field = text(value.field);
    const name = nameOf(value, above);
    const isPlain = !field || field === "occupancy" || field === measurement;
    const found: Found = {
      name: isPlain ? (name ?? (measurement || path.join("."))) : name ? `${name} · ${field}` : field,
      path: path.join("."),
      measurement,
      times,
      starts: Array.isArray(value.starts) ? value.starts.map((one) => (one === null ? null : seconds(one))) : null,
      values: value.values as (number | null)[],
      capacity: capacityOf([value, ...above]),
      zone: zoneOf([value, ...above]),
      shape: shapeOf(functions.at(path), measurement),
      openFrom: openFrom(times, above, answer.at / 1000),
    };
    return { found, floor: floorOf([value, ...above]) };
  }

  walk(answer.result.data, [], []);
  return named(raw);
}

export const seconds = (time: unknown): number => (typeof time === "number" ? time : Date.parse(String(time))) / 1000;

/** The floor is said where names repeat; where that does not tell them apart, a number does. */
export function named(raw: { found: Found; floor: string | null }[]): Found[] {
  const count = counted(raw.map(({ found }) => found.name));
  for (const { found, floor } of raw) {
    if (count.get(found.name)! > 1 && floor && floor !== found.name) found.name = `${floor} · ${found.name}`;
  }
  const again = counted(raw.map(({ found }) => found.name));
  const seen = new Map<string, number>();
  for (const { found } of raw) {
    if (again.get(found.name)! < 2) continue;
    const number = (seen.get(found.name) ?? 0) + 1;
    seen.set(found.name, number);
    if (number > 1) found.name = `${found.name} (${number})`;
  }
  return raw.map(({ found }) => found);
}

function counted(names: string[]): Map<string, number> {
  const count = new Map<string, number>();
  for (const name of names) count.set(name, (count.get(name) ?? 0) + 1);
  return count;
}

function nameOf(value: Json, above: Json[]): string | null {
  for (const key of ["room", "zone", "sensor", "floor"]) {
    const asset = value[key];
    if (!isObject(asset)) continue;
    const room = isObject(asset.room) ? text(asset.room.name) : null;
    const name = text(asset.name) ?? room ?? text(asset.mac_address) ?? text(asset.id);
    if (name) return name;
  }
  for (const asset of [value, ...above]) {
    const room = isObject(asset.room) ? text(asset.room.name) : null;
    const own = text(asset.name) ?? text(asset.room_name) ?? room ?? text(asset.mac_address) ?? text(asset.id);
    if (own) return own;
  }
  return text(value.room_id) ?? text(value.zone_id) ?? text(value.sensor_id) ?? text(value.space_id);
}

export function floorOf(assets: Json[]): string | null {
  for (const asset of assets) {
    const room = isObject(asset.sensor) ? asset.sensor.room : null;
    for (const holder of [asset, asset.room, asset.sensor, room]) {
      if (isObject(holder) && isObject(holder.floor) && text(holder.floor.name)) return text(holder.floor.name);
    }
  }
  const names = assets.filter((asset) => text(asset.name));
  return names.length > 1 ? text(names[1]!.name) : null;
}

function capacityOf(assets: Json[]): number | null {
  for (const asset of assets) {
    for (const holder of [asset, asset.room, asset.floor]) {
      if (isObject(holder) && isObject(holder.capacity) && typeof holder.capacity.max === "number")
        return holder.capacity.max;
    }
    // A room without one has not its floor's.
    if (text(asset.name)) return null;
  }
  return null;
}

/** The time zone that assets, nearest first, or the places they are in are said to have. */
export function zoneOf(assets: (Json | null)[]): string | null {
  const isZone = (zone: string | null): zone is string => {
    if (!zone) return false;
    try {
      new Intl.DateTimeFormat("en", { timeZone: zone });
      return true;
    } catch {
      return false;
    }
  };
  for (const asset of assets.filter(isObject)) {
    const held = ["room", "zone", "floor", "sensor", "building", "site"].map((key) => asset[key]);
    for (const holder of [asset, ...held]) {
      if (!isObject(holder)) continue;
      const room = isObject(holder.room) ? holder.room : {};
      for (const place of [holder, holder.floor, room.floor, holder.building, holder.site]) {
        if (!isObject(place)) continue;
        const zone = text(place.timezone);
        if (isZone(zone)) return zone;
        const site = isObject(place.building) && isObject(place.building.site) ? place.building.site : place.site;
        if (isObject(site) && isZone(text(site.timezone))) return text(site.timezone);
      }
    }
  }
  return null;
}

/** A window is open while the report says that it is partial, or while its end is still to come. */
function openFrom(times: number[], above: Json[], now: number): number {
  const report = above.find((one) => isObject(one.freshness));
  const isPartial = isObject(report?.freshness) && report.freshness.partial === true;
  let from = times.length;
  while (from > 0 && times[from - 1]! > now) from -= 1;
  return isPartial ? Math.min(from, times.length - 1) : from;
}

function shapeOf(written: string | null, measurement: string): Shape {
  if (written === "sum" || written === "count") return "bars";
  if (written === "mean") return "line";
  return !written && measurement === "traffic" ? "bars" : "steps";
}

/** How the windows on the way to a field of the answer are counted: `window: { function: … }`. */
class Functions {
  private readonly selected: Selected;
  private readonly variables: Json;
  private readonly known = new Map<string, string | null>();

  constructor(operation: Answer["operation"]) {
    this.selected = new Selected(operation);
    this.variables = operation.variables ?? {};
  }

  at(path: (string | number)[]): string | null {
    const keys = path.filter((key) => typeof key === "string");
    const known = keys.join(".");
    if (!this.known.has(known)) this.known.set(known, this.find(keys));
    return this.known.get(known)!;
  }

  private find(keys: string[]): string | null {
    let found: string | null = null;
    for (const field of this.selected.along(keys).flat()) {
      const window = field.arguments?.find((argument) => argument.name.value === "window")?.value;
      if (window) found = this.functionOf(window);
    }
    return found;
  }

  private functionOf(window: ValueNode): string | null {
    if (window.kind === Kind.VARIABLE) {
      const given = this.variables[window.name.value];
      return isObject(given) ? text(given.function) : null;
    }
    if (window.kind !== Kind.OBJECT) return null;
    const value = window.fields.find((field) => field.name.value === "function")?.value;
    if (value?.kind === Kind.VARIABLE) return text(this.variables[value.name.value]);
    return value && "value" in value ? String(value.value) : null;
  }
}
