import { useEffect, useRef } from "react";
import uPlot from "uplot";

import type { Found, Shape } from "./series";
import { hatch, windowOf } from "./strip-canvas";
import { colours, useTheme } from "./theme";
import { axisStart } from "./zones";

interface Props {
  series: Found;
  shape: Shape;
  zone: string;
  /** The greatest value of all charts, where they share an axis. */
  greatest: number | null;
  height: number;
  cursor: number | null;
  onPoint: (series: Found, at: number) => void;
  /** Zooming in one chart is zooming in all. */
  sync: string;
}

const RIGHT = -1;
// Between the lines of an axis of whole numbers: there are no half people.
const WHOLE = Array.from({ length: 10 }, (_, at) => [1, 2, 5].map((one) => one * 10 ** at)).flat();

/** One series as steps, bars or a line, with its capacity, from midnight or, if short, a full hour on. */
export function Plot({ series, shape, zone, greatest, height, cursor, onPoint, sync }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const told = useRef(onPoint);
  told.current = onPoint;
  const theme = useTheme();

  useEffect(() => {
    let made: uPlot | null = null;
    function make() {
      made = new uPlot(
        options({ series, shape, zone, greatest, height }, box.current!.clientWidth, colours(theme), sync, (at) =>
          told.current(series, at),
        ),
        dataOf(series),
        box.current!,
      );
      plot.current = made;
    }
    // Charts that are out of sight are drawn when they come into it.
    const sight = new IntersectionObserver(([entry]) => entry!.isIntersecting && !made && make(), { rootMargin: "200px" });
    sight.observe(box.current!);
    const size = new ResizeObserver(([entry]) => made?.setSize({ width: entry!.contentRect.width, height }));
    size.observe(box.current!);
    return () => {
      sight.disconnect();
      size.disconnect();
      made?.destroy();
      plot.current = null;
    };
  }, [series, shape, zone, greatest, height, theme, sync]);

  useEffect(() => {
    const at = plot.current;
    if (!at || cursor === null || at.over.matches(":hover")) return;
    at.setCursor({ left: at.valToPos(cursor, "x"), top: 0 }, false);
  }, [cursor]);

  return <div ref={box} className="facade-plot" style={{ minHeight: height }} />;
}

function dataOf({ times, values, capacity }: Found): uPlot.AlignedData {
  return capacity === null ? [times, values] : [times, values, times.map(() => capacity)];
}

function options(
  { series, shape, zone, greatest, height }: Pick<Props, "series" | "shape" | "zone" | "greatest" | "height">,
  width: number,
  theme: ReturnType<typeof colours>,
  sync: string,
  told: (at: number) => void,
): uPlot.Options {
  const first = series.times.length ? windowOf(series, 0)[0] : 0;
  const last = series.times.at(-1) ?? 0;
  const isStart = series.starts?.[0] === series.times[0] && series.starts !== null;
  const paths = {
    steps: uPlot.paths.stepped!({ align: isStart ? 1 : RIGHT }),
    bars: uPlot.paths.bars!({ size: [0.9, 60], align: isStart ? 1 : RIGHT }),
    line: uPlot.paths.linear!(),
  }[shape];
  const axis = {
    stroke: theme.quiet,
    grid: { stroke: theme.grid, width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  const most = Math.max(greatest ?? 0, series.capacity ?? 0);
  return {
    width: Math.max(120, width),
    height,
    tzDate: (time) => uPlot.tzDate(new Date(time * 1000), zone),
    legend: { show: false },
    // Half of the last label lies to the right of its line.
    padding: [8, 20, 0, 0],
    cursor: {
      y: false,
      sync: { key: sync, setSeries: false },
      points: { size: 6 },
      drag: { x: true, y: false },
    },
    scales: {
      x: { range: (_plot, low, high) => (low <= series.times[0]! && high >= last ? [axisStart(first, last, zone), last] : [low, high]) },
      y: { range: (_plot, _low, high) => [0, Math.max(1, most, high ?? 0) * 1.08] },
    },
    axes: [
      {
        ...axis,
        size: 36,
        values: [
          [86_400, "{D} {MMM}", null, null, null, null, null, null, 1],
          [3600, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
          [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
          [1, "{HH}:{mm}:{ss}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
        ],
      },
      { ...axis, size: 40, ...(series.values.every((value) => value === null || Number.isInteger(value)) && { incrs: WHOLE }) },
    ],
    series: [
      {},
      {
        label: series.name,
        stroke: theme.stroke,
        fill: theme.fill,
        width: 1.5,
        paths,
        points: { show: shape === "line" && series.times.length < 3 },
      },
      ...(series.capacity === null
        ? []
        : [{ label: "capacity", stroke: theme.capacity, width: 1, dash: [6, 4], points: { show: false } }]),
    ],
    hooks: {
      setCursor: [(plot) => plot.cursor.idx != null && plot.over.matches(":hover") && told(plot.cursor.idx)],
      draw: [(plot) => hatchOpen(plot, series, theme.hatch)],
    },
  };
}

function hatchOpen(plot: uPlot, series: Found, colour: string): void {
  for (let at = series.openFrom; at < series.times.length; at += 1) {
    const [start, end] = windowOf(series, at);
    const x = plot.valToPos(start, "x", true);
    const width = plot.valToPos(end, "x", true) - x;
    hatch(plot.ctx, x, plot.bbox.top, Math.min(width, plot.bbox.left + plot.bbox.width - x), plot.bbox.height, colour);
  }
}
