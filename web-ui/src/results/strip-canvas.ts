import type { Found } from "./series";
import { shade, type colours } from "./theme";
import { axisStart, clock, day, midnight, nextMidnight } from "./zones";

export const ROW = 18;
export const AXIS = 20;

/** A row of the heat strip: a series, or a day of one. */
export interface Row {
  label: string;
  series: Found;
  zone: string;
  /** The indexes of its windows. */
  from: number;
  to: number;
  /** When the row's own time axis begins. */
  begins: number;
}

/** When a window began and ended: by its start where that is known, else by the one before it. */
export function windowOf(series: Found, at: number): [number, number] {
  const time = series.times[at]!;
  const start = series.starts?.[at];
  if (start != null && start !== time) return [start, time];
  const step = at > 0 ? time - series.times[at - 1]! : (series.times[1] ?? time + 3600) - time;
  // Where starts equal their labels, a label is a window's start.
  return start === time ? [time, time + step] : [time - step, time];
}

export function rowsOf(series: Found[], byDay: boolean, zone: (one: Found) => string): Row[] {
  return series.flatMap((one): Row[] => {
    const begins = one.times.length ? midnight(windowOf(one, 0)[0], zone(one)) : 0;
    const whole = { label: one.name, series: one, zone: zone(one), from: 0, to: one.times.length, begins };
    if (!byDay || !one.times.length) return [whole];
    const rows: Row[] = [];
    let from = 0;
    for (let at = 1; at <= one.times.length; at += 1) {
      const start = midnight(windowOf(one, from)[0], zone(one));
      if (at < one.times.length && midnight(windowOf(one, at)[0], zone(one)) === start) continue;
      rows.push({ ...whole, label: `${one.name} · ${day(start, zone(one))}`, from, to: at, begins: start });
      from = at;
    }
    return rows;
  });
}

export interface Layout {
  left: number;
  width: number;
  begins: number;
  span: number;
}

/** One axis for all rows: from the first midnight to the last one; a day where each row is one. */
export function layout(rows: Row[], byDay: boolean, zone: string, width: number, left: number): Layout {
  const filled = rows.filter((row) => row.to > row.from);
  const first = Math.min(...filled.map((row) => windowOf(row.series, row.from)[0]));
  const ends = Math.max(...filled.map((row) => windowOf(row.series, row.to - 1)[1] - (byDay ? row.begins : 0)));
  if (byDay) return { left, width: width - left, begins: 0, span: Math.max(86_400, ends) };
  const begins = Math.min(...filled.map((row) => axisStart(first, ends, row.zone)), axisStart(first, ends, zone));
  // A day is shown whole.
  const span = (begins === midnight(begins, zone) ? Math.max(ends, nextMidnight(begins, zone)) : ends) - begins;
  return { left, width: width - left, begins: Number.isFinite(begins) ? begins : 0, span: Number.isFinite(span) ? span : 86_400 };
}

/** A canvas of this size on the screen, emptied. */
function prepared(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const draw = canvas.getContext("2d")!;
  draw.scale(ratio, ratio);
  draw.font = "12px system-ui, sans-serif";
  draw.textBaseline = "middle";
  return draw;
}

export function drawStrip(
  canvas: HTMLCanvasElement,
  rows: Row[],
  place: Layout,
  byDay: boolean,
  theme: ReturnType<typeof colours>,
): void {
  const draw = prepared(canvas, place.left + place.width, rows.length * ROW);
  // Without capacities the greatest value of all rows is full.
  const greatest = rows.reduce((most, { series }) => series.values.reduce<number>((a, b) => Math.max(a, b ?? 0), most), 0);
  rows.forEach((row, at) => {
    const top = at * ROW;
    draw.fillStyle = theme.empty;
    draw.fillRect(place.left, top + 1, place.width, ROW - 2);
    drawRow(draw, row, top, place, byDay ? row.begins : place.begins, row.series.capacity ?? greatest, theme);
    draw.fillStyle = theme.text;
    draw.fillText(shortenedFloor(draw, row.label, place.left - 12), 4, top + ROW / 2);
  });
}

function drawRow(
  draw: CanvasRenderingContext2D,
  { series, from, to }: Row,
  top: number,
  place: Layout,
  begins: number,
  full: number,
  theme: ReturnType<typeof colours>,
): void {
  const scale = place.width / place.span;
  for (let at = from; at < to; at += 1) {
    const value = series.values[at];
    const isOpen = at >= series.openFrom;
    if (!value && !isOpen) continue;
    const [start, end] = windowOf(series, at);
    const x = place.left + (start - begins) * scale;
    const width = Math.max(0.5, (end - start) * scale - ((end - start) * scale > 4 ? 1 : 0));
    if (value) {
      draw.fillStyle = shade(value / (full || 1), theme);
      draw.fillRect(x, top + 1, width, ROW - 2);
    }
    if (isOpen) hatch(draw, x, top + 1, width, ROW - 2, theme.hatch);
  }
}

/** Slanted lines: what is not over yet. */
export function hatch(
  draw: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, colour: string,
): void {
  draw.save();
  draw.beginPath();
  draw.rect(x, y, width, height);
  draw.clip();
  draw.beginPath();
  for (let at = x - height; at < x + width; at += 5) {
    draw.moveTo(at, y + height);
    draw.lineTo(at + height, y);
  }
  draw.strokeStyle = colour;
  draw.lineWidth = 1;
  draw.stroke();
  draw.restore();
}

const SEPARATOR = " · ";
// Less than a letter and the dots.
const LEAST_FLOOR = 24;

const STEPS = [300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600];
const LABEL_WIDTH = 52;
const DAY_WIDTH = 84;

/** The hours or days above the rows. */
export function drawAxis(
  canvas: HTMLCanvasElement, place: Layout, byDay: boolean, zone: string, theme: ReturnType<typeof colours>,
): void {
  const draw = prepared(canvas, place.left + place.width, AXIS);
  draw.fillStyle = theme.quiet;
  const days = place.span / 86_400;
  const isDays = days > 1.5;
  const step = isDays
    ? Math.ceil((days * DAY_WIDTH) / place.width) * 86_400
    : (STEPS.find((one) => (one / place.span) * place.width >= LABEL_WIDTH) ?? 86_400);
  for (let at = 0; at < place.span; at += step) {
    const time = place.begins + at;
    // A day of the zone may have 23 or 25 hours.
    const tick = isDays ? midnight(time + 7_200, zone) - place.begins : at;
    const label = byDay ? clock(at, "UTC") : isDays ? day(place.begins + tick, zone) : clock(time, zone);
    const x = place.left + (tick / place.span) * place.width;
    draw.fillRect(x, AXIS - 4, 1, 4);
    if (x + draw.measureText(label).width <= place.left + place.width) draw.fillText(label, x, AXIS / 2 - 1);
  }
}

export function shortened(draw: CanvasRenderingContext2D, label: string, width: number): string {
  if (draw.measureText(label).width <= width) return label;
  let text = label;
  while (text.length > 1 && draw.measureText(`${text}…`).width > width) text = text.slice(0, -1);
  return `${text}…`;
}

/** A name behind its floor's, which repeats from row to row: the floor's is shortened first. */
function shortenedFloor(draw: CanvasRenderingContext2D, label: string, width: number): string {
  const at = label.indexOf(SEPARATOR);
  if (at < 0) return shortened(draw, label, width);
  const name = label.slice(at);
  const left = width - draw.measureText(name).width;
  if (left < LEAST_FLOOR) return shortened(draw, label.slice(at + SEPARATOR.length), width);
  return shortened(draw, label.slice(0, at), left) + name;
}
