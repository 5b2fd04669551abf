import re
from pathlib import Path

import pytest
from graphql import build_schema

from facade.cli.app import run

ROOT = Path(__file__).parents[3]


def test_schema_graphql_is_what_facade_schema_prints(capsys, monkeypatch, tmp_path):
    # Neither a `.env` file nor a setting of this shell may add to the schema.
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FACADE_EXTRA_MEASUREMENTS", raising=False)

    assert run(["schema"]) == 0

    printed = capsys.readouterr().out
    kept = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    assert kept == printed, "schema.graphql is not what `facade schema` prints: run `make schema`"
    assert printed == printed.rstrip() + "\n"


def test_the_schema_for_code_generators_is_without_what_federation_adds(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FACADE_EXTRA_MEASUREMENTS", raising=False)

    assert run(["schema", "--api"]) == 0

    api, whole = build_schema(capsys.readouterr().out), build_schema((ROOT / "schema.graphql").read_text())
    of_federation = set(whole.type_map) - set(api.type_map)
    assert {"_Any", "_Entity", "_Service"} <= of_federation
    assert all(name.startswith(("_", "link__", "federation__")) for name in of_federation)
    assert set(whole.query_type.fields) - set(api.query_type.fields) == {"_entities", "_service"}


@pytest.mark.parametrize("name", ["Time", "Duration"])
def test_a_scalar_of_ours_says_where_it_is_specified(name):
    url = build_schema((ROOT / "schema.graphql").read_text()).type_map[name].specified_by_url
    page, _, anchor = url.partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in [heading.lower().replace(" ", "-") for heading in headings]
