import { useCallback, useState } from "react";

import { Plot } from "../results/plot";
import type { Found } from "../results/series";
import { Strip } from "../results/strip";
import { moment } from "../results/zones";
import type { Shown } from "./series";

/** A tool's series: a heat strip of all where there are several, and a chart each. */
export function Chart({ shown: { summary, unit, zone, freshness, series } }: { shown: Shown }) {
  const [cursor, setCursor] = useState<{ series: Found; at: number } | null>(null);
  const pointed = useCallback((one: Found, at: number) => setCursor({ series: one, at }), []);
  const zoneOf = useCallback(() => zone, [zone]);
  const time = cursor && cursor.series.times[cursor.at]!;
  return (
    <main>
      <p>{summary}</p>
      {series.length > 0 && (
        <>
          <output>
            {cursor ? (
              <>
                <b>{cursor.series.name}</b> {moment(cursor.series.starts![cursor.at]!, zone)}: <b>{cursor.series.values[cursor.at]}</b>
                {cursor.series.capacity !== null && ` of ${cursor.series.capacity}`}
                {cursor.at >= cursor.series.openFrom && " (not over yet)"}
              </>
            ) : (
              `${unit}; times in ${zone}`
            )}
          </output>
          {series.length > 1 && (
            <Strip series={series} byDay={false} zone={zone} zoneOf={zoneOf} cursor={time} onPoint={pointed} />
          )}
          <div className={series.length > 1 ? "facade-plots" : ""}>
            {series.map((one) => (
              <figure key={one.path}>
                <figcaption>{one.name}</figcaption>
                <Plot
                  series={one}
                  shape={one.shape}
                  zone={zone}
                  greatest={null}
                  height={series.length > 1 ? 140 : 260}
                  cursor={time}
                  onPoint={pointed}
                  sync="facade"
                />
              </figure>
            ))}
          </div>
        </>
      )}
      <small>{freshness}</small>
    </main>
  );
}
