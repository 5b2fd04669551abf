"""A small client of the facade's exports: rows for pandas, polars, DuckDB and whatever else takes Arrow.

    from facade.client import Facade

    rows = Facade("http://127.0.0.1:8000", token).report(
        measurements=["room_occupancy"], start="-7d", stop="now", every="5m", function="max"
    )
    rows.to_pandas()

It needs nothing of the rest of this package but httpx, and pyarrow to look at rows: the extra `export`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

__all__ = ["AsyncFacade", "Facade", "FacadeError", "Rows"]

ARROW = "application/vnd.apache.arrow.stream"
# How often a request that came too early is made again.
_ATTEMPTS = 5


class FacadeError(Exception):
    """The facade did not answer with rows. `status` is None where there was no whole answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Rows:
    """The rows of an export, as Arrow. Libraries that know the Arrow PyCapsule interface take it as it is."""

    def __init__(self, stream: bytes, span: str | None = None) -> None:
        """`span` is what was asked for in the end, its times absolute: START/STOP."""
        self.stream = stream
        self.span = span
        self._table: Any = None

    def to_arrow(self) -> Any:
        """A `pyarrow.Table`."""
        if self._table is None:
            try:
                import pyarrow as pa  # noqa: PLC0415 -- an extra
            except ImportError as exc:
                raise FacadeError("Rows need pyarrow: pip install 'butlr-graphql-facade[export]'.") from exc
            self._table = pa.ipc.open_stream(self.stream).read_all()
        return self._table

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`: ids and names are categories, times are in UTC."""
        return self.to_arrow().to_pandas()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return int(self.to_arrow().num_rows)


class _Asks:
    """What both clients send."""

    def __init__(self, url: str, token: str | None = None, *, api_key: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Accept": ARROW}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        if api_key is not None:
            self._headers["X-API-Key"] = api_key

    def _request(self, http: httpx.Client | httpx.AsyncClient, table: str, asked: Mapping[str, Any]) -> httpx.Request:
        params = {
            name: value if isinstance(value, str) else ",".join(value)
            for name, value in asked.items()
            if value is not None
        }
        return http.build_request("GET", f"{self._url}/export/{table}.arrow", params=params, headers=self._headers)


def _rows(answer: httpx.Response) -> Rows:
    if answer.status_code != 200:
        try:
            said = answer.json()["message"]
        except (ValueError, LookupError, TypeError):
            said = answer.text[:300]
        raise FacadeError(f"{answer.status_code}: {said}", answer.status_code)
    return Rows(answer.content, answer.headers.get("X-Resolved-Span"))


def _pause(answer: httpx.Response, attempt: int) -> float | None:
    """Seconds until the request is worth making again; None where it is not."""
    if answer.status_code not in (429, 503) or attempt + 1 >= _ATTEMPTS:
        return None
    try:
        pause = float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return 2.0**attempt
    return pause if math.isfinite(pause) and pause >= 0 else None


def _cut(error: httpx.TransportError) -> FacadeError:
    return FacadeError(f"There was no whole answer: {error}")


Listed = str | Iterable[str] | None


class Facade(_Asks):
    """Exports of one facade, for one token."""

    def __init__(
        self, url: str, token: str | None = None, *, api_key: str | None = None, timeout: float = 300.0
    ) -> None:
        super().__init__(url, token, api_key=api_key)
        self._http = httpx.Client(timeout=timeout)

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
    ) -> Rows:
        """The rows of a report; `assets` are `rooms`, `sensors`, `floors` and so on. Raises `FacadeError`."""
        asked = {"start": start, "stop": stop, "every": every, "function": function, "timezone": timezone}
        return self._get("report", {**asked, "measurements": measurements, **assets})

    def detections(self, *, start: str, stop: str = "now", **asked: Listed) -> Rows:
        """The points of detections; `asked` are `data_types`, `room_id`, `every` and so on. Raises `FacadeError`."""
        return self._get("detections", {"start": start, "stop": stop, **asked})

    def _get(self, table: str, asked: Mapping[str, Any]) -> Rows:
        for attempt in range(_ATTEMPTS):
            try:
                answer = self._http.send(self._request(self._http, table, asked))
            except httpx.TransportError as error:
                raise _cut(error) from error
            pause = _pause(answer, attempt)
            if pause is None:
                break
            time.sleep(pause)
        return _rows(answer)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncFacade(_Asks):
    """As `Facade`, for asyncio."""

    def __init__(
        self, url: str, token: str | None = None, *, api_key: str | None = None, timeout: float = 300.0
    ) -> None:
        super().__init__(url, token, api_key=api_key)
        self._http = httpx.AsyncClient(timeout=timeout)

    async def report(
        self,
        *,
        start: str,
        stop: str = "now",
        every: str | None = None,
        function: str | None = None,
        timezone: str | None = None,
        measurements: Listed = None,
        **assets: Listed,
    ) -> Rows:
        """As `Facade.report`."""
        asked = {"start": start, "stop": stop, "every": every, "function": function, "timezone": timezone}
        return await self._get("report", {**asked, "measurements": measurements, **assets})

    async def detections(self, *, start: str, stop: str = "now", **asked: Listed) -> Rows:
        """As `Facade.detections`."""
        return await self._get("detections", {"start": start, "stop": stop, **asked})

    async def _get(self, table: str, asked: Mapping[str, Any]) -> Rows:
        for attempt in range(_ATTEMPTS):
            try:
                answer = await self._http.send(self._request(self._http, table, asked))
            except httpx.TransportError as error:
                raise _cut(error) from error
            pause = _pause(answer, attempt)
            if pause is None:
                break
            await asyncio.sleep(pause)
        return _rows(answer)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.aclose()
