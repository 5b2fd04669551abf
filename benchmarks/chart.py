"""Draws a run as an SVG of bars: one panel for each workload, shorter is better, for light and dark pages."""

from collections.abc import Iterator
from html import escape
from typing import Any

from .contenders import BY_HAND, FACADE, FLOOR

# For each panel: the workload, the title, and the figure of a result that its bars show.
PANELS = (
    ("A", "A: 200 sensors with detections, cold, ms", "wall_seconds", 1e3),
    ("B", "B: small report, hot, 32 at once, µs of CPU", "cpu_seconds", 1e6),
    ("C", "C: 20,000 rows, cold, ms", "wall_seconds", 1e3),
    ("C hot", "C hot: the same rows again, ms", "wall_seconds", 1e3),
)
PANEL, NAMES, VALUES, BAR, GAP, TOP = 450, 206, 60, 14, 6, 30
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.note { fill: #57606a; }
.peer { fill: #afb8c1; } .base { fill: #6e7781; } .ours { fill: #1a7f37; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note { fill: #8b949e; }
  .peer { fill: #484f58; } .base { fill: #8b949e; } .ours { fill: #3fb950; }
}
"""


def svg(run: dict[str, Any]) -> str:
    """Return the SVG. Raises ValueError if the run has none of the workloads."""
    found = {workload["name"]: workload["results"] for workload in run["workloads"]}
    panels = [(title, found[name], what, scale) for name, title, what, scale in PANELS if name in found]
    if not panels:
        raise ValueError("the run has none of the workloads that are drawn: A, B, C, C hot")
    body: list[str] = []
    top = 0
    for pair in (panels[at : at + 2] for at in range(0, len(panels), 2)):
        for column, panel in enumerate(pair):
            body.extend(_panel(column * PANEL, top, *panel))
        top += TOP + max(len(panel[1]) for panel in pair) * (BAR + GAP) + 16
    machine = run["machine"]
    note = (
        f"Shorter is better. Medians of {run['rounds']} rounds, {machine['cores']} cores, Python {machine['python']}."
    )
    body.append(f'<text class="note" x="10" y="{top + 12}">{escape(note)}</text>')
    width, height = 2 * PANEL, top + 22
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    title = "Time a request of the facade and of others, by workload"
    return "\n".join([f'{head} role="img">', f"<title>{title}</title>", f"<style>{STYLE}</style>", *body, "</svg>", ""])


def _panel(left: int, top: int, title: str, results: list[dict[str, Any]], what: str, scale: float) -> Iterator[str]:
    yield f'<text class="title" x="{left + 10}" y="{top + 18}">{escape(title)}</text>'
    # A much longer bar is drawn with a break, to leave room for the others.
    *_, second, first = sorted([0.0, *(float(result[what]) for result in results)])
    longest = min(first, 2 * second or first) or 1.0
    room = PANEL - NAMES - VALUES
    for at, result in enumerate(sorted(results, key=lambda result: float(result[what]))):
        name, value = result["name"], result[what]
        y, width = top + TOP + at * (BAR + GAP), max(1.0, min(value / longest, 1) * room)
        kind = "ours" if name == FACADE else "base" if name in (BY_HAND, FLOOR) else "peer"
        weight = ' class="title"' if name == FACADE else ""
        yield f'<text{weight} x="{left + NAMES - 8}" y="{y + 11}" text-anchor="end">{escape(name)}</text>'
        for start, end in ((0, width),) if value <= longest else ((0, width - 24), (width - 20, width)):
            place = f'x="{left + NAMES + start:.1f}" y="{y}" width="{end - start:.1f}" height="{BAR}"'
            yield f'<rect class="{kind}" {place} rx="2"/>'
        yield f'<text x="{left + NAMES + width + 6:.1f}" y="{y + 11}">{figure(value * scale)}</text>'


def figure(value: float) -> str:
    """Return a number with three significant digits, and all digits of its whole part."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
