import json
import types
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from facade.assets import Assets, InventoryError, dump_inventory, dump_yaml, load_inventory
from facade.assets.files.inventory_file import dangling
from facade.assets.records import RECORD_TYPES, AddressRecord, CapacityRecord

SMALL = {
    "sites": [{"id": "site_1", "name": "Bay", "timezone": "America/Los_Angeles", "siteNumber": 1}],
    "buildings": [{"id": "building_1", "site_id": "site_1", "address": {"lines": ["1 Way"], "country": "US"}}],
    "floors": [{"id": "space_1", "building_id": "building_1", "tag_ids": ["tag_1"], "floorNumber": 2}],
    "rooms": [{"id": "room_1", "floor_id": "space_1", "capacity": {"max": 8}, "coordinates": [[0, 0], [4, 0]]}],
    "zones": [{"id": "zone_1", "floor_id": "space_1"}],
    "sensors": [
        {
            "id": "sensor_1",
            "mac_address": "00-17-0D-00-00-00-00-01",
            "room_id": "room_1",
            "zone_ids": ["zone_1"],
            "height": 2.7,
            "is_online": True,
        }
    ],
    "hives": [{"id": "hive_1", "serialNumber": "65fefe57f497d2f6", "floor_id": "space_1"}],
    "tags": [{"id": "tag_1", "name": "Quiet"}],
}


