"""The OpenAPI document is true for all requests, whether or not they follow it."""

from importlib.metadata import version

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from facade.butlr import REFRESH_PATH
from facade.legacy.openapi import document

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENT = document(version=version("butlr-graphql-facade"), refresh_path=REFRESH_PATH)
API = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [(method, path) for path, item in DOCUMENT["paths"].items() for method in item if method != "parameters"]
# What ended altogether takes anything, so that nothing can be wrong about it.
ANSWERED = [(method, path) for method, path in OPERATIONS if "401" in DOCUMENT["paths"][path][method]["responses"]]
READS = [(method, path) for method, path in ANSWERED if "/login" not in path]

bounded = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def served(launch, sandbox_process):
    """A facade of its own: what is sent here fills caches."""
    return launch.facade(sandbox_process.url)


@pytest.fixture
def check(served, token):
    """Send a case. Its answer must be one that the document describes."""

    def send(case):
        headers = {"Authorization": f"Bearer {token}"}
        return case.call_and_validate(base_url=served.url, headers=headers, checks=CHECKS)

    return send


def cases(method, path, mode):
    return API[path][method].as_strategy(generation_mode=mode)


def test_the_document_is_the_one_that_is_served(served):
    assert served.request("GET", "/api/openapi.json?ended=true").json() == DOCUMENT


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_keeps_to_the_document_is_answered_as_it_says(check, method, path):
    @settings(bounded, max_examples=15 if (method, path) in ANSWERED else 2)
    @given(cases(method, path, GenerationMode.POSITIVE))
    def holds(case):
        check(case)

    holds()


@pytest.mark.parametrize(("method", "path"), ANSWERED)
def test_whatever_does_not_keep_to_it_is_answered_as_it_says(check, method, path):
    @settings(bounded, max_examples=15)
    @given(cases(method, path, GenerationMode.NEGATIVE))
    def holds(case):
        check(case)

    holds()


@pytest.mark.parametrize(("method", "path"), READS)
def test_what_is_there_is_read_as_it_says(check, method, path, sandbox, at_work):
    campus = sandbox.campus()
    sensor = next(one for one in campus["sensors"] if one["mode"] == "presence" and one["room_id"])
    ids = {
        "sensors": sensor["id"],
        "hives": sensor["hive_id"],
        "rooms": sensor["room_id"],
        "spaces": sensor["floor_id"],
    }
    span = at_work(minutes=30)

    def place(case):
        """Replace random ids in the case by those of the campus, since random ones would find nothing."""
        if "{id}" in path:
            case.path_parameters["id"] = ids[path.split("/")[-2]]
        if "{space}" in path:
            case.path_parameters["space"] = ids["spaces"]
        match path.rpartition("/")[2]:
            case "reporting":
                case.body = {name: case.body[name] for name in ("options", "paginate") if name in case.body}
                case.body["filter"] = {**span, "measurements": ["presence"], "rooms": {"eq": [ids["rooms"]]}}
                case.body["window"] = {"every": "5m"}
            case "detections":
                case.body["filter"] = {**span, "room_id": ids["rooms"]}
                case.body["window"] = {"every": "5m"}
            case "stats":
                case.body = {"measurements": ["occupancy_avg_presence"], "items": [ids["rooms"]], **span}

    @settings(bounded, max_examples=6)
    @given(cases(method, path, GenerationMode.POSITIVE))
    def holds(case):
        place(case)
        statuses.add(check(case).status_code)

    statuses = set()
    holds()
    assert 200 in statuses
