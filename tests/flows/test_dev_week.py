"""Hours of a real market in which coins ran: every trade has its packet, every packet its trace, and why has an answer."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.facts import DecisionPacket, OrderAttempt, Position, Signal, decode_fact
from contracts.settings import load_settings
from flows.replay import ReplaySummary, replay
from flows.sources import candle_batches
from flows.why import Messages, explain, folder_messages, words
from tests.recorded import recorded

MARKET = "binance.spot"


def ns(hour: int, minute: int = 0) -> int:
    return int(datetime(2021, 4, 4, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReplaySummary, Path]:
    """WRX and CTSI rise by more than three quarters within an hour of this afternoon."""
    source = recorded("freqtrade_binance_2021/spot_usdt_1m_20210402_20210408.parquet")
    folder = tmp_path_factory.mktemp("week")
    summary = replay(
        load_settings(None),
        lambda _market: candle_batches(source, t_from=ns(13), t_to=ns(14, 30)),
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
    facts = [decode_fact(raw) for raw in messages()]
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


def test_why_answers_for_trades_and_for_waits(messages: Messages) -> None:
    rng = random.Random(7)
    facts = [decode_fact(raw) for raw in messages()]
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
