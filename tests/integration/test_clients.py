"""Client programs as people use them, each with the settings that docs/clients.md gives for it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from graphql import get_introspection_query

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests" / "clients"
PAGE = (ROOT / "docs" / "clients.md").read_text()
# An environment of their own: `make clients`.
OWN = ROOT / ".make" / "clients" / "bin"
SHOWN = ("connection.js", "cache.js", "apollo.js", "urql.js", "relay.js", "graphiql.js", "codegen.js")
PATIENCE = 180.0
DEFERRING = ("apollo-4-current", "apollo-4-20220824", "apollo-3", "urql", "graphiql")
START = "2024-05-01T00:00:00Z"
PLAIN = "{ rooms { data { __typename id name floor { __typename id name } } } }"


def block(language: str, begins: str) -> str:
    """The one block of the page in a language that begins so."""
    found = [
        text
        for text in re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
        if text.startswith(begins)
    ]
    assert len(found) == 1, (language, begins)
    return str(found[0])


@pytest.fixture(scope="module")
def node(npm_project: Callable[[Path], str]) -> str:
    return npm_project(CLIENTS)


@pytest.fixture(scope="module")
def deferring(launch: Any, sandbox_process: Any) -> Any:
    return launch.facade(sandbox_process.url, FACADE_INCREMENTAL="true")


@pytest.fixture(scope="module")
def generated(node: str, launch: Any, sandbox_process: Any) -> Any:
    """A facade that trusts what codegen and Relay's compiler wrote into their manifests, and nothing else."""
    folder = CLIENTS / "generated"
    folder.mkdir(exist_ok=True)
    printed = run([sys.executable, "-m", "facade", "schema", "--api"], ROOT)
    (folder / "schema.graphql").write_text(printed)
    # The compiler adds to the manifest what it writes artefacts for, and those that are there it leaves.
    shutil.rmtree(CLIENTS / "relay" / "__generated__", ignore_errors=True)
    (folder / "relay.json").write_text("{}")
    run(
        [node, "node_modules/@graphql-codegen/cli/cjs/bin.js", "--config", "codegen.js"],
        SCHEMA=str(folder / "schema.graphql"),
    )
    run([node, "node_modules/relay-compiler/cli.js"])
    manifests = [json.loads((folder / name).read_text()) for name in ("persisted-documents.json", "relay.json")]
    (folder / "manifest.json").write_text(json.dumps(manifests[0] | manifests[1]))
    return launch.facade(sandbox_process.url, FACADE_TRUSTED_DOCUMENTS=str(folder / "manifest.json"))


def run(command: list[str], folder: Path = CLIENTS, **environment: str) -> str:
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def checked(node: str, client: str, facade: Any, token: str, **variables: Any) -> Any:
    given = json.dumps({"start": START, "every": "1h", **variables})
    said = run([node, "check.js", client, given], FACADE_URL=f"{facade.url}/graphql", BUTLR_TOKEN=token)
    return json.loads(said)


@pytest.mark.parametrize("name", SHOWN)
def test_the_page_shows_what_is_run(name: str) -> None:
    assert block("js", f"// {name}\n") == (CLIENTS / name).read_text()
    assert (CLIENTS / "relay.config.json").read_text() in PAGE


@pytest.mark.parametrize("client", DEFERRING)
def test_an_operation_with_defer_comes_to_its_end(node: str, deferring: Any, token: str, client: str) -> None:
    outcome = checked(node, client, deferring, token, start="-2h")
    expected = deferring.data(PLAIN, token=token)["rooms"]["data"]

    if client == "graphiql":
        assert outcome["results"] > 1
        assert outcome["data"][-1]["hasNext"] is False
        assert "pending" in outcome["data"][0]
        return
    assert outcome["data"]["rooms"]["data"] == expected
    assert outcome["data"]["report"]["freshness"]["partial"] in (True, False)
    assert len(expected) > 1
    if client in ("apollo-4-current", "urql"):
        assert outcome["results"] > 1


