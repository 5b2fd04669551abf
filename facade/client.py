"""A small client of the facade's exports: rows for pandas, polars, DuckDB and other users of Arrow.

    from facade.client import Facade

    rows = Facade("http://127.0.0.1:8000", token).report(
        measurements=["room_occupancy"], start="-7d", stop="now", every="5m", function="max"
    )
    rows.to_pandas()

It needs only httpx, and pyarrow to read rows (the extra `export`). It uses no other module of this package.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, Generic, Self, TypeVar

import httpx

__all__ = ["AsyncFacade", "Facade", "FacadeError", "Rows"]

ARROW = "application/vnd.apache.arrow.stream"
# Seconds before retries of a request, if the answer has no `Retry-After`.
_PAUSES = (1.0, 2.0, 4.0, 8.0)


class FacadeError(Exception):
    """The facade did not answer with rows. `status` is None if there was no complete answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Rows:
    """The rows of an export, as Arrow. Libraries with the Arrow PyCapsule interface can use it directly."""

    def __init__(self, stream: bytes, span: str | None = None) -> None:
        """Take the bytes of an Arrow stream. `span` is the exported span with absolute times: START/STOP."""
        self.stream = stream
        self.span = span
        self._table: Any = None

    def to_arrow(self) -> Any:
        """Return a `pyarrow.Table`."""
        if self._table is None:
            try:
                import pyarrow as pa  # noqa: PLC0415 -- an extra
            except ImportError as exc:
                raise FacadeError("Rows need pyarrow: pip install 'butlr-graphql-facade[export]'.") from exc
            self._table = pa.ipc.open_stream(self.stream).read_all()
        return self._table

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame`: ids and names are categories, times are in UTC."""
        return self.to_arrow().to_pandas()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return int(self.to_arrow().num_rows)


def _rows(answer: httpx.Response) -> Rows:
    if answer.status_code != 200:
        try:
            said = answer.json()["message"]
        except (ValueError, LookupError, TypeError):
            said = answer.text[:300]
        raise FacadeError(f"{answer.status_code}: {said}", answer.status_code)
    return Rows(answer.content, answer.headers.get("X-Resolved-Span"))


def _wait(answer: httpx.Response, otherwise: float | None) -> float | None:
    """Return the seconds until a retry, `otherwise` if the answer does not say; None if a retry is of no use."""
    if answer.status_code not in (429, 503) or otherwise is None:
        return None
    try:
        wait = float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return otherwise
    return wait if math.isfinite(wait) and wait >= 0 else None


def _cut(error: httpx.TransportError) -> FacadeError:
    return FacadeError(f"There was no whole answer: {error}")


Listed = str | Iterable[str] | None
Answered = TypeVar("Answered")


class _Exports(Generic[Answered]):
    """The methods of both clients. Each of them sends requests in its own way."""

    def __init__(self, url: str, token: str | None = None, *, api_key: str | None = None) -> None:
        self._url = url.rstrip("/")
        # The headers for every request to the facade, also for GraphQL.
        self.headers: dict[str, str] = {}
        if token is not None:
            self.headers["Authorization"] = f"Bearer {token}"
        if api_key is not None:
            self.headers["X-API-Key"] = api_key

    def report(
        self,
        *,
        start: str,
        stop: str = "now",
        every: str | None = None,
        function: str | None = None,
        timezone: str | None = None,
        measurements: Listed = None,
        **assets: Listed,
    ) -> Answered:
        """Return the rows of a report. `assets` are `rooms`, `sensors`, `floors` and so on. Raises `FacadeError`."""
        asked = {"start": start, "stop": stop, "every": every, "function": function, "timezone": timezone}
        return self._get("report", {**asked, "measurements": measurements, **assets})

    def detections(self, *, start: str, stop: str = "now", **asked: Listed) -> Answered:
        """Return the points of detections. `asked` are `data_types`, `room_id` and so on. Raises `FacadeError`."""
        return self._get("detections", {"start": start, "stop": stop, **asked})

    def _get(self, table: str, asked: Mapping[str, Listed]) -> Answered:
        raise NotImplementedError

    def _request(self, table: str, asked: Mapping[str, Listed]) -> dict[str, Any]:
        params = {
            name: value if isinstance(value, str) else ",".join(value)
            for name, value in asked.items()
            if value is not None
        }
        url = f"{self._url}/export/{table}.arrow"
        return {"method": "GET", "url": url, "params": params, "headers": {**self.headers, "Accept": ARROW}}


class Facade(_Exports[Rows]):
    """A client of one facade's exports, with one token."""

    def __init__(
        self, url: str, token: str | None = None, *, api_key: str | None = None, timeout: float = 300.0
    ) -> None:
        super().__init__(url, token, api_key=api_key)
        self._http = httpx.Client(timeout=timeout)

    def _get(self, table: str, asked: Mapping[str, Listed]) -> Rows:
        for pause in (*_PAUSES, None):
            try:
                answer = self._http.request(**self._request(table, asked))
            except httpx.TransportError as error:
                raise _cut(error) from error
            wait = _wait(answer, pause)
            if wait is None:
                break
            time.sleep(wait)
        return _rows(answer)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncFacade(_Exports[Coroutine[Any, Any, Rows]]):
    """A `Facade` for asyncio."""

    def __init__(
        self, url: str, token: str | None = None, *, api_key: str | None = None, timeout: float = 300.0
    ) -> None:
        super().__init__(url, token, api_key=api_key)
        self._http = httpx.AsyncClient(timeout=timeout)

    async def _get(self, table: str, asked: Mapping[str, Listed]) -> Rows:
        for pause in (*_PAUSES, None):
            try:
                answer = await self._http.request(**self._request(table, asked))
            except httpx.TransportError as error:
                raise _cut(error) from error
            wait = _wait(answer, pause)
            if wait is None:
                break
            await asyncio.sleep(wait)
        return _rows(answer)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
