from __future__ import annotations

import pytest

from facade.assets.webhooks import QUERY, decode
from facade.butlr import InvalidResponse, Unauthenticated, UpstreamUnavailable


def test_what_a_webhook_lacks_is_null_and_what_is_new_is_passed_over():
    [webhook] = decode(b'{"data":{"webhooks":[{"id":"w","event_types":["TRAFFIC"],"novel":1}]}}')
    assert (webhook.id, webhook.event_types, webhook.endpoint_config) == ("w", ["TRAFFIC"], None)


def test_secrets_are_not_asked_for():
    assert "value" not in QUERY.replace("send_on_value_change", "")
    assert "password" not in QUERY


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"errors":[{"message":"no","extensions":{"code":"UNAUTHENTICATED"}}]}', Unauthenticated),
        (b'{"data":null,"errors":[{"message":"no"}]}', UpstreamUnavailable),
        (b'{"data":{"webhooks":[{"name":"no id"}]}}', InvalidResponse),
        (b"<html>", InvalidResponse),
        (b"[]", InvalidResponse),
    ],
)
def test_an_answer_without_webhooks_is_a_typed_error(body, error):
    with pytest.raises(error):
        decode(body)


def test_none_is_an_empty_list():
    assert decode(b'{"data":{"webhooks":[]}}') == []
    assert decode(b'{"data":{"webhooks":null}}') == []
