const WIDTH = 88;

/** JSON for people: as `JSON.stringify(value, null, 2)`, but lists of plain values are filled into lines. */
export function format(value: unknown, margin = ""): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = `${margin}  `;
  if (Array.isArray(value)) {
    if (!value.length) return "[]";
    if (value.every((item) => item === null || typeof item !== "object")) return filled(value, margin, inner);
    // Points and cells: a pair or three of numbers is one thing.
    const short = value.every((item) => Array.isArray(item) && item.length <= 3 && item.every(isNumber));
    if (short) return filled(value, margin, inner);
    return `[\n${value.map((item) => inner + format(item, inner)).join(",\n")}\n${margin}]`;
  }
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  if (!entries.length) return "{}";
  return `{\n${entries.map(([key, item]) => `${inner}${JSON.stringify(key)}: ${format(item, inner)}`).join(",\n")}\n${margin}}`;
}

function filled(values: unknown[], margin: string, inner: string): string {
  const texts = values.map((item) => (Array.isArray(item) ? `[${item.join(", ")}]` : JSON.stringify(item)));
  const whole = `[${texts.join(", ")}]`;
  if (margin.length + whole.length <= WIDTH) return whole;
  const lines: string[] = [];
  let line = "";
  for (const [at, text] of texts.entries()) {
    const next = at < texts.length - 1 ? `${text},` : text;
    if (line && inner.length + line.length + next.length + 1 > WIDTH) {
      lines.push(inner + line);
      line = next;
    } else line = line ? `${line} ${next}` : next;
  }
  lines.push(inner + line);
  return `[\n${lines.join("\n")}\n${margin}]`;
}

const isNumber = (item: unknown) => typeof item === "number";
