"""The model of edge and risk: its steps against river's, its predictions against outcomes, and where it learns nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from river import linear_model, optim

from contracts.facts import Alert, DecisionPacket, ModelHealth, Signal, decode_fact
from contracts.settings import DeskSettings
from contracts.settings.decisions import GuardSettings, ModelSettings, OutlookSettings
from contracts.settings.discovery import HeatSettings
from contracts.settings.trading import EntrySettings, StrategySettings
from operators.cut import Cut
from operators.decide import Decide
from operators.decide_state import DecideState
from operators.edge_model import (
    BASE_BELOW,
    BASE_LOSS,
    BELOW,
    BOUND,
    COUNT,
    DROPPED,
    FEATURES,
    LEARNED,
    LEARNING,
    LOSS,
    OFF,
    PATIENCE,
    STATUS,
    VERSION,
    WEIGHT,
    WIDTH,
    EdgeModel,
    EdgeModelState,
    foresee,
    step_weights,
)
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.outlook import CLOSE, EDGE, RISK, Outlook, look, remember
from operators.packets import Versions
from operators.slices import B1, F8, SECOND, RawBatch
from operators.state import Operator
from tests.builders import market_log
from tests.checks import MARKET, Ran, check_laws, run
from tests.operators.hot_market import Rising

ALWAYS = EntrySettings(heat_min=0.0, consensus_min=-1.0, edge_over_cost=-1e9, max_change_5m=10.0, rearm_s=60.0)
EAGER = StrategySettings(options={"hot_momentum": {"change_1m_min": -1.0}})
QUICK = DeskSettings(
    entry=ALWAYS,
    strategy=EAGER,
    outlook=OutlookSettings(window=60, horizon=2, samples=10, recent=10),
    model=ModelSettings(least_samples=12, health_half_life=1e6, coverage_slack=0.99, loss_ratio_max=100.0, recover_min=1, tell_min=2),
)
"""In force after a few minutes, however good it is; decides whenever it can."""


def chain(settings: DeskSettings) -> Any:
    def make() -> Sequence[Operator[Any]]:
        return [Frame(settings), FreshnessGate(settings), Rising(), Decide(settings, Versions(data="test", git="0" * 12))]

    return make


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    return market_log(480, pump_at=330)


@pytest.fixture(scope="module")
def ran(log: list[bytes]) -> Ran:
    return run(chain(QUICK), log, settings=QUICK)


def told(ran: Ran, kind: type) -> list[Any]:
    return [fact for fact in (decode_fact(message.value) for message in ran.facts) if isinstance(fact, kind)]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_its_steps_are_those_of_rivers_quantile_regression(share: float) -> None:
    rng = np.random.default_rng(int(share * 10))
    weights, squares = np.zeros(WIDTH), np.zeros(WIDTH)
    other = linear_model.LinearRegression(optimizer=optim.AdaGrad(0.03, 1e-8), loss=optim.losses.Quantile(share), intercept_lr=0.0)
    for _ in range(2000):
        x = rng.normal(size=WIDTH)
        base, outcome = rng.normal(), rng.normal() + 0.7 * x[2]
        step_weights(weights, squares, x, outcome, base, share, 0.03)
        other.learn_one(dict(zip(FEATURES, x.tolist(), strict=True)), outcome - base)
    assert weights == pytest.approx([other.weights[name] for name in FEATURES], rel=1e-9)
    assert abs(weights[2]) > 0.4  # it has learned what moves the outcome


class Market:
    """Random bars of coins whose volatility comes in bursts, walked minute by minute as the desk does."""

    def __init__(self, settings: DeskSettings, coins: int = 20, seed: int = 4) -> None:
        self.rng = np.random.default_rng(seed)
        self.coins = coins
        self.model, self.outlook = EdgeModel(settings), Outlook(settings.outlook)
        self.state, self.past = self.model.start(), self.outlook.start()
        self.close, self.calm = np.full(coins, 100.0), np.full(coins, 0.001)
        self.seen = np.full(64, 2)
        self.outcomes: list[F8] = []
        self.minute = 0

    def bar(self, which: B1 | None = None) -> None:
        self.calm *= np.exp(self.rng.normal(0.0, 0.15, self.coins))
        self.calm += 0.03 * (0.001 - self.calm)
        steps = self.rng.standard_t(4, (self.coins, 4)) * self.calm[:, None] / 2.0
        path = self.close[:, None] * np.exp(np.cumsum(steps, axis=1))
        self.close = path[:, -1]
        past = self.past
        for s in range(self.coins):
            if which is None or which[s]:
                remember(past.count, past.bars, self.seen, s, path[s].max(), path[s].min(), path[s, -1])
        self.minute += 1
        self.model.learn(self.state, past, self.minute)

    def look(self, s: int) -> None:
        past, state = self.past, self.state
        if look(past.count, past.bars, past.asked, past.known, s, self.outlook.whole, self.outlook.parts):
            foresee(
                past.count, past.bars, past.known, s, self.minute, True, state.weights, state.said, state.waiting, state.taken, state.marks
            )  # fmt: skip


def figures(state: EdgeModelState) -> dict[str, F8]:
    rows = {"below": BELOW, "base_below": BASE_BELOW, "loss": LOSS, "base_loss": BASE_LOSS}
    return {name: state.figures[row : row + 2] / state.figures[WEIGHT] for name, row in rows.items()}


def test_it_covers_better_and_loses_less_than_the_outlook_where_volatility_comes_in_bursts() -> None:
    market = Market(DeskSettings(model=ModelSettings(health_half_life=1e9)))
    for _ in range(1500):
        market.bar()
        for s in range(market.coins):
            market.look(s)
    found = figures(market.state)
    assert market.state.marks[LEARNED] > 20_000
    assert found["below"] == pytest.approx([0.5, 0.8], abs=0.02)
    assert (np.abs(found["below"] - [0.5, 0.8]) < np.abs(found["base_below"] - [0.5, 0.8])).all()
    assert (found["loss"] < 0.98 * found["base_loss"]).all()


def test_figures_equal_a_plain_account_of_what_was_predicted_and_what_came() -> None:
    """Without fading: shares and losses of 300 minutes, from the bars themselves."""
    settings = DeskSettings(outlook=OutlookSettings(window=80, horizon=5, samples=10), model=ModelSettings(health_half_life=1e15))
    market = Market(settings, coins=3, seed=9)
    closes: list[F8] = []
    bars: list[F8] = []
    predicted: list[tuple[int, int, F8, F8]] = []
    for t in range(300):
        market.bar()
        count = int(market.past.count[0])
        bars.append(market.past.bars[:, (count - 1) % 80, :3].copy())
        closes.append(bars[-1][CLOSE])
        for s in range(3):
            market.look(s)
            if not np.isnan(market.state.said[0, s]):
                base = np.maximum(market.past.known[[EDGE, RISK], s], 5e-5)
                predicted.append((t, s, np.log(base), np.log(market.state.said[:, s])))
    plain = np.zeros((4, 2))
    ripe = [row for row in predicted if row[0] + 5 < 300]
    for t, s, base, said in ripe:
        ahead = np.array(bars[t + 1 : t + 6])[:, :, s]
        gain = max(ahead[:, 0].max() / closes[t][s] - 1.0, 5e-5)
        loss = max(1.0 - ahead[:, 1].min() / closes[t][s], 5e-5)
        for side, (outcome, share) in enumerate(((np.log(gain), 0.5), (np.log(loss), 0.8))):
            for row, quantile in ((0, said[side]), (1, base[side])):
                off = outcome - quantile
                plain[row, side] += outcome <= quantile
                plain[2 + row, side] += share * off if off > 0 else (share - 1.0) * off
    assert market.state.marks[LEARNED] == len(ripe) > 500
    assert list(figures(market.state).values()) == [pytest.approx(row) for row in plain / len(ripe)]


def test_a_prediction_stays_within_bounds_of_the_outlook_whatever_the_weights() -> None:
    market = Market(DeskSettings(), coins=1)
    market.state.weights[0] = 1e6
    market.state.weights[1] = -1e6
    for _ in range(100):
        market.bar()
    market.look(0)
    base = market.past.known[[EDGE, RISK], 0]
    assert np.abs(np.log(market.state.said[:, 0] / base)) == pytest.approx([BOUND, BOUND])


def test_a_market_that_stands_still_gives_finite_predictions() -> None:
    market = Market(DeskSettings(), coins=1)
    past = market.past
    for _ in range(150):
        remember(past.count, past.bars, market.seen, 0, 5.0, 5.0, 5.0)
        market.minute += 1
        market.model.learn(market.state, past, market.minute)
        market.look(0)
    assert market.state.marks[LEARNED] > 80
    assert np.isfinite(market.state.said[:, 0]).all()
    assert np.isfinite(market.state.weights).all()


def waiting_market() -> Market:
    market = Market(DeskSettings(), coins=2)
    for _ in range(100):
        market.bar()
    market.look(0)
    market.look(1)
    assert market.state.marks[COUNT] == 2
    return market


def test_a_coin_that_started_over_tells_nothing() -> None:
    market = waiting_market()
    high, low, close = (np.full(150, 3.0) for _ in range(3))
    market.outlook.replay(market.past, 0, high, low, close)
    market.bar()
    assert (market.state.marks[COUNT], market.state.marks[DROPPED]) == (1, 1)


def test_a_coin_whose_bars_stay_away_is_given_up() -> None:
    market = waiting_market()
    only = np.array([False, True])
    for _ in range(15 + PATIENCE):
        market.bar(only)
    assert (market.state.marks[LEARNED], market.state.marks[COUNT]) == (1, 1)
    market.bar(only)
    assert (market.state.marks[COUNT], market.state.marks[DROPPED]) == (0, 1)
    assert not market.state.waiting.any()
    assert not market.state.taken.any()


def test_bars_that_history_filled_in_at_once_are_learned_from() -> None:
    market = waiting_market()
    past = market.past
    for _ in range(20):
        remember(past.count, past.bars, market.seen, 0, 101.0, 99.0, 100.0)
    market.bar()
    assert market.state.marks[LEARNED] == 1
    assert market.state.marks[DROPPED] == 0


def test_beyond_its_room_candidates_are_predicted_but_not_kept() -> None:
    market = waiting_market()
    room = market.state.waiting.shape[1]
    market.state.marks[COUNT] = room
    before = market.state.waiting.copy()
    market.past.asked[0] = -1
    market.look(0)
    assert not np.isnan(market.state.said[:, 0]).any()
    assert (market.state.marks[COUNT], market.state.marks[DROPPED]) == (room, 1)
    assert (market.state.waiting == before).all()


def test_laws(log: list[bytes]) -> None:
    whole = check_laws(chain(QUICK), log, settings=QUICK)
    model = whole.states[-1][2]["model"][2]
    assert model["marks"][LEARNED] > 12
    assert model["marks"][COUNT] > 0


def test_it_learns_only_from_candidates_that_a_closed_minute_found(log: list[bytes]) -> None:
    """A coin that comes in between is predicted as well, but a part of its outcome is known by then."""
    cutter = Cut(QUICK, MARKET, 0)
    steps = list(chain(QUICK)())
    states, cut_state = [step.start() for step in steps], cutter.start()
    closings, predicted_between = 0, 0
    for start in range(0, len(log), 5):
        part = log[start : start + 5]
        piece = cutter.read(cut_state, RawBatch(np.arange(start, start + len(part), dtype=np.int64), part))
        model = states[-1].model
        before, said = int(model.marks[[COUNT, LEARNED, DROPPED]].sum()), model.said.copy()
        for step, state in zip(steps, states, strict=True):
            step.step(state, piece)
        ends = piece.frames.ts_open + SECOND if piece.frames is not None else np.zeros(0, np.int64)
        taken = int(model.marks[[COUNT, LEARNED, DROPPED]].sum()) - before
        if (ends % (60 * SECOND) == 0).any():
            closings += taken
        else:
            assert taken == 0
            predicted_between += int((said != model.said)[~np.isnan(model.said)].any())
    assert closings > 20
    assert predicted_between > 0


def test_decisions_and_signals_say_where_edge_and_risk_come_from(ran: Ran) -> None:
    signals, packets, health = told(ran, Signal), told(ran, DecisionPacket), told(ran, ModelHealth)
    since = next(fact.ts_event for fact in health if fact.state == "in_force")
    assert {signal.model_hash != "" for signal in signals if signal.ts_event >= since + 60 * SECOND} == {True}
    assert {signal.model_hash for signal in signals if signal.ts_event < since} == {""}
    later = [packet for packet in packets if packet.ts_event > since]
    assert later
    for packet in later:
        assert (packet.edge_source, packet.model_version) == (VERSION, VERSION)
        assert len(packet.model_hash) == 16
        signal = next(signal for signal in signals if signal.decision_id == packet.id)
        assert signal.features["edge_bps"] == packet.expected_edge_bps
        assert signal.model_hash == packet.model_hash


def test_without_the_model_the_same_log_goes_by_realised_volatility(log: list[bytes], ran: Ran) -> None:
    plain = msgspec.structs.replace(QUICK, model=ModelSettings(name="none"))
    without = run(chain(plain), log, settings=plain)
    assert not told(without, ModelHealth)
    packets = told(without, DecisionPacket)
    assert {packet.edge_source for packet in packets} == {"realised_volatility"}
    assert {(packet.model_version, packet.model_hash) for packet in packets} == {("", "")}
    # before it is in force the model changes nothing
    since = next(fact.ts_event for fact in told(ran, ModelHealth) if fact.state == "in_force")
    seen = [[s.features for s in told(one, Signal) if s.ts_event < since] for one in (ran, without)]
    assert seen[0] == seen[1]
    assert len(seen[0]) > 10


@pytest.mark.parametrize(
    ("model", "args"),
    [
        (ModelSettings(least_samples=10_000), {"samples", "needed"}),
        (ModelSettings(least_samples=4, coverage_slack=1e-9, recover_min=1), {"side", "coverage", "nominal"}),
        (ModelSettings(least_samples=4, coverage_slack=0.99, loss_ratio_max=1e-9), {"side", "ratio", "most"}),
    ],
    ids=["learning", "off", "worse"],
)
def test_a_desk_that_asks_for_a_model_waits_while_none_is_fit(log: list[bytes], model: ModelSettings, args: set[str]) -> None:
    asking = msgspec.structs.replace(QUICK, model=model, guards=GuardSettings(model_required=True))
    ran = run(chain(asking), log, settings=asking)
    assert not told(ran, DecisionPacket)
    reasons = [r for signal in told(ran, Signal) for r in signal.reasons if r.code == "MODEL_UNHEALTHY"]
    assert set(reasons[-1].args) == args
    fit = msgspec.structs.replace(QUICK, guards=GuardSettings(model_required=True))
    assert told(run(chain(fit), log, settings=fit), DecisionPacket)


def test_a_state_written_before_there_was_a_model_is_taken_up(ran: Ran) -> None:
    name, version, values = ran.states[-1]
    old = {key: value for key, value in values.items() if key != "model"}
    state = DecideState.load((name, version, old))
    assert state.model.marks[STATUS] == OFF
    EdgeModel(DeskSettings()).adopt(state.model)
    assert state.model.marks[STATUS] == LEARNING
    assert not state.model.weights.any()


@pytest.mark.parametrize("outlook", [{"edge_quantile": 0.9}, {"risk_quantile": 0.9}, {"horizon": 10}])
def test_outcomes_that_mean_something_else_are_learned_anew(outlook: dict[str, Any]) -> None:
    market = Market(DeskSettings(), coins=3)
    for _ in range(150):
        market.bar()
        for s in range(3):
            market.look(s)
    state = market.state
    assert state.marks[LEARNED] > 0
    market.model.adopt(state)
    assert state.weights.any()
    other = EdgeModel(DeskSettings(outlook=OutlookSettings(**outlook)))
    other.adopt(state)
    assert not any(column.any() for column in (state.weights, state.figures, state.squares))
    assert (state.marks[LEARNED], state.marks[COUNT], state.marks[STATUS]) == (0, 0, LEARNING)
    assert np.isnan(state.said).all()


def test_its_room_holds_every_candidate_of_a_horizon() -> None:
    settings = DeskSettings(outlook=OutlookSettings(horizon=100), heat=HeatSettings(top=8))
    market = Market(settings, coins=8)
    for _ in range(400):
        market.bar()
        for s in range(8):
            market.look(s)
    assert market.state.marks[DROPPED] == 0
    assert market.state.marks[COUNT] == 800


def test_a_model_that_is_switched_off_says_so_once(log: list[bytes]) -> None:
    """The desk is started again without it in the middle of the log."""
    plain = msgspec.structs.replace(QUICK, model=ModelSettings(name="none"))
    half = len(log) * 3 // 4
    cutter, steps = Cut(QUICK, MARKET, 0), list(chain(QUICK)())
    cut_state, states = cutter.start(), [step.start() for step in steps]
    seen: list[list[ModelHealth | Alert | Signal]] = []
    for start, end in ((0, half), (half, len(log))):
        if start:
            steps = list(chain(plain)())
            states = [step.state_type.load(state.dump()) for step, state in zip(steps, states, strict=True)]
        piece = cutter.read(cut_state, RawBatch(np.arange(start, end, dtype=np.int64), log[start:end]))
        for step, state in zip(steps, states, strict=True):
            step.step(state, piece)
        seen.append([placed.fact for placed in piece.facts if isinstance(placed.fact, ModelHealth | Alert | Signal)])
    before, after = seen
    assert [f.state for f in before if isinstance(f, ModelHealth)][-1] == "in_force"
    assert [(f.state, f.previous, f.since == f.ts_event) for f in after if isinstance(f, ModelHealth)] == [("off", "in_force", True)]
    assert [f.code for f in after if isinstance(f, Alert)] == ["MODEL_WITHDRAWN"]
    assert {f.model_hash for f in after if isinstance(f, Signal)} == {""}
