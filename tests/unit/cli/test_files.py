import pytest

from facade.cli.failures import WrongUsage
from facade.cli.query import variables_of


def test_variables_of_a_file_may_begin_with_a_mark(tmp_path):
    file = tmp_path / "variables.json"
    file.write_bytes('{"name": "Küche"}'.encode("utf-8-sig"))
    assert variables_of(f"@{file}") == {"name": "Küche"}


def test_variables_of_a_file_in_utf_16_are_refused_by_its_name(tmp_path):
    file = tmp_path / "variables.json"
    file.write_bytes('{"name": "Küche"}'.encode("utf-16"))
    with pytest.raises(WrongUsage, match=r"variables\.json is not UTF-8 text"):
        variables_of(f"@{file}")
