"""The small parts of ingest, each by itself."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import SettingsError
from contracts.events import Trade
from contracts.settings.services import IngestSettings
from contracts.settings.simulator import SimulatorSettings
from venues.binance.endpoints import endpoints, stream_name, streamable
from venues.binance.frames import Control
from venues.ingest.clock import ReceiveClock
from venues.ingest.detail import Detail
from venues.ingest.feed import Backoff
from venues.ingest.sequences import NewestOnly, Order, TradeSequence
from venues.ingest.subscriptions import Subscriptions


@given(st.lists(st.tuples(st.integers(-(10**10), 10**10), st.integers(0, 10**9)), max_size=50))
def test_the_receive_clock_never_goes_back(moves: list[tuple[int, int]]) -> None:
    wall, ticked = 10**12, 0
    clock = ReceiveClock(lambda: wall, lambda: ticked)
    last = clock.now()
    for jump, passed in moves:
        wall += jump + passed
        ticked += passed
        now = clock.now()
        assert last <= now
        assert now >= wall or now == last + passed // 2
        last = now


def test_a_clock_set_back_is_caught_up_with() -> None:
    wall, ticked = 1_000, 0
    clock = ReceiveClock(lambda: wall, lambda: ticked)
    wall -= 100
    for _ in range(300):
        wall += 1
        ticked += 1
        clock.now()
    assert clock.now() == wall


def trade(trade_id: int, ts_event: int = 0, symbol: str = "AUSDT") -> Trade:
    return Trade(
        ts_recv=1, symbol=symbol, price=1.0, quantity=1.0, side=1, trade_id=trade_id, ts_event=ts_event or trade_id
    )


def test_trade_ids_tell_next_repeated_jumped_and_reset() -> None:
    sequence = TradeSequence()
    assert sequence.judge("trade", trade(5)) is Order.NEXT
    sequence.remember("trade", trade(5, ts_event=100))
    assert sequence.judge("trade", trade(6)) is Order.NEXT
    assert sequence.judge("trade", trade(5, ts_event=100)) is Order.REPEATED
    assert sequence.judge("trade", trade(3, ts_event=90)) is Order.REPEATED
    assert sequence.judge("trade", trade(8)) is Order.JUMPED
    assert sequence.judge("trade", trade(1, ts_event=200)) is Order.RESET
    assert sequence.judge("aggTrade", trade(1)) is Order.NEXT  # counts by itself
    assert sequence.judge("trade", trade(1, symbol="BUSDT")) is Order.NEXT
    sequence.forget("AUSDT")
    assert sequence.judge("trade", trade(99)) is Order.NEXT


def test_only_the_newest_passes_where_connections_overlap() -> None:
    newest = NewestOnly()
    assert not newest.repeats("bookTicker", "A", 5, overlapping=False)
    assert newest.repeats("bookTicker", "A", 5, overlapping=True)
    assert newest.repeats("bookTicker", "A", 4, overlapping=True)
    assert not newest.repeats("bookTicker", "A", 6, overlapping=True)
    assert not newest.repeats("bookTicker", "B", 1, overlapping=True)
    assert not newest.repeats("bookTicker", "A", 1, overlapping=False)


def test_waits_double_up_to_a_bound_and_are_spread() -> None:
    settings = IngestSettings(backoff_first_s=1.0, backoff_max_s=8.0, backoff_jitter=0.5)
    waits = [Backoff(settings, seed).wait() for seed in range(50)]
    assert all(0.5 <= wait <= 1.0 for wait in waits)
    assert len({round(wait, 6) for wait in waits}) > 40
    backoff = Backoff(settings, 1)
    longest = [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert all(0.5 * bound <= backoff.wait() <= bound for bound in longest)
    backoff.reset()
    assert backoff.wait() <= 1.0
    for _ in range(5000):  # days of failing overflow nothing
        backoff.wait()


def test_addresses_of_both_venues() -> None:
    simulated = endpoints(IngestSettings(), SimulatorSettings(port=9700))
    assert (simulated.stream_url, simulated.rest_url) == ("ws://127.0.0.1:9700", "http://127.0.0.1:9700")
    assert simulated.on_loopback
    real = endpoints(IngestSettings(venue="binance"), SimulatorSettings())
    assert real.combined(["!miniTicker@arr", stream_name("BTCUSDT", "trade")]) == (
        "wss://stream.binance.com:9443/stream?streams=!miniTicker@arr/btcusdt@trade"
    )
    assert not real.on_loopback
    given_url = endpoints(IngestSettings(stream_url="ws://x/", rest_url="http://y"), SimulatorSettings())
    assert (given_url.stream_url, given_url.rest_url) == ("ws://x", "http://y")


def test_symbols_that_would_break_an_address_are_not_streamed() -> None:
    assert [streamable(s) for s in ("BTCUSDT", "币安人生USDT", "A_B-C.D")] == [True, True, True]
    assert [streamable(s) for s in ("", "A B", "A/B", "A@B", "A&B", "A" * 41)] == [False] * 6


def test_detail_prefers_the_always_asked_and_keeps_its_bound() -> None:
    detail = Detail(IngestSettings(always_detail=["BTCUSDT"], max_detail_symbols=3, detail_streams=("trade",)))
    detail.watchlist = ["AUSDT", "BTCUSDT", "B/USDT", "CUSDT", "DUSDT"]
    assert detail.choose(()) == set()
    assert detail.symbols == ["BTCUSDT", "AUSDT", "CUSDT"]
    assert detail.choose({"DUSDT": 1}) == {"AUSDT", "CUSDT"}
    assert detail.streams() == ["!miniTicker@arr", "btcusdt@trade", "dusdt@trade"]
    with pytest.raises(SettingsError, match="tell the same trades twice"):
        Detail(IngestSettings(detail_streams=("trade", "aggTrade")))


class Wire:
    """Takes requests, gives chosen answers."""

    def __init__(self, carried: list[str]) -> None:
        self.sent: list[dict[str, Any]] = []
        self.subscriptions = Subscriptions(carried, self._send)

    async def _send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    async def settle(self, answers: int, error: str = "") -> None:
        """Answer the next requests."""
        done = len(self.sent)
        task = asyncio.create_task(self.subscriptions.keep())
        while len(self.sent) < done + answers:  # noqa: ASYNC110 - the sender is what is tested
            await asyncio.sleep(0.01)
        for request in self.sent[done:]:
            self.subscriptions.answered(Control(request["id"], error))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_differences_go_out_in_chunks_what_ends_first() -> None:
    wire = Wire(["a@trade", "b@trade"])
    wire.subscriptions.want(["b@trade", *(f"s{i}@trade" for i in range(150))])
    await wire.settle(3)
    assert [(r["method"], len(r["params"])) for r in wire.sent] == [
        ("UNSUBSCRIBE", 1),
        ("SUBSCRIBE", 100),
        ("SUBSCRIBE", 50),
    ]
    assert len({r["id"] for r in wire.sent}) == 3
    assert wire.subscriptions.settled
    assert len(wire.subscriptions.carried) == 151


async def test_a_refused_stream_is_left_alone_for_a_while() -> None:
    wire = Wire([])
    wire.subscriptions.want(["nonsense@trade"])
    await wire.settle(1, error='{"code":2,"msg":"Invalid request"}')
    assert wire.subscriptions.settled
    assert wire.subscriptions.carried == set()
    task = asyncio.create_task(wire.subscriptions.keep())
    await asyncio.sleep(0.1)
    task.cancel()
    assert len(wire.sent) == 1


def test_no_connection_carries_more_streams_than_the_venue_allows() -> None:
    wire = Wire([])
    wire.subscriptions.want(f"s{i}@trade" for i in range(3000))
    assert len(wire.subscriptions._wanted) == 1024


def test_answers_nobody_asked_for_change_nothing() -> None:
    wire = Wire(["a@trade"])
    for answered in (None, "x", 7):
        wire.subscriptions.answered(Control(answered, ""))
    assert wire.subscriptions.carried == {"a@trade"}
