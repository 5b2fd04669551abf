"""Inventories as spreadsheets save them."""

import os

import pytest
from structlog.testing import capture_logs

from facade.assets import InventoryError, load_inventory
from facade.assets.macs import is_mac, normal_mac
from facade.assets.records import AreaRecord, CapacityRecord

MAC = "00-17-0d-00-00-6b-ab-cd"


@pytest.mark.parametrize(
    "header",
    ["id,MAC Address,Room ID", "Sensor ID,mac-address,room.id", "sensor_id,MAC,roomID", "ID , Mac_Address , ROOM ID"],
)
def test_headers_are_read_in_any_spelling(write, header):
    [sensor] = load_inventory(write("a.csv", f"{header}\nsensor_1,{MAC},room_1\n")).sensors.values()
    assert (sensor.id, sensor.mac_address, sensor.room_id) == ("sensor_1", MAC, "room_1")


def test_columns_that_nothing_is_read_from_are_named(write):
    path = write("a.csv", "id,Colour,Room ID,bought on\nsensor_1,red,room_1,May\n")
    with capture_logs() as logged:
        load_inventory(path)
    [warning] = logged
    assert warning["event"] == "inventory.unknown_columns"
    assert warning["columns"] == ["Colour", "bought on"]


@pytest.mark.parametrize(
    "spelling",
    [
        MAC,
        MAC.upper(),
        MAC.replace("-", ":"),
        MAC.replace("-", ""),
        MAC.replace("-", " "),
        "0017.0d00.006b.abcd",
        f"  {MAC} ",
    ],
)
def test_a_mac_in_any_spelling_is_one(write, spelling):
    assert is_mac(spelling)
    assert normal_mac(spelling) == MAC
    for name, text in (
        ("a.csv", f"id,mac_address\nsensor_1,{spelling}\n"),
        ("a.json", {"sensors": [{"id": "sensor_1", "mac_address": spelling}]}),
    ):
        assets = load_inventory(write(name, text))
        assert assets.sensors["sensor_1"].mac_address == MAC
        assert assets.sensor_by_mac[MAC].id == "sensor_1"


@pytest.mark.parametrize("text", ["1.70D+21", "1.7e+21", "00-17-0d-00-00-6b-ab", "sensor", "00-17-0d-00-00-6b-ab-zz"])
def test_what_is_no_mac_is_refused_where_it_stands(write, text):
    path = write("a.csv", f"id,MAC Address\nsensor_0,{MAC}\nsensor_1,{text}\n")
    with pytest.raises(InventoryError, match="expected a MAC address") as caught:
        load_inventory(path)
    assert "a.csv:3: sensors[1].MAC Address: " in str(caught.value)


def test_a_file_is_named_for_what_it_holds(write):
    path = write("rooms.csv", "Room ID,name,Floor ID,capacity,area,Tag IDs\nroom_1,Bay,space_1,8,20.5,tag_1 tag_2\n")
    [room] = load_inventory(path).rooms.values()
    assert (room.id, room.name, room.floor_id) == ("room_1", "Bay", "space_1")
    assert (room.capacity, room.area, room.tag_ids) == (
        CapacityRecord(max=8),
        AreaRecord(value=20.5),
        ("tag_1", "tag_2"),
    )
    assert load_inventory(write("Spaces.csv", "id,name\nspace_1,One\n")).floors["space_1"].name == "One"


def test_decimal_commas_with_semicolons(write):
    path = write("a.csv", 'id;name;height;center;zone_ids\nsensor_1;2,7;2,7;"1,5 2,25";zone_a,zone_b\n')
    [sensor] = load_inventory(path).sensors.values()
    assert (sensor.name, sensor.height, sensor.center) == ("2,7", 2.7, [1.5, 2.25])
    assert sensor.zone_ids == ("zone_a", "zone_b")


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_a_line_that_says_the_separator(write, first):
    path = write("a.csv", f"{first}\r\nid;height\r\nsensor_1;2,7\r\nsensor_2;high\r\n")
    with pytest.raises(InventoryError, match=r"a\.csv:4: "):
        load_inventory(path)
    path = write("a.csv", f"{first}\r\nid;height\r\nsensor_1;2,7\r\n")
    assert load_inventory(path).sensors["sensor_1"].height == 2.7


def test_a_saved_detail_of_v2_may_stand_alone(write):
    path = write("s.json", {"id": "sensor_1", "mac_address": MAC, "room": {"id": "room_1", "name": "Bay"}})
    assets = load_inventory(path)
    assert (assets.sensors["sensor_1"].room_id, assets.rooms["room_1"].name) == ("room_1", "Bay")
    assets = load_inventory(write("f.json", {"id": "space_1", "name": "One", "rooms": [{"id": "room_1"}]}))
    assert assets.rooms["room_1"].floor_id == "space_1"
    with pytest.raises(InventoryError, match="neither a sensor nor a hive nor a space"):
        load_inventory(write("x.json", {"id": "x"}))


def test_a_pipe_in_a_folder_is_passed_over(tmp_path, write):
    write("a.csv", "id\nsensor_1\n")
    os.mkfifo(tmp_path / "b.json")
    assert [*load_inventory(tmp_path).sensors] == ["sensor_1"]