def test_apollos_cache_finds_assets_by_id_and_joins_pages(node: str, deferring: Any, token: str) -> None:
    outcome = checked(node, "apollo-cache", deferring, token, start="-2d")

    assert outcome == {"data": {"one": True, "rows": 10}, "warned": []}


def test_relay_pages_a_connection_by_a_document_of_its_manifest(node: str, generated: Any, token: str) -> None:
    outcome = checked(node, "relay", generated, token, start="-2d")

    assert outcome == {"data": {"first": 5, "next": 10}, "warned": []}


def test_the_client_preset_makes_documents_that_run_by_their_hash(node: str, generated: Any, token: str) -> None:
    outcome = checked(node, "codegen", generated, token, start="-2h")

    assert "errors" not in outcome
    assert outcome["data"]["rooms"]["data"]
    written = (CLIENTS / "generated" / "graphql.ts").read_text()
    assert "unknown" in written
    assert "string | number" in written


@pytest.mark.parametrize("name", ["gql", "pandas"])
def test_python_clients(deferring: Any, token: str, name: str) -> None:
    said = run(
        [sys.executable, "-c", block("python", f"# {name}\n")], FACADE_URL=f"{deferring.url}/graphql", BUTLR_TOKEN=token
    )

    assert int(said) > 1


def test_ariadne_codegen_writes_a_client_that_works(generated: Any, deferring: Any, token: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(block("toml", "[tool.ariadne-codegen]"))
    (tmp_path / "schema.graphql").write_text((CLIENTS / "generated" / "schema.graphql").read_text())
    (tmp_path / "documents").symlink_to(CLIENTS / "documents")
    run([str(OWN / "ariadne-codegen")], tmp_path)
    script = """
import asyncio, os
from butlr_client import Client
async def main():
    headers = {"Authorization": "Bearer " + os.environ["BUTLR_TOKEN"]}
    async with Client(os.environ["FACADE_URL"], headers=headers) as client:
        print(len((await client.rooms_of(start="-2h", every="1h")).rooms.data))
asyncio.run(main())
"""
    said = run([str(OWN / "python"), "-c", script], tmp_path, FACADE_URL=f"{deferring.url}/graphql", BUTLR_TOKEN=token)
    assert int(said) > 1


def test_sgqlc_reads_the_schema_and_asks(deferring: Any, token: str, tmp_path: Path) -> None:
    schema = deferring.data(get_introspection_query(), token=token)
    (tmp_path / "schema.json").write_text(json.dumps({"data": schema}))
    run([str(OWN / "sgqlc-codegen"), "schema", "schema.json", "butlr_schema.py"], tmp_path)
    script = """
import os
from sgqlc.endpoint.http import HTTPEndpoint
from sgqlc.operation import Operation
from butlr_schema import butlr_schema
endpoint = HTTPEndpoint(os.environ["FACADE_URL"], {"Authorization": "Bearer " + os.environ["BUTLR_TOKEN"]})
operation = Operation(butlr_schema.Query)
operation.rooms().data().__fields__("id", "name")
print(len((operation + endpoint(operation)).rooms.data))
"""
    said = run([str(OWN / "python"), "-c", script], tmp_path, FACADE_URL=f"{deferring.url}/graphql", BUTLR_TOKEN=token)
    assert int(said) > 1


def test_grafanas_jsonata_makes_a_row_of_every_point(node: str, deferring: Any, token: str, tmp_path: Path) -> None:
    body = json.loads(
        block("text", '{"query"').replace("${__from}", "1714521600000").replace("${__to}", "1714564800000")
    )
    answer = deferring.post(body["query"], body["variables"], token=token).json()
    program = (
        'import jsonata from "jsonata"; const [line, answer] = process.argv.slice(1);'
        "console.log(JSON.stringify(await jsonata(line).evaluate(JSON.parse(answer))));"
    )
    said = run([node, "--input-type=module", "-e", program, block("jsonata", "data."), json.dumps(answer)])
    series = answer["data"]["report"]["series"]
    assert [(row["sensor"], row["time"], row["value"]) for row in json.loads(said)] == [
        (one["sensor_id"], time, value)
        for one in series
        for time, value in zip(one["times"], one["values"], strict=True)
    ]
    assert series
