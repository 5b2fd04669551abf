import { useMemo, useState } from "react";

import type { Answer } from "./answers";
import { tablesOf, type Table as Data } from "./rows";
import { csv, save } from "./save";

const PAGE = 200;

export default function Table({ answer }: { answer: Answer }) {
  const tables = useMemo(() => tablesOf(answer), [answer]);
  const [chosen, setChosen] = useState(0);
  const table = tables[Math.min(chosen, tables.length - 1)];
  if (!table) return <p className="facade-nothing">No rows in this answer.</p>;
  return (
    <div className="facade-table">
      <div className="facade-controls">
        {tables.length > 1 && (
          <label>
            Table{" "}
            <select value={chosen} onChange={(event) => setChosen(Number(event.target.value))}>
              {tables.map(({ name }, at) => (
                <option key={name} value={at}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
        <span>
          {table.rows.length.toLocaleString("en")} {table.rows.length === 1 ? "row" : "rows"}
        </span>
        <button type="button" onClick={() => save("table.csv", csv([table.header, ...table.rows.map(plain)]))}>CSV</button>
      </div>
      <Rows key={table.name} table={table} />
    </div>
  );
}

function Rows({ table }: { table: Data }) {
  const [shown, setShown] = useState(PAGE);
  return (
    <div className="facade-scroll" tabIndex={0} role="region" aria-label={`Table ${table.name}`}>
      <table>
        <thead>
          <tr>
            {table.header.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.slice(0, shown).map((row, at) => (
            <tr key={at}>
              {row.map((cell, column) => (
                <td key={column} className={typeof cell === "number" ? "facade-number" : undefined}>
                  {cell === null ? <i>null</i> : String(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {shown < table.rows.length && (
        <button type="button" onClick={() => setShown(shown + 5 * PAGE)}>
          {(table.rows.length - shown).toLocaleString("en")} more rows
        </button>
      )}
    </div>
  );
}

const plain = (row: Data["rows"][number]) => row.map((cell) => (typeof cell === "boolean" ? String(cell) : cell));
