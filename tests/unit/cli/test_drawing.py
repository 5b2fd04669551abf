"""Series drawn with characters."""

from facade.cli.drawing import Drawn, draw, series_of


def times(count):
    return [f"2026-01-05T{hour:02}:00:00Z" for hour in range(count)]


def rooms(count, values=(0, 2, 4)):
    return {
        "rooms": {
            "data": [
                {
                    "name": f"Room {at}",
                    "report": {
                        "series": [{"measurement": "presence", "times": times(len(values)), "values": list(values)}]
                    },
                }
                for at in range(count)
            ]
        }
    }


def test_each_series_has_the_nearest_name_and_what_it_measures():
    assert [one.label for one in series_of(rooms(2))] == ["Room 0 presence", "Room 1 presence"]


def test_rows_make_a_series_for_each_asset_that_they_name():
    rows = [{"time": time, "value": at, "room": {"name": f"Room {at % 2}"}} for at, time in enumerate(times(4))]
    found = {one.label: [value for _, value in one.points] for one in series_of({"report": {"rows": rows}})}
    assert found == {"Room 0": [0.0, 2.0], "Room 1": [1.0, 3.0]}


def test_few_series_are_a_step_chart_each():
    lines = [*draw([*series_of(rooms(1))], 60)]
    assert lines[0] == "Room 0 presence"
    assert lines[1].startswith("4 ┤")
    assert lines[8].startswith("0 ┤─")
    assert lines[1].rstrip().endswith("┌") or lines[1].rstrip().endswith("─")
    # From each level to the next there is a way.
    assert "".join(lines).count("┌") == 2
    assert max(map(len, lines)) <= 60


def test_many_series_are_a_strip_each_on_one_scale():
    lines = [*draw([*series_of(rooms(6, (0, 4)))], 60)]
    assert [line.split("  ")[0] for line in lines[:6]] == [f"Room {at} presence" for at in range(6)]
    assert all(line.endswith("█") and len(line) == 60 for line in lines[:6])
    assert lines[-1].startswith("6 series, from 0")


def test_many_strips_are_cut_in_the_middle_with_a_count_unless_all_are_asked_for():
    series = [*series_of(rooms(100))]
    assert "… 60 more, shown with --all …" in [*draw(series, 60)]
    assert len([*draw(series, 60, everything=True)]) == 102


def test_an_unknown_value_is_a_gap():
    lines = [*draw([*series_of(rooms(6, (1, None, 1)))], 40)]
    assert "·" in lines[0]


def test_names_that_a_terminal_would_obey_are_drawn_plain():
    data = {"room": {"name": "\x1b[31mRed\n", "report": {"times": times(2), "values": [1, 2]}}}
    assert all(line.isprintable() for line in draw([*series_of(data)], 60))


def test_an_answer_without_a_value_says_so():
    assert [*draw([Drawn("a", [])], 60)] == ["(no series with a value)"]
    assert [*draw([*series_of({"rooms": None})], 60)] == ["(no series with a value)"]
