import { useEffect, useMemo, useRef, useState, type PointerEvent } from "react";

import type { Found } from "./series";
import { AXIS, drawAxis, drawStrip, layout, ROW, rowsOf, windowOf } from "./strip-canvas";
import { colours, useTheme } from "./theme";

interface Props {
  series: Found[];
  byDay: boolean;
  zone: string;
  zoneOf: (series: Found) => string;
  cursor: number | null;
  onPoint: (series: Found, at: number) => void;
}

/** A row a series (and day), a cell a window. */
export function Strip({ series, byDay, zone, zoneOf, cursor, onPoint }: Props) {
  const axis = useRef<HTMLCanvasElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const [width, setWidth] = useState(0);
  const rows = useMemo(() => rowsOf(series, byDay, zoneOf), [series, byDay, zoneOf]);
  const left = Math.min(160, width * 0.3);
  const place = useMemo(() => layout(rows, byDay, zone, width, left), [rows, byDay, zone, width, left]);

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    observer.observe(canvas.current!.parentElement!);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    if (!width) return;
    drawAxis(axis.current!, place, byDay, zone, colours(theme));
    drawStrip(canvas.current!, rows, place, byDay, colours(theme));
  }, [rows, place, byDay, zone, theme, width]);

  function pointed(event: PointerEvent) {
    const box = canvas.current!.getBoundingClientRect();
    const row = rows[Math.floor((event.clientY - box.top) / ROW)];
    if (!row) return;
    const time = ((event.clientX - box.left - place.left) / place.width) * place.span + (byDay ? row.begins : place.begins);
    const at = indexAt(row.series, time);
    if (at !== null) onPoint(row.series, at);
  }

  const line = cursor !== null && !byDay ? place.left + ((cursor - place.begins) / place.span) * place.width : null;
  return (
    <div className="facade-strip">
      <canvas ref={axis} className="facade-axis" aria-hidden="true" />
      <canvas
        ref={canvas}
        id="facade-strip"
        role="img"
        aria-label={`Heat strip of ${rows.length} rows: ${rows.slice(0, 20).map((row) => row.label).join(", ")}`}
        data-rows={rows.length}
        data-left={place.left}
        data-begins={place.begins}
        data-span={place.span}
        onPointerMove={pointed}
      />
      {line !== null && line >= place.left && <i className="facade-cursor" style={{ left: line, top: AXIS }} />}
    </div>
  );
}

/** The window that a time lies in, or none. */
function indexAt(series: Found, time: number): number | null {
  const { times } = series;
  let [low, high] = [0, times.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (windowOf(series, middle)[1] <= time) low = middle + 1;
    else high = middle;
  }
  if (!times.length) return null;
  const [start, end] = windowOf(series, low);
  return time >= start && time < end ? low : null;
}
