"""The response cache: an equal request is answered with the bytes of the last answer.

The key has everything that decides an answer: credentials, path, media type, coding, the page's origin, and the
operation with its variables. A cached response is treated as a new one: the caller's rights, rate limits, logs, metrics
and a request id of its own.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import sha256

import orjson
import structlog

from .. import tracing
from ..auth import Caller
from ..butlr import RateLimited
from ..cache import scope_prefix
from ..legacy.usage import CLIENT_HEADERS
from ..loaders import Services
from ..logs import AccessLog
from .cache_entries import CachedResponse, CacheHit, CacheOffer, RequestKey
from .cache_headers import ages, is_fresh, is_known
from .compression import coding_of
from .metrics import Metrics
from .middleware.access_log import id_of, log_fields_of
from .middleware.audit import AuditLog, record
from .middleware.csrf import PREFLIGHTED
from .rate_limit import RateLimit, counted_as
from .rest.usage import CountsUsage

log = structlog.get_logger(__name__)
# Bytes. Larger requests are rare, and not worth parsing twice.
LONGEST = 64 * 1024
# Seconds for which a response is served before it is made again from cached data, so that other changes, such as a
# withdrawn key of an issuer, take effect.
LONGEST_KEPT = 60.0
MOST_CALLERS = 10_000
# The request headers that the endpoint reads, by their bytes. `Accept-Encoding` and those that ask for a fresh or an
# unchanged answer are compared by meaning.
DECIDING = frozenset(
    {
        b"authorization",
        b"x-api-key",
        b"accept",
        b"content-type",
        b"content-encoding",
        b"host",
        b"x-forwarded-host",
        b"origin",
        b"sec-fetch-site",
        b"x-explain",
    }
    | {name.encode() for name in PREFLIGHTED}
)
_IN_ORDER = sorted(DECIDING)
# The headers that are read again when a cached response is served.
_PER_REQUEST = frozenset(
    {b"x-request-id", b"if-none-match", b"cache-control", b"x-forwarded-for", b"traceparent", b"tracestate"}
).union(CLIENT_HEADERS)
_TRACED = ("traceparent", "tracestate")
# Per-request headers, never stored.
_OWN = {
    b"x-request-id",
    b"x-cache",
    b"x-upstream-calls",
    b"age",
    b"cache-control",
    b"connection",
    b"date",
    b"server",
    b"content-length",
}


class ResponseCache:
    """Responses in this process, kept in the cache's memory and within its bound."""

    def __init__(
        self,
        services: Callable[[], Services | None],
        *,
        routes: Iterable[str],
        access: AccessLog,
        rate_limit: RateLimit | None = None,
        metrics: Metrics | None = None,
        audit: AuditLog | None = None,
        usage: CountsUsage | None = None,
        is_ending: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.routes = frozenset(routes)
        self._services = services
        self._access = access
        self._rate_limit = rate_limit
        self._metrics = metrics
        self._audit = audit
        self._usage = usage
        self._is_ending = is_ending
        self._clock = clock
        # By credentials: the caller that they were authenticated as, the prefix of its keys, and until when.
        self._callers: OrderedDict[tuple[bytes, bytes], tuple[Caller, str, float]] = OrderedDict()

    def key_of(
        self, method: str, path: str, query: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> RequestKey | None:
        """Return the key of a request; None for one whose answer is never cached."""
        given: dict[bytes, bytes] = {}
        for name, value in headers:
            if name in given and (name in DECIDING or name in _PER_REQUEST or name == b"accept-encoding"):
                # The header occurs twice, and the endpoint decides which one counts.
                return None
            given[name] = value
        if method == "POST":
            try:
                body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
            except (orjson.JSONDecodeError, TypeError):
                return None
        coding = coding_of(given.get(b"accept-encoding", b"").decode("latin-1"))
        # An empty header differs from an absent one.
        deciding = [b"=" + given[name] if name in given else b"" for name in _IN_ORDER]
        # No header contains a line break, so different requests give different texts.
        what = b"\n".join((method.encode(), path.encode("latin-1"), query, coding.encode(), *deciding, body))
        credentials = given.get(b"authorization", b""), given.get(b"x-api-key", b"")
        per_request = {name: given[name] for name in _PER_REQUEST & given.keys()}
        return RequestKey(method, path, credentials, sha256(what).hexdigest(), per_request)

    def find(self, key: RequestKey) -> CachedResponse | None:
        """Return the cached response that the caller may read now, else None."""
        services = self._services()
        if services is None or self._is_ending():
            return None
        if key.per_request and is_fresh(key.per_request.get(b"cache-control", b"").decode("latin-1")):
            return None
        caller, prefix, until = self._callers.get(key.credentials, (None, "", 0.0))
        now = self._clock()
        if caller is None or until <= now:
            return None
        upstream = services.upstream
        cached = upstream.store.peek(prefix + key.digest)
        if not isinstance(cached, CachedResponse) or cached.fresh_until <= now:
            return None
        return cached if upstream.rights.may_repeat(caller, cached.as_of, cached.proven) else None

    def is_counted_at_once(self, key: RequestKey, cached: CachedResponse, host: str | None) -> bool:
        """Count a request without waiting. Return False if it exceeds a limit, or cannot be counted without waiting."""
        if self._rate_limit is None:
            return True
        counted = self._counted_as(cached)
        if counted is None and b"x-forwarded-for" in key.per_request:
            # The caller's address is found by an outer layer (forwarded headers), so it cannot be counted here.
            return False
        return self._rate_limit.check_at_once(counted or host or "-")

    async def is_counted(self, cached: CachedResponse, host: str | None) -> bool:
        """Count a request. Return False if it exceeds a limit."""
        if self._rate_limit is None:
            return True
        try:
            await self._rate_limit.check(self._counted_as(cached) or host or "-")
        except RateLimited:
            return False
        return True

    def hit(self, key: RequestKey, cached: CachedResponse) -> CacheHit:
        """Return the response to send for a request, whose audit record is written: no answer goes without one.

        Call `note` once it has been sent.
        """
        per_request = key.per_request
        request_id = id_of(per_request[b"x-request-id"].decode("latin-1") if b"x-request-id" in per_request else "")
        asks = per_request.get(b"if-none-match", b"").decode("latin-1")
        is_unchanged = bool(asks) and cached.etag is not None and is_known(cached.etag, asks)
        age, most = ages(cached.as_of, cached.fresh_until, self._clock())
        own = (
            (b"cache-control", b"private, max-age=%d" % most),
            (b"age", b"%d" % age),
            (b"x-cache", b"HIT"),
            (b"x-upstream-calls", b"0"),
            (b"x-request-id", request_id.encode()),
        )
        hit = CacheHit(cached, is_unchanged, own, request_id)
        if self._audit and cached.noted:
            self._audit.write(record(cached.noted, request_id, status=hit.status, calls=0))
        return hit

    def note(self, key: RequestKey, hit: CacheHit, began: float) -> None:
        """Log and count a response to a request that arrived at `began` (`time.perf_counter`).

        Never raises: the response has been sent, so an error must neither follow it nor close the connection.
        """
        try:
            self._note(key, hit, time.perf_counter() - began)
        except Exception:
            log.exception("response_cache.unnoted")

    def _note(self, key: RequestKey, hit: CacheHit, seconds: float) -> None:
        cached, status, request_id = hit.cached, hit.status, hit.request_id
        tracer = tracing.tracer()
        trace = _traced(tracer, key, cached, status, seconds) if tracer else None
        log_fields, prepared = cached.log_fields, cached.prepared
        if trace:
            log_fields = {**log_fields, "trace_id": trace}
            prepared = self._access.prepared(log_fields)
        self._access.cache_hit(key.method, key.path, status, round(seconds * 1000, 1), request_id, log_fields, prepared)
        if self._metrics:
            self._metrics.cache_hit(key.path, key.method, status, seconds, cached.type, cached.cost, trace)
        if self._usage:
            self._usage.cache_hit(cached.selected, key.per_request)

    def keep(self, key: RequestKey, offer: CacheOffer, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Store a response that has just been sent."""
        services, read_log = self._services(), offer.read_log
        if services is None or read_log.oldest is None or read_log.fresh_until is None or read_log.stale:
            return
        now = self._clock()
        ttl = min(read_log.fresh_until - now, LONGEST_KEPT)
        if ttl <= 0:
            return
        log_fields = log_fields_of(offer.noted)
        lasting = tuple((name, value) for name, value in headers if name not in _OWN)
        cached = CachedResponse(
            body=body,
            content_type="",
            as_of=read_log.oldest,
            fresh_until=read_log.fresh_until,
            settled_until=None,
            partial=False,
            headers=lasting,
            lines=b"".join(b"%b: %b\r\n" % pair for pair in lasting),
            etag=next((value.decode("latin-1") for name, value in lasting if name == b"etag"), None),
            caller=offer.caller,
            proven=read_log.proven,
            type=offer.type,
            cost=offer.cost,
            noted=offer.noted,
            selected=offer.selected,
            log_fields=log_fields,
            prepared=self._access.prepared(log_fields),
        )
        prefix = f"{scope_prefix(offer.caller.scope)}response:"
        self._callers[key.credentials] = offer.caller, prefix, now + LONGEST_KEPT
        self._callers.move_to_end(key.credentials)
        if len(self._callers) > MOST_CALLERS:
            self._callers.popitem(last=False)
        services.upstream.store.put_local(prefix + key.digest, cached, ttl)

    def _counted_as(self, cached: CachedResponse) -> str | None:
        services = self._services()
        return counted_as(
            cached.caller, proven=services is not None and services.upstream.rights.is_proven(cached.caller)
        )


def _traced(tracer: tracing.Tracer, key: RequestKey, cached: CachedResponse, status: int, seconds: float) -> str | None:
    """Record the span of a cached response, sampled as any other. Return its trace id if it is sampled."""
    per_request = key.per_request
    parent = None
    if b"traceparent" in per_request:
        parent = {
            name: per_request[name.encode()].decode("latin-1") for name in _TRACED if name.encode() in per_request
        }
    attributes: tracing.Attributes = {
        "http.request.method": key.method,
        "http.route": key.path,
        "url.path": key.path,
        "http.response.status_code": status,
        "graphql.operation.type": cached.type,
        "graphql.operation.name": cached.noted.get("operation"),
        "facade.cache": "HIT",
        "facade.calls": 0,
        "facade.points": cached.cost,
    }
    return tracer.hit(key.method, seconds, attributes, parent)
