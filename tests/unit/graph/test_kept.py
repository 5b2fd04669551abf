"""Kept documents and selections stay within their bounds, also if there are thousands."""

import gc
import tracemalloc

import pytest
from graphql import GraphQLString

from facade.butlr.rows import Row
from facade.execution.documents import Documents
from facade.execution.engine import Engine
from facade.execution.projection import BYTES_A_FIELD, Compiled
from facade.execution.record_selection import RecordSelection, SelectedField
from facade.graph.build import build_schema
from facade.graph.record_fields import RecordShape

FIELDS = 25


@pytest.fixture(scope="module")
def engine():
    return Engine(build_schema())


def selection(number):
    fields = [SelectedField(f"a{number}_{at}", "sensor_id", GraphQLString) for at in range(FIELDS)]
    return RecordSelection("ReportRow", RecordShape((Row,)), tuple(fields))


@pytest.mark.parametrize("written", [False, True])
def test_compiled_selections_are_bounded_by_bytes(written):
    compiled = Compiled(kept=10 * FIELDS * BYTES_A_FIELD)
    for number in range(12):
        compiled(selection(number), written=written)
    gc.collect()
    tracemalloc.start()
    gc.disable()
    try:
        for number in range(100, 160):
            compiled(selection(number), written=written)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        gc.enable()
        tracemalloc.stop()
    # What is kept, and as much that has gone and is not collected yet.
    assert held < 2.5 * 10 * FIELDS * BYTES_A_FIELD


def test_the_same_selection_is_compiled_once():
    compiled = Compiled()
    assert compiled(selection(1)) is compiled(selection(1))
    assert compiled(selection(1)) is not compiled(selection(1), written=True)


def test_a_document_takes_no_more_than_is_reckoned(engine):
    """By what it takes, parsed and validated; so that the bound is one of bytes."""
    selections = [" ".join(f"a{number}_{at}: time" for at in range(FIELDS)) for number in range(20)]
    texts = [
        f'query {{ report(filter: {{start: "-1h", measurements: [presence]}}) {{ rows {{ {each} }} }} }}'
        for each in selections
    ]
    reckoned = Documents(engine._document)
    reckoned(texts[0])
    gc.collect()
    tracemalloc.start()
    try:
        for text in texts[1:]:
            reckoned(text)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < reckoned.used
