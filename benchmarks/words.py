"""The queries for servers whose schema is derived from the upstream's JSON: other fields, equal answers.

These servers cannot merge the two answers that name the sensors of a week. They ask for the sensors of one half day, in
one call of fewer rows.
"""

from .workloads import DETECTIONS, ROWS, SMALL

_REPORTS = {"B": SMALL, "C": ROWS, "C hot": ROWS}

TAILCALL_WORDS = {
    "A": DETECTIONS.replace("      id\n", "      id: sensor_id\n"),
    **{name: query.replace("rows {", "rows: data {") for name, query in _REPORTS.items()},
}


def _hive(query: str) -> str:
    query = query.replace("Time!", "String!").replace("ID!", "String!")
    # There the request body is one argument.
    return (
        query.replace("report(\n", "report(input: {\n").replace("\n  ) {", "\n  }) {").replace("rows {", "rows: data {")
    )


HIVE_WORDS = {
    "A": _hive(DETECTIONS)
    .replace(
        "  sensors {",
        """  sensors: report(input: {
    filter: {
      start: "2025-10-13T12:00:00Z", stop: "2025-10-14T00:00:00Z", measurements: [presence, traffic], value: { gte: 0 }
    }
    window: { every: "12h", function: last }
  }) {""",
    )
    .replace("      id\n", "      id: sensor_id\n"),
    **{name: _hive(query) for name, query in _REPORTS.items()},
}
