import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

WebhookAuth = Literal["api-key", "basic"]
Era = Literal["today", "influx"]
ERAS: tuple[Era, ...] = ("today", "influx")


@dataclass(slots=True)
class SandboxConfig:
    """How big, how slow and how faulty the simulated upstream is.

    Attributes:
        sensors: Sensors of the demo tenant's campus.
        sites: Sites its buildings are spread over; each next one lies in another time zone, and the fourth never
            sleeps. Fewer where there are too few sensors.
        unplaced: Further sensors that hang nowhere: no floor, room or hive, offline, never any data.
        seed: Together with the present it decides everything that is answered.
        latency_ms: Added to every call under `/api`.
        fault_rate: Share (0 to 1) of reporting, detections and stats calls that answer 500, 502 or 503.
        token_ttl: Life of an access token, seconds.
        refresh_path: No source gives the real one.
        rate_limit_per_minute: Calls a token may make in a minute before 429; None: no limit.
        max_points: A report of more points (assets x windows x fields) is answered `200 {"data": {}}`. A day of
            a floor weighs as 200 points too. Detections of more are refused, stats time out.
        max_ids: So is one that names more ids in a filter; None: no limit.
        shallow_groups: Leave id levels of one id out of nested replies, as one of Butlr's samples does.
        era: Which backend answers reporting: `today` is the one since 3 August 2026, `influx` the one before.
        starts_at: The present at the start, as epoch seconds, from where it runs on; None: that of `clock`. There
            is no data after the present.
        webhooks: Where the demo tenant's events are posted as they happen; None: nowhere.
        webhook_secret: Goes with each post, by `webhook_auth` as the header X-API-Key or as the password of the basic
            user `butlr`.
        clock: The time of day, as epoch seconds. Tokens end and rates are counted by it, wherever the present is.
    """

    sensors: int = 200
    sites: int = 4
    unplaced: int = 0
    seed: int = 1
    latency_ms: float = 0
    fault_rate: float = 0.0
    token_ttl: int = 86_400
    refresh_path: str = "/api/v2/login/refresh"
    rate_limit_per_minute: int | None = None
    max_points: int = 2_000_000
    max_ids: int | None = None
    shallow_groups: bool = False
    era: Era = "today"
    starts_at: float | None = None
    webhooks: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    webhook_auth: WebhookAuth = "api-key"
    clock: Callable[[], float] = time.time

    def change(self, settings: dict[str, Any]) -> None:
        """Change settings that may be changed at run time. Raises ValueError for others."""
        for name, value in settings.items():
            if name not in CHANGEABLE:
                raise ValueError(f"{name!r} cannot be changed: use one of {', '.join(sorted(CHANGEABLE))}")
            allowed = CHANGEABLE[name]
            # bool is an int for isinstance, but `true` is not a latency.
            if name == "era" and value not in ERAS:
                raise ValueError(f"era cannot be {value!r}: use one of {', '.join(ERAS)}")
            if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
                raise ValueError(f"{name} cannot be {value!r}")
        for name, value in settings.items():
            setattr(self, name, value)


CHANGEABLE: dict[str, tuple[type, ...]] = {
    "latency_ms": (int, float),
    "fault_rate": (int, float),
    "token_ttl": (int,),
    "rate_limit_per_minute": (int, type(None)),
    "max_points": (int,),
    "max_ids": (int, type(None)),
    "shallow_groups": (bool,),
    "era": (str,),
}
