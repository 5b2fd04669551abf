"""Errors about answers that are too large name the export to use instead."""

import pytest

from facade.butlr import DETECTIONS_PATH, REPORTING_PATH, STATS_PATH, BadInput, ButlrError
from facade.butlr.http import too_large
from facade.loaders import with_export


@pytest.mark.parametrize(
    ("error", "export"),
    [
        (too_large(REPORTING_PATH, 1000), "`facade export report`"),
        (too_large(DETECTIONS_PATH, 1000), "`facade export detections`"),
        (too_large(STATS_PATH, 1000), None),
        (BadInput("No.", path=REPORTING_PATH), None),
    ],
    ids=["report", "detections", "statistics", "another error"],
)
def test_an_answer_that_is_too_large_names_the_export(error: ButlrError, export: str | None) -> None:
    says = with_export(error)
    assert says.startswith(str(error))
    assert ("facade export" in says) == (export is not None)
    assert (export or "") in says
