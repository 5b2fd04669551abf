"""`facade watch`: a subscription in the terminal, as one line for each event or as a live chart."""

import json
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from .failures import Failure, WrongUsage
from .files import read
from .options import DocumentFile, OperationName, Token, Variables
from .output import json_text
from .query import variables_of

# Seconds between two attempts, from the first to the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
# Seconds of silence after which the connection is renewed. Heartbeats are more frequent.
SILENCE = 60.0
_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 60
_LINES = 20


def watch(
    file: DocumentFile,
    variables: Variables = None,
    operation: OperationName = None,
    url: Annotated[
        str, typer.Option(metavar="URL", help="The facade's GraphQL endpoint.")
    ] = "http://127.0.0.1:8000/graphql",
    token: Token = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw a live chart, one line for each value.")] = False,
    most: Annotated[int | None, typer.Option(metavar="N", min=1, help="Stop after N events.")] = None,
) -> None:
    """Print each event of a subscription as a line of JSON. It resumes after a lost connection."""
    body = {"query": read(file), "variables": variables_of(variables) or {}, "operationName": operation}
    chart = Chart()
    left = most
    for answer in _answers(url, body, token):
        for error in answer.get("errors", ()):
            typer.echo(error.get("message", error), err=True)
        if answer.get("data") is None:
            raise typer.Exit(Failure.exit_code)
        if plot:
            chart.add(answer["data"])
            sys.stdout.write(chart.drawn())
        else:
            sys.stdout.write(json_text(answer["data"], None) + "\n")
        sys.stdout.flush()
        if left is not None and (left := left - 1) == 0:
            return


def _answers(url: str, body: dict[str, Any], token: str | None) -> Iterator[dict[str, Any]]:
    import httpx

    headers = {"Accept": "text/event-stream", **({"Authorization": f"Bearer {token}"} if token else {})}
    pause = _FIRST_PAUSE
    with httpx.Client(timeout=httpx.Timeout(SILENCE)) as client:
        while True:
            try:
                with client.stream("POST", url, json=body, headers=headers) as response:
                    if response.status_code != httpx.codes.OK:
                        response.read()
                        raise Failure(f"{url} answered {response.status_code}: {_why(response.text)}")
                    for event in _events(response.iter_lines()):
                        pause = _FIRST_PAUSE
                        if event.get("event") == "complete":
                            return
                        if event.get("event") == "next":
                            if "id" in event:
                                headers["Last-Event-ID"] = event["id"]
                            yield json.loads(event["data"])
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise WrongUsage(f"--url {url}: {error}") from error
            except httpx.HTTPError as error:
                typer.echo(f"facade: {url}: {error or type(error).__name__}. Trying again.", err=True)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in lines:
        if not line:
            if event:
                yield event
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            event[name] = value.removeprefix(" ")


def _why(text: str) -> str:
    try:
        return str(json.loads(text)["errors"][0]["message"])
    except (ValueError, LookupError, TypeError):
        return " ".join(text.split())[:200]


class Chart:
    """The latest values of each series, as bars. A series is named by the ids beside its value."""

    def __init__(self) -> None:
        self._series: OrderedDict[str, OrderedDict[str, float]] = OrderedDict()
        self._drawn = 0

    def add(self, data: Any) -> None:
        for name, time_, value in points(data):
            series = self._series.setdefault(name, OrderedDict())
            # A newer value of a window replaces the earlier one.
            series[time_] = value
            while len(series) > _WIDTH:
                series.popitem(last=False)

    def drawn(self) -> str:
        """Return the chart, drawn over the previous one."""
        shown = sorted(self._series)[:_LINES]
        width = max((len(name) for name in shown), default=0)
        lines = [f"\x1b[2K{name.ljust(width)} {_bars(self._series[name])}" for name in shown]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._drawn = len(lines)
        return up + "".join(line + "\n" for line in lines)


def points(data: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, str, float]]:
    """Yield each value in an answer, with the name of its series and its time."""
    if isinstance(data, list):
        for item in data:
            yield from points(item, names)
    elif isinstance(data, dict):
        value = data.get("value")
        if isinstance(value, int | float) and not isinstance(value, bool):
            ids = [str(data[key]) for key in sorted(data) if isinstance(data[key], str) and key != "time"]
            yield " ".join(ids) or " ".join(names), str(data.get("time") or ""), float(value)
            return
        if isinstance(data.get("times"), list) and isinstance(data.get("values"), list):
            ids = [str(data[key]) for key in sorted(data) if isinstance(data[key], str)]
            for time_, each in zip(data["times"], data["values"], strict=False):
                if isinstance(each, int | float):
                    yield " ".join(ids) or " ".join(names), str(time_), float(each)
            return
        for name, item in data.items():
            yield from points(item, (*names, name))


def _bars(series: "OrderedDict[str, float]") -> str:
    values = [series[time_] for time_ in sorted(series)]
    least, most = min(0.0, *values), max(values)
    span = (most - least) or 1.0
    return "".join(_BARS[round((value - least) / span * (len(_BARS) - 1))] for value in values) + f" {values[-1]:g}"
