import type { Found, Shape } from "../results/series";
import { isObject } from "./host";

/** What a tool's answer holds for this chart. */
export interface Shown {
  summary: string;
  unit: string;
  zone: string;
  freshness: string;
  series: Found[];
}

const SHAPES: readonly unknown[] = ["steps", "bars", "line"] satisfies Shape[];
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const numbers = (value: unknown): number[] => (Array.isArray(value) ? value.filter((one) => typeof one === "number") : []);

/** Read `_meta.chart` of a result: each series has the starts of its windows, in epoch seconds, and their values. */
export function shownOf(result: Record<string, unknown>): Shown {
  const answer = isObject(result.structuredContent) ? result.structuredContent : {};
  const chart = isObject(result._meta) && isObject(result._meta.chart) ? result._meta.chart : {};
  const every = typeof chart.every === "number" ? chart.every : 0;
  const zone = zoneOf(chart.zone);
  const series = (Array.isArray(chart.series) ? chart.series : []).filter(isObject).map((one, at): Found => {
    const starts = numbers(one.starts);
    return {
      name: text(one.name) || `Series ${at + 1}`,
      path: String(at),
      measurement: "",
      starts,
      times: starts.map((start) => start + every),
      values: numbers(one.values).slice(0, starts.length),
      capacity: typeof one.capacity === "number" ? one.capacity : null,
      zone,
      shape: SHAPES.includes(chart.shape) ? (chart.shape as Shape) : "steps",
      openFrom: starts.length - (chart.partial === true ? 1 : 0),
    };
  });
  const unit = text(answer.unit);
  return { summary: text(answer.summary), unit, zone, freshness: text(answer.freshness), series: series.filter((one) => one.times.length) };
}

function zoneOf(zone: unknown): string {
  try {
    new Intl.DateTimeFormat("en", { timeZone: text(zone) || "UTC" });
    return text(zone) || "UTC";
  } catch {
    return "UTC";
  }
}
