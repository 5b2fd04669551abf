from __future__ import annotations

import orjson
import pytest

from facade.butlr import Forbidden, Unauthenticated
from facade.butlr.native import raise_refusal


def body(code, data=None):
    return orjson.dumps({"data": data, "errors": [{"message": "no", "extensions": {"code": code}}]})


def test_a_token_refused_beside_data_is_refused():
    with pytest.raises(Unauthenticated):
        raise_refusal(body("UNAUTHENTICATED", {"rooms": {"data": [{"id": "room_1"}]}}), "/graphql")


def test_only_an_answer_without_records_is_forbidden_as_a_whole():
    with pytest.raises(Forbidden):
        raise_refusal(body("FORBIDDEN", {"rooms": {"data": []}, "tags": None}), "/graphql")
    raise_refusal(body("FORBIDDEN", {"rooms": {"data": [{"id": "room_1"}]}, "hives": None}), "/graphql")
    raise_refusal(body("FORBIDDEN", {"tags": [{"id": "tag_1"}]}), "/graphql")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b'["errors"]',
        b'{"errors": 7}',
        b'{"errors": [7, {"extensions": []}, {"extensions": {"code": 7}}]}',
        b'{"errors": [{"extensions": {"code": "FORBIDDEN"}}], "data": "\xff"}',
        b'{"data": ' + b"[" * 100_000 + b', "errors": []}',
        b'{"errors": ' + b"[" * 100_000,
    ],
)
def test_any_other_answer_is_left_to_its_decoder(answer):
    raise_refusal(answer, "/graphql")
