"""Long runs (by default seconds): everything that is kept stays within its bounds."""

import os

import pytest

pytestmark = pytest.mark.slow

# How many rounds of 80 operations; thousands by hand.
SOAK = int(os.environ.get("FAULTS_SOAK", "9"))
MIB = 1 << 20
CACHE = 4 * MIB
# Above what the first third of the rounds came to.
GROWTH = 24 * MIB


async def test_memory_stays_where_it_is_while_callers_and_answers_come_and_go(
    launch, sandbox, asker, at_work, memory_of
):
    facade = launch.facade(sandbox.url, FACADE_CACHE_MAX_BYTES=str(CACHE))
    ask = asker(facade)
    sensors = [sensor["id"] for sensor in sandbox.campus()["sensors"]]
    number = 0
    token = ""

    async def operation():
        nonlocal number, token
        number += 1
        if number % 40 == 1:
            # A caller of its own, whose entries nobody asks for again.
            token = sandbox.login()
        mine = number
        span = at_work(days=mine % 7, minutes=3, after=mine % 200)
        # A hundred documents, all known after the first third: what is kept of them has a bound, but a large one.
        query = f"""query Q{mine % 50}($start: Time!, $stop: Time!, $sensors: [ID!]!) {{
          sensor(id: "{sensors[mine % 50]}") {{ id hive {{ id }} }}
          report(filter: {{start: $start, stop: $stop, measurements: [presence], sensors: {{eq: $sensors}}}}) {{
            rows {{ time sensor_id value }} series {{ times values }} }} }}"""
        status, answer, _ = await ask.ask(token, query, {**span, "sensors": sensors[mine % 180 :][:20]})
        assert (status, "errors" in answer) == (200, False), answer
        # And one that is refused, of a caller whom nobody knows.
        status, answer, _ = await ask.ask(f"{mine}", f"{{ nothing{mine % 50} }}")
        assert (status, "errors" in answer) == (400, True)
        status, answer, _ = await ask.ask(f"made.up.{mine}", query, {**span, "sensors": []})
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"] * 2

    async def work(rounds):
        for _ in range(rounds):
            await ask.each(8, [operation] * 80)
            resident.append(memory_of(facade.process.pid))

    resident = []
    try:
        await work(SOAK // 3)
        warm = max(resident)
        resident.clear()
        await work(SOAK - SOAK // 3)
    finally:
        facade.stop()
    print(*[size >> 20 for size in resident[:: max(len(resident) // 30, 1)]])
    print(f"{number} operations; resident {warm >> 20} MiB, then up to {max(resident) >> 20} MiB")
    half = len(resident) // 2
    assert max(resident) < warm + GROWTH
    # Not up and up: the second half of the rounds is hardly above the first.
    assert max(resident[half:]) < max(resident[:half]) + GROWTH / 2
