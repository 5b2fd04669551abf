"""The equal operation of each current REST call."""

from dataclasses import dataclass

from ..butlr import CLIENT_LOGIN_PATH, DETECTIONS_PATH, LOGIN_PATH, REPORTING_PATH, STATS_PATH


@dataclass(frozen=True, slots=True)
class LegacyCall:
    """A current REST call. `path` is a template as in the OpenAPI document; `operation` is None if none is equal."""

    path: str
    operation: str | None = None


def living(refresh_path: str) -> dict[str, LegacyCall]:
    """Return the current calls by path. Operations have the names that `translate` gives them."""
    names = {
        LOGIN_PATH: "Login",
        refresh_path: "Refresh",
        CLIENT_LOGIN_PATH: "ClientLogin",
        REPORTING_PATH: "Report",
        DETECTIONS_PATH: "Detections",
        STATS_PATH: "Stats",
    }
    return {path: LegacyCall(path, name) for path, name in names.items()}
