import "uplot/dist/uPlot.min.css";

import { useCallback, useMemo, useState } from "react";

import type { Answer } from "./answers";
import { Plot } from "./plot";
import { csv, save } from "./save";
import { findSeries, type Found, type Shape } from "./series";
import { Strip } from "./strip";
import { colours, useTheme } from "./theme";
import { BROWSER, moment } from "./zones";

type Clock = "building" | "browser" | "utc";

/** Every series of an answer: a heat strip of all, and a chart each. */
export default function Chart({ answer }: { answer: Answer }) {
  const series = useMemo(() => findSeries(answer), [answer]);
  const [shape, setShape] = useState<Shape | "auto">("auto");
  const [clock, setClock] = useState<Clock>("building");
  const [isShared, setShared] = useState(false);
  const [byDay, setByDay] = useState(false);
  const [cursor, setCursor] = useState<{ series: Found; at: number } | null>(null);
  const zones = useMemo(() => [...new Set(series.flatMap((one) => one.zone ?? []))], [series]);

  const zoneOf = useCallback(
    (one: Found) => (clock === "utc" ? "UTC" : clock === "browser" ? BROWSER : (one.zone ?? zones[0] ?? "UTC")),
    [clock, zones],
  );
  const pointed = useCallback((one: Found, at: number) => setCursor({ series: one, at }), []);
  const filled = series.filter((one) => one.times.length);
  if (!filled.length) {
    return <p className="facade-nothing">No series in this answer: ask for <code>series {"{ times values }"}</code>.</p>;
  }

  const zone = zoneOf(filled[0]!);
  const greatest = isShared
    ? series.reduce((most, one) => one.values.reduce<number>((a, b) => Math.max(a, b ?? 0), most), 0)
    : null;
  const time = cursor && cursor.series.times[cursor.at]!;
  const building = zones.length > 1 ? "each its own" : (zones[0] ?? "not in the answer: UTC");

  const isStrip = series.length > 1 || byDay;

  function saveCsv() {
    const rows = series.flatMap((one) =>
      one.times.map((at, index) => [
        one.name,
        one.measurement,
        new Date(at * 1000).toISOString(),
        moment(at, zoneOf(one)),
        one.values[index] ?? null,
      ]),
    );
    save("series.csv", csv([["name", "measurement", "time", `local (${clock})`, "value"], ...rows]));
  }

  return (
    <div className="facade-chart" data-series={series.length}>
      <div className="facade-controls">
        <Choice
          label="Draw as"
          value={shape}
          options={{ auto: "as it fits", steps: "steps", bars: "bars", line: "a line" }}
          onChange={setShape}
        />
        <Choice
          label="Time zone"
          value={clock}
          options={{ building: `building (${building})`, browser: `browser (${BROWSER})`, utc: "UTC" }}
          onChange={setClock}
        />
        {series.length > 1 && (
          <label>
            <input type="checkbox" checked={isShared} onChange={(event) => setShared(event.target.checked)} /> same y axis
          </label>
        )}
        <label>
          <input type="checkbox" checked={byDay} onChange={(event) => setByDay(event.target.checked)} /> a row a day
        </label>
        <button type="button" onClick={saveCsv}>CSV</button>
        <button type="button" onClick={savePng}>PNG</button>
      </div>
      <div className="facade-readout">
      <output id="facade-readout">
        {cursor && time !== null ? (
          <>
            <b>{cursor.series.name}</b> {moment(time, zoneOf(cursor.series))}: <b>{cursor.series.values[cursor.at] ?? "no value"}</b>
            {cursor.series.capacity !== null && ` of ${cursor.series.capacity}`}
            {cursor.at >= cursor.series.openFrom && " (not over yet)"}
          </>
        ) : (
          `${series.length} series, ${series.reduce((sum, one) => sum + one.times.length, 0).toLocaleString("en")} points. Point at one.`
        )}
      </output>
      {isStrip && <Legend full={fullOf(filled)} />}
      </div>
      <div className="facade-scroll" tabIndex={0} role="region" aria-label="Charts">
        {isStrip && (
          <Strip series={series} byDay={byDay} zone={zone} zoneOf={zoneOf} cursor={time} onPoint={pointed} />
        )}
        <div className={filled.length > 1 ? "facade-plots" : "facade-plots facade-single"}>
          {filled.map((one, index) => (
            <figure key={one.path}>
              <figcaption title={title(one)}>{title(one)}</figcaption>
              <Plot
                series={one}
                shape={shape === "auto" ? one.shape : shape}
                zone={zoneOf(one)}
                greatest={greatest}
                height={filled.length > 1 ? 140 : 320}
                cursor={index < 60 ? time : null}
                onPoint={pointed}
                sync="facade"
              />
            </figure>
          ))}
        </div>
      </div>
    </div>
  );
}

/** What the strip's colours mean. */
function Legend({ full }: { full: string }) {
  const theme = colours(useTheme());
  return (
    <span className="facade-legend">
      0 {theme.scale.map((colour) => <i key={colour} style={{ background: colour }} />)} {full}
    </span>
  );
}

function fullOf(series: Found[]): string {
  const known = series.filter((one) => one.capacity !== null).length;
  return known === series.length ? "capacity" : known ? "capacity or greatest value" : "greatest value";
}

function title(one: Found): string {
  const most = one.values.reduce<number>((a, b) => Math.max(a, b ?? 0), 0);
  return `${one.name} (max ${Number(most.toFixed(2))}${one.capacity === null ? "" : ` of ${one.capacity}`})`;
}

/** What is drawn, one below the other, as one picture. */
function savePng() {
  const drawn = [...document.querySelectorAll<HTMLCanvasElement>(".facade-chart canvas")];
  const whole = document.createElement("canvas");
  whole.width = Math.max(...drawn.map((one) => one.width));
  whole.height = drawn.reduce((sum, one) => sum + one.height + 24, 0);
  const draw = whole.getContext("2d")!;
  draw.fillStyle = getComputedStyle(document.body).backgroundColor;
  draw.fillRect(0, 0, whole.width, whole.height);
  draw.font = "14px system-ui, sans-serif";
  let top = 0;
  for (const one of drawn) {
    draw.fillStyle = getComputedStyle(document.querySelector(".facade-chart")!).color;
    draw.fillText(one.closest("figure")?.querySelector("figcaption")?.textContent ?? "", 8, top + 16);
    draw.drawImage(one, 0, top + 24);
    top += one.height + 24;
  }
  whole.toBlob((blob) => blob && save("chart.png", blob));
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  options: Record<T, string>;
  onChange: (value: T) => void;
}

function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  return (
    <label>
      {label}{" "}
      <select value={value} onChange={(event) => onChange(event.target.value as T)}>
        {Object.entries<string>(options).map(([key, name]) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
