from facade.cache import Bounded


def test_the_least_recently_used_go_first():
    kept = Bounded(10)
    for name in "abc":
        kept.put(name, name.upper(), 3)
    assert kept.get("a") == "A"
    kept.put("d", "D", 4)
    assert [kept.get(name) for name in "abcd"] == ["A", None, "C", "D"]
    assert (kept.used, kept.evicted) == (10, 3)


def test_what_is_larger_than_the_bound_is_not_kept():
    kept = Bounded(10)
    kept.put("a", "A", 11)
    assert kept.get("a") is None
    assert kept.used == len(kept) == 0
