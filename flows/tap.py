"""Messages in words, for `ember tap`: what a trader would say of an event or a fact, in one line, and in which colour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from contracts import events, facts
from contracts.events import LogEvent
from contracts.facts import AnyFact
from contracts.reasons import Reason

GOOD, BAD, LOUD, QUIET, PLAIN = "green", "red", "yellow", "bright_black", "white"
SHOWN = 5  # items of a list that are named


def in_words(value: Any) -> tuple[str, str] | None:
    """Words and colour for a decoded message of any topic; None where it is no message of ours.

    >>> in_words({"type": "heartbeat", "ts_recv": 5, "sequence": 7})
    ('beat 7', 'bright_black')
    """
    for kind in (LogEvent, AnyFact):
        try:
            message = msgspec.convert(value, kind)
        except (msgspec.ValidationError, TypeError):
            continue
        return _WORDS[type(message)](message)
    return None


def number(value: float | None) -> str:
    """Six significant digits, never in powers of ten below a trillion.

    >>> number(0.00001234567), number(1234567.8), number(None)
    ('0.0000123457', '1234568', '-')
    """
    if value is None:
        return "-"
    value = float(value)
    if value == 0 or abs(value) >= 1e12 or abs(value) < 1e-12:
        return f"{value:.6g}"
    if abs(value) >= 100_000:
        return f"{value:.0f}"
    text = f"{value:.20f}"
    first = next(place for place, digit in enumerate(text.replace("-", "").replace(".", "").lstrip()) if digit != "0")
    whole = len(str(int(abs(value))))
    digits = 6 - whole if abs(value) >= 1 else 5 + first
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def percent(fraction: float) -> str:
    """A fraction with its sign, in percent."""
    return f"{fraction * 100:+.2f} %"


def some(items: list[str]) -> str:
    """The first few of a list, and how many more there are."""
    more = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def because(reasons: list[Reason]) -> str:
    """Reasons as codes with their arguments."""
    told = [
        reason.code
        + (f"({', '.join(f'{key} {_value(item)}' for key, item in reason.args.items())})" if reason.args else "")
        for reason in reasons
    ]
    return f"because {some(told)}" if told else ""


def _value(item: float | str) -> str:
    return item if isinstance(item, str) else number(item)


def _trade(e: events.Trade) -> tuple[str, str]:
    verb, colour = ("bought", GOOD) if e.side > 0 else ("sold", BAD)
    return f"{verb} {number(e.quantity)} at {number(e.price)}", colour


def _quote(e: events.Quote) -> tuple[str, str]:
    return f"bid {number(e.bid)} x {number(e.bid_size)}, ask {number(e.ask)} x {number(e.ask_size)}", PLAIN


def _tickers(e: events.Tickers) -> tuple[str, str]:
    return f"{len(e.rows)} coins: {some([f'{row[0]} {number(row[2])}' for row in e.rows])}", QUIET


def _depth(e: events.Depth) -> tuple[str, str]:
    return f"{'book' if e.snapshot else 'change'}: {len(e.bids)} bids, {len(e.asks)} asks", QUIET


def _klines(e: events.Klines) -> tuple[str, str]:
    last = f", last close {number(e.rows[-1][4])}" if e.rows else ""
    return f"{len(e.rows)} bars of {e.interval} from {e.origin}{'' if e.closed else ', forming'}{last}", QUIET


def _instruments(e: events.Instruments) -> tuple[str, str]:
    return f"{'all' if e.complete else 'changed'}: {some([f'{row.symbol} {row.status}' for row in e.rows])}", PLAIN


def _gap(e: events.StreamGap) -> tuple[str, str]:
    return f"{e.stream} missing for {(e.ts_until - e.ts_from) / 1e9:.1f} s: {e.reason}", LOUD


def _stream(e: events.StreamState) -> tuple[str, str]:
    return f"{e.stream} {'connected' if e.connected else 'closed'} {e.reason}".strip(), GOOD if e.connected else LOUD


def _bars(f: facts.Bars) -> tuple[str, str]:
    closes = [f"{symbol} {number(close)}" for symbol, close in zip(f.symbols, f.close, strict=True)]
    return f"{f.interval} {'closed' if f.closed else 'forming'}: {some(closes)}", PLAIN if f.closed else QUIET


def _indicators(f: facts.IndicatorValues) -> tuple[str, str]:
    return f"indicators of the {'' if f.closed else 'forming '}{f.interval} bar: {some(f.symbols)}", QUIET


def _past(f: facts.IndicatorHistory) -> tuple[str, str]:
    return f"indicators of the last {len(f.ts_open)} {f.interval} bars", QUIET


def _candidates(f: facts.CandidateSnapshot) -> tuple[str, str]:
    hottest = [f"{symbol} {heat:.0f} {stage}" for symbol, heat, stage in zip(f.symbols, f.heat, f.stage, strict=True)]
    return f"{len(f.symbols)} of {f.universe} coins: {some(hottest)}", PLAIN


def _map(f: facts.MarketMap) -> tuple[str, str]:
    return f"heat and changes of {len(f.symbols)} coins", QUIET


def _stage(f: facts.StageChanged) -> tuple[str, str]:
    colour = LOUD if f.stage == "hot" else PLAIN
    return f"{f.previous} -> {f.stage} at heat {f.heat:.0f} {because([f.reason])}", colour


def _anomaly(f: facts.Anomaly) -> tuple[str, str]:
    return f"{f.measure} is {number(f.value)}: {f.score:.1f} deviations, {f.threshold:.1f} allowed", LOUD


def _alarm(f: facts.DiscoveryAlarm) -> tuple[str, str]:
    return f"heating up at {number(f.price)}: score {number(f.score)} over {number(f.threshold)}, rank {f.rank}", LOUD


def _scores(f: facts.ScoreBar) -> tuple[str, str]:
    return f"scores of {len(f.symbols)} coins", QUIET


def _watchlist(f: facts.Watchlist) -> tuple[str, str]:
    return f"stream {some(f.symbols)}", PLAIN


def _signal(f: facts.Signal) -> tuple[str, str]:
    failed = [gate for gate, passed in f.gates.items() if not passed]
    missing = f", gates failed: {some(failed)}" if failed else ""
    shadow = " in shadow" if f.shadow else ""
    colour = QUIET if f.action == "wait" else GOOD
    return f"{f.strategy}{shadow}: {f.action} at heat {f.heat:.0f}, consensus {f.consensus:+.2f}{missing}", colour


def _decision(f: facts.DecisionPacket) -> tuple[str, str]:
    words = (
        f"{f.action.upper()} at {number(f.entry)}, stop {number(f.stop_loss)}, targets {number(f.take_profit_1)} and "
        f"{number(f.take_profit_2)}, edge {f.expected_edge_bps:.0f} bps, confidence {f.confidence:.0%}, risk {f.risk_level} "
        f"{because(f.reasons)}"
    )
    return words.rstrip(), QUIET if f.action == "wait" else GOOD


def _attempt(f: facts.OrderAttempt) -> tuple[str, str]:
    price = f"at {f.price}" if f.price is not None else "at market"
    told = f"{f.side} {f.quantity} {price} ({f.purpose})"
    if f.verdict == "denied":
        return f"denied: {told}: {f.deny_reason}", BAD
    return told, GOOD if f.side == "buy" else LOUD


def _result(f: facts.OrderResult) -> tuple[str, str]:
    fill = f", {f.fill_quantity} filled at {f.fill_price}, fee {f.fee} {f.fee_asset}" if f.fill_quantity else ""
    reason = f": {f.reason}" if f.reason else ""
    done = f" ({f.filled_quantity} of {f.quantity})"
    return f"{f.side} {f.purpose} {f.status}{done}{fill}{reason}", BAD if f.status == "failed" else PLAIN


def _position(f: facts.Position) -> tuple[str, str]:
    if f.status == "closed":
        return f"closed by {f.exit_reason}: PnL {f.realised_pnl:+f}", GOOD if f.realised_pnl > 0 else BAD
    return (
        f"holds {f.signed_quantity} from {f.average_entry}, mark {number(f.mark)}, open PnL {f.unrealised_pnl:+.2f}",
        PLAIN,
    )


def _account(f: facts.Account) -> tuple[str, str]:
    return (
        f"equity {f.equity:.2f}, day {f.day_pnl:+.2f}, drawdown {f.drawdown:.2%}, {f.open_positions} positions",
        PLAIN,
    )


def _engine(f: facts.EngineState) -> tuple[str, str]:
    colour = {"tradeable": GOOD, "degraded": LOUD, "blocked": BAD}[f.state]
    paused = ", paused" if f.paused else ""
    return f"{f.state}{paused}, tickers {f.ticker_age_ms} ms old {because(f.reasons)}".rstrip(), colour


def _model_health(f: facts.ModelHealth) -> tuple[str, str]:
    sides = [f"{side} covers {f.coverage[side]:.2f} (of {f.nominal[side]:g}), loss {f.loss_ratio[side]:.3f}" for side in f.coverage]
    told = ", ".join([f"{f.version} {f.state}, {f.grade}, {f.samples} outcomes", *sides])
    return f"{told} {because(f.reasons)}".rstrip(), GOOD if f.state == "in_force" else PLAIN


def _alert(f: facts.Alert) -> tuple[str, str]:
    args = ", ".join(f"{key} {_value(item)}" for key, item in f.args.items())
    return f"{f.severity}: {f.code} {args}".rstrip(), BAD if f.severity == "critical" else LOUD


def _command(f: facts.CommandResult) -> tuple[str, str]:
    outcome = "done" if f.ok else f"refused: {f.reason}"
    return f"{f.command} by {f.author} {outcome}", GOOD if f.ok else BAD


def _letter(f: facts.DeadLetter) -> tuple[str, str]:
    return f"{f.source}: {f.reason}: {f.raw[:60]!r}", BAD


_WORDS: dict[type, Callable[[Any], tuple[str, str]]] = {
    events.Trade: _trade,
    events.Quote: _quote,
    events.Tickers: _tickers,
    events.Heartbeat: lambda e: (f"beat {e.sequence}", QUIET),
    events.Depth: _depth,
    events.Klines: _klines,
    events.Instruments: _instruments,
    events.StreamGap: _gap,
    events.StreamState: _stream,
    events.Announcement: lambda e: (f"{e.source} {e.category}: {e.title} ({some(e.symbols)})", LOUD),
    events.Mention: lambda e: (
        f"{e.source} {e.author} ({e.followers} followers) on {some(e.symbols)}: {e.text}",
        PLAIN,
    ),
    events.PauseTrading: lambda e: (f"{e.author} asks to pause {e.reason}".rstrip(), LOUD),
    events.ResumeTrading: lambda e: (f"{e.author} asks to resume", LOUD),
    events.ClosePosition: lambda e: (f"{e.author} asks to close", LOUD),
    events.CloseAll: lambda e: (f"{e.author} asks to close everything {e.reason}".rstrip(), BAD),
    events.WatchSymbol: lambda e: (f"{e.author} watches for {e.seconds} s", PLAIN),
    facts.Bars: _bars,
    facts.IndicatorValues: _indicators,
    facts.IndicatorHistory: _past,
    facts.CandidateSnapshot: _candidates,
    facts.MarketMap: _map,
    facts.StageChanged: _stage,
    facts.Anomaly: _anomaly,
    facts.DiscoveryAlarm: _alarm,
    facts.ScoreBar: _scores,
    facts.Watchlist: _watchlist,
    facts.Signal: _signal,
    facts.DecisionPacket: _decision,
    facts.OrderAttempt: _attempt,
    facts.OrderResult: _result,
    facts.Position: _position,
    facts.Account: _account,
    facts.EngineState: _engine,
    facts.ModelHealth: _model_health,
    facts.Alert: _alert,
    facts.CommandResult: _command,
    facts.DeadLetter: _letter,
}
