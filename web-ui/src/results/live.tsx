import "uplot/dist/uPlot.min.css";

import { useEffect, useMemo, useState } from "react";

import type { Stream } from "./answers";
import { Plot } from "./plot";
import type { Found } from "./series";
import { BROWSER } from "./zones";

interface Value {
  name: string;
  measurement: string;
  value: number | null;
  time: number;
}

const MOST_POINTS = 400;
const STATES = {
  open: "Live",
  paused: "Paused: the page is hidden",
  reconnecting: "Connecting again",
  ended: "Ended",
};

/** The events of a subscription: the newest value of each thing, and how each has moved. */
export default function Live({ stream }: { stream: Stream }) {
  const series = useMemo(() => seriesOf(stream), [stream]);
  const newest = stream.events.at(-1);
  const [chosen, setChosen] = useState<string | null>(null);
  const drawn = series.find((one) => one.path === chosen) ?? series[0];
  return (
    <div className="facade-live">
      <div className="facade-controls">
        <b className={`facade-state facade-state-${stream.state}`}>{STATES[stream.state]}</b>
        <span>
          {stream.events.length} {stream.events.length === 1 ? "event" : "events"}
        </span>
        {newest && <AsOf at={newest.at} />}
      </div>
      <div className="facade-scroll" tabIndex={0} role="region" aria-label="Live values">
        {drawn ? (
          <>
            <div className="facade-tiles">
              {series.map((one) => (
                <button key={one.path} type="button" aria-pressed={one === drawn} onClick={() => setChosen(one.path)}>
                  <span>{one.name}</span>
                  <b>{one.values.at(-1) ?? "–"}</b>
                  <small>{one.measurement}</small>
                </button>
              ))}
            </div>
            <figure>
              <figcaption>{drawn.name}</figcaption>
              <Plot series={drawn} shape="steps" zone={drawn.zone ?? BROWSER} greatest={null} height={220} cursor={null} onPoint={() => undefined} sync="live" />
            </figure>
          </>
        ) : (
          newest && <pre tabIndex={0}>{JSON.stringify(newest.result, null, 2)}</pre>
        )}
      </div>
    </div>
  );
}

function AsOf({ at }: { at: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const ago = Math.max(0, Math.round((now - at) / 1000));
  return <span>as of {new Date(at).toLocaleTimeString()}, {ago} s ago</span>;
}

/** The values of all events by what they are of. */
function seriesOf({ events }: Stream): Found[] {
  const found = new Map<string, Found>();
  for (const { at, result } of events) {
    for (const { name, measurement, value, time } of valuesOf(result.data, at / 1000)) {
      const path = `${name}\n${measurement}`;
      let one = found.get(path);
      if (!one) {
        one = { name, path, measurement, times: [], starts: [], values: [], capacity: null, zone: null, shape: "steps", openFrom: Infinity };
        found.set(path, one);
      }
      // An event may tell the same moment anew.
      if (one.times.at(-1) === time) one.values[one.values.length - 1] = value;
      else if (time > (one.times.at(-1) ?? -Infinity)) {
        one.times.push(time);
        // A value holds from its time on.
        one.starts!.push(time);
        one.values.push(value);
      }
    }
  }
  return [...found.values()].map((one) => ({
    ...one,
    times: one.times.slice(-MOST_POINTS),
    starts: one.starts!.slice(-MOST_POINTS),
    values: one.values.slice(-MOST_POINTS),
  }));
}

function valuesOf(data: unknown, now: number, names: string[] = []): Value[] {
  if (Array.isArray(data)) return data.flatMap((one) => valuesOf(one, now, names));
  if (typeof data !== "object" || data === null) return [];
  const held = data as Record<string, unknown>;
  const asset = [held.room, held.zone, held.floor, held.sensor].find((one) => typeof one === "object" && one !== null) as
    | Record<string, unknown>
    | undefined;
  const name = asset?.name ?? held.name ?? held.item ?? held.room_id ?? held.mac_address ?? asset?.id ?? names.at(-1) ?? "value";
  const measurement = typeof held.measurement === "string" ? held.measurement : "";
  if (Array.isArray(held.times) && Array.isArray(held.values)) {
    return held.values.map((value, at) => ({
      name: String(name),
      measurement,
      value: value as number | null,
      time: Date.parse(String((held.times as unknown[])[at])) / 1000,
    }));
  }
  if ("value" in held && (typeof held.value === "number" || held.value === null)) {
    const time = typeof held.time === "string" ? Date.parse(held.time) / 1000 : now;
    return [{ name: String(name), measurement, value: held.value, time: Number.isFinite(time) ? time : now }];
  }
  return Object.values(held).flatMap((one) => valuesOf(one, now, [...names, String(name)]));
}
