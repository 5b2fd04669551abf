"""The examples of the page, on the campus of `serve --sandbox`: none has an empty answer."""

import json
import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest

EXAMPLES = files("facade.web").joinpath("examples")
NAMES = sorted(item.name.removesuffix(".graphql") for item in EXAMPLES.iterdir() if item.name.endswith(".graphql"))
RELATIVE = re.compile(r'("?)start\1: "-(\d+)([mhd])"')
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@pytest.fixture(scope="module")
def world(launch: Any, era: str) -> Any:
    return launch.sandbox(sites=4, era=era)


@pytest.fixture(scope="module", params=["discovery", "native,discovery"])
def facade_of_world(request: Any, launch: Any, world: Any) -> Any:
    return launch.facade(world.url, FACADE_ASSETS=request.param)


def example(name: str) -> tuple[str, str]:
    variables = EXAMPLES.joinpath(f"{name}.json")
    return EXAMPLES.joinpath(f"{name}.graphql").read_text(), variables.read_text() if variables.is_file() else "{}"


def answer(facade: Any, document: str, variables: str, token: str) -> Any:
    """Return the data of an operation; for a subscription the first answer's."""
    given = json.loads(variables)
    if not re.search(r"^subscription\b", document, re.MULTILINE):
        return facade.data(document, given, token=token)
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {token}"}
    body = {"query": document, "variables": given}
    with facade.http.stream("POST", f"{facade.url}/graphql", json=body, headers=headers) as stream:
        first = next(line for line in stream.iter_lines() if line.startswith("data: {"))
    told = json.loads(first.removeprefix("data: "))
    assert "errors" not in told
    return told["data"]


def numbers(node: Any) -> int:
    """How many numbers beside 0 an answer holds."""
    if isinstance(node, dict):
        return sum(map(numbers, node.values()))
    if isinstance(node, list):
        return sum(map(numbers, node))
    return isinstance(node, int | float) and not isinstance(node, bool) and node != 0


def check(name: str, data: Any) -> None:
    if name == "hives":
        assert all(hive["sensors"] for hive in data["hives"]["data"])
    else:
        assert numbers(data) > 10


@pytest.mark.parametrize("name", NAMES)
def test_an_example_shows_something_at_any_hour(name, facade_of_world, world):
    check(name, answer(facade_of_world, *example(name), world.login()))


@pytest.fixture(scope="module")
def sunday(launch: Any) -> Any:
    """The newest Sunday, a facade of a campus where it is 09:00 UTC of it, and the campus."""
    now = datetime.now(UTC) - timedelta(hours=9)
    day = (now - timedelta(days=(now.weekday() + 1) % 7)).replace(hour=9, minute=0, second=0, microsecond=0)
    world = launch.sandbox(sites=4, starts_at=day.timestamp())
    return day, launch.facade(world.url, FACADE_ASSETS="native,discovery"), world


@pytest.mark.parametrize("name", NAMES)
def test_an_example_shows_something_on_a_sunday_morning(name, sunday):
    day, facade, world = sunday

    def absolute(found: re.Match[str]) -> str:
        quote, number, unit = found.groups()
        start = day - timedelta(**{UNITS[unit]: int(number)})
        ends = "" if name == "people-now" else f', {quote}stop{quote}: "{day:%Y-%m-%dT%H:%M:%SZ}"'
        return f'{quote}start{quote}: "{start:%Y-%m-%dT%H:%M:%SZ}"{ends}'

    # Of then, as they would be of now: the facade's own clock is today's.
    document, variables = (RELATIVE.sub(absolute, text) for text in example(name))
    assert '"-' not in document + variables
    check(name, answer(facade, document, variables, world.login()))


def test_the_first_sensors_of_the_first_look_saw_somebody(launch, world):
    """With the sources of assets of `serve --sandbox`."""
    facade = launch.facade(world.url, FACADE_ASSETS="native,discovery")
    sensors = facade.data(example("first-look")[0], token=world.login())["sensors"]["data"]

    first = sensors[:20]
    assert any(any(series["values"]) for sensor in first for series in sensor["report"]["series"])
    assert any(entry["points"] for sensor in first for entry in sensor["detections"]["detections_local"])
