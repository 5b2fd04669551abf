from pathlib import Path

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
