"""A desk with scripted decisions: frames and freshness are the real ones, decisions come from a table of the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
import numpy as np

from contracts.events import InstrumentRow, Instruments, Klines, encode_event
from contracts.facts import AnyFact, CostAssumption, DecisionPacket, decode_fact
from contracts.settings import DeskSettings
from contracts.settings.trading import (
    EngineSettings,
    ExitSettings,
    PaperSettings,
    SizeSettings,
)
from operators.execute import Execute
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.ids import trace_id
from operators.slices import SECOND, Decided, HeatBlock, Slice
from operators.state import Operator, State
from tests import builders
from tests.checks import Ran, run

SYMBOL = "AAAUSDT"
START = builders.START

# One clean cycle of a second makes the engine tradeable: tests of orders need not wait for it.
QUICK = EngineSettings(cycle_s=1, recover_degraded_cycles=1, recover_blocked_cycles=2)
PLAIN = PaperSettings(
    latency_ms=0, slippage_bps=0.0, assumed_spread_bps=0.0, taker_fee_bps=10.0, maker_fee_bps=5.0, volume_share=1.0
)
NO_EXITS = ExitSettings(
    take_profit=(),
    stop_loss=0.9,
    break_even_after=None,
    trailing_after=None,
    max_holding_s=1e7,
    heat_faded_below=None,
    black_swan_5m=None,
    opposite_consensus=None,
    feed_lost_s=None,
)


def desk(**changes: Any) -> DeskSettings:
    """Settings in which orders meet the next tick, fills cost a fee alone, and no exit rule acts."""
    base = DeskSettings(
        engine=QUICK, paper=PLAIN, exits=NO_EXITS, size=SizeSettings(notional=1000.0, max_of_minute_volume=1e9)
    )
    return msgspec.structs.replace(base, **changes)


def packet(
    second: float,
    action: str = "long",
    *,
    symbol: str = SYMBOL,
    price: float = 100.0,
    valid_s: float = 3.0,
    shadow: bool = False,
) -> DecisionPacket:
    """A decision generated `second` seconds after START."""
    ts = START + int(second * SECOND)
    return DecisionPacket(
        id=f"decision-{symbol}-{ts}",
        trace_id=trace_id("binance.spot", ts, symbol),
        market="binance.spot",
        partition=0,
        offset=0,
        ts_event=ts,
        settings_hash="",
        symbol=symbol,
        strategy="scripted",
        shadow=shadow,
        timeframe="1m",
        horizon_s=1800,
        action=action,  # type: ignore[arg-type]
        strength=0.5,
        confidence=0.5,
        risk_level="medium",
        heat=70.0,
        entry=price,
        stop_loss=None,
        take_profit_1=None,
        take_profit_2=None,
        reward_risk=None,
        expected_edge_bps=0.0,
        edge_risk_bps=0.0,
        edge_source="script",
        start_probabilities={},
        cost=CostAssumption(maker_fee_bps=0, taker_fee_bps=0, spread_bps=0, slippage_bps=0, round_trip_bps=0),
        consensus=0.5,
        valid_until=ts + int(valid_s * SECOND),
        generated_at=ts,
        generated_at_utc="",
        generated_at_local="",
        reasons=[],
        model_version="",
        data_version="",
        git_version="",
    )


@dataclass
class ScriptState(State):
    """Nothing is carried."""

    VERSION: ClassVar[int] = 1


@dataclass
class Script:
    """Decide and conclude what the test says, at the seconds it says."""

    decisions: Sequence[DecisionPacket] = ()
    heat: dict[tuple[str, int], float] = field(default_factory=dict)  # (symbol, second) -> heat from then on
    consensus: dict[tuple[str, int], float] = field(default_factory=dict)
    name: ClassVar[str] = "script"
    state_type: ClassVar[type[ScriptState]] = ScriptState

    def start(self) -> ScriptState:
        return ScriptState()

    def step(self, state: ScriptState, piece: Slice) -> None:
        frames = piece.frames
        if frames is None or not len(frames):
            return
        columns = {name: index for index, name in enumerate(piece.symbols[: piece.width])}
        for made in self.decisions:
            f = np.flatnonzero(frames.ts_open + SECOND == made.generated_at)
            if len(f):
                piece.decisions.append(Decided(int(f[0]), columns[made.symbol], made))
        if self.heat:
            total = _steps(self.heat, columns, frames.ts_open)
            empty = np.zeros((len(frames), 6, len(columns)), dtype=np.float32)
            top = np.full((len(frames), 1), -1, dtype=np.int32)
            stage = np.zeros(total.shape, dtype=np.uint8)
            piece.heat = HeatBlock(empty, total, total.copy(), stage, top, np.ones(total.shape, dtype=np.bool_))
        if self.consensus:
            piece.consensus = _steps(self.consensus, columns, frames.ts_open)


def _steps(table: dict[tuple[str, int], float], columns: dict[str, int], ts_open: Any) -> Any:
    values = np.full((len(ts_open), len(columns)), np.nan)
    for (symbol, second), value in sorted(table.items(), key=lambda item: item[0][1]):
        if symbol in columns:
            values[ts_open + SECOND >= START + second * SECOND, columns[symbol]] = value
    return values


def chain(settings: DeskSettings, script: Script) -> list[Operator[Any]]:
    """Frames, freshness, the script, and execution."""
    return [Frame(settings), FreshnessGate(settings), script, Execute(settings)]


def play(
    log: Sequence[tuple[float, bytes]],
    settings: DeskSettings | None = None,
    script: Script | None = None,
    cuts: Sequence[int] = (),
) -> list[AnyFact]:
    """Facts of execution over messages given as (second, bytes); heartbeats are added each 250 ms until 3 s after the last."""
    settings = settings or desk()
    return facts(run(lambda: chain(settings, script or Script()), with_heartbeats(log), cuts, settings=settings))


def with_heartbeats(log: Sequence[tuple[float, bytes]], after_s: float = 3.0) -> list[bytes]:
    """The messages in order of their seconds, with heartbeats from 5 s before START on."""
    last = max((second for second, _ in log), default=0.0) + after_s
    beats = [(k * 0.25, builders.heartbeat(k * 0.25, k + 100)) for k in range(-20, int(last * 4) + 1)]
    keyed = [(second, 1, n, m) for n, (second, m) in enumerate(log)] + [(s, 0, n, m) for n, (s, m) in enumerate(beats)]
    return [message for *_, message in sorted(keyed, key=lambda item: item[:3])]


def facts(ran: Ran) -> list[AnyFact]:
    """Decoded facts of order, position and engine topics, in the order written."""
    topics = {"order_attempt.v1", "order_result.v1", "position.v1", "engine_state.v1", "alert.v1", "command_result.v1"}
    return [decode_fact(out.value) for out in ran.facts if out.topic in topics]


def of(kind: type[Any], written: Sequence[AnyFact]) -> list[Any]:
    """Facts of one type."""
    return [fact for fact in written if isinstance(fact, kind)]


def rules(
    symbol: str = SYMBOL,
    *,
    tick: str = "0.01",
    lot: str = "0.001",
    min_notional: str = "5",
    status: str = "TRADING",
    **more: str,
) -> bytes:
    """Trading rules of one symbol."""
    row = InstrumentRow(
        symbol=symbol, base=symbol[:-4], quote="USDT", status=status, tick_size=tick, lot_size=lot, min_quantity=lot,
        min_notional=min_notional, **more,
    )  # fmt: skip
    return encode_event(Instruments(ts_recv=START - 5 * SECOND, rows=[row]))


def candle(second: int, ohlc: tuple[float, float, float, float], volume: float = 1e9, interval_s: int = 60) -> bytes:
    """A closed bar of the venue's stream that opened `second` seconds after START, appended at its close."""
    names = {1: "1s", 60: "1m", 300: "5m"}
    ts_open = START + second * SECOND
    row = (ts_open, *ohlc, volume, volume * ohlc[3], 10, volume / 2)
    event = Klines(
        ts_recv=ts_open + interval_s * SECOND,
        symbol=SYMBOL,
        interval=names[interval_s],
        rows=[row],
        origin="stream",  # type: ignore[arg-type]
    )
    return encode_event(event)
