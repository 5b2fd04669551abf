import { isObject } from "./json";
import { floorOf, seconds, zoneOf } from "./series";

/** A number that an event tells, of something and of a time. */
export interface Value {
  name: string;
  floor: string | null;
  measurement: string;
  zone: string | null;
  value: number | null;
  /** Epoch seconds. */
  time: number;
}


/** The numbers of an event's data: series, rows, values, and how many people stand where positions are told. */
export function valuesOf(data: unknown, now: number, above = "value"): Value[] {
  if (Array.isArray(data)) return data.flatMap((one) => valuesOf(one, now, above));
  if (!isObject(data)) return [];
  const asset = [data.room, data.zone, data.floor, data.sensor].find(isObject);
  const room = isObject(asset?.room) ? asset.room : undefined;
  const name = String(
    asset?.name ?? room?.name ?? data.name ?? data.item ?? data.room_name ?? data.room_id ?? data.mac_address ?? asset?.id ?? above,
  );
  const measurement = typeof data.measurement === "string" ? data.measurement : "";
  const whose = { name, floor: floorOf([data]), measurement, zone: zoneOf([data]) };
  if (Array.isArray(data.times) && Array.isArray(data.values)) {
    const { times, values } = data;
    return times.map((time, at) => ({ ...whose, value: values[at] as number | null, time: seconds(time) }));
  }
  const moment = seconds(data.time ?? data.start_time ?? data.timestamp);
  const time = Number.isFinite(moment) ? moment : now;
  const { value } = data;
  if (typeof value === "number" || value === null) return [{ ...whose, value, time }];
  const points = [data.points, value].find(Array.isArray);
  if (points) return [{ ...whose, measurement: measurement || "people", value: points.length, time }];
  return Object.values(data).flatMap((one) => valuesOf(one, now, name));
}
