"""Facts for tests of sinks: defaults filled in, distinct by id."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from contracts import facts
from contracts.events import Announcement, Mention

START = 1_786_000_020_000_000_000
SECOND = 1_000_000_000
MARKET = "binance.spot"


def _shared(kind: str, name: str, second: float, offset: int) -> dict[str, Any]:
    return {
        "id": f"{kind}-{name}", "trace_id": f"t-{name}", "market": MARKET, "partition": 0, "offset": offset,
        "ts_event": START + int(second * SECOND), "settings_hash": "0" * 12,
    }  # fmt: skip


def bars(minute: int, closes: dict[str, float], *, closed: bool = True, interval: Any = "1m") -> facts.Bars:
    names, values = list(closes), list(closes.values())
    return facts.Bars(
        **_shared("bars", f"{minute}-{closed}-{values}", minute * 60 + 60, minute), interval=interval,
        ts_open=START + minute * 60 * SECOND, closed=closed, symbols=names, open=values, high=values, low=values,
        close=values,
        volume=[1.0] * len(names), quote_volume=values, trades=[3] * len(names),
    )  # fmt: skip


def snapshot(second: int, heats: dict[str, float], *, stage: str = "hot") -> facts.CandidateSnapshot:
    names, heat = list(heats), list(heats.values())
    size = len(names)
    scores: dict[str, Any] = {
        f"{score}_score": heat for score in ("volume", "momentum", "volatility", "liquidity", "social", "novelty")
    }
    return facts.CandidateSnapshot(
        **_shared("snapshot", str(second), second, second), **scores, symbols=names, rank=list(range(1, size + 1)),
        heat=heat, score=heat,
        stage=[stage] * size, passed=[True] * size, failed=[""] * size, price=[1.5] * size, change_1m=[0.01] * size,
        change_5m=[0.02] * size, change_24h=[0.1] * size, quote_volume_24h=[1e6] * size, spread_bps=[None] * size,
        age_ms=[5] * size,
        stage_since=[START] * size, group=[""] * size, universe=size, weights={"volume": 1.0},
    )  # fmt: skip


def market_map(second: int, heats: dict[str, float]) -> facts.MarketMap:
    size = len(heats)
    return facts.MarketMap(
        **_shared("map", str(second), second, second), symbols=list(heats), heat=list(heats.values()),
        price=[1.5] * size, change_5m=[0.02] * size, change_24h=[0.1] * size, quote_volume_24h=[1e6] * size,
        stage=["out"] * size, group=["BTC"] * size,
    )  # fmt: skip


def announcement(name: str, second: float = 0, source: str = "binance.cms") -> Announcement:
    at = START + int(second * SECOND)
    return Announcement(
        ts_recv=at + SECOND, source=source, announcement_id=name, title=f"Binance Will List {name} ({name})",
        category="listing", symbols=[name], ts_event=at,
    )  # fmt: skip


def mention(name: str, second: float = 0) -> Mention:
    at = START + int(second * SECOND)
    return Mention(
        ts_recv=at, source="x", mention_id=name, author="ana", followers=12_000, text="$AAA", symbols=["AAA"],
        sentiment=0.5, ts_event=at,
    )  # fmt: skip


def attempt(
    order: str, second: float = 0.0, *, verdict: Any = "accepted", reason: str = "", symbol: str = "AAAUSDT"
) -> facts.OrderAttempt:
    shared = _shared("", "", second, int(second)) | {"id": order}
    return facts.OrderAttempt(
        **shared, client_order_id=order, decision_id="d", position_id="p", symbol=symbol, side="buy",
        order_type="limit",
        quantity=Decimal(2), price=Decimal("10.5"), notional=Decimal(21), purpose="entry", verdict=verdict,
        deny_reason=reason,
        context={},
    )  # fmt: skip


def result(
    order: str, number: int, status: Any, second: float, *, filled: str = "0", fill: str = "0", symbol: str = "AAAUSDT"
) -> facts.OrderResult:
    shared = _shared("", "", second, int(second)) | {"id": f"{order}-{number}"}
    price = Decimal("10.5")
    return facts.OrderResult(
        **shared, client_order_id=order, venue_order_id="v", decision_id="d", position_id="p", symbol=symbol,
        side="buy", purpose="entry",
        status=status, quantity=Decimal(2), filled_quantity=Decimal(filled),
        average_price=price if Decimal(filled) else None,
        fill_price=price if Decimal(fill) else None, fill_quantity=Decimal(fill), fee=Decimal(fill) / 100,
        fee_asset="USDT",
        liquidity="taker", slippage_bps=1.0, reason="", evidence="tick",
    )  # fmt: skip


def order_life(order: str = "em-1") -> list[facts.OrderAttempt | facts.OrderResult]:
    """An order that fills in two parts."""
    return [
        attempt(order, 1), result(order, 1, "created", 1), result(order, 2, "open", 2),
        result(order, 3, "partial", 3, filled="0.5", fill="0.5"), result(order, 4, "closed", 4, filled="2", fill="1.5"),
    ]  # fmt: skip


def position(second: float, *, status: Any = "open", quantity: str = "2", name: str = "p") -> facts.Position:
    return facts.Position(
        **_shared("position", f"{name}-{second}-{status}", second, int(second)), position_id=name, decision_id="d",
        symbol="AAAUSDT",
        status=status, signed_quantity=Decimal(quantity), average_entry=Decimal(10), mark=10.0 + second,
        realised_pnl=Decimal("0.5"),
        unrealised_pnl=1.0, fees=Decimal("0.1"), opened_at=START,
        closed_at=START + int(second * SECOND) if status == "closed" else None,
        exit_reason="", stop_loss=9.0, take_profit=[11.0], trailing_stop=None, highest=12.0, lowest=9.5,
    )  # fmt: skip


def account(second: float, equity: float = 10_000.0) -> facts.Account:
    return facts.Account(
        **_shared("account", str(second), second, int(second)), account="paper", equity=equity, cash=equity,
        exposure=0.0, realised_pnl=0.0,
        unrealised_pnl=0.0, fees=0.0, peak_equity=equity, drawdown=0.0, day_pnl=0.0, open_positions=0,
    )  # fmt: skip


def engine(second: float, state: Any = "tradeable") -> facts.EngineState:
    return facts.EngineState(
        **_shared("engine", str(second), second, int(second)), state=state, previous="blocked", changed=True,
        since=START, paused=False,
        reasons=[], clean_cycles=1, needed_cycles=1, ticker_age_ms=1, feed_lag_ms=1.0, clock_skew_ms=0.0,
        ts_recv=START, counters={},
    )  # fmt: skip


def model_health(second: float, state: Any = "in_force") -> facts.ModelHealth:
    return facts.ModelHealth(
        **_shared("model_health", str(second), second, int(second)), version="online_quantiles.1", state=state, previous="learning",
        changed=False, since=START, grade="good", reasons=[], samples=5000, needed=3000, waiting=420, dropped=2,
        nominal={"edge": 0.5, "risk": 0.8}, coverage={"edge": 0.51, "risk": 0.79}, coverage_without={"edge": 0.5, "risk": 0.74},
        loss_ratio={"edge": 0.97, "risk": 0.95}, weights={},
    )  # fmt: skip


def alert(second: float, code: str = "gap") -> facts.Alert:
    return facts.Alert(
        **_shared("alert", f"{code}-{second}", second, int(second)),
        severity="warning",
        code=code,
        symbol="",
        args={"n": 1.0},
    )


def anomaly(second: float, symbol: str = "AAAUSDT") -> facts.Anomaly:
    return facts.Anomaly(
        **_shared("anomaly", f"{symbol}-{second}", second, int(second)), symbol=symbol, measure="volume_1s", value=9.0,
        score=8.0,
        threshold=4.0, since=START, price=1.0,
    )  # fmt: skip


def letter(number: int, reason: str = "not JSON") -> facts.DeadLetter:
    return facts.DeadLetter(
        id=f"{MARKET}-{number}",
        source=f"log:{MARKET}",
        reason=reason,
        ts_recv=number,
        partition=0,
        offset=number,
        raw=b"\xff",
    )


def ingest_letter(number: int) -> facts.DeadLetter:
    """From a socket: no place on the log tells it from another."""
    return facts.DeadLetter(id=f"in-{number}", source="ingest:spot", reason="not JSON", ts_recv=number, raw=b"{")
