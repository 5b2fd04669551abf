import asyncio
import base64
import json
import time

import pytest

from facade.assets import TokenProbe
from facade.auth import Passthrough
from facade.butlr import Forbidden, InvalidResponse, Unauthenticated, UpstreamTimeout, UpstreamUnavailable
from facade.upstream import ReadLog

REPORTING = "/api/v3/reporting"


@pytest.fixture
def proof(upstream):
    return TokenProbe(upstream)


async def test_a_token_is_proven_by_one_tiny_report(proof, wire, good, read_log):
    await proof.require(good, read_log)
    assert wire.asked == [
        (
            REPORTING,
            {
                "filter": {
                    "start": "2025-10-14T15:59:00Z",
                    "stop": "2025-10-14T16:00:00Z",
                    "measurements": ["presence"],
                },
                "window": {"every": "1m", "function": "last"},
                "paginate": {"page": 1, "limit": 1},
            },
        )
    ]
    assert read_log.calls == 1


async def test_a_proof_holds_for_as_long_as_the_recheck_says(proof, wire, good):
    for at, calls in ((0, 1), (299, 1), (301, 2), (500, 2)):
        wire.now = 1_760_457_600 + at
        read_log = ReadLog()
        await proof.require(good, read_log)
        assert len(wire.asked) == calls


async def test_all_who_wait_for_one_callers_proof_share_one_call(proof, wire, read_log):
    wire.gate = asyncio.Event()
    waiting = [asyncio.create_task(proof.require(Passthrough("good"), read_log)) for _ in range(10)]
    await asyncio.sleep(0.01)
    wire.gate.set()
    await asyncio.gather(*waiting)
    assert len(wire.asked) == 1


async def test_another_callers_proof_proves_nothing(proof, good, bad, read_log):
    await proof.require(good, read_log)
    with pytest.raises(Unauthenticated):
        await proof.require(bad, read_log)


async def test_a_refusal_is_not_remembered_as_a_proof(proof, wire, bad, read_log):
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await proof.require(bad, read_log)
    assert len(wire.asked) == 2


async def test_an_expired_token_is_refused_without_a_call(proof, wire, read_log):
    claims = base64.urlsafe_b64encode(json.dumps({"exp": wire.now - 1}).encode()).decode().rstrip("=")
    expired = f"e30.{claims}.e30"
    wire.tokens.add(expired)
    with pytest.raises(Unauthenticated, match="expired"):
        await proof.require(Passthrough(expired), read_log)
    assert not wire.asked


async def test_a_forbidden_token_proves_nothing(proof, wire, good, read_log):
    wire.replies[REPORTING] = (403, {"message": "no"})
    with pytest.raises(Forbidden):
        await proof.require(good, read_log)


@pytest.mark.parametrize(("status", "error"), [(500, UpstreamUnavailable), (504, UpstreamTimeout)])
async def test_an_upstream_that_fails_proves_nothing(proof, wire, good, read_log, status, error):
    wire.replies[REPORTING] = (status, {})
    with pytest.raises(error):
        await proof.require(good, read_log)


async def test_a_web_page_proves_nothing(proof, wire, upstream, good, read_log):
    wire.replies[REPORTING] = (200, b"<html>Please log in to the network</html>")
    with pytest.raises(InvalidResponse):
        await proof.require(good, read_log)
    assert not upstream.rights.is_proven(good)


@pytest.mark.parametrize("status", [400, 422])
async def test_a_disliked_report_proves_a_token_where_tokens_are_looked_at_first(proof, wire, good, read_log, status):
    wire.replies[REPORTING] = (status, {"message": "no paginate here"})
    await proof.require(good, read_log)
    # The second call is with a token that is made up, and is not made again.
    assert len(wire.asked) == 2
    await proof.require(good, read_log)
    assert len(wire.asked) == 2
    wire.tokens.add("other")
    await proof.require(Passthrough("other"), read_log)
    assert len(wire.asked) == 3


async def test_a_proof_is_no_part_of_the_answers_age(proof, good, read_log):
    await proof.require(good, read_log)
    assert (read_log.calls, read_log.oldest, read_log.fresh_until) == (1, None, None)


async def test_a_proof_is_not_waited_for_past_the_operations_deadline(proof, wire, good):
    wire.gate = asyncio.Event()
    with pytest.raises(UpstreamTimeout):
        await proof.require(good, ReadLog(deadline=time.monotonic() + 0.05))


async def test_a_disliked_report_proves_nothing_where_bodies_are_looked_at_first(proof, wire, bad, read_log):
    wire.replies[REPORTING] = (400, {"message": "no paginate here"})
    wire.bodies_first = True
    with pytest.raises(InvalidResponse, match="no paginate here"):
        await proof.require(bad, read_log)
