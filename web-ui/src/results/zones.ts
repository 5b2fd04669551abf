/** Days and hours in a time zone. All times are epoch seconds. */

export const BROWSER = Intl.DateTimeFormat().resolvedOptions().timeZone;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions, kind: string): Intl.DateTimeFormat {
  const key = `${zone} ${kind}`;
  let made = formats.get(key);
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options })));
  return made;
}

const FEW_HOURS = 6 * 3600;

const PARTS = {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
} as const;

/** How far a zone's clock is ahead of UTC. */
export function offset(time: number, zone: string): number {
  const parts = Object.fromEntries(
    format(zone, PARTS, "parts")
      .formatToParts(time * 1000)
      .map(({ type, value }) => [type, Number(value)]),
  ) as Record<string, number>;
  const local = Date.UTC(parts.year!, parts.month! - 1, parts.day, parts.hour, parts.minute, parts.second) / 1000;
  return local - Math.floor(time);
}

/** When the day of a time began in a zone; its clock may have been changed since. */
export function midnight(time: number, zone: string): number {
  const local = time + offset(time, zone);
  const start = Math.floor(local / 86_400) * 86_400;
  const guess = start - offset(time, zone);
  return start - offset(guess, zone);
}

/** Where a time axis begins: at midnight, for a few hours alone at a full hour. */
export function axisStart(first: number, last: number, zone: string): number {
  if (last - first > FEW_HOURS) return midnight(first, zone);
  const ahead = offset(first, zone);
  return Math.floor((first + ahead) / 3600) * 3600 - ahead;
}

export const nextMidnight = (time: number, zone: string): number => midnight(midnight(time, zone) + 86_400 + 7_200, zone);

export const clock = (time: number, zone: string, withSeconds = false): string =>
  format(
    zone,
    { hour: "2-digit", minute: "2-digit", second: withSeconds ? "2-digit" : undefined, hourCycle: "h23" },
    withSeconds ? "seconds" : "clock",
  ).format(time * 1000);

export const day = (time: number, zone: string): string =>
  format(zone, { weekday: "short", day: "2-digit", month: "short" }, "day").format(time * 1000);

export const moment = (time: number, zone: string): string => `${day(time, zone)} ${clock(time, zone)}`;
