"""Which operation takes the place of which REST call that lives."""

from dataclasses import dataclass

from ..butlr import CLIENT_LOGIN_PATH, DETECTIONS_PATH, LOGIN_PATH, REPORTING_PATH, STATS_PATH


@dataclass(frozen=True, slots=True)
class LegacyCall:
    """`path` is a template, as the OpenAPI document has it; `operation` is None where nothing takes its place."""

    path: str
    operation: str | None = None


def living(refresh_path: str) -> dict[str, LegacyCall]:
    """By path. The names are those that `translate` gives the operations."""
    names = {
        LOGIN_PATH: "Login",
        refresh_path: "Refresh",
        CLIENT_LOGIN_PATH: "ClientLogin",
        REPORTING_PATH: "Report",
        DETECTIONS_PATH: "Detections",
        STATS_PATH: "Stats",
    }
    return {path: LegacyCall(path, name) for path, name in names.items()}
