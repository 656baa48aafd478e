"""Heat: laws, formulas, what the snapshot says, mentions, listings."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from contracts import events
from contracts.events import encode_event
from contracts.settings import DeskSettings
from contracts.settings.discovery import GroupSettings, HeatSettings
from operators.anomaly import AnomalyDetector
from operators.candidates import Candidates
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.groups import Groups
from operators.heat import DIMENSIONS, Heat, HeatState
from operators.heat_walk import saturate
from tests.builders import SECOND, START, market_log, tickers
from tests.checks import Ran, check_decodable, check_laws, run

SETTINGS = DeskSettings()


SHORT = DeskSettings(heat=HeatSettings(mention_window_s=60))


def chain(settings: DeskSettings = SETTINGS) -> list[Any]:
    return [Frame(settings), FreshnessGate(settings), AnomalyDetector(settings), Candidates(settings), Heat(settings)]


def snapshots(ran: Ran) -> list[dict[str, Any]]:
    found = [json.loads(message.value) for message in ran.facts if message.topic == "candidate_snapshot.v1"]
    return [fact for fact in found if fact["type"] == "candidates"]


def mention(
    second: float, base: str, followers: int = 10, author: str = "a", tone: float | None = None
) -> tuple[float, bytes]:
    event = events.Mention(
        ts_recv=START + int(second * SECOND), source="x", mention_id=f"{second}", author=author, followers=followers,
        text=f"${base}", symbols=[base], sentiment=tone, ts_event=START + int(second * SECOND),
    )  # fmt: skip
    return second, encode_event(event)


def announcement(second: float, base: str) -> tuple[float, bytes]:
    event = events.Announcement(
        ts_recv=START + int(second * SECOND), source="binance", announcement_id="1", title=f"Will list {base}",
        category="listing", symbols=[base], ts_event=START + int(second * SECOND),
    )  # fmt: skip
    return second, encode_event(event)


def test_the_laws_hold_with_mentions_and_announcements_on_the_log() -> None:
    extra = [
        mention(30.2, "C02"),
        mention(31.3, "C08", 1_000_000, tone=-0.4),
        *(mention(70.1 + 3 * n, f"C0{n % 4}", 10**n, f"author {n % 5}", n / 10) for n in range(9)),
        announcement(40.4, "C03"),
        announcement(50.0, "NOTYET"),
    ]
    ran = check_laws(lambda: chain(SHORT), market_log(150, symbols=9, history_minutes=60, extra=extra), seed=5)
    counted = snapshots(ran)[-1]
    assert sum(counted["voices"]) == sum(counted["mentions"]) == 9  # the first two are forgotten


def test_the_pumped_coin_leads_and_the_total_is_the_weighted_mean_of_its_scores() -> None:
    last = snapshots(run(chain, market_log(150, symbols=8, dirty=False, history_minutes=60)))[-1]
    assert last["symbols"][0] == "C01USDT"
    assert last["heat"][0] > 60
    assert last["rank"] == list(range(1, 9))
    assert last["heat"] == sorted(last["heat"], reverse=True)
    for n in range(8):
        total = sum(last["weights"][name] * last[f"{name}_score"][n] for name in DIMENSIONS)
        assert last["heat"][n] == pytest.approx(total, abs=0.11)
    assert sum(last["weights"].values()) == pytest.approx(1.0, abs=1e-3)


def test_scores_equal_their_formulas_and_lie_in_0_to_100() -> None:
    ran = run(chain, market_log(200, symbols=8, dirty=False, history_minutes=60))
    piece = ran.pieces[0]
    frames, anomaly, pool, heat = piece.frames, piece.anomaly, piece.pool, piece.heat
    assert frames is not None
    assert anomaly is not None
    assert pool is not None
    assert heat is not None
    assert ((heat.scores >= 0) & (heat.scores <= 100)).all()
    own = SETTINGS.heat
    f = 150

    def scaled(x: Any, half: float) -> Any:
        return 100 * (1 - 2 ** (-np.maximum(x, 0) / half))

    surge = anomaly.surge[f] - np.median(anomaly.surge[f])
    np.testing.assert_allclose(heat.scores[f, 0], scaled(surge, own.volume_half), atol=1e-4)
    np.testing.assert_allclose(
        heat.scores[f, 1], scaled(np.exp(pool.raw[f] - pool.threshold[f]), own.momentum_half), atol=0.5
    )
    market_span = max(np.median(pool.span[f]), own.range_least)
    nearness = np.maximum(0, 1 + pool.near[f] / SETTINGS.candidates.ranking.near_most)
    np.testing.assert_allclose(
        heat.scores[f, 2], scaled(nearness * pool.span[f] / market_span, own.volatility_half), atol=1e-4
    )
    decades = np.log10(frames.quote_volume_24h[f] / SETTINGS.candidates.least_quote_volume_24h)
    liquidity = 100 * np.clip(decades / own.liquidity_full, 0, 1)
    spread = 2e4 * (frames.ask[f] - frames.bid[f]) / (frames.ask[f] + frames.bid[f])
    liquidity *= np.where(np.isnan(spread), 1.0, 1 - spread / own.spread_zero_bps)
    np.testing.assert_allclose(heat.scores[f, 3], liquidity, atol=1e-4)


@pytest.mark.parametrize(("x", "expected"), [(-1.0, 0.0), (0.0, 0.0), (2.0, 50.0), (4.0, 75.0), (float("nan"), 0.0)])
def test_a_score_reads_50_at_its_half(x: float, expected: float) -> None:
    assert saturate(x, 2.0) == pytest.approx(expected)


def test_social_takes_no_part_before_the_first_mention_and_fades_after_it() -> None:
    found = snapshots(run(chain, market_log(120, symbols=5, dirty=False, extra=[mention(60.0, "C02", 1_000_000)])))
    assert found[30]["weights"]["social"] == 0.0
    assert found[-1]["weights"]["social"] > 0.0
    at = {fact["ts_event"]: fact["social_score"][fact["symbols"].index("C02USDT")] for fact in found}
    values = [value for _, value in sorted(at.items()) if value > 0]
    assert values[0] == pytest.approx(100 * (1 - 2 ** (-3.0 / 5.0)), abs=0.2)
    assert values == sorted(values, reverse=True)


def test_the_snapshot_counts_mentions_and_different_authors_and_says_their_tone() -> None:
    extra = [mention(30.0, "C02", author="a", tone=0.5), mention(31.0, "C02", author="a", tone=0.9)]
    extra += [mention(32.0, "C02", author="b", tone=-0.1), mention(33.0, "C02", author="c")]
    found = snapshots(run(chain, market_log(60, symbols=5, dirty=False, extra=extra)))
    assert found[10]["mentions"] == found[10]["voices"] == found[10]["tone"] == []
    last = found[-1]
    said = {
        symbol: counted
        for symbol, *counted in zip(last["symbols"], last["mentions"], last["voices"], last["tone"], strict=True)
    }
    assert said == {f"C0{n}USDT": [4, 3, 0.4] if n == 2 else [0, 0, None] for n in range(5)}


def test_the_top_keeps_the_best_of_each_group_and_sector_and_says_so_of_the_rest() -> None:
    tags = {"C00": "meme", "C01": "meme", "C02": "ai", "C03": "ai"}
    own = DeskSettings(groups=GroupSettings(sectors=tags))
    made = [Frame(own), FreshnessGate(own), AnomalyDetector(own), Candidates(own), Groups(own), Heat(own)]
    last = snapshots(run(lambda: made, market_log(150, symbols=6, dirty=False, history_minutes=60), settings=own))[-1]
    assert last["sector"] == [tags.get(symbol[:3], "") for symbol in last["symbols"]]
    kept: set[str] = set()
    for passed, sector, said in zip(last["passed"], last["sector"], last["held_back"], strict=True):
        assert said == (f"high_corr_group={sector}" if passed and sector in kept else "")
        kept |= {sector} if passed and sector else set()
    assert kept == {"meme", "ai"}


def test_a_listing_announcement_makes_a_coin_new() -> None:
    found = snapshots(run(chain, market_log(60, symbols=5, dirty=False, extra=[announcement(30.0, "C03")])))[-1]
    novelty = dict(zip(found["symbols"], found["novelty_score"], strict=True))
    assert novelty["C03USDT"] == pytest.approx(100.0, abs=0.1)
    assert novelty["C02USDT"] == 0.0


def test_what_is_remembered_of_coins_is_bounded() -> None:
    step = Heat(SETTINGS)
    state = HeatState()
    for n in range(10_050):
        step._hear(state, events.Announcement(
            ts_recv=START, source="s", announcement_id=str(n), title="", category="listing", symbols=[f"B{n}"],
            ts_event=START,
        ))  # fmt: skip
    assert len(state.announced) == 10_000
    assert "B49" not in state.announced


@pytest.mark.parametrize("seed", range(6))
def test_no_fact_ever_holds_a_number_that_is_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    log = []
    names = [f"X{n}USDT" for n in range(12)] + ["EURUSDT"]
    for second in range(130):
        rows = []
        for name in names:
            if rng.random() < 0.8:
                price = (
                    float(10.0 ** rng.uniform(-8, 8))
                    if rng.random() < 0.2
                    else float(rng.choice([1e-8, 0.5, 1.0, 1e6]))
                )
                rows.append((name, price, float(10.0 ** rng.uniform(-9, 12))))
        log.append(tickers(second * (40 if rng.random() < 0.02 else 1) + 0.9, rows))
    ran = run(chain, log)
    check_decodable(ran)
    for message in ran.facts:
        assert b"NaN" not in message.value
        fact = json.loads(message.value)
        nones = [key for key, value in fact.items() if value is None or (isinstance(value, list) and None in value)]
        assert set(nones) <= {"spread_bps", "change_1m", "change_5m", "change_24h"}, fact


def test_a_change_that_is_not_known_yet_is_told_as_none_and_not_as_zero() -> None:
    log = [tickers(second + 0.9, [("AAAUSDT", 1.0 + second / 1000.0, 1e9)]) for second in range(420)]
    changes = [(fact["change_1m"][0], fact["change_5m"][0]) for fact in snapshots(run(chain, log))]
    assert changes[0] == (None, None)
    assert changes[130][0] is not None
    assert changes[130][1] is None
    assert changes[-1][1] > 0.1
