"""From a hot coin to a decision, and every reason why not."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from contracts import events
from contracts.events import encode_event
from contracts.facts import DecisionPacket, IndicatorValues, Signal, decode_fact
from contracts.settings import DeskSettings
from contracts.settings.decisions import GuardSettings, SignalSettings
from contracts.settings.trading import EntrySettings, StrategySettings, SymbolSettings
from contracts.texts import describe
from operators.cut import Cut
from operators.decide import Decide
from operators.focus import Focus
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.packets import Versions
from operators.slices import RawBatch, Slice
from operators.state import Operator
from tests.builders import SECOND, START, history, market_log, trade
from tests.checks import MARKET, Chain, Ran, check_laws, run
from tests.operators.hot_market import Rising, RisingState

PUMPED = "C01USDT"
VERSIONS = Versions(data="test", git="0" * 12)


def chain(
    settings: DeskSettings, groups: dict[str, str] | None = None, sectors: dict[str, str] | None = None
) -> Chain:
    def make() -> Sequence[Operator[Any]]:
        rising = Rising(groups=groups, sectors=sectors)
        return [Frame(settings), FreshnessGate(settings), rising, Decide(settings, VERSIONS)]

    return make


def decided(ran: Ran) -> tuple[list[DecisionPacket], list[Signal]]:
    facts = [decode_fact(message.value) for message in ran.facts]
    return [f for f in facts if isinstance(f, DecisionPacket)], [f for f in facts if isinstance(f, Signal)]


def desk(
    log: list[bytes],
    settings: DeskSettings | None = None,
    groups: dict[str, str] | None = None,
    sectors: dict[str, str] | None = None,
) -> Ran:
    settings = settings or DeskSettings()
    return run(chain(settings, groups, sectors), log, settings=settings)


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    return market_log(200, dirty=False)


@pytest.fixture(scope="module")
def usual(log: list[bytes]) -> Ran:
    return desk(log)


def test_a_pumped_coin_is_decided_on_and_no_other(usual: Ran) -> None:
    packets, _ = decided(usual)
    assert {packet.symbol for packet in packets} == {PUMPED}


def test_a_packet_says_what_to_do_at_which_risk_for_how_long(usual: Ran) -> None:
    packet = decided(usual)[0][0]
    assert packet.action == "long"
    assert packet.stop_loss == pytest.approx(packet.entry * 0.98)
    assert packet.take_profit_1 == pytest.approx(packet.entry * 1.02)
    assert packet.take_profit_2 == pytest.approx(packet.entry * 1.04)
    assert packet.reward_risk == pytest.approx(2.2)
    assert packet.valid_until == packet.ts_event + 3 * SECOND
    assert packet.generated_at_local.endswith("+08:00")
    assert packet.generated_at_utc.endswith("+00:00")
    assert packet.expected_edge_bps > 1.2 * packet.cost.round_trip_bps
    assert packet.cost.round_trip_bps == pytest.approx(
        2 * packet.cost.taker_fee_bps + packet.cost.spread_bps + 2 * packet.cost.slippage_bps, rel=1e-4
    )
    assert packet.edge_source == "realised_volatility"
    assert (packet.data_version, packet.git_version) == ("test", "0" * 12)
    assert 0.0 <= packet.strength <= 1.0
    assert 0.0 <= packet.confidence <= 1.0
    assert all(0.0 <= p <= 1.0 for p in packet.start_probabilities.values())
    assert packet.settings_hash


def test_the_strongest_vote_named_speaks_for_the_decision(usual: Ran) -> None:
    for packet in decided(usual)[0]:
        told = next(reason for reason in packet.reasons if reason.code == "STRONGEST_VOTE")
        assert float(told.args["vote"]) > 0.0


def test_every_packet_has_its_signal_and_every_other_signal_says_why_not(usual: Ran) -> None:
    packets, signals = decided(usual)
    assert {signal.decision_id for signal in signals if signal.action != "wait"} == {packet.id for packet in packets}
    for signal in signals:
        if signal.action == "wait":
            assert signal.reasons
            assert not all(signal.gates.values())
        else:
            assert all(signal.gates.values())


def test_each_candidate_is_told_of_at_each_closed_minute(usual: Ran) -> None:
    _, signals = decided(usual)
    minutes = [signal for signal in signals if signal.ts_event % (60 * SECOND) == 0]
    closings = {signal.ts_event for signal in minutes}
    assert len(closings) >= 3
    assert len(minutes) == 4 * len(closings)


def test_a_changed_verdict_is_told_at_most_every_five_seconds(usual: Ran) -> None:
    _, signals = decided(usual)
    waits = [s for s in signals if s.symbol == PUMPED and s.action == "wait" and s.ts_event % (60 * SECOND)]
    assert waits
    for earlier, later in itertools.pairwise(waits):
        assert later.ts_event - earlier.ts_event >= 5 * SECOND


def test_an_episode_gives_one_packet_until_the_coin_is_armed_again(usual: Ran) -> None:
    packets, _ = decided(usual)
    times = [packet.ts_event for packet in packets]
    assert all(later - earlier >= 300 * SECOND for earlier, later in itertools.pairwise(times))


def test_ids_are_unique(usual: Ran) -> None:
    packets, signals = decided(usual)
    ids = [fact.id for fact in (*packets, *signals)]
    assert len(set(ids)) == len(ids)


def test_the_laws_hold_on_a_dirty_log() -> None:
    settings = DeskSettings(
        strategy=StrategySettings(shadow=["pullback"]),
        symbols={"C03USDT": SymbolSettings(entry=EntrySettings(heat_min=10))},
    )
    check_laws(chain(settings, {PUMPED: "g", "C03USDT": "g"}), market_log(170, dirty=True), settings=settings)


def first_reason(ran: Ran, symbol: str = PUMPED) -> set[str]:
    _, signals = decided(ran)
    return {signal.reasons[0].code for signal in signals if signal.symbol == symbol and signal.action == "wait"}


def without_packets(settings: DeskSettings, log: list[bytes]) -> set[str]:
    ran = desk(log, settings)
    assert not decided(ran)[0]
    return first_reason(ran)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (DeskSettings(entry=EntrySettings(enabled=False)), "ENTRY_DISABLED"),
        (DeskSettings(entry=EntrySettings(heat_min=100.1)), "HEAT_BELOW"),
        (DeskSettings(entry=EntrySettings(consensus_min=0.99)), "CONSENSUS_BELOW"),
        (DeskSettings(entry=EntrySettings(spread_max_bps=0.1)), "SPREAD_ABOVE"),
        (DeskSettings(entry=EntrySettings(edge_over_cost=1e6)), "EDGE_BELOW_COST"),
        (DeskSettings(entry=EntrySettings(max_change_5m=0.0001)), "OVEREXTENDED"),
        (DeskSettings(guards=GuardSettings(warm_bars=500)), "WARMING_UP"),
        (DeskSettings(guards=GuardSettings(model_required=True)), "MODEL_UNHEALTHY"),
        (DeskSettings(guards=GuardSettings(touch_min=1e12)), "NO_DEPTH"),
        (DeskSettings(guards=GuardSettings(jump_max=0.0)), "PRICE_JUMP"),
        (DeskSettings(guards=GuardSettings(misaligned_max=0.0)), "MISALIGNED_DATA"),
        (DeskSettings(strategy=StrategySettings(options={"hot_momentum": {"change_1m_min": 1.0}})), "NO_SETUP"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_gate_alone_prevents_the_decision_and_says_so(settings: DeskSettings, code: str, log: list[bytes]) -> None:
    assert code in without_packets(settings, log)


def test_a_symbol_may_have_thresholds_of_its_own(log: list[bytes]) -> None:
    settings = DeskSettings(symbols={PUMPED: SymbolSettings(entry=EntrySettings(enabled=False))})
    assert "ENTRY_DISABLED" in without_packets(settings, log)


def test_a_halted_coin_is_not_opened(log: list[bytes]) -> None:
    row = events.InstrumentRow(symbol=PUMPED, base="C01", quote="USDT", status="BREAK")
    halt = encode_event(events.Instruments(ts_recv=START, rows=[row]))
    assert "NOT_TRADING" in without_packets(DeskSettings(), [log[0], halt, *log[1:]])


def test_a_silent_feed_gives_stale_and_nothing_else() -> None:
    settings = msgspec.structs.replace(
        DeskSettings(), freshness=msgspec.structs.replace(DeskSettings().freshness, symbol_stale_ms=-1)
    )
    assert without_packets(settings, market_log(200, dirty=False)) == {"STALE_DATA"}


def test_after_a_gap_of_its_stream_a_coin_waits() -> None:
    gaps = [
        (
            float(second),
            encode_event(
                events.StreamGap(
                    ts_recv=START + second * SECOND,
                    stream="trades",
                    symbols=[PUMPED],
                    ts_from=START + (second - 1) * SECOND,
                    ts_until=START + second * SECOND,
                    reason="ids skipped",
                )
            ),
        )
        for second in range(1, 200, 4)
    ]
    assert "MISSING_DATA" in without_packets(DeskSettings(), market_log(200, dirty=False, extra=gaps))


def test_trades_that_come_twice_hold_the_coin_back() -> None:
    again = [(second + 0.5, trade(second, symbol=PUMPED, price=20.0, trade_id=1)) for second in range(2, 200, 3)]
    settings = DeskSettings(guards=GuardSettings(jump_max=10.0, misaligned_max=10.0))
    assert "DUPLICATE_DATA" in without_packets(settings, market_log(200, dirty=False, extra=again))


def test_a_coin_without_quotes_waits_only_where_quotes_are_required() -> None:
    pumped = "C02USDT"  # even coins have tickers alone
    log = market_log(200, dirty=False, pump=2)
    free = decided(desk(log))[0]
    assert {packet.symbol for packet in free} == {pumped}
    assert free[0].cost.spread_bps == DeskSettings().paper.assumed_spread_bps
    strict = desk(log, DeskSettings(guards=GuardSettings(quote_required=True)))
    assert not decided(strict)[0]
    assert "NO_QUOTE" in first_reason(strict, pumped)


def test_of_a_correlation_group_one_coin_is_decided_on_at_a_time() -> None:
    log = market_log(200, dirty=False)
    settings = DeskSettings(entry=EntrySettings(heat_min=0.0, consensus_min=-1.0, edge_over_cost=0.0))
    apart = {packet.symbol for packet in decided(desk(log, settings))[0]}
    ran = desk(log, settings, groups={f"C{n:02d}USDT": "meme" for n in range(6)})
    packets, signals = decided(ran)
    assert len(apart) >= 1
    assert len({packet.symbol for packet in packets}) == 1
    blocked = [r for s in signals for r in s.reasons if r.code == "HIGH_CORR_GROUP"]
    assert all(reason.args["group"] == "meme" for reason in blocked)


def test_of_a_sector_one_coin_is_decided_on_at_a_time_and_the_reason_names_it() -> None:
    log = market_log(200, dirty=False)
    settings = DeskSettings(entry=EntrySettings(heat_min=0.0, consensus_min=-1.0, edge_over_cost=0.0))
    names = [f"C{n:02d}USDT" for n in range(6)]
    apart = {packet.symbol for packet in decided(desk(log, settings))[0]}
    assert len(apart) >= 2
    one, other = sorted(apart)[:2]
    # The correlation group of the two differs, the sector is one.
    ran = desk(log, settings, groups=dict(zip(names, names, strict=True)), sectors={one: "meme", other: "meme"})
    packets, signals = decided(ran)
    assert len({packet.symbol for packet in packets} & {one, other}) == 1
    blocked = [(s.symbol, r.args) for s in signals for r in s.reasons if r.code == "HIGH_CORR_GROUP"]
    assert {symbol for symbol, _ in blocked} < {one, other}
    assert {(args["group"], args["symbol"]) for _, args in blocked} <= {("meme", one), ("meme", other)}
    assert blocked


def test_a_shadow_strategy_decides_beside_and_is_marked(log: list[bytes]) -> None:
    settings = DeskSettings(
        strategy=StrategySettings(name="pullback", shadow=["hot_momentum"], options={"pullback": {"dip_min": 0.9, "dip_max": 0.95}})
    )
    ran = desk(log, settings)
    packets, signals = decided(ran)
    assert packets
    assert all(packet.shadow and packet.strategy == "hot_momentum" for packet in packets)
    assert {(signal.strategy, signal.shadow) for signal in signals} == {("pullback", False), ("hot_momentum", True)}


def test_the_acting_consensus_is_handed_on_for_exits(usual: Ran) -> None:
    last = usual.pieces[-1]
    assert last.consensus is not None
    evaluated = ~np.isnan(last.consensus)
    assert evaluated.sum(axis=1).max() >= 4
    assert np.abs(last.consensus[evaluated]).max() <= 1.0


def test_a_swap_of_strategy_keeps_what_is_known_of_the_coins(log: list[bytes]) -> None:
    before = Decide(DeskSettings(), VERSIONS)
    state = before.start()
    state.indicators[60].count[:3] = 40
    after = Decide(DeskSettings(strategy=StrategySettings(name="pullback")), VERSIONS)
    loaded = after.state_type.load(state.dump())
    loaded.arrange(["pullback", "hot_momentum"])
    assert loaded.indicators[60].count[0] == 40
    assert loaded.pace.shape[0] == 2


def test_with_hot_only_a_warm_coin_waits_for_the_hot_stage(log: list[bytes]) -> None:
    settings = DeskSettings(entry=EntrySettings(hot_only=True, heat_min=0.0, consensus_min=-1.0))
    packets, signals = decided(desk(log, settings))
    assert packets
    assert all(packet.heat >= 55.0 for packet in packets)
    assert all(s.heat < 55.0 for s in signals if "NOT_HOT" in {reason.code for reason in s.reasons})


@pytest.mark.parametrize(
    ("name", "options", "asked"),
    [
        ("hot_momentum", {"change_1m_min": 0.5}, {"above": 0.5}),
        ("pullback", {"dip_min": 0.2, "dip_max": 0.4}, {"least": -0.4, "most": -0.2}),
    ],
)
def test_a_setup_that_fails_says_what_was_asked_for(
    name: str, options: dict[str, float], asked: dict[str, float], log: list[bytes]
) -> None:
    settings = DeskSettings(strategy=StrategySettings(name=name, options={name: options}))
    told = [r for s in decided(desk(log, settings))[1] for r in s.reasons if r.code == "NO_SETUP"]
    assert told
    assert all(asked.items() <= reason.args.items() for reason in told)
    assert "asked for" in describe(told[-1])


def test_what_discovery_filters_out_is_not_opened(log: list[bytes]) -> None:
    settings = DeskSettings()

    class Filtered(Rising):
        def step(self, state: RisingState, piece: Slice) -> None:
            super().step(state, piece)
            if piece.heat is not None:
                piece.heat.passed[:] = False

    ran = run(lambda: [Frame(settings), FreshnessGate(settings), Filtered(), Decide(settings, VERSIONS)], log)
    assert not decided(ran)[0]
    assert "ILLIQUID" in first_reason(ran)


def test_a_coin_is_judged_as_soon_as_its_history_comes() -> None:
    log = market_log(200, dirty=False)
    late = [message for message in log if b'"klines"' not in message]
    assert not decided(desk(late))[0]
    behind = next(i for i, message in enumerate(late) if b'"sequence"' in message and i > len(late) // 3)
    came = [message for message in log if b'"klines"' in message]
    assert decided(desk([*late[:behind], *came, *late[behind:]]))[0]


def test_history_that_tells_less_than_was_seen_is_ignored() -> None:
    log = market_log(130, dirty=False)
    settings = DeskSettings()
    short = history(PUMPED, 40, price=7_000.0)
    once = run(chain(settings), log, settings=settings)
    twice = run(chain(settings), [*log[:900], short, *log[900:]], settings=settings)
    counts = [piece.states[-1][2]["indicators"][60][2]["count"][:6].tolist() for piece in (once, twice)]
    assert counts[0] == counts[1]


def test_without_the_heat_step_nobody_is_judged(log: list[bytes]) -> None:
    settings = DeskSettings()
    ran = run(lambda: [Frame(settings), FreshnessGate(settings), Decide(settings, VERSIONS)], log)
    assert decided(ran) == ([], [])


def test_without_the_freshness_step_nothing_is_fresh(log: list[bytes]) -> None:
    settings = DeskSettings()
    ran = run(lambda: [Frame(settings), Rising(), Decide(settings, VERSIONS)], log)
    assert not decided(ran)[0]
    assert first_reason(ran) == {"STALE_DATA"}


def test_an_unknown_strategy_or_option_is_refused() -> None:
    with pytest.raises(Exception, match=r"hot_momentum, pullback, was 'moon'"):
        Decide(DeskSettings(strategy=StrategySettings(name="moon")))
    with pytest.raises(Exception, match=r"`moon` - at `strategy\.options\.hot_momentum`"):
        Decide(DeskSettings(strategy=StrategySettings(options={"hot_momentum": {"moon": 1.0}})))


def test_indicators_of_closed_bars_are_told_of_the_coins_in_focus_and_only_once_warm() -> None:
    settings = DeskSettings()

    def whole() -> Sequence[Operator[Any]]:
        return [*chain(settings)(), Focus(settings)]

    ran = check_laws(whole, market_log(320, history_minutes=20), settings=settings)
    told = [f for f in map(decode_fact, (message.value for message in ran.facts)) if isinstance(f, IndicatorValues)]
    minutes = [fact for fact in told if fact.interval == "1m"]
    assert len({(fact.interval, fact.ts_open) for fact in told}) == len(told)
    assert [after.ts_open - before.ts_open for before, after in itertools.pairwise(minutes)] == [60 * SECOND] * (len(minutes) - 1)
    assert {fact.ts_event - fact.ts_open for fact in minutes} == {60 * SECOND}
    assert "5m" in {fact.interval for fact in told}
    at = minutes[-1].symbols.index(PUMPED)
    assert minutes[-1].bollinger_upper[at] is not None  # twenty bars
    assert minutes[-1].macd[at] is None or minutes[-1].ema_fast[at] is not None
    assert minutes[-1].macd_signal[at] is None  # 34 bars


class Gated(Rising):
    """No candidates from second `first` to `last` of the log."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self._span = (START + first * SECOND, START + last * SECOND)

    def step(self, state: RisingState, piece: Slice) -> None:
        super().step(state, piece)
        if piece.heat is not None and piece.frames is not None:
            second = piece.frames.ts_open
            piece.heat.top[(second >= self._span[0]) & (second < self._span[1])] = -1


