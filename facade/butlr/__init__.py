"""A typed client of Butlr's REST API. It knows nothing of GraphQL or of the rest of the package."""

from .auth import HeldToken, ServiceTokens
from .client import (
    CLIENT_LOGIN_PATH,
    DETECTIONS_PATH,
    LOGIN_PATH,
    NATIVE_PATH,
    REFRESH_PATH,
    REPORTING_PATH,
    STATS_PATH,
    Butlr,
    TokenSet,
)
from .detections import DetectionEntry, Detections, WorldEntry
from .detections import decode as decode_detections
from .errors import (
    BadInput,
    ButlrError,
    Forbidden,
    InvalidResponse,
    NotFound,
    RateLimited,
    Unauthenticated,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from .grouped import Leaf, ReplyStatistics, flatten, unflatten
from .http import Http, Reply, error_for
from .native import error_codes, records_in
from .nesting import MOST_LEVELS, nests_too_deep
from .packed import PACKED_FROM, Packed
from .reporting import Reporting, Row, name_levels
from .reporting import decode as decode_reporting
from .row_series import RowSeries
from .splitting import Splitter, split_rows
from .stats import decode as decode_stats
from .times import (
    DURATION_FORM,
    TIME_FORM,
    Duration,
    format_rfc3339,
    from_epoch,
    is_epoch,
    is_rfc3339,
    parse_absolute,
    parse_duration,
    parse_relative,
    parse_rfc3339,
    resolve,
    to_rfc3339,
)
from .tokens import jwt_claims, jwt_expiry
from .windows import Windows

__all__ = [
    "CLIENT_LOGIN_PATH",
    "DETECTIONS_PATH",
    "DURATION_FORM",
    "LOGIN_PATH",
    "MOST_LEVELS",
    "NATIVE_PATH",
    "PACKED_FROM",
    "REFRESH_PATH",
    "REPORTING_PATH",
    "STATS_PATH",
    "TIME_FORM",
    "BadInput",
    "Butlr",
    "ButlrError",
    "DetectionEntry",
    "Detections",
    "Duration",
    "Forbidden",
    "HeldToken",
    "Http",
    "InvalidResponse",
    "Leaf",
    "NotFound",
    "Packed",
    "RateLimited",
    "Reply",
    "ReplyStatistics",
    "Reporting",
    "Row",
    "RowSeries",
    "ServiceTokens",
    "Splitter",
    "TokenSet",
    "Unauthenticated",
    "UpstreamTimeout",
    "UpstreamUnavailable",
    "Windows",
    "WorldEntry",
    "decode_detections",
    "decode_reporting",
    "decode_stats",
    "error_codes",
    "error_for",
    "flatten",
    "format_rfc3339",
    "from_epoch",
    "is_epoch",
    "is_rfc3339",
    "jwt_claims",
    "jwt_expiry",
    "name_levels",
    "nests_too_deep",
    "parse_absolute",
    "parse_duration",
    "parse_relative",
    "parse_rfc3339",
    "records_in",
    "resolve",
    "split_rows",
    "to_rfc3339",
    "unflatten",
]
