"""The lists of assets beside an export."""

import csv
import json
from pathlib import Path

import pytest

from facade.assets import load_inventory
from facade.cli.export_files import write_assets
from facade.export import Format

INVENTORY = {
    "rooms": [
        {"id": "room_1", "name": "=A", "capacity": {"max": 8}, "tag_ids": ["tag_1", "tag_2"], "pir_zero_enable": False},
        {"id": "room_2", "name": "+B", "coordinates": [[0, 0], [4, 0]], "tag_ids": []},
        {"id": "room_3", "name": "-C"},
        {"id": "room_4", "name": "@D"},
    ],
    "sensors": [{"id": "sensor_1", "zone_ids": ["zone_1"], "is_online": True, "height": 2.5}],
}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps(INVENTORY))
    write_assets(tmp_path / "beside", load_inventory(inventory), Format.csv)
    return tmp_path / "beside"


def test_csv_has_lists_and_truth_as_json(written: Path) -> None:
    assert sorted(path.name for path in written.iterdir()) == ["rooms.csv", "sensors.csv"]
    with (written / "rooms.csv").open(newline="") as file:
        rooms = list(csv.DictReader(file))
    assert [row["tag_ids"] for row in rooms] == ['["tag_1","tag_2"]', "[]", "", ""]
    assert [row["pir_zero_enable"] for row in rooms] == ["false", "", "", ""]
    assert json.loads(rooms[0]["capacity"]) == {"max": 8}
    with (written / "sensors.csv").open(newline="") as file:
        [sensor] = csv.DictReader(file)
    assert (sensor["zone_ids"], sensor["is_online"], sensor["height"]) == ('["zone_1"]', "true", "2.5")


def test_spreadsheets_run_no_name_of_an_asset(written: Path) -> None:
    with (written / "rooms.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["'=A", "'+B", "'-C", "'@D"]