def test_a_side_is_kept_through_a_short_absence_and_forgotten_in_a_long_one() -> None:
    """The hysteresis of a coin that was no candidate for long would hold a door open that nobody opened."""
    log = market_log(300, dirty=False, pump_at=60)
    settings = DeskSettings(entry=EntrySettings(consensus_min=0.3), signals=SignalSettings(keep_side_s=20.0, release=0.01))

    def sides(first: int, last: int) -> dict[tuple[int, int], tuple[float, float]]:
        """(second, coin) -> side and consensus at each closed second."""
        cutter, found = Cut(settings, MARKET, 0), {}
        steps: list[Operator[Any]] = [Frame(settings), FreshnessGate(settings), Gated(first, last), Decide(settings, VERSIONS)]
        cut_state, states = cutter.start(), [step.start() for step in steps]
        for start in range(len(log)):
            piece = cutter.read(cut_state, RawBatch(np.array([start], dtype=np.int64), [log[start]]))
            for step, state in zip(steps, states, strict=True):
                step.step(state, piece)
            if piece.frames is not None and len(piece.frames) and piece.consensus is not None:
                second = (int(piece.frames.ts_open[-1]) - START) // SECOND
                for s in np.flatnonzero(~np.isnan(piece.consensus[-1])).tolist():
                    found[second, s] = (float(states[-1].side[0, s]), float(piece.consensus[-1, s]))
        return found

    always = sides(0, 0)
    kept = [key for key, (side, consensus) in always.items() if side > 0.0 and consensus < 0.3 and key[0] > 120]
    back, coin = kept[len(kept) // 2]
    assert sides(back - 15, back)[back, coin][0] == 1.0
    assert sides(back - 30, back)[back, coin][0] == 0.0


def test_the_reason_of_an_entry_names_the_consensus_that_was_asked_for() -> None:
    """While a side is kept, less is asked for than what took it."""
    entry = EntrySettings(consensus_min=0.3, heat_min=0.0, edge_over_cost=-1e9, max_change_5m=10.0, rearm_s=1.0)
    settings = DeskSettings(
        entry=entry, signals=SignalSettings(release=0.01), strategy=StrategySettings(options={"hot_momentum": {"change_1m_min": -1.0}})
    )
    packets, _ = decided(desk(market_log(300, dirty=False, pump_at=60), settings))
    needed = set()
    for packet in packets:
        args = next(reason.args for reason in packet.reasons if reason.code == "CONSENSUS_REACHED")
        assert args["consensus"] >= args["needed"]
        needed.add(args["needed"])
    assert needed == {0.3, 0.003}
