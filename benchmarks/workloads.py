"""The workloads: the operations that all contenders answer."""

from dataclasses import dataclass, field
from typing import Any

from .upstream import sensor_id

DETECTIONS = """query DetectionsOfSensors($start: Time!, $stop: Time!) {
  sensors {
    data {
      id
      mac_address
      detections(start: $start, stop: $stop) { detections_local { mac_address value } }
    }
  }
}"""
SMALL = """query Small($start: Time!, $stop: Time!, $sensors: [ID!]!) {
  report(
    filter: { start: $start, stop: $stop, measurements: [presence], sensors: { eq: $sensors } }
    window: { every: "5m", function: max }
  ) {
    rows { time value }
  }
}"""
ROWS = """query Rows($start: Time!, $stop: Time!) {
  report(
    filter: { start: $start, stop: $stop, measurements: [presence] }
    window: { every: "5m", function: max }
  ) {
    rows { time value sensor_id room_id measurement }
  }
}"""


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload. `cold`: each request has another caller, so that no cache answers it."""

    # A, B, C, "C hot", "B workers", "B told" or "A told"; a variant of one of them has a title of its own.
    name: str
    title: str
    query: str
    variables: dict[str, Any] = field(hash=False)
    at_once: int = 1
    cold: bool = False
    seconds: float = 2.0
    # The number of sensors of the upstream.
    sensors: int = 200


# 200 sensors with 100 windows of 5 minutes make the 20,000 rows.
_SPAN = {"start": "2025-10-14T00:00:00Z", "stop": "2025-10-14T08:20:00Z"}
_SHORT = {"start": "2025-10-14T00:00:00Z", "stop": "2025-10-14T01:15:00Z", "sensors": [sensor_id(7)]}
_MINUTES = {"start": "2025-10-14T00:00:00Z", "stop": "2025-10-14T00:05:00Z"}

WORKLOADS = (
    Workload(
        "A",
        "200 sensors with their detections, cold, one at a time",
        DETECTIONS,
        _MINUTES,
        cold=True,
        seconds=1.5,
    ),
    Workload(
        "B",
        "a small report, hot, 32 at once",
        SMALL,
        _SHORT,
        at_once=32,
    ),
    Workload("C", "20,000 rows of 5 fields, cold, one at a time", ROWS, _SPAN, cold=True),
    Workload("C hot", "the same 20,000 rows, hot, one at a time", ROWS, _SPAN),
    Workload(
        "B workers",
        "the same by one worker and by two; with two cores the load shares one of them, so only CPU times count",
        SMALL,
        _SHORT,
        at_once=32,
    ),
    Workload(
        "B told",
        "B by the facade without explain, with it (unused), and with one request in a hundred traced",
        SMALL,
        _SHORT,
        at_once=32,
    ),
    Workload(
        "A told",
        "A by the facade, and with every request traced",
        DETECTIONS,
        _MINUTES,
        cold=True,
        seconds=1.5,
    ),
)
