"""The OpenAPI document and the Postman collection are complete, match the routes, and can be read by `translate`."""

import json
import re

import pytest

from facade.app import create_app
from facade.legacy import READS, V2Read, translate
from facade.legacy.collection import collection
from facade.legacy.openapi import document, without_ended
from facade.settings import Settings

METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
REFRESH = "/api/v2/session/renewed"


@pytest.fixture(scope="module")
def openapi():
    return document(version="1.0", refresh_path=REFRESH)


def operations(openapi):
    for path, item in openapi["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, item, operation


def references(value):
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def test_every_rest_route_of_the_app_is_in_the_document_and_no_other(openapi):
    routes = create_app(Settings(_env_file=None, BUTLR_REFRESH_PATH=REFRESH, FACADE_GRAPHIQL="false")).routes
    rest = {
        (path, method.lower())
        for route in routes
        if re.match(r"(/api)?/v\d/(?!graphql)", path := route.path) and path.startswith("/api")
        for method in route.methods - {"HEAD"}
    }
    bare = {route.path for route in routes if re.match(r"/v\d/", route.path)}

    assert {(path, method) for path, method, _, _ in operations(openapi)} == rest
    assert {f"/api{path}" for path in bare} == set(openapi["paths"])


def test_the_document_is_json_of_version_3_1_whose_references_lead_somewhere(openapi):
    assert json.loads(json.dumps(openapi)) == openapi
    assert openapi["openapi"].startswith("3.1.")
    assert {"title", "version"} <= openapi["info"].keys()
    found = set(references(openapi))
    for reference in found:
        node = openapi
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    for kind in ("schemas", "headers", "responses"):
        used = {reference.rpartition("/")[2] for reference in found if f"/{kind}/" in reference}
        assert used == set(openapi["components"][kind]), kind


def test_each_operation_has_what_openapi_asks_of_one(openapi):
    seen = set()
    tags = {tag["name"] for tag in openapi["tags"]}
    for path, method, item, operation in operations(openapi):
        where = f"{method} {path}"
        assert operation["operationId"] not in seen, where
        seen.add(operation["operationId"])
        assert set(operation["tags"]) <= tags, where
        assert operation["summary"], where
        declared = {one["name"] for one in item.get("parameters", ()) if one["in"] == "path" and one["required"]}
        assert declared == set(re.findall(r"{(\w+)}", path)), where
        assert operation["responses"], where
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d", status), where
            assert response.get("$ref") or response["description"], where


def test_what_ended_is_marked_with_its_headers_and_what_lives_is_not(openapi):
    for path, method, _, operation in operations(openapi):
        if any(path == f"/api/v2{read.path}" for read in READS):
            assert operation["deprecated"]
            [first, *_] = operation["responses"].values()
            assert {"Deprecation", "Sunset"} <= first["headers"].keys(), (path, method)
        else:
            assert "deprecated" not in operation
            assert "X-Successor-Operation" in operation["responses"]["200"]["headers"]


def test_what_only_says_that_it_ended_may_be_left_out(openapi):
    living = without_ended(openapi)
    assert {path for path, *_ in operations(living)} == set(living["paths"])
    kept = [operation for *_, operation in operations(living)]
    assert all("200" in operation["responses"] for operation in kept)
    assert len([*operations(openapi)]) - len(kept) == 58
    for reference in set(references(living)):
        node = living
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_a_read_is_named_by_the_operation_that_answers_it(openapi):
    named = {
        path: operation["operationId"]
        for path, method, _, operation in operations(openapi)
        if method == "get" and "200" in operation["responses"]
    }
    assert named == {f"/api/v2{read.path}": read.answer.operation.name for read in READS if isinstance(read, V2Read)}


def test_every_request_of_the_collection_translates_to_the_operation_that_it_names(openapi):
    made = collection(openapi, "https://facade.example/")
    translations = translate(json.dumps(made), refresh_path=REFRESH)

    assert made["variable"][0] == {"key": "baseUrl", "value": "https://facade.example"}
    assert [one.reason for one in translations] == [None] * len(translations)
    for one in translations:
        name = re.search(r"\((\w+)\)", one.source)[1]
        assert re.match(rf"(query|mutation) {name}\b", one.query), one.source
    # All that is answered: what has ended altogether would be no use in a collection.
    answered = [1 for *_, operation in operations(openapi) if "200" in operation["responses"]]
    assert len(translations) == len(answered) == 18


def test_the_collection_sends_logins_without_a_token(openapi):
    items = [one for folder in collection(openapi, "/")["item"] for one in folder["item"]]
    without = {one["name"] for one in items if one["request"].get("auth") == {"type": "noauth"}}
    assert {re.search(r"\((\w+)\)", name)[1] for name in without} == {"Login", "Refresh", "ClientLogin"}
