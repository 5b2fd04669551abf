import pytest

from facade.web.compression import coding_of


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, br, zstd", "br"),
        ("zstd, gzip", "zstd"),
        ("br;q=0.5, zstd", "zstd"),
        ("gzip;q=0", "identity"),
        ("gzip;level=3;q=0", "identity"),
        ("*;q=0", "identity"),
        ("gzip;q=nan", "identity"),
        ("*", "br"),
        ("", "identity"),
    ],
)
def test_the_coding_is_the_one_that_the_client_prefers(accepted, coding):
    assert coding_of(accepted) == coding