def refusal(path) -> str:
    with pytest.raises(InventoryError) as caught:
        load_inventory(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_json_and_yaml_say_the_same(write, as_lists):
    from_json = load_inventory(write("inventory.json", SMALL))
    from_yaml = load_inventory(write("inventory.yaml", yaml.safe_dump(SMALL)))
    assert as_lists(from_json) == as_lists(from_yaml)
    assert from_json.rooms["room_1"].capacity == CapacityRecord(max=8)
    assert from_json.buildings["building_1"].address == AddressRecord(lines=["1 Way"], country="US")
    assert from_json.sensors["sensor_1"].zone_ids == ("zone_1",)


def test_a_mac_is_written_as_butlr_writes_it(write):
    assets = load_inventory(write("inventory.json", SMALL))
    assert assets.sensors["sensor_1"].mac_address == "00-17-0d-00-00-00-00-01"
    assert assets.sensor_by_mac["00-17-0d-00-00-00-00-01"].id == "sensor_1"


def test_every_list_and_every_field_but_the_id_may_be_left_out(write, as_lists):
    assets = load_inventory(write("inventory.yaml", "sensors:\n  - id: sensor_1\nhives:\n"))
    assert as_lists(assets)["sensors"].keys() == {"sensor_1"}
    assert not load_inventory(write("empty.json", "{}")).sensors
    assert not load_inventory(write("empty.yaml", "")).sensors


def test_what_nobody_knows_is_passed_over(write):
    assets = load_inventory(write("a.json", {"sensors": [{"id": "sensor_1", "colour": "red"}], "gateways": [1]}))
    assert assets.sensors["sensor_1"].name is None


@pytest.mark.parametrize(
    ("kind", "record", "field", "value"),
    [
        ("sensors", {"sensor_id": "x", "floorID": "space_1"}, "floor_id", "space_1"),
        ("sensors", {"id": "x", "roomID": "room_1"}, "room_id", "room_1"),
        ("sensors", {"id": "x", "hiveID": "hive_1"}, "hive_id", "hive_1"),
        ("sensors", {"id": "x", "space_id": "space_1"}, "floor_id", "space_1"),
        ("floors", {"floor_id": "x", "buildingId": "building_1"}, "building_id", "building_1"),
        ("rooms", {"room_id": "x", "custom_id": "R-1"}, "customID", "R-1"),
        ("zones", {"id": "x", "roomID": "room_1"}, "room_id", "room_1"),
        ("buildings", {"id": "x", "butlrCode": "B"}, "butlr_code", "B"),
        ("buildings", {"id": "x", "buildingNumber": 3}, "building_number", 3),
        ("sites", {"id": "x", "butlr_code": "S"}, "butlrCode", "S"),
        ("hives", {"id": "x", "serial_number": "s"}, "serialNumber", "s"),
        ("hives", {"id": "x", "is_online": False}, "isOnline", False),
    ],
)
def test_either_spelling_of_a_field_is_read(write, kind, record, field, value):
    assets = load_inventory(write("a.json", {kind: [record]}))
    assert getattr(getattr(assets, kind)["x"], field) == value


def test_an_empty_text_says_nothing_and_so_hides_no_other_spelling(write):
    assets = load_inventory(write("a.json", {"sensors": [{"id": "x", "floor_id": "", "floorID": "space_1"}]}))
    assert assets.sensors["x"].floor_id == "space_1"


def test_a_wrong_value_in_json_is_named_with_its_line(write):
    broken = {**SMALL, "sensors": [{"id": f"sensor_{i}", "note": 'a "}" in text', "height": 2} for i in range(4)]}
    broken["sensors"][3]["height"] = "high"
    path = write("inventory.json", broken)
    line = path.read_text().split("\n").index('   "height": "high"') + 1
    assert refusal(path) == f'inventory.json:{line}: sensors[3].height: expected a number, got "high"'


YAML = """\
# by hand
sensors:
  - id: sensor_1
  - id: sensor_2
    height: high
"""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", YAML, 'a.yaml:5: sensors[1].height: expected a number, got "high"'),
        ("a.yaml", "rooms:\n - name: x\n", "a.yaml:2: rooms[0]: its id is missing"),
        ("a.yaml", "rooms:\n - id: 12\n", "a.yaml:2: rooms[0].id: expected text, got 12; put it in quotes"),
        ("a.yaml", "rooms: [{id: a, tag_ids: [t, 3]}]", None),
        (
            "a.json",
            '{"sensors":\n [{"id": "a",\n "floorID": 7}]}',
            "a.json:3: sensors[0].floorID: expected text, got 7",
        ),
        ("a.json", '{"rooms": [\n{"id": "a", "capacity":\n {"max": "x"}}]}', "a.json:3: rooms[0].capacity.max: expect"),
        (
            "a.json",
            '{"rooms": [{"id": "a"},\n {"id": "b"},\n {"id": "a"}]}',
            "a.json:3: rooms[2]: a is the id of rooms",
        ),
        ("a.json", '{"rooms": {}}', "a.json:1: rooms: expected a list of records"),
        ("a.json", '{"rooms": ["room_1"]}', 'a.json:1: rooms[0]: expected an object, got "room_1"'),
        ("a.json", '{"sensor": []}', "a.json:1: it has none of the lists of an inventory (sites, "),
        ("a.json", "3", "a.json:1: expected an object with lists (sites, "),
        ("a.json", '{"rooms": [\n}', "a.json:2: not JSON: "),
        ("a.yaml", "rooms: [\n - {", "a.yaml:2: not YAML: "),
        ("a.yaml", "rooms: []\nrooms: []", "a.yaml:2: not YAML: rooms is a duplicate; merge the two"),
        ("a.csv", "name\nx\n", "a.csv:1: not a table of sensors: no column is named id"),
        ("a.csv", "id,height\na,2\n\nb,high\n", 'a.csv:4: sensors[1].height: expected a number, got "high"'),
        ("a.csv", "id,name\na,b,c\n", "a.csv:2: not a table of sensors: 3 cells, but 2 columns"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_field(write, name, text, said):
    message = refusal(write(name, text))
    assert message.startswith(said or "a.yaml:1: rooms[0].tag_ids[1]: expected text, got 3")


def test_a_missing_file_is_named(tmp_path):
    assert refusal(tmp_path / "no.json") == "no.json: No such file or directory; name an inventory that can be read"


def test_a_file_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes("rooms: [{id: r, name: Küche}]".encode("latin-1"))
    assert refusal(path) == "a.yaml: not text in UTF-8; save it as UTF-8"


def test_references_to_what_is_not_there_are_told_and_read_all_the_same(write):
    lists = {**SMALL, "sensors": [{"id": "s", "room_id": "room_9", "zone_ids": ["zone_1", "zone_2"]}], "hives": []}
    lists["sensors"][0]["hive_id"] = "hive_9"
    assets = load_inventory(write("a.json", lists))
    assert assets.sensors["s"].room_id == "room_9"
    # There are no hives at all: another source knows them.
    assert list(dangling(assets)) == ["s: no room_9 in rooms", "s: no zone_2 in zones"]


def test_a_csv_holds_sensors(write):
    text = (
        "\ufeffid,MAC_Address,Height,is_online,zone_ids,orientation,last_heartbeat,floorID,name,metadata\r\n"
        'sensor_1,00170D0000000001,2.7,TRUE,zone_1;zone_2,0 0 90,1700000000,space_1,"A, ""B""",\r\n'
        'sensor_2,,3,false,,,,,12,"{""created_at"": 5}"\r\n'
    )
    assets = load_inventory(write("sensors.csv", text))
    one, two = assets.sensors["sensor_1"], assets.sensors["sensor_2"]
    assert one.mac_address == "00-17-0d-00-00-00-00-01"
    assert (one.height, one.is_online, one.last_heartbeat) == (2.7, True, 1700000000)
    assert (one.zone_ids, one.orientation, one.floor_id, one.name) == (
        ("zone_1", "zone_2"),
        [0, 0, 90],
        "space_1",
        'A, "B"',
    )
    assert (two.mac_address, two.height, two.is_online, two.zone_ids, two.name) == (None, 3, False, None, "12")
    assert two.metadata.created_at == 5


def test_a_csv_may_be_separated_by_semicolons(write):
    assets = load_inventory(write("sensors.csv", "id;height;center\nsensor_1;2.5;1.0, 2.0\n"))
    assert (assets.sensors["sensor_1"].height, assets.sensors["sensor_1"].center) == (2.5, [1.0, 2.0])


def test_a_folder_is_its_files_put_together(write, tmp_path, as_lists):
    write("site/1-sensors.csv", "id,name\nsensor_1,By hand\n")
    write("site/2.json", {"sensors": [{"id": "sensor_1", "name": "Other", "height": 2}], "rooms": [{"id": "room_1"}]})
    write("site/notes.txt", "nothing of it")
    write("site/.hidden.json", "{")
    assets = load_inventory(tmp_path / "site")
    assert assets.sensors["sensor_1"].name == "By hand"
    assert assets.sensors["sensor_1"].height == 2
    assert "room_1" in assets.rooms


def test_a_folder_without_files_is_an_error(tmp_path):
    (tmp_path / "none").mkdir()
    assert "a folder without .json" in refusal(tmp_path / "none")


def values(type_: Any) -> st.SearchStrategy[Any]:
    """Anything a field of this type may hold and a file can say."""
    if type_ is str:
        # "" says nothing, as upstream.
        return st.text(min_size=1)
    if type_ is int:
        return st.integers(-(2**53), 2**53)
    if type_ is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if type_ is bool:
        return st.booleans()
    if type_ is Any:
        return st.recursive(
            st.booleans() | values(int) | values(float) | values(str),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=5,
        )
    if get_origin(type_) in (list, tuple):
        return st.lists(values(get_args(type_)[0]), max_size=3).map(get_origin(type_))
    if get_origin(type_) in (Union, types.UnionType):
        return st.one_of(*(values(arm) for arm in get_args(type_) if arm is not type(None)))
    if issubclass(type_, msgspec.Struct):
        return structs(type_)
    raise AssertionError(type_)


MACS = st.binary(min_size=8, max_size=8).map(lambda octets: octets.hex("-"))


def structs(type_: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(type_)
    optional = {name: MACS if name == "mac_address" else values(hint) for name, hint in hints.items() if name != "id"}
    required = {"id": values(str)} if "id" in hints else {}
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: type_(**fields))


inventories = st.fixed_dictionaries(
    {
        kind: st.lists(structs(type_), max_size=2).map(lambda records: {record.id: record for record in records})
        for kind, type_ in RECORD_TYPES.items()
    }
)


@settings(deadline=None)
@given(inventories)
def test_what_is_dumped_is_read_as_it_was(tmp_path_factory, lists):
    folder = tmp_path_factory.getbasetemp()
    dumped = dump_inventory(Assets(**lists))
    as_json, as_yaml = folder / "dumped.json", folder / "dumped.yaml"
    as_json.write_text(json.dumps(dumped, ensure_ascii=False), encoding="utf-8")
    as_yaml.write_text(dump_yaml(dumped), encoding="utf-8")
    for path in (as_json, as_yaml):
        read = load_inventory(path)
        assert {kind: getattr(read, kind) for kind in RECORD_TYPES} == lists


def test_a_dump_is_sorted_and_holds_what_is_known_only():
    assets = Assets(rooms={id_: RECORD_TYPES["rooms"](id=id_) for id_ in ("b", "a")})
    assert dump_inventory(assets)["rooms"] == [{"id": "a"}, {"id": "b"}]


def test_ten_thousand_sensors_and_two_thousand_rooms_load_in_linear_time(write, steps):
    sensors = [
        {
            **SMALL["sensors"][0],
            "id": f"sensor_{i}",
            "mac_address": i.to_bytes(8).hex("-"),
            "center": [1.5, i],
            "name": f"S {i}",
        }
        for i in range(10_000)
    ]
    path = write("a.json", {"sensors": sensors, "rooms": [{**SMALL["rooms"][0], "id": f"r{i}"} for i in range(2000)]})
    assert len(load_inventory(path).sensors) == 10_000
    few = write("few.json", {"sensors": sensors[:500]})
    many = write("many.json", {"sensors": sensors[:4_000]})
    with steps() as of_few:
        load_inventory(few)
    with steps() as of_many:
        load_inventory(many)
    assert of_many.lines < 8 * 1.5 * of_few.lines


@pytest.mark.parametrize("levels", [63, 600, 1000, 1023, 5000])
def test_json_that_nests_deep_is_one_line(write, levels):
    for text in (
        "[" * levels + "]" * levels,
        '{"sensors":[{"id":"a","name":%s}]}' % ('{"a":' * levels + "1" + "}" * levels),
    ):
        with pytest.raises(InventoryError) as raised:
            load_inventory(write("inventory.json", text))
        assert "\n" not in str(raised.value)
