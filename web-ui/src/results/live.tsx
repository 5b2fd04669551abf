import "uplot/dist/uPlot.min.css";

import { useEffect, useMemo, useState } from "react";

import type { Stream } from "./answers";
import { format } from "./format";
import { valuesOf, type Value } from "./live-values";
import { Plot } from "./plot";
import { named, type Found } from "./series";
import { BROWSER, clock, moment } from "./zones";

const MOST_POINTS = 400;
const MOST_LISTED = 50;
const STATES = {
  open: "Live",
  paused: "Paused: the page is hidden",
  reconnecting: "Connecting again",
  ended: "Ended",
};

/** The events of a subscription: the newest value of each thing, and how each has moved. */
export default function Live({ stream }: { stream: Stream }) {
  const series = useMemo(() => seriesOf(stream.events), [stream.events]);
  const newest = stream.events.at(-1);
  const [chosen, setChosen] = useState<string | null>(null);
  const drawn = series.find((one) => one.path === chosen) ?? series[0];
  return (
    <div className="facade-live" data-events={stream.events.length}>
      <div className="facade-controls">
        <b className={`facade-state facade-state-${stream.state}`}>{STATES[stream.state]}</b>
        <span>
          {stream.events.length} {stream.events.length === 1 ? "event" : "events"}
        </span>
        {newest && <AsOf at={newest.at} />}
      </div>
      {drawn && (
        <figure className="facade-moving">
          <figcaption>
            {titled(drawn)} <small>{moment(drawn.times.at(-1)!, drawn.zone ?? BROWSER)}</small>
          </figcaption>
          <Plot series={drawn} shape="steps" zone={drawn.zone ?? BROWSER} greatest={null} height={200} cursor={null} onPoint={ignored} sync="live" />
        </figure>
      )}
      <div className="facade-scroll" tabIndex={0} role="region" aria-label="Live values">
        {drawn ? (
          <div className="facade-tiles">
            {series.map((one) => (
              <button key={one.path} type="button" aria-pressed={one === drawn} onClick={() => setChosen(one.path)}>
                <span>{one.name}</span>
                <b>{shown(one.values.at(-1))}</b>
                <small>{one.measurement.replaceAll("_", " ")}</small>
              </button>
            ))}
          </div>
        ) : (
          <ol className="facade-events">
            {stream.events
              .slice(-MOST_LISTED)
              .reverse()
              .map(({ at, result }, index) => (
                <li key={stream.events.length - index}>
                  <b>{clock(at / 1000, BROWSER, true)}</b>
                  <pre>{format(result.errors ? result : result.data)}</pre>
                </li>
              ))}
          </ol>
        )}
      </div>
    </div>
  );
}

const ignored = () => undefined;
const titled = ({ name, measurement }: Found) => (measurement ? `${name} · ${measurement.replaceAll("_", " ")}` : name);
const shown = (value: number | null | undefined) => (value == null ? "–" : Number(value.toFixed(2)).toLocaleString("en"));

function AsOf({ at }: { at: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const ago = Math.max(0, Math.round((now - at) / 1000));
  return (
    <span>
      as of {clock(at / 1000, BROWSER, true)}, {ago} s ago
    </span>
  );
}

/** The values of all events by what they are of, each time once: a later event of the same time replaces it. */
function seriesOf(events: Stream["events"]): Found[] {
  const found = new Map<string, Omit<Value, "value" | "time"> & { values: Map<number, number | null> }>();
  for (const { at, result } of events) {
    for (const { value, time, ...whose } of valuesOf(result.data, at / 1000)) {
      const path = [whose.floor, whose.name, whose.measurement].join("\n");
      let one = found.get(path);
      if (!one) found.set(path, (one = { ...whose, values: new Map() }));
      one.values.set(time, value);
    }
  }
  const raw = [...found].map(([path, { name, floor, measurement, zone, values }]) => {
    const points = [...values].sort(([one], [other]) => one - other).slice(-MOST_POINTS);
    const times = points.map(([time]) => time);
    const one: Found = {
      name,
      path,
      measurement,
      zone,
      times,
      // A value holds from its time on.
      starts: times,
      values: points.map(([, value]) => value),
      capacity: null,
      shape: "steps",
      openFrom: Infinity,
    };
    return { found: one, floor };
  });
  return named(raw);
}
