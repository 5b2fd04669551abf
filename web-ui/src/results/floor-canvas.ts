import type { FloorPlan } from "./floor-data";
import { shortened } from "./strip-canvas";
import { shade, type colours } from "./theme";

export type Shown = "both" | "heat" | "dots";

/** Where the floor's metres lie on the canvas. */
export interface Scale {
  x: number;
  y: number;
  factor: number;
  height: number;
}

const MARGIN = 0.5;

export function scaleOf(floor: FloorPlan, width: number): Scale {
  const points = floor.outlines.length
    ? floor.outlines.flatMap((one) => one.points)
    : [...floor.cells, ...floor.dots].map(({ x, y }) => [x, y] as const);
  const extent = points.reduce(
    (all, [x, y]) => ({
      left: Math.min(all.left, x),
      top: Math.min(all.top, y),
      right: Math.max(all.right, x),
      bottom: Math.max(all.bottom, y),
    }),
    { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity },
  );
  if (!points.length) return { x: 0, y: 0, factor: 1, height: 100 };
  const across = extent.right - extent.left + 2 * MARGIN;
  const down = extent.bottom - extent.top + 2 * MARGIN;
  // As wide as there is room for, and never taller than it is sensible to scroll.
  const factor = Math.min(width / across, 1600 / down);
  return { x: extent.left - MARGIN, y: extent.top - MARGIN, factor, height: Math.ceil(down * factor) };
}

/** The colour of a cell. By the root of its share: a few desks hold most of a day, and the rest is to be seen too. */
export const heat = (value: number, greatest: number, theme: ReturnType<typeof colours>): string =>
  // The least value there is has a colour too.
  shade(Math.max(0.001, Math.sqrt(value / (greatest || 1))), theme);

export function drawFloor(
  canvas: HTMLCanvasElement, floor: FloorPlan, scale: Scale, shown: Shown, theme: ReturnType<typeof colours>,
): void {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.parentElement!.clientWidth;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(scale.height * ratio);
  canvas.style.height = `${scale.height}px`;
  const draw = canvas.getContext("2d")!;
  draw.scale(ratio, ratio);
  draw.fillStyle = theme.back;
  draw.fillRect(0, 0, width, scale.height);
  const left = (x: number) => (x - scale.x) * scale.factor;
  const top = (y: number) => (y - scale.y) * scale.factor;

  if (shown !== "dots") {
    const greatest = floor.cells.reduce((most, cell) => Math.max(most, cell.value), 0);
    const side = floor.side * scale.factor;
    for (const cell of floor.cells) {
      draw.fillStyle = heat(cell.value, greatest, theme);
      draw.fillRect(left(cell.x) - side / 2, top(cell.y) - side / 2, side, side);
    }
  }
  draw.font = "11px system-ui, sans-serif";
  draw.textBaseline = "top";
  for (const outline of floor.outlines) {
    draw.beginPath();
    outline.points.forEach(([x, y], at) => (at ? draw.lineTo(left(x), top(y)) : draw.moveTo(left(x), top(y))));
    draw.closePath();
    draw.strokeStyle = theme.text;
    draw.lineWidth = 1.5;
    draw.stroke();
  }
  // About a person's width, and small where the floor is.
  const radius = Math.min(4, Math.max(2, scale.factor / 3));
  for (const dot of shown === "heat" ? [] : floor.dots) {
    draw.beginPath();
    draw.arc(left(dot.x), top(dot.y), radius, 0, 2 * Math.PI);
    draw.fillStyle = theme.dot;
    draw.fill();
    draw.strokeStyle = theme.back;
    draw.lineWidth = 1;
    draw.stroke();
  }
  // Last, so that names can be read.
  for (const { name, points } of floor.outlines) {
    label(draw, name, points.map(([x, y]) => [left(x), top(y)]), theme);
  }
}

function label(
  draw: CanvasRenderingContext2D, name: string, points: number[][], theme: ReturnType<typeof colours>,
): void {
  const xs = points.map(([x]) => x!);
  const [from, to] = [Math.min(...xs), Math.max(...xs)];
  const up = Math.min(...points.map(([, y]) => y!));
  const text = shortened(draw, name, to - from - 8);
  if (text.length < 2) return;
  const width = draw.measureText(text).width;
  draw.fillStyle = theme.back;
  draw.globalAlpha = 0.75;
  draw.fillRect(from + 3, up + 3, width + 4, 14);
  draw.globalAlpha = 1;
  draw.fillStyle = theme.text;
  draw.fillText(text, from + 5, up + 4);
}
