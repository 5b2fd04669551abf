"""Faults that tests request, and random faults."""

from dataclasses import dataclass, fields
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from .seeding import seeded

FAULTY_PATHS = ("/api/v3/reporting", "/api/v3/detections", "/api/v4/reporting/stats")
HTML = "<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"


@dataclass(slots=True)
class ScriptedFault:
    """What befalls the next calls to a path.

    Attributes:
        path: A path, or `*` for any under `/api`.
        status: Answer this; None: answer truly, though perhaps late or cut short.
        times: How many calls; -1: all.
        cut: Close the connection after half of the body.
        hang: Never answer; the caller has to give up.
    """

    path: str = "*"
    status: int | None = None
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] | None = None
    times: int = 1
    delay_ms: float = 0
    cut: bool = False
    hang: bool = False

    @classmethod
    def from_record(cls, record: Any) -> "ScriptedFault":
        """Read a fault. Raises ValueError if it is invalid."""
        known = {field.name for field in fields(cls)}
        if not isinstance(record, dict) or not record.keys() <= known:
            raise ValueError(f"a fault is an object with some of {', '.join(sorted(known))}")
        return cls(**record)

    def response(self) -> Response | None:
        if self.status is None:
            return None
        return Response(self.body, self.status, self.headers, media_type=self.content_type)


class Script:
    def __init__(self) -> None:
        self.faults: list[ScriptedFault] = []

    def next(self, path: str) -> ScriptedFault | None:
        for fault in self.faults:
            if fault.path in ("*", path) and fault.times != 0:
                if fault.times > 0:
                    fault.times -= 1
                return fault
        return None


class Chance:
    """Random faults. With the same seed the same calls fail, in the order of their arrival."""

    def __init__(self, seed: int) -> None:
        self._random = seeded("faults", seed)

    def response(self, rate: float) -> Response | None:
        if self._random.random() >= rate:
            return None
        match self._random.randrange(4):
            case 0:
                return JSONResponse({"message": "Internal Server Error"}, 500)
            case 1:
                return HTMLResponse(HTML.format(title="502 Bad Gateway"), 502)
            case 2:
                return HTMLResponse(HTML.format(title="503 Service Temporarily Unavailable"), 503)
        return JSONResponse({"message": "Service Unavailable"}, 503)
