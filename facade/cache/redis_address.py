"""The address of Redis: one server, a cluster, or a service known to sentinels.

Needs the extra `redis`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from redis.asyncio import Connection, ConnectionPool, Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

Kind = Literal["server", "cluster", "sentinel"]
_KINDS: dict[str, Kind] = {"": "server", "cluster": "cluster", "sentinel": "sentinel"}
_PORTS: dict[Kind, int] = {"server": 6379, "cluster": 6379, "sentinel": 26379}
_REFUSAL = (
    "the Redis URL cannot be used: write rediss://user:password@host:port/0, redis+cluster://host:port,host:port or"
    " redis+sentinel://host:port,host:port/service, with reserved characters percent-encoded, and only options that"
    " redis-py knows"
)


@dataclass(frozen=True)
class RedisAddress:
    """`hosts` are the server, nodes of the cluster, or the sentinels; `options` are those of redis-py's connections."""

    kind: Kind
    hosts: list[tuple[str, int]]
    options: dict[str, Any]
    service: str = ""
    sentinel_options: dict[str, Any] | None = None

    @classmethod
    def parse(cls, url: str) -> RedisAddress:
        """Parse a URL. Raises ValueError, whose message does not contain the URL."""
        try:
            address = _parsed(url)
            # Makes the object without connecting, which fails for unknown options.
            _server_pool(dict(address.options)).make_connection()  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, RedisError):
            # Not chained: a password that was not percent-encoded is taken for a port, and would be in the message.
            raise ValueError(_REFUSAL) from None
        return address

    def __str__(self) -> str:
        where = ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"{where}/{self.service or self.options.get('db', 0)}"

    def client(
        self, *, timeout: float, max_connections: int, answers_within: float | None = None
    ) -> Redis | RedisCluster:
        """Return a client that is not connected yet. A connection is made within `timeout` seconds or fails."""
        options = {"socket_connect_timeout": timeout, **self.options}
        if answers_within is not None:
            options["socket_timeout"] = answers_within
        if self.kind == "cluster":
            return RedisCluster(
                startup_nodes=[ClusterNode(host, port) for host, port in self.hosts],
                max_connections=max_connections,
                retry=Retry(NoBackoff(), 2),
                **options,
            )
        # One immediate retry: Redis, or a proxy before it, closes idle connections.
        retry = Retry(NoBackoff(), 1, (RedisConnectionError, RedisTimeoutError, RuntimeError))  # type: ignore[arg-type]
        return Redis.from_pool(self._pool({"max_connections": max_connections, "retry": retry, **options}))

    async def single(self, client: Redis | RedisCluster, *, within: float) -> ConnectionPool:
        """Return a pool whose connections do not reconnect; with a cluster, to any of its nodes."""
        options = {"socket_connect_timeout": within, **self.options, "retry": Retry(NoBackoff(), 0, ())}
        if isinstance(client, RedisCluster):
            await client.initialize()
            node = client.get_random_node()
            options |= {"host": node.host, "port": node.port}
            return _server_pool(options)
        return self._pool(options)

    def _pool(self, options: dict[str, Any]) -> ConnectionPool:
        if self.kind == "sentinel":
            # One sentinel that does not answer must not use up the time of all.
            bound = options["socket_connect_timeout"] / (len(self.hosts) + 1)
            bounds = {"socket_timeout": bound, "socket_connect_timeout": bound}
            sentinel_options = {**bounds, **(self.sentinel_options or {})}
            sentinel = Sentinel(self.hosts, sentinel_kwargs=sentinel_options)  # type: ignore[no-untyped-call]
            return _SentinelPool(self.service, sentinel, **options)  # type: ignore[no-untyped-call]
        host, port = self.hosts[0]
        return _server_pool({"host": host, "port": port, **options})


class _SentinelPool(SentinelConnectionPool):
    """Also closes the connections to the sentinels, which redis-py leaves open."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        # False when only idle connections to a former master are closed.
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def _server_pool(options: dict[str, Any]) -> ConnectionPool:
    is_secure = options.pop("ssl", False)
    return ConnectionPool(connection_class=SSLConnection if is_secure else Connection, **options)


def _parsed(url: str) -> RedisAddress:
    scheme, _, rest = url.partition("://")
    base, _, variant = scheme.partition("+")
    kind = _KINDS[variant] if variant in _KINDS and base in ("redis", "rediss") else None
    if kind is None:
        raise ValueError(scheme)
    parts = urlsplit(f"{base}://{rest}")
    login, at, hosts = parts.netloc.rpartition("@")
    path, query = parts.path.strip("/"), parse_qs(parts.query, keep_blank_values=True)
    service = ""
    sentinel_options: dict[str, Any] = {}
    if kind == "sentinel":
        service, _, path = path.partition("/")
        for name in ("username", "password"):
            if given := query.pop(f"sentinel_{name}", None):
                sentinel_options[name] = given[0]
    # redis-py reads a URL with one host, so each host is read by itself.
    read: list[dict[str, Any]] = [
        dict(parse_url(f"{base}://{login}{at}{host}/{path}?{urlencode(query, doseq=True)}"))
        for host in hosts.split(",")
    ]
    found = [(one.pop("host", "127.0.0.1"), int(one.pop("port", _PORTS[kind]))) for one in read]
    options = read[0]
    options.pop("connection_class", None)
    if base == "rediss":
        options["ssl"] = True
        if kind == "sentinel":
            sentinel_options["ssl"] = True
    if "unix" in parts.scheme or (kind == "sentinel" and not service) or (kind == "server" and len(found) > 1):
        raise ValueError(url)
    if kind == "cluster" and options.pop("db", 0):
        raise ValueError(url)
    return RedisAddress(kind, found, options, service, sentinel_options)
