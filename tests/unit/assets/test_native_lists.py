from __future__ import annotations

import pytest

from facade.assets.native_lists import decode_list
from facade.assets.organizations import read_orgs
from facade.assets.webhooks import QUERY, WebhookRecord, read_webhooks
from facade.butlr import BadInput, Forbidden, InvalidResponse, Unauthenticated, UpstreamUnavailable

NATIVE = "/api/v3/graphql"


def refusal(code):
    return {"data": None, "errors": [{"message": "no", "extensions": {"code": code}}]}


def webhooks_in(body):
    return decode_list(body, "webhooks", WebhookRecord)


def test_what_a_webhook_lacks_is_null_and_what_is_new_is_passed_over():
    [webhook] = webhooks_in(b'{"data":{"webhooks":[{"id":"w","event_types":["TRAFFIC"],"novel":1}]}}')
    assert (webhook.id, webhook.event_types, webhook.endpoint_config) == ("w", ["TRAFFIC"], None)


def test_secrets_are_not_asked_for():
    assert "value" not in QUERY.replace("send_on_value_change", "")
    assert "password" not in QUERY


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"data":null,"errors":[{"message":"no"}]}', UpstreamUnavailable),
        (b'{"data":{"webhooks":null},"errors":[{"message":"no"}]}', UpstreamUnavailable),
        (b'{"data":{"webhooks":[{"name":"no id"}]}}', InvalidResponse),
        (b'{"data":{"webhooks":7}}', InvalidResponse),
        (b'{"data":[1]}', InvalidResponse),
        (b"<html>", InvalidResponse),
        (b"[]", InvalidResponse),
    ],
)
def test_an_answer_without_the_list_is_a_typed_error(body, error):
    with pytest.raises(error):
        webhooks_in(body)


def test_none_is_an_empty_list():
    assert webhooks_in(b'{"data":{"webhooks":[]}}') == []
    assert webhooks_in(b'{"data":{"webhooks":null}}') == []


@pytest.mark.parametrize("read", [read_orgs, read_webhooks])
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(("code", "error"), [("UNAUTHENTICATED", Unauthenticated), ("FORBIDDEN", Forbidden)])
async def test_a_refused_token_is_the_same_error_for_each_list(
    wire, upstream, good, read_log, read, status, code, error
):
    wire.replies[NATIVE] = (status, refusal(code))
    with pytest.raises(error):
        await read(upstream, good, read_log)
    assert not upstream.rights.is_proven(good)


async def test_a_query_that_butlr_does_not_take_stays_a_bad_request(wire, upstream, good, read_log):
    wire.replies[NATIVE] = (400, {"errors": [{"message": "Cannot query field"}]})
    with pytest.raises(BadInput):
        await read_orgs(upstream, good, read_log)


async def test_organisations_are_those_of_the_sites(wire, upstream, good, read_log):
    wire.replies[NATIVE] = (200, {"data": {"sites": {"data": [{"org_id": "a"}, {"org_id": None}, {"org_id": "a"}]}}})
    assert await read_orgs(upstream, good, read_log) == {"a"}
