import { useEffect, useMemo, useRef, useState, type PointerEvent } from "react";

import type { Answer } from "./answers";
import { drawFloor, scaleOf, type Shown } from "./floor-canvas";
import { findFloors, isWithin, type FloorPlan } from "./floor-data";
import { save } from "./save";
import { colours, useTheme } from "./theme";
import { BROWSER, moment } from "./zones";

/** A floor from above: outlines, how long people stayed where, and where they stood. */
export default function Floor({ answer }: { answer: Answer }) {
  const floors = useMemo(() => findFloors(answer.result), [answer]);
  const [chosen, setChosen] = useState(0);
  const floor = floors[Math.min(chosen, floors.length - 1)];
  if (!floor) {
    return (
      <p className="facade-nothing">
        Nothing of a floor in this answer: ask for rooms with <code>coordinates</code>, for <code>heatmap_v2</code>, or
        for <code>detections_world</code>.
      </p>
    );
  }
  return (
    <div className="facade-floor">
      <div className="facade-controls">
        {floors.length > 1 && (
          <label>
            Floor{" "}
            <select value={chosen} onChange={(event) => setChosen(Number(event.target.value))}>
              {floors.map((one, at) => (
                <option key={at} value={at}>
                  {one.name || `Floor ${at + 1}`}
                </option>
              ))}
            </select>
          </label>
        )}
        {floors.length === 1 && floor.name && <b>{floor.name}</b>}
      </div>
      <View key={chosen} floor={floor} />
    </div>
  );
}

function View({ floor }: { floor: FloorPlan }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const zone = floor.zone ?? BROWSER;
  const [shown, setShown] = useState<Shown>("both");
  const times = useMemo(() => [...new Set(floor.dots.map((dot) => dot.time))].sort((a, b) => a - b), [floor]);
  const [at, setAt] = useState(0);
  const [width, setWidth] = useState(0);
  const [under, setUnder] = useState<{ text: string; left: number; top: number } | null>(null);
  const dots = useMemo(() => (at ? floor.dots.filter((dot) => dot.time === times[at - 1]) : floor.dots), [floor, times, at]);
  const scale = useMemo(() => scaleOf(floor, width), [floor, width]);

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    observer.observe(canvas.current!.parentElement!);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    if (width) drawFloor(canvas.current!, { ...floor, dots }, scale, shown, colours(theme));
  }, [floor, dots, scale, shown, theme, width]);

  function pointed(event: PointerEvent) {
    const box = canvas.current!.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    const [x, y] = [left / scale.factor + scale.x, top / scale.factor + scale.y];
    const room = floor.outlines.find((outline) => isWithin(x, y, outline.points))?.name;
    const near = dots.find((dot) => Math.hypot(dot.x - x, dot.y - y) * scale.factor < 7);
    const half = floor.side / 2;
    const cell = floor.cells.find((one) => Math.abs(one.x - x) <= half && Math.abs(one.y - y) <= half);
    const parts = [
      room ?? near?.room,
      `x ${x.toFixed(2)}, y ${y.toFixed(2)} m`,
      cell && `${Number(cell.value.toFixed(1))} min (${Math.round(60 * cell.value).toLocaleString("en")} s)`,
      near && moment(near.time, zone),
    ];
    setUnder({ text: parts.filter(Boolean).join(" · "), left: Math.min(left + 12, width - 180), top: top + 14 });
  }

  return (
    <>
      <div className="facade-controls">
        <label>
          Show{" "}
          <select value={shown} onChange={(event) => setShown(event.target.value as Shown)}>
            <option value="both">heat map and positions</option>
            <option value="heat">heat map</option>
            <option value="dots">positions</option>
          </select>
        </label>
        {times.length > 1 && (
          <label className="facade-slider">
            Window{" "}
            <input type="range" min={0} max={times.length} value={at} onChange={(event) => setAt(Number(event.target.value))} />
            <output>{at ? moment(times[at - 1]!, zone) : `all ${times.length}`}</output>
          </label>
        )}
        <button type="button" onClick={() => canvas.current!.toBlob((blob) => blob && save("floor.png", blob))}>PNG</button>
      </div>
      {floor.cells.length > 0 && <Legend greatest={floor.cells.reduce((most, cell) => Math.max(most, cell.value), 0)} />}
      {!floor.outlines.length && (
        <p className="facade-note">No outlines in this answer: positions are scaled to their own extent.</p>
      )}
      <div className="facade-scroll" tabIndex={0} role="region" aria-label="Floor plan">
        <div className="facade-plan">
          <canvas
            ref={canvas}
            id="facade-floor"
            role="img"
            aria-label={`${floor.outlines.length} places, ${floor.cells.length} cells, ${dots.length} positions`}
            data-x={scale.x}
            data-y={scale.y}
            data-factor={scale.factor}
            data-dots={dots.length}
            onPointerMove={pointed}
            onPointerLeave={() => setUnder(null)}
          />
          {under && (
            <span className="facade-tip" id="facade-under" style={{ left: under.left, top: under.top }}>
              {under.text}
            </span>
          )}
        </div>
      </div>
    </>
  );
}

function Legend({ greatest }: { greatest: number }) {
  const theme = colours(useTheme());
  return (
    <div className="facade-legend">
      {theme.scale.map((colour, at) => (
        <span key={colour} className="facade-legend">
          <i style={{ background: colour }} /> <span>{Math.round(greatest * (at / theme.scale.length) ** 2)}</span>
        </span>
      ))}
      minutes and more
    </div>
  );
}
