"""The examples of the page, in front of the campus that `serve --sandbox` shows: none is empty."""

import json
from importlib.resources import files
from typing import Any

import pytest

EXAMPLES = files("facade.web").joinpath("examples")
NAMES = sorted(item.name.removesuffix(".graphql") for item in EXAMPLES.iterdir() if item.name.endswith(".graphql"))


@pytest.fixture(scope="module")
def world(launch: Any, era: str) -> Any:
    return launch.sandbox(sites=4, era=era)


@pytest.fixture(scope="module", params=["discovery", "native,discovery"])
def facade_of_world(request: Any, launch: Any, world: Any) -> Any:
    return launch.facade(world.url, FACADE_ASSETS=request.param)


def numbers(node: Any) -> int:
    """How many numbers beside 0 an answer holds."""
    if isinstance(node, dict):
        return sum(map(numbers, node.values()))
    if isinstance(node, list):
        return sum(map(numbers, node))
    return isinstance(node, int | float) and not isinstance(node, bool) and node != 0


@pytest.mark.parametrize("name", NAMES)
def test_an_example_shows_something_at_any_hour(name, facade_of_world, world):
    variables = EXAMPLES.joinpath(f"{name}.json")
    document = EXAMPLES.joinpath(f"{name}.graphql").read_text()

    given = json.loads(variables.read_text()) if variables.is_file() else None
    data = facade_of_world.data(document, given, token=world.login())

    if name == "hives":
        assert all(hive["sensors"] for hive in data["hives"]["data"])
    else:
        assert numbers(data) > 10


def test_the_first_sensors_of_the_first_look_saw_somebody(launch, world):
    """With the sources of assets of `serve --sandbox`."""
    facade = launch.facade(world.url, FACADE_ASSETS="native,discovery")
    document = EXAMPLES.joinpath("first-look.graphql").read_text()
    sensors = facade.data(document, token=world.login())["sensors"]["data"]

    first = sensors[:20]
    assert any(any(series["values"]) for sensor in first for series in sensor["report"]["series"])
    assert any(entry["points"] for sensor in first for entry in sensor["detections"]["detections_local"])
