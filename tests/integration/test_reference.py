"""The served documents of the REST API, and the answers that they describe."""

import pytest

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


@pytest.fixture(scope="module")
def openapi(facade):
    answer = facade.request("GET", "/api/openapi.json?ended=true")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


@pytest.fixture(scope="module")
def misfits(openapi):
    """Says where a value does not fit a schema; knows the words that the document uses."""

    def find(value, schema, at="$"):
        if "$ref" in schema:
            return find(value, openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]], at)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                tried = [list(find(value, one, at)) for one in schema[word]]
                fitting = sum(not one for one in tried)
                return (
                    []
                    if fitting == 1 or (fitting and word == "anyOf")
                    else [at, *(one for found in tried for one in found)]
                )
        found = []
        names = schema.get("type", list(TYPES))
        names = [names] if isinstance(names, str) else names
        if not any(isinstance(value, TYPES[name]) and not (value is True and name != "boolean") for name in names):
            return [f"{at} is no {names}"]
        if "enum" in schema and value not in schema["enum"]:
            found.append(f"{at}: {value}")
        if isinstance(value, dict):
            found += [f"{at}.{name}" for name in schema.get("required", ()) if name not in value]
            known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
            for name, part in value.items():
                found += find(part, known.get(name, others), f"{at}.{name}")
        if isinstance(value, list) and "items" in schema:
            for number, part in enumerate(value):
                found += find(part, schema["items"], f"{at}[{number}]")
        return found

    return find


def of(openapi, path, method="get", status="200"):
    return openapi["paths"][path][method]["responses"][status]


def schema(answer):
    return answer["content"]["application/json"]["schema"]


@pytest.fixture
def ids(sandbox):
    campus = sandbox.campus()
    sensor = next(one for one in campus["sensors"] if one["mode"] == "presence" and one["room_id"])
    return {
        "space": sensor["floor_id"],
        "rooms": sensor["room_id"],
        "sensors": sensor["id"],
        "hives": sensor["hive_id"],
    }


def test_every_v2_answer_is_as_the_document_says(facade, openapi, misfits, ids, token):
    read = 0
    for path, item in openapi["paths"].items():
        if "200" not in item.get("get", {}).get("responses", {}):
            continue
        asked = path.replace("{space}", ids["space"])
        asked = asked.replace("{id}", ids.get(asked.split("/")[-2], ""))
        answer = facade.request("GET", asked, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, asked
        assert misfits(answer.json(), schema(of(openapi, path))) == [], asked
        assert answer.json()["data"], asked
        assert {name.lower() for name in of(openapi, path)["headers"]} <= set(answer.headers), asked
        read += 1
    assert read == 12


def test_every_living_answer_is_as_the_document_says(facade, openapi, misfits, sandbox, ids, token, at_work):
    span = at_work()
    asked = {
        "/api/v3/reporting": [
            {"filter": {**span, "measurements": ["presence"]}, **more}
            for more in (
                {"window": {"every": "5m"}},
                {"group_by": {"order": ["room_id", "field"]}},
                {"window": {"every": "5m"}, "group_by": {"order": ["room_id", "time"], "raw": True}},
            )
        ],
        "/api/v3/detections": [{"data_types": ["detections_local"], "filter": {**span, "room_id": ids["rooms"]}}],
        "/api/v4/reporting/stats": [{"measurements": ["occupancy_avg_presence"], "items": [ids["rooms"]], **span}],
        "/api/v2/login": [{"username": "demo@example.com", "password": "demo-password"}],
    }
    for path, bodies in asked.items():
        content = openapi["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert misfits(content["example"], content["schema"]) == []
        for body in bodies:
            assert misfits(body, content["schema"]) == []
            answer = facade.request("POST", path, json=body, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200, answer.text
            said = of(openapi, path, "post")
            assert answer.json() not in ({}, {"data": []}, {"data": {}})
            assert misfits(answer.json(), schema(said)) == []
            assert {name.lower() for name in said["headers"]} <= set(answer.headers), path


def test_refusals_are_as_the_document_says(facade, openapi, misfits):
    for method, path, status in (
        ("get", "/api/v2/spaces/{space}/fixtures", "410"),
        ("post", "/api/v2/sensors", "405"),
        ("post", "/api/v2/spaces/{space}/fixtures", "405"),
        ("get", "/api/v2/hives/{id}", "401"),
    ):
        answer = facade.request(method.upper(), path)
        said = of(openapi, path, method, status)
        said = openapi["components"]["responses"][status] if "$ref" in said else said
        assert str(answer.status_code) == status
        assert misfits(answer.json(), schema(said)) == []
        assert {name.lower() for name in said.get("headers", ())} <= set(answer.headers)


def test_the_schemas_refuse_what_is_none(openapi, misfits):
    session = schema(of(openapi, "/api/v2/login", "post"))
    assert misfits({"access_token": 5, "expires_in": 1}, session) == [
        "$.token_type",
        "$.access_token is no ['string']",
    ]


def test_the_collection_asks_the_facade_that_served_it(facade, openapi):
    made = facade.request("GET", "/api/postman.json").json()
    assert made["variable"][0] == {"key": "baseUrl", "value": facade.url}
    assert made["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert sum(len(folder["item"]) for folder in made["item"]) == 18


def test_the_document_leaves_out_what_only_says_that_it_ended(facade, openapi):
    served = facade.request("GET", "/api/openapi.json").json()
    answers = [
        operation["responses"]
        for item in served["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
    ]
    assert len(answers) == 18
    assert all("200" in responses for responses in answers)
    assert len(openapi["paths"]) > len(served["paths"])
