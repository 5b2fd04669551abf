"""The campus that a sandbox has unless told otherwise: sites around the world, one of which never sleeps."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.sandbox import SandboxConfig
from facade.sandbox.construction import build_campus
from facade.sandbox.people import People

MONDAY = int(datetime.fromisoformat("2026-03-30T00:00:00Z").timestamp())
MINUTE, DAY = 60, 86_400
SITES = SandboxConfig().sites
CAMPUS = build_campus(SandboxConfig().sensors, sites=SITES)
PEOPLE = People(CAMPUS, 1)
TERMINAL = next(floor for floor in CAMPUS.floors if PEOPLE._overlaps(floor))
# The week after clocks were changed in Sydney holds its change back, on Sunday 5 April.
MOMENTS = st.integers(MONDAY, MONDAY + 7 * DAY)


def test_its_sites_are_on_several_continents_and_one_has_hours_that_begin_at_half_past():
    zones = {site.timezone for site in CAMPUS.sites}

    assert {zone.split("/")[0] for zone in zones} >= {"America", "Europe", "Asia"}
    assert any(ZoneInfo(zone).utcoffset(datetime(2026, 1, 1)).seconds % 3600 for zone in zones)  # noqa: DTZ001
    with_floors = {CAMPUS.site_of_floor(floor).id for floor in CAMPUS.floors if CAMPUS.rooms_of_floor[floor.id]}
    assert with_floors == {site.id for site in CAMPUS.sites}


@pytest.mark.parametrize("sensors", [3, 12, 25, 60, 200])
def test_at_every_minute_of_the_week_some_rooms_are_busy(sensors):
    campus = build_campus(sensors, sites=SITES)
    people = People(campus, 1)
    steps = [people.occupancy(room, MONDAY, MONDAY + 7 * DAY) for room in campus.rooms]

    for moment in range(MONDAY, MONDAY + 7 * DAY, MINUTE):
        assert any(step.at(moment) for step in steps), moment


def test_the_first_presence_sensors_are_those_of_the_site_that_never_sleeps():
    first = [sensor for sensor in CAMPUS.sensors if sensor.mode == "presence"][:20]

    assert {sensor.floor_id for sensor in first} == {TERMINAL.id}


@pytest.mark.parametrize("sensors", [3, 20, 25, 60, 200, 1000])
def test_it_has_as_many_sensors_as_asked_for_and_no_site_without_rooms(sensors):
    campus = build_campus(sensors, sites=SITES)

    assert len(campus.sensors) == sensors
    assert all(
        any(campus.site_of_floor(campus.floor[room.floor_id]) is site for room in campus.rooms) for site in campus.sites
    )


@given(MOMENTS)
def test_whoever_came_into_the_terminal_and_has_not_gone_out_is_there(moment):
    before = MONDAY - 2 * DAY
    entrances = [sensor for sensor in CAMPUS.sensors_of[TERMINAL.id] if sensor.is_entrance]
    change = sum(
        len(crossing.ins) - len(crossing.outs)
        for crossing in (PEOPLE.crossings(sensor, before + 1, moment + 1) for sensor in entrances)
    )

    assert PEOPLE.occupancy_at(TERMINAL, moment) == PEOPLE.occupancy_at(TERMINAL, before) + change


@given(MOMENTS)
def test_what_is_asked_of_the_terminal_is_the_same_from_wherever_one_asks(moment):
    week = PEOPLE.occupancy(TERMINAL, MONDAY, MONDAY + 7 * DAY)
    sensors = [sensor for sensor in CAMPUS.sensors_of[TERMINAL.id] if sensor.mode == "presence"]

    assert PEOPLE.occupancy_at(TERMINAL, moment) == week.at(moment)
    stays = [stay for sensor in sensors for stay in PEOPLE.stays(sensor, moment, moment + 1) if stay.start <= moment]
    assert len(stays) == len({stay.person for stay in stays})
    assert len(stays) == sum(PEOPLE.occupancy_at(sensor, moment) for sensor in sensors)
