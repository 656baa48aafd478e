"""How old is what is known? Bounds to the millisecond, of the market and of each coin."""

from __future__ import annotations

import numpy as np
import pytest

from contracts.settings import parse_settings
from operators.cut import Cut
from operators.frame import Frame
from operators.freshness import FRESH, LOST, STALE, FreshnessGate
from operators.slices import FrameBlock, Freshness, RawBatch
from tests.builders import heartbeat, quote, tickers, trade
from tests.checks import MARKET, run

RULES = {"ticker_stale_ms": 5000, "ticker_lost_ms": 9000, "symbol_stale_ms": 3000}
DESK = parse_settings({"freshness": RULES}, "test").markets[MARKET].desk


def graded(log: list[bytes]) -> tuple[FrameBlock, Freshness]:
    (piece,) = run(lambda: [Frame(DESK), FreshnessGate(DESK)], log, settings=DESK).pieces
    assert piece.frames is not None
    assert piece.freshness is not None
    return piece.frames, piece.freshness


def test_the_market_is_stale_and_then_lost_at_its_bounds() -> None:
    log = [trade(0.0, lag_ms=0), *(heartbeat(second) for second in range(1, 16))]
    frames, freshness = graded(log)
    ages = ((frames.ts_recv - frames.feed_recv) / 1e6).tolist()
    assert freshness.ticker_age_ms.tolist() == ages
    assert ages == [1000.0 * second for second in range(3, 16)]
    expected = [FRESH if age < 5000 else STALE if age < 9000 else LOST for age in ages]
    assert freshness.status.tolist() == expected
    assert set(expected) == {FRESH, STALE, LOST}


@pytest.mark.parametrize("message", [tickers(10.0, [("AAAUSDT", 1.0, 1.0)]), trade(10.0)])
def test_a_trade_or_a_ticker_makes_it_fresh_again_but_no_quote(message: bytes) -> None:
    start = [trade(0.0, lag_ms=0), *(heartbeat(second) for second in range(1, 10))]
    end = [heartbeat(10.5), heartbeat(11.5), heartbeat(12.5), heartbeat(13.0)]
    assert graded([*start, message, *end])[1].status[-1] == FRESH
    assert graded([*start, quote(10.0), *end])[1].status[-1] == LOST


def test_a_coin_is_not_opened_once_its_own_price_is_old() -> None:
    log = [trade(0.0, symbol="OLDUSDT")]
    log += [trade(float(second), symbol="NEWUSDT") for second in range(1, 9)]
    frames, freshness = graded(log)
    assert freshness.status.tolist() == [FRESH] * len(frames)
    assert freshness.symbol_ok[:, 0].tolist() == [frames.age_ms[f, 0] <= 3000 for f in range(len(frames))]
    assert freshness.symbol_ok[:, 0].tolist() == [True, True, True, False, False, False, False]
    assert freshness.symbol_ok[1:, 1].all()
    assert not freshness.symbol_ok[0, 1]  # never priced before its first second


def test_no_coin_is_opened_in_a_stale_market() -> None:
    own = parse_settings({"freshness": {**RULES, "symbol_stale_ms": 600_000}}, "test").markets[MARKET].desk
    log = [trade(0.0, lag_ms=0), *(heartbeat(second) for second in range(1, 12))]
    (piece,) = run(lambda: [Frame(own), FreshnessGate(own)], log, settings=own).pieces
    assert piece.freshness is not None
    assert piece.freshness.symbol_ok[:, 0].tolist() == (piece.freshness.status == FRESH).tolist()
    assert not piece.freshness.symbol_ok.all()


def test_the_first_second_after_a_gap_counts_only_with_a_price_of_its_own() -> None:
    log = [trade(0.0, symbol="AAAUSDT"), trade(0.0, symbol="BBBUSDT"), trade(1.5, symbol="BBBUSDT")]
    log += [trade(float(second), symbol="BBBUSDT") for second in range(1000, 1004)]
    frames, freshness = graded(log)
    again = int(np.flatnonzero(frames.restart)[-1])
    assert again > 0
    assert freshness.symbol_ok[again].tolist() == [False, True]


def test_without_frames_nothing_is_graded() -> None:
    gate = FreshnessGate(DESK)
    cut = Cut(DESK, MARKET, 0)
    piece = cut.read(cut.start(), RawBatch(np.arange(1), [trade()]))
    gate.step(gate.start(), piece)
    assert piece.freshness is None
