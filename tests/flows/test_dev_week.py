"""Hours of a real market in which coins ran: every trade has its packet, every packet its trace, and why has an answer."""

from __future__ import annotations

import bisect
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from contracts.facts import DecisionPacket, OrderAttempt, OrderResult, Position, Signal, decode_fact
from contracts.settings import load_settings
from flows.replay import ReplaySummary, replay
from flows.sources import candle_batches
from flows.why import Messages, explain, folder_messages, words
from operators.slices import ColumnBatch, Kind
from tests.recorded import recorded

MARKET = "binance.spot"


@dataclass(frozen=True)
class Told:
    """The tickers of one coin on the log, in its order: offsets, event times, prices."""

    offset: list[int]
    ts_event: list[int]
    price: list[float]

    def before(self, ts: int, offset: int) -> float:
        """Its price when the second that ends at `ts` closed."""
        at = bisect.bisect_right(self.offset, offset) - 1
        while self.ts_event[at] >= ts:
            at -= 1
        return self.price[at]

    def at(self, offset: int) -> float:
        """Its price in the message at this offset; fails where that tells nothing of the coin."""
        found = bisect.bisect_left(self.offset, offset)
        assert self.offset[found] == offset
        return self.price[found]


def tickers_of(batches: Iterator[ColumnBatch]) -> dict[str, Told]:
    coins: dict[str, Told] = {}
    for batch in batches:
        rows = np.flatnonzero(batch.kind == Kind.TICKER)
        columns = (batch.symbol, batch.offset, batch.ts_event, batch.v0)
        for symbol, offset, ts, price in zip(*(column[rows].tolist() for column in columns), strict=True):
            coin = coins.setdefault(batch.names[symbol], Told([], [], []))
            coin.offset.append(offset)
            coin.ts_event.append(ts)
            coin.price.append(price)
    return coins


def ns(hour: int, minute: int = 0) -> int:
    return int(datetime(2021, 4, 4, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000_000


def week() -> Iterator[ColumnBatch]:
    """WRX and CTSI rise by more than three quarters within an hour of this afternoon."""
    source = recorded("freqtrade_binance_2021/spot_usdt_1m_20210402_20210408.parquet")
    return candle_batches(source, t_from=ns(13), t_to=ns(14, 30))


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReplaySummary, Path]:
    folder = tmp_path_factory.mktemp("week")
    summary = replay(
        load_settings(None),
        lambda _market: week(),
        markets=[MARKET],
        out=folder,
    )
    return summary, folder


@pytest.fixture(scope="module")
def messages(replayed: tuple[ReplaySummary, Path]) -> Messages:
    return folder_messages(replayed[1])


def test_it_decides_and_trades(replayed: tuple[ReplaySummary, Path]) -> None:
    summary, _ = replayed
    assert summary.decisions > 0
    assert summary.positions_closed > 0


def test_every_entry_has_its_packet_and_every_packet_its_place_on_the_log(messages: Messages) -> None:
    facts = [decode_fact(raw) for _, _, raw in messages()]
    packets = {fact.id: fact for fact in facts if isinstance(fact, DecisionPacket)}
    entries = [f for f in facts if isinstance(f, OrderAttempt) and f.purpose == "entry" and f.verdict == "accepted"]
    assert entries
    for entry in entries:
        packet = packets[entry.decision_id]
        assert packet.symbol == entry.symbol
        assert packet.ts_event <= entry.ts_event <= packet.valid_until
        assert packet.offset <= entry.offset
        assert not packet.shadow
    for position in (fact for fact in facts if isinstance(fact, Position)):
        assert position.decision_id in packets


def test_packets_and_fills_lead_back_to_the_ticks_that_made_them(messages: Messages) -> None:
    """The price decided at is the coin's last on the log, and each fill names the tick it was made from."""
    log = tickers_of(week())
    facts = [decode_fact(raw) for _, _, raw in messages()]
    signals = {fact.decision_id: fact for fact in facts if isinstance(fact, Signal) and fact.decision_id}
    packets = [fact for fact in facts if isinstance(fact, DecisionPacket)]
    assert {packet.id for packet in packets} == set(signals)
    for packet in packets:
        seen = signals[packet.id]
        assert (seen.offset, seen.trace_id, seen.ts_event) == (packet.offset, packet.trace_id, packet.ts_event)
        assert packet.entry == log[packet.symbol].before(packet.ts_event, packet.offset)
    paper = load_settings(None).markets[MARKET].desk.paper
    fills = [fact for fact in facts if isinstance(fact, OrderResult) and fact.fill_quantity > 0]
    assert {fill.decision_id for fill in fills} <= set(signals)
    for fill in fills:
        place, _, offset = fill.evidence.partition("@")
        assert (place, int(offset)) == (f"{MARKET}/0", fill.offset)
        side = 1.0 if fill.side == "buy" else -1.0
        tick = log[fill.symbol].at(int(offset))
        cost = (1.0 + side * paper.assumed_spread_bps / 2e4) * (1.0 + side * paper.slippage_bps / 1e4)
        assert float(fill.fill_price or 0) == pytest.approx(tick * cost, rel=1e-9)
    accepted = {fact.client_order_id for fact in facts if isinstance(fact, OrderAttempt) and fact.verdict == "accepted"}
    assert {fill.client_order_id for fill in fills} == accepted  # every order that was sent, and no other
    assert len({fill.position_id for fill in fills}) * 2 <= len(fills)  # each position went in and out
    assert len(packets) > 5
    assert len(fills) > 5


def test_why_answers_for_trades_and_for_waits(messages: Messages) -> None:
    rng = random.Random(7)
    facts = [decode_fact(raw) for _, _, raw in messages()]
    trades = sorted({fact.position_id for fact in facts if isinstance(fact, Position)})
    waits = [fact.id for fact in facts if isinstance(fact, Signal) and fact.action == "wait"]
    for question in rng.sample(trades, min(10, len(trades))):
        told = explain(messages, question)
        assert told.signal is not None
        assert told.decision is not None
        said = "\n".join(words(told))
        assert "Because: " in said
        assert "was closed at" in said or "is open" in said
    for question in rng.sample(waits, 10):
        for language, failed in (("en", "Gate not passed"), ("zh", "未通过的关卡")):
            assert failed in "\n".join(words(explain(messages, question), language))  # type: ignore[arg-type]
