import type { ExecutionResult } from "graphql";

import { isObject, type Json } from "./json";
import { seconds, zoneOf } from "./series";

export type Pair = [number, number];

export interface Outline {
  id: string;
  name: string;
  points: Pair[];
}

export interface Dot {
  x: number;
  y: number;
  room: string;
  /** Epoch seconds of its window. */
  time: number;
}

/** What an answer says of one floor. */
export interface FloorPlan {
  name: string;
  zone: string | null;
  outlines: Outline[];
  cells: { x: number; y: number; value: number }[];
  /** The side of a cell in metres. */
  side: number;
  dots: Dot[];
}

const isPair = (value: unknown): value is Pair =>
  Array.isArray(value) && value.length === 2 && value.every((one) => Number.isFinite(one));
const isOutline = (value: unknown): value is Pair[] => Array.isArray(value) && value.length > 2 && value.every(isPair);

/** The floors of an answer: outlines, heat map cells and detections in the world's frame. */
export function findFloors(result: ExecutionResult): FloorPlan[] {
  const floors = new Map<Json | null, FloorPlan>();

  function floorAt(holder: Json | null): FloorPlan {
    let floor = floors.get(holder);
    if (!floor) {
      const name = holder && typeof holder.name === "string" ? holder.name : "";
      floors.set(holder, (floor = { name, zone: zoneOf([holder]), outlines: [], cells: [], side: 1, dots: [] }));
    }
    return floor;
  }

  function walk(value: unknown, floor: Json | null): void {
    if (Array.isArray(value)) {
      if (isObject(value[0]) || Array.isArray(value[0])) value.forEach((one) => isObject(one) && walk(one, floor));
      return;
    }
    if (!isObject(value)) return;
    // Rooms, zones and sightings belong to what lists them.
    const isFloor = Array.isArray(value.rooms) || Array.isArray(value.zones) || isObject(value.detections);
    const own = isFloor && !isOutline(value.coordinates) ? value : floor;
    if (isOutline(value.coordinates)) {
      const name = typeof value.name === "string" ? value.name : String(value.id ?? "");
      // Rooms asked at the root know their floor themselves.
      const named = isObject(value.floor) ? sameFloor(value.floor) : floor;
      floorAt(named).outlines.push({ id: String(value.id ?? name), name, points: value.coordinates });
    }
    if (Array.isArray(value.array_cells)) addCells(floorAt(own), value);
    if (Array.isArray(value.detections_world)) value.detections_world.forEach((one) => addDots(own, one));
    for (const item of Object.values(value)) if (typeof item === "object") walk(item, own);
  }

  const byName = new Map<string, Json>();
  function sameFloor(floor: Json): Json {
    const key = String(floor.id ?? floor.name ?? "");
    if (!byName.has(key)) byName.set(key, floor);
    return byName.get(key)!;
  }

  function addDots(holder: Json | null, detection: unknown): void {
    if (!isObject(detection)) return;
    const sensor = isObject(detection.sensor) ? detection.sensor : {};
    const room = isObject(sensor.room) ? sensor.room : {};
    const place = !holder && isObject(room.floor) ? sameFloor(room.floor) : !holder && isObject(sensor.floor) ? sameFloor(sensor.floor) : holder;
    const name = String(room.name ?? sensor.name ?? detection.mac_address ?? "");
    for (const point of [...listOf(detection.points), ...listOf(detection.value)]) {
      const [x, y] = isObject(point) ? [Number(point.x), Number(point.y)] : isPair(point) ? point : [NaN, NaN];
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      floorAt(place).dots.push({ x, y, room: name, time: seconds(detection.start_time ?? detection.sample_time) });
    }
  }

  walk(result.data, null);
  return merged([...floors.values()]);
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function addCells(floor: FloorPlan, map: Json): void {
  if (typeof map.grid_resolution === "number" && map.grid_resolution > 0) floor.side = map.grid_resolution;
  for (const cell of map.array_cells as unknown[]) {
    if (!Array.isArray(cell) || cell.length < 3 || !cell.every((one) => Number.isFinite(one))) continue;
    const [x, y, value] = cell as [number, number, number];
    floor.cells.push({ x, y, value });
  }
}

/** What is seen of no named floor lies on the only one that has outlines. */
function merged(floors: FloorPlan[]): FloorPlan[] {
  const known = floors.filter((one) => one.outlines.length || one.cells.length || one.dots.length);
  const outlined = known.filter((one) => one.outlines.length);
  const loose = known.filter((one) => !one.outlines.length && !one.name);
  const [only] = outlined;
  if (outlined.length !== 1 || !only || !loose.length) return known;
  for (const one of loose) {
    only.cells.push(...one.cells);
    only.dots.push(...one.dots);
    if (one.cells.length) only.side = one.side;
  }
  return known.filter((one) => !loose.includes(one));
}

/** Whether a point lies within an outline: by how often a ray from it crosses the edges. */
export function isWithin(x: number, y: number, outline: Pair[]): boolean {
  let within = false;
  for (let at = 0, before = outline.length - 1; at < outline.length; before = at++) {
    const [x1, y1] = outline[at]!;
    const [x2, y2] = outline[before]!;
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within;
  }
  return within;
}
