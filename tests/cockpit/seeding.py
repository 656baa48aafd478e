"""A read model full of made-up data, and a hand that keeps writing to it as a projector would: for looking at pages.

    python -m tests.cockpit.seeding FILE.db [--seconds N]     seeds the file, then writes once a second

Everything follows from a seed and the given instant; nothing here resembles a market except in shape.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Engine, Table, create_engine, delete, event, select, update
from sqlalchemy.dialects.sqlite import insert

from contracts import facts
from contracts import read_model as model
from contracts.events import Announcement, Mention, encode_event
from contracts.reasons import Reason

State: TypeAlias = Literal["tradeable", "degraded", "blocked"]
Category: TypeAlias = Literal["listing", "delisting", "other"]
Severity: TypeAlias = Literal["info", "warning", "critical"]

NANOS = 1_000_000_000
MARKET = "binance.spot"
SYMBOLS = (
    "SOLUSDT", "PEPEUSDT", "WIFUSDT", "ARBUSDT", "TIAUSDT", "ORDIUSDT", "FETUSDT", "INJUSDT", "BONKUSDT", "SEIUSDT", "SUIUSDT",
    "JUPUSDT", "RNDRUSDT", "NEARUSDT", "AVAXUSDT", "LINKUSDT", "DOGEUSDT", "ETHUSDT", "BTCUSDT", "XRPUSDT", "ADAUSDT",
    "APTUSDT", "GALAUSDT", "OPUSDT", "FTMUSDT", "STXUSDT", "MKRUSDT", "1000SATSUSDT", "ENAUSDT", "WLDUSDT",
)  # fmt: skip
PRICES = (
    148.32, 0.00001214, 2.4135, 0.7421, 5.882, 41.27, 1.3312, 22.418, 0.00002231, 0.3987, 1.7741, 0.8123, 6.914, 5.221, 27.413,
    14.772, 0.15213, 2613.44, 64123.5, 0.5874, 0.3921, 8.214, 0.02377, 1.552, 0.6012, 1.811, 1502.3, 0.0002871, 0.5541, 2.0912,
)  # fmt: skip
GATES = (
    "fresh", "present", "unique", "aligned", "steady", "trading", "enabled", "warm", "stage", "heat", "liquid", "model", "quoted",
    "depth", "spread", "extension", "consensus", "edge", "setup", "armed", "group",
)  # fmt: skip
VOTES = {
    "trend/1m": 0.62, "trend/5m": 0.48, "trend/15m": 0.31, "momentum/1m": 0.35, "momentum/5m": 0.52, "momentum/15m": 0.12,
    "mean_reversion/1m": -0.41, "mean_reversion/5m": -0.2, "mean_reversion/15m": 0.0, "breakout/1m": 1.0, "breakout/5m": 0.7,
    "breakout/15m": 0.0, "volume/1m": 0.55, "volume/5m": 0.33, "volume/15m": 0.08, "order_flow/1m": -0.08,
}  # fmt: skip
FILTERS = ("min_volume", "spread")
WEIGHTS = {"volume": 0.25, "momentum": 0.25, "volatility": 0.2, "liquidity": 0.1, "social": 0.1, "novelty": 0.1}
GROUPS = {1: "PEPE", 3: "SOL", 5: "BTC"}
MAPPED = 220
LIFE = (("new", "ADMIT"), ("watching", "CONFIRM"), ("hot", "IGNITE"), ("cooling", "COOL"), ("out", "FADE"))
ANNOUNCED: tuple[tuple[str, Category, str, list[str]], ...] = (
    ("binance.cms", "listing", "Binance Will List Tokocrypto (TKO) with Seed Tag Applied", ["TKO"]),
    ("exchangeInfo", "listing", "TKOUSDT appeared among the instruments (TRADING)", ["TKO"]),
    ("binance.cms", "delisting", "Binance Will Delist FTM and MKR Margin Pairs on 2026-11-24", ["FTM", "MKR"]),
    ("binance.cms", "other", "Notice of Removal of Spot Trading Pairs and an Upgrade of the Matching Engine", []),
)
SAID = (
    ("x", "ana_on_chain", 182_000, "$SOL breaking out of the range, volume is real this time", ["SOL"], 0.71),
    ("square", "kettle", 420, "Sold all my PEPE, this is going to zero", ["PEPE"], -0.64),
    ("chain", "whale-alert", 0, "41,000,000 ARB moved from an unknown wallet to Binance", ["ARB"], None),
    ("x", "sats", 12_400, "WIF and BONK again? same story as in March", ["WIF", "BONK"], 0.05),
)
HISTORY_MINUTES = 600
INTERVALS = (("1m", 1), ("5m", 5), ("15m", 15))


def shown(symbol: str, interval: str, closes: list[tuple[int, float]]) -> Iterator[dict[str, Any]]:
    """Lines that look like indicators of a coin's closes."""
    fast = slow = signal = closes[0][1]
    signal = 0.0
    for count, (ts_open, close) in enumerate(closes):
        fast, slow = fast + (close - fast) * 2 / 13, slow + (close - slow) * 2 / 27
        signal += (fast - slow - signal) * 0.2
        warm = count >= 20
        yield {
            "market": MARKET, "symbol": symbol, "interval": interval, "ts_open": ts_open, "closed": True,
            "ema_fast": fast if warm else None, "ema_slow": slow if warm else None,
            "bollinger_upper": slow * 1.008 if warm else None, "bollinger_lower": slow * 0.992 if warm else None,
            "vwap": slow * 0.998, "supertrend": slow * 0.99 if warm else None,
            "rsi": 50.0 + 45.0 * math.tanh(300 * (close / slow - 1.0)) if warm else None,
            "macd": fast - slow if warm else None, "macd_signal": signal if warm else None,
            "macd_hist": fast - slow - signal if warm else None, "atr": close * 0.004, "adx": 28.0 if warm else None,
        }  # fmt: skip


class Seeding:
    """Writes the first state and then one second after another."""

    def __init__(self, url: str, now: int, seed: int = 7) -> None:
        self.random = random.Random(seed)
        self.now = now
        self.sequence = 0
        self.engine = engine(url)
        self.prices = dict(zip(SYMBOLS, PRICES, strict=True))
        self.heat = {symbol: max(4.0, 88.0 - 3.1 * i) for i, symbol in enumerate(SYMBOLS)}
        self.forming: dict[tuple[str, str], list[float]] = {}
        self.entries: dict[str, tuple[float, float]] = {}

    def first(self) -> None:
        """Create the tables and fill them with ten hours of history."""
        model.metadata.create_all(self.engine)
        with self.engine.begin() as connection:
            for symbol in SYMBOLS[:12]:
                self._history(connection, symbol)
            curve = [
                self._equity(self.now - back * 60 * NANOS, 10_000 + 90 * math.sin(back / 55) + (600 - back) * 0.21)
                for back in range(HISTORY_MINUTES, 0, -1)
            ]
            connection.execute(insert(model.equity), curve)
            points = [
                self._heat_point(symbol, self.now - back * 15 * NANOS)
                for back in range(60, 0, -1)
                for symbol in SYMBOLS
            ]
            connection.execute(insert(model.heat_history), points)
            for i, symbol in enumerate(SYMBOLS[3:9]):
                self._trade(connection, symbol, self.now - (50 - 7 * i) * 60 * NANOS, closes=True)
            for i, symbol in enumerate(SYMBOLS[:3]):
                self._trade(connection, symbol, self.now - (24 - 8 * i) * 60 * NANOS, closes=False)
            self._denied(connection, SYMBOLS[12])
            self._failed(connection, SYMBOLS[13])
            for i in range(24):
                self._happening(connection, self.now - (i * 47 + 5) * NANOS, i)
            self._lives(connection)
            self._told(connection)
            self._alerts(connection)
            self._commands(connection)
            self._dead_letters(connection)
        self.second(self.now)

    def second(self, now: int) -> None:
        """Write what a desk concludes in one second."""
        self.now = now
        with self.engine.begin() as connection:
            self._move()
            self._candidates(connection)
            self._market_map(connection)
            for symbol in SYMBOLS[:12]:
                self._forming_bar(connection, symbol)
            for symbol in SYMBOLS:
                self._signal(connection, symbol)
            self._marks(connection)
            put(connection, model.equity, self._equity(now, 10_126 + 2 * math.sin(now / NANOS / 40)))
            self._engine(connection, "tradeable")
            if self.random.random() < 0.08:
                self._happening(connection, now, self.random.randrange(1000))
            put(
                connection,
                model.offsets,
                {"topic": "bar.v1", "partition": 0, "offset": self.sequence, "ts_written": now},
            )

    # --- market ---

    def _move(self) -> None:
        for i, symbol in enumerate(SYMBOLS):
            drift = 0.00025 if i < 4 else 0.0
            self.prices[symbol] *= math.exp(self.random.gauss(drift, 0.0009))
            self.heat[symbol] = min(97.0, max(2.0, self.heat[symbol] + self.random.gauss(0.0, 0.6)))

    def _candidates(self, connection: Connection) -> None:
        ordered = sorted(SYMBOLS, key=lambda symbol: -self.heat[symbol])
        for rank, symbol in enumerate(ordered, start=1):
            heat = self.heat[symbol]
            i = SYMBOLS.index(symbol)
            passed = i not in (5, 16)
            scores = {
                "volume": min(100.0, heat * 1.12), "momentum": min(100.0, heat * (1.05 if i % 2 else 0.8)),
                "volatility": min(100.0, heat * 0.9), "liquidity": 35.0 + (i * 13) % 60, "social": (i * 29) % 80 * 1.0,
                "novelty": (i * 17) % 95 * 1.0,
            }  # fmt: skip
            put(
                connection,
                model.candidates,
                {
                    **{f"{name}_score": score for name, score in scores.items()},
                    **{f"{name}_points": WEIGHTS[name] * score for name, score in scores.items()},
                    "market": MARKET, "symbol": symbol, "ts_event": self.now, "rank": rank, "heat": heat,
                    "score": heat / 20.0, "stage": "hot" if heat > 70 else "watching" if heat > 45 else "cooling" if heat > 20 else "new",
                    "stage_since": self.now - (i * 61 + 30) * NANOS, "passed": passed,
                    "failed": "" if passed else FILTERS[i % 2], "price": self.prices[symbol],
                    "change_1m": (heat - 40) / 9000.0, "change_5m": (heat - 38) / 1900.0, "change_24h": math.sin(i) * 0.18,
                    "quote_volume_24h": 2.1e9 / (i + 1) ** 1.4, "spread_bps": None if i % 9 == 8 else 1.2 + (i * 7 % 31),
                    "age_ms": 220 + (i * 331) % 2600, "group": GROUPS.get(i % 8, ""), "sector": "meme" if i % 5 == 1 else "",
                    "held_back": "high_corr_group=meme" if i == 6 else "", "mentions": i % 4 * 3, "voices": i % 4 * 2,
                    "tone": 0.4 if i % 4 == 2 else None,
                },
            )  # fmt: skip
        put(
            connection,
            model.snapshots,
            {"market": MARKET, "ts_event": self.now, "universe": 312, "weights": facts_json(WEIGHTS).decode()},
        )

    def _market_map(self, connection: Connection) -> None:
        for i in range(MAPPED):
            symbol = SYMBOLS[i] if i < len(SYMBOLS) else f"C{i:03d}USDT"
            ranked = i < len(SYMBOLS)
            heat = self.heat[symbol] if ranked else 30.0 * abs(math.sin(i))
            row = {
                "market": MARKET, "symbol": symbol, "ts_event": self.now, "price": self.prices.get(symbol, 1.0 + i),
                "heat": heat, "change_5m": (heat - 38) / 1900.0 if ranked else 0.012 * math.sin(i * 1.7),
                "change_24h": math.sin(i) * 0.18, "quote_volume_24h": 2.1e9 / (i + 1) ** 1.4 if ranked else 9e6 / (1 + i % 37),
                "stage": "hot" if heat > 70 else "out", "group": GROUPS.get(i % 8, "") if i < 60 else "",
            }  # fmt: skip
            put(connection, model.market_map, row)

    def _lives(self, connection: Connection) -> None:
        """Coins that walk through the pool's life cycle in the newest hour."""
        for i, symbol in enumerate(SYMBOLS[:16]):
            at = self.now - (3300 - 170 * i) * NANOS
            previous = "out"
            for step, (stage, code) in enumerate(LIFE[: 2 + i % 5]):
                fact = facts.StageChanged(
                    **(self._common(f"stage:{symbol}:{step}") | {"ts_event": at}), symbol=symbol, stage=stage,
                    previous=previous, reason=Reason(code, {"score": -1.81, "threshold": -2.3}), heat=40.0 + 8 * step,
                )  # fmt: skip
                row = {"id": fact.id, "market": MARKET, "symbol": symbol, "ts_event": at, "kind": "stage"}
                put(connection, model.happenings, {**row, "body": facts.encode_fact(fact)})
                previous, at = stage, at + (70 + 60 * (i % 4) + 110 * step) * NANOS

    def _told(self, connection: Connection) -> None:
        """What was announced and said."""
        for i, (source, category, title, coins) in enumerate(ANNOUNCED):
            at = self.now - (1500 + 2400 * i) * NANOS
            announced = Announcement(
                ts_recv=at,
                source=source,
                announcement_id=str(i),
                title=title,
                category=category,
                symbols=coins,
                ts_event=at,
            )
            row = {
                "id": f"a{i}",
                "market": MARKET,
                "ts_event": at,
                "ts_recv": at,
                "source": source,
                "category": category,
            }
            put(connection, model.announcements, {**row, "body": encode_event(announced)})
        for i, (source, author, followers, text, coins, tone) in enumerate(SAID):
            at = self.now - (40 + 95 * i) * NANOS
            said = Mention(
                ts_recv=at, source=source, mention_id=str(i), author=author, followers=followers, text=text, symbols=coins,
                sentiment=tone, kind="transfer" if source == "chain" else "post", ts_event=at,
            )  # fmt: skip
            row = {"id": f"m{i}", "market": MARKET, "ts_event": at, "ts_recv": at, "source": source, "kind": said.kind}
            put(connection, model.mentions, {**row, "body": encode_event(said)})

    def _heat_point(self, symbol: str, at: int) -> dict[str, Any]:
        wave = 12 * math.sin(at / NANOS / 120 + SYMBOLS.index(symbol))
        heat = min(99.0, max(1.0, self.heat[symbol] - 8 + wave))
        return {
            "market": MARKET,
            "symbol": symbol,
            "ts_event": at,
            "heat": heat,
            "rank": 1,
            "price": self.prices[symbol],
        }

    def _history(self, connection: Connection, symbol: str) -> None:
        minute = self.now // (60 * NANOS) * 60 * NANOS
        level = self.prices[symbol] * 0.94
        rows: list[tuple[float, ...]] = []
        for back in range(HISTORY_MINUTES, 0, -1):
            ts_open = minute - back * 60 * NANOS
            surge = 3.5 if back < 40 else 1.0
            opened = level
            level *= math.exp(self.random.gauss(0.0016 if back < 40 else 0.0, 0.0022 * math.sqrt(surge)))
            high = max(opened, level) * (1 + abs(self.random.gauss(0, 0.0009)))
            low = min(opened, level) * (1 - abs(self.random.gauss(0, 0.0009)))
            volume = 9000 * surge * math.exp(self.random.gauss(0, 0.6)) / self.prices[symbol]
            rows.append((ts_open, opened, high, low, level, volume))
        self.prices[symbol] = level
        bars = [
            self._bar_row(symbol, interval, bar, closed=True)
            for interval, minutes in INTERVALS
            for bar in gathered(rows, minutes, minute)
        ]
        connection.execute(insert(model.bars), bars)
        for interval, _ in INTERVALS:
            closes = [(bar["ts_open"], bar["close"]) for bar in bars if bar["interval"] == interval]
            connection.execute(insert(model.indicators), list(shown(symbol, interval, closes)))

    def _bar_row(self, symbol: str, interval: str, bar: tuple[float, ...], *, closed: bool) -> dict[str, Any]:
        self.sequence += 1
        ts_open, opened, high, low, close, volume = bar
        return {
            "market": MARKET, "symbol": symbol, "interval": interval, "ts_open": int(ts_open), "closed": closed, "open": opened,
            "high": high, "low": low, "close": close, "volume": volume, "quote_volume": volume * close, "trades": 120,
            "sequence": self.sequence,
        }  # fmt: skip

    def _forming_bar(self, connection: Connection, symbol: str) -> None:
        price = self.prices[symbol]
        traded = 400 / price * self.random.random()
        for interval, minutes in INTERVALS:
            length = minutes * 60 * NANOS
            ts_open = self.now // length * length
            bar = self.forming.get((symbol, interval))
            if bar is None or bar[0] != ts_open:
                if bar is not None:
                    put(connection, model.bars, self._bar_row(symbol, interval, tuple(bar), closed=True))
                bar = self.forming[symbol, interval] = [ts_open, price, price, price, price, 0.0]
            bar[2], bar[3], bar[4] = max(bar[2], price), min(bar[3], price), price
            bar[5] += traded
            put(connection, model.bars, self._bar_row(symbol, interval, tuple(bar), closed=False))

    # --- decisions and orders ---

    def _signal(self, connection: Connection, symbol: str) -> None:
        heat = self.heat[symbol]
        i = SYMBOLS.index(symbol)
        held = symbol in self.entries
        reasons = [Reason("POSITION_EXISTS", {})] if held else []
        if heat < 60:
            reasons.append(Reason("HEAT_BELOW", {"heat": round(heat, 1), "needed": 60.0}))
        if i % 3 == 0 and not held:
            reasons.append(Reason("SPREAD_ABOVE", {"spread_bps": 44.2, "needed": 40.0}))
        if i in (9, 11):
            reasons.append(Reason("HIGH_CORR_GROUP", {"symbol": SYMBOLS[i - 8], "group": GROUPS[i % 8]}))
        if not reasons:
            reasons.append(Reason("CONSENSUS_BELOW", {"consensus": 0.21, "needed": 0.25}))
        fact = facts.Signal(
            **self._common(f"signal:{symbol}:{self.now}"), symbol=symbol, strategy="ember", shadow=False, action="wait",
            heat=heat, consensus=0.42 - i * 0.03, confidence=0.71,
            votes={name: max(-1.0, min(1.0, vote * (1.0 - 0.05 * i))) for name, vote in VOTES.items()},
            features={}, gates=dict.fromkeys(GATES, True) | {"spread": i % 3 != 0, "heat": heat >= 60, "consensus": i < 6},
            reasons=reasons,
        )  # fmt: skip
        row = {"market": MARKET, "symbol": symbol, "strategy": "ember", "ts_event": self.now, "action": "wait"}
        put(connection, model.signals, {**row, "body": facts.encode_fact(fact)})
        kept = {**row, "id": fact.id, "shadow": False, "decision_id": "", "body": facts.encode_fact(fact)}
        put(connection, model.signal_history, kept)

    def _decision(self, connection: Connection, symbol: str, at: int, entry: float) -> str:
        decision_id = f"decision:{symbol}:{at}"
        fact = facts.DecisionPacket(
            **(self._common(decision_id) | {"ts_event": at}), symbol=symbol, strategy="ember", shadow=False, timeframe="1m",
            horizon_s=1800, action="long", strength=0.68, confidence=0.74, risk_level="medium", heat=self.heat[symbol], entry=entry,
            stop_loss=entry * 0.98, take_profit_1=entry * 1.02, take_profit_2=entry * 1.04, reward_risk=1.9,
            expected_edge_bps=74.2, edge_risk_bps=41.0, edge_source="realised volatility", start_probabilities={},
            cost=facts.CostAssumption(maker_fee_bps=10, taker_fee_bps=10, spread_bps=3.1, slippage_bps=2.0, round_trip_bps=27.1),
            consensus=0.44, valid_until=at + 3 * NANOS, generated_at=at, generated_at_utc="", generated_at_local="",
            reasons=[
                Reason("HEAT_REACHED", {"heat": 82.4, "needed": 60.0}),
                Reason("CONSENSUS_REACHED", {"consensus": 0.44, "needed": 0.25}),
            ],
            model_version="", data_version="12", git_version="0a1b2c3",
        )  # fmt: skip
        row = {
            "id": decision_id, "market": MARKET, "symbol": symbol, "strategy": "ember", "shadow": False, "ts_event": at,
            "action": "long", "heat": self.heat[symbol], "entry": entry, "body": facts.encode_fact(fact),
        }  # fmt: skip
        put(connection, model.decisions, row)
        return decision_id

    def _trade(self, connection: Connection, symbol: str, at: int, *, closes: bool) -> None:
        bar = connection.execute(
            select(model.bars.c.close).where(
                model.bars.c.symbol == symbol, model.bars.c.interval == "1m", model.bars.c.ts_open <= at
            ).order_by(model.bars.c.ts_open.desc()).limit(1)
        ).scalar()  # fmt: skip
        entry = float(bar if bar is not None else self.prices[symbol])
        quantity = 500.0 / entry
        decision_id = self._decision(connection, symbol, at, entry)
        position_id = f"position:{symbol}:{at}"
        self._order(connection, symbol, at, decision_id, position_id, "buy", "entry", quantity, entry, parts=2)
        gain = 0.0
        exit_reason = ""
        if closes:
            exit_reason = ("TAKE_PROFIT", "STOP_LOSS", "TRAILING_STOP", "HEAT_FADED")[SYMBOLS.index(symbol) % 4]
            left = entry * (0.98 if exit_reason == "STOP_LOSS" else 1.021)
            gain = (left - entry) * quantity - 1.0
            leave = at + 12 * 60 * NANOS
            self._order(
                connection, symbol, leave, decision_id, position_id, "sell", exit_reason, quantity, left, parts=1
            )
        else:
            self.entries[symbol] = (entry, quantity)
        self._position(connection, symbol, position_id, decision_id, at, entry, quantity, gain, exit_reason)

    def _position(
        self, connection: Connection, symbol: str, position_id: str, decision_id: str, at: int, entry: float, quantity: float,
        realised: float, exit_reason: str,
    ) -> None:  # fmt: skip
        closed = bool(exit_reason)
        mark = self.prices[symbol]
        fact = facts.Position(
            **self._common(position_id), position_id=position_id, decision_id=decision_id, symbol=symbol,
            status="closed" if closed else "open", signed_quantity=Decimal(0 if closed else str(round(quantity, 6))),
            average_entry=Decimal(str(round(entry, 8))), mark=mark, realised_pnl=Decimal(str(round(realised, 4))),
            unrealised_pnl=0.0 if closed else (mark - entry) * quantity, fees=Decimal("1.0"), opened_at=at,
            closed_at=at + 12 * 60 * NANOS if closed else None, exit_reason=exit_reason, stop_loss=entry * 0.98,
            take_profit=[entry * 1.02, entry * 1.04, entry * 1.08], trailing_stop=None, highest=entry * 1.01, lowest=entry * 0.995,
        )  # fmt: skip
        put(
            connection,
            model.positions,
            {
                "position_id": position_id, "market": MARKET, "symbol": symbol, "status": fact.status, "ts_event": self.now,
                "signed_quantity": float(fact.signed_quantity), "average_entry": entry, "mark": mark, "realised_pnl": realised,
                "unrealised_pnl": fact.unrealised_pnl, "fees": 1.0, "opened_at": at, "closed_at": fact.closed_at,
                "exit_reason": exit_reason, "stop_loss": entry * 0.98, "body": facts.encode_fact(fact),
            },
        )  # fmt: skip

    def _marks(self, connection: Connection) -> None:
        for symbol, (entry, quantity) in self.entries.items():
            mark = self.prices[symbol]
            connection.execute(
                update(model.positions)
                .where(model.positions.c.symbol == symbol, model.positions.c.status == "open")
                .values(mark=mark, unrealised_pnl=(mark - entry) * quantity, ts_event=self.now)
            )

    def fill_now(self, symbol: str, side: str = "buy") -> None:
        """One more fill at the present price."""
        with self.engine.begin() as connection:
            price = self.prices[symbol]
            purpose = "entry" if side == "buy" else "TAKE_PROFIT"
            self._order(
                connection, symbol, self.now, "decision", "position", side, purpose, 100 / price, price, parts=1
            )

    def _order(
        self, connection: Connection, symbol: str, at: int, decision_id: str, position_id: str, side: str, purpose: str,
        quantity: float, price: float, parts: int,
    ) -> None:  # fmt: skip
        order_id = f"em-{symbol}-{at // NANOS}-{side}"
        common: dict[str, Any] = {"client_order_id": order_id, "decision_id": decision_id, "position_id": position_id}
        common |= {"symbol": symbol, "side": side}
        whole = Decimal(str(round(quantity, 6)))
        attempt = facts.OrderAttempt(
            **(self._common(f"{order_id}:attempt") | {"ts_event": at}), **common, order_type="market", quantity=whole,
            price=None, notional=Decimal(str(round(quantity * price, 2))), purpose=purpose, verdict="accepted", deny_reason="",
            context={},
        )  # fmt: skip
        self._order_event(connection, order_id, symbol, at, "created", attempt)
        done = Decimal(0)
        for part in range(1, parts + 1):
            at_part = at + part * 120_000_000
            piece = whole / parts
            done += piece
            fee = piece * Decimal(str(round(price, 8))) / 1000
            result = facts.OrderResult(
                **(self._common(f"{order_id}:{part}") | {"ts_event": at_part}), **common, venue_order_id="paper-1",
                purpose=purpose, status="closed" if part == parts else "partial", quantity=whole, filled_quantity=done,
                average_price=Decimal(str(round(price, 8))), fill_price=Decimal(str(round(price, 8))), fill_quantity=piece, fee=fee,
                fee_asset="USDT", liquidity="taker", slippage_bps=1.8, reason="", evidence="events.v1/0@1182733",
            )  # fmt: skip
            self._order_event(connection, order_id, symbol, at_part, result.status, result)
            self.sequence += 1
            fill = {
                "id": f"{order_id}:{part}", "market": MARKET, "symbol": symbol, "ts_event": at_part, "client_order_id": order_id,
                "side": side, "purpose": purpose, "price": price, "quantity": float(piece), "fee": float(fee),
                "sequence": self.sequence,
            }  # fmt: skip
            put(connection, model.fills, fill)
        row = {
            "client_order_id": order_id, "market": MARKET, "symbol": symbol, "decision_id": decision_id,
            "position_id": position_id, "ts_created": at, "ts_event": at, "side": side, "order_type": "market", "purpose": purpose,
            "status": "closed", "quantity": quantity, "price": None, "filled_quantity": quantity, "average_price": price,
            "fee": quantity * price / 1000, "reason": "",
        }  # fmt: skip
        put(connection, model.orders, row)

    def _order_event(
        self, connection: Connection, order_id: str, symbol: str, at: int, status: str, fact: facts.Fact
    ) -> None:
        self.sequence += 1
        row = {
            "id": fact.id, "client_order_id": order_id, "symbol": symbol, "ts_event": at, "status": status,
            "sequence": self.sequence, "body": facts.encode_fact(fact),
        }  # fmt: skip
        put(connection, model.order_events, row)

    def _denied(self, connection: Connection, symbol: str) -> None:
        self._refused(connection, symbol, "denied", "BUY_MIN_NOTIONAL", {"notional": "3.10", "needed": "5.00"})

    def _failed(self, connection: Connection, symbol: str) -> None:
        self._refused(connection, symbol, "failed", "NO_PRICE", {})

    def _refused(self, connection: Connection, symbol: str, status: str, reason: str, context: dict[str, str]) -> None:
        at = self.now - 200 * NANOS
        order_id = f"em-{symbol}-{status}"
        attempt = facts.OrderAttempt(
            **(self._common(f"{order_id}:attempt") | {"ts_event": at}), client_order_id=order_id, decision_id="d", position_id="",
            symbol=symbol, side="buy", order_type="market", quantity=Decimal("0.4"), price=None, notional=Decimal("3.10"),
            purpose="entry", verdict="denied", deny_reason=reason, context=context,
        )  # fmt: skip
        self._order_event(connection, order_id, symbol, at, status, attempt)
        row = {
            "client_order_id": order_id, "market": MARKET, "symbol": symbol, "decision_id": "d", "position_id": "",
            "ts_created": at, "ts_event": at, "side": "buy", "order_type": "market", "purpose": "entry", "status": status,
            "quantity": 0.4, "price": None, "filled_quantity": 0.0, "average_price": None, "fee": 0.0, "reason": reason,
        }  # fmt: skip
        put(connection, model.orders, row)

    # --- account, engine, everything else ---

    def _equity(self, at: int, equity: float) -> dict[str, Any]:
        return {
            "market": MARKET, "ts_event": at, "equity": equity, "cash": equity - 1500, "exposure": 1500.0,
            "realised_pnl": 84.31, "unrealised_pnl": equity - 10084.31, "drawdown": 0.0042, "day_pnl": equity - 10000,
            "open_positions": len(self.entries), "account": "paper",
        }  # fmt: skip

    def set_engine(self, state: State, reasons: list[Reason], *, paused: bool = False) -> None:
        """Put the engine into another state."""
        with self.engine.begin() as connection:
            self._engine(connection, state, reasons, paused=paused)

    def _engine(
        self, connection: Connection, state: State, reasons: list[Reason] | None = None, *, paused: bool = False
    ) -> None:
        healthy = state == "tradeable"
        fact = facts.EngineState(
            **self._common(f"engine:{self.now}"), state=state, previous="blocked", changed=False, since=self.now - 3600 * NANOS,
            paused=paused, reasons=reasons or [], clean_cycles=6 if healthy else 1, needed_cycles=0 if healthy else 3,
            ticker_age_ms=410, feed_lag_ms=38.2, clock_skew_ms=-12.0, ts_recv=self.now,
            counters={"ticks": 18_422_113, "trades": 902_118, "quotes": 2_402_993, "late": 12, "dirty": 3, "gaps": 1,
                      "decisions": 41, "orders": 23},
        )  # fmt: skip
        row = {
            "market": MARKET, "ts_event": self.now, "ts_recv": self.now, "state": state, "paused": paused, "since": fact.since,
            "body": facts.encode_fact(fact),
        }  # fmt: skip
        put(connection, model.engine, row)

    def set_model(self, state: str, grade: str, reasons: list[Reason]) -> None:
        """Say how the model of edge and risk is."""
        learned = grade != "unknown"
        fact = facts.ModelHealth(
            **self._common(f"model:{self.now}"), version="online_quantiles.1", state=state, previous="learning", changed=False,  # type: ignore[arg-type]
            since=self.now - 3600 * NANOS, grade=grade, reasons=reasons, samples=5321 if learned else 0, needed=3000, waiting=420,  # type: ignore[arg-type]
            dropped=2, nominal={"edge": 0.5, "risk": 0.8}, coverage={"edge": 0.51, "risk": 0.79} if learned else {},
            coverage_without={"edge": 0.5, "risk": 0.74} if learned else {}, loss_ratio={"edge": 0.97, "risk": 0.95} if learned else {},
            weights={},
        )  # fmt: skip
        row = {"market": MARKET, "ts_event": self.now, "state": state, "body": facts.encode_fact(fact)}
        with self.engine.begin() as connection:
            put(connection, model.model_health, row)

    def _happening(self, connection: Connection, at: int, i: int) -> None:
        symbol = SYMBOLS[i % 14]
        common = self._common(f"happening:{symbol}:{at}:{i}") | {"ts_event": at}
        price = self.prices[symbol]
        fact: facts.Fact
        if i % 3 == 0:
            kind = "alarm"
            fact = facts.DiscoveryAlarm(**common, symbol=symbol, score=4.81, threshold=3.9, rank=2, price=price)
        elif i % 3 == 1:
            kind = "anomaly"
            fact = facts.Anomaly(
                **common,
                symbol=symbol,
                measure="volume_1m",
                value=48213.0,
                score=9.4,
                threshold=6.0,
                since=at,
                price=price,
            )
        else:
            kind = "stage"
            fact = facts.StageChanged(
                **common,
                symbol=symbol,
                stage="hot",
                previous="watching",
                reason=Reason("IGNITE", {"score": 4.81, "threshold": 3.9}),
                heat=71.2,
            )
        row = {"id": fact.id, "market": MARKET, "symbol": symbol, "ts_event": at, "kind": kind}
        put(connection, model.happenings, {**row, "body": facts.encode_fact(fact)})

    def _alerts(self, connection: Connection) -> None:
        alerts: list[tuple[Severity, str, dict[str, float | str]]] = [
            ("info", "NEW_LISTING", {"price": 1.25}),
            ("warning", "FEED_STALE", {"age_s": 92.0}),
            ("info", "LOSSES_IN_A_ROW", {"losses": 3.0}),
        ]
        for i, (severity, code, args) in enumerate(alerts):
            at = self.now - (3600 - i * 600) * NANOS
            fact = facts.Alert(
                **(self._common(f"alert:{i}") | {"ts_event": at}), severity=severity, code=code, symbol="", args=args
            )
            row = {"id": fact.id, "market": MARKET, "symbol": "", "ts_event": at, "severity": severity, "code": code}
            put(connection, model.alerts, {**row, "body": facts.encode_fact(fact)})

    def _commands(self, connection: Connection) -> None:
        for i, (command, ok, reason) in enumerate(
            (("pause_trading", True, ""), ("resume_trading", True, ""), ("close_position", False, "NO_POSITION"))
        ):
            self._answer(
                connection, f"command-{i}", command, "cockpit:ana", self.now - (1800 - i * 300) * NANOS, ok, reason
            )

    def _answer(
        self, connection: Connection, command_id: str, command: str, author: str, at: int, ok: bool, reason: str
    ) -> None:
        fact = facts.CommandResult(
            **(self._common(f"result:{command_id}") | {"ts_event": at}), command_id=command_id, command=command, author=author,
            ok=ok, reason=reason, detail={},
        )  # fmt: skip
        row = {
            "command_id": command_id,
            "market": MARKET,
            "ts_event": at,
            "command": command,
            "author": author,
            "ok": ok,
        }
        put(connection, model.commands, {**row, "reason": reason, "body": facts.encode_fact(fact)})

    def answer(self, command_id: str, command: str, author: str, symbol: str = "") -> None:
        """Answer a command as the desk would; closing closes what is open."""
        with self.engine.begin() as connection:
            if command in {"close_all", "close_position"}:
                closed = [symbol] if symbol else list(self.entries)
                for name in closed:
                    self.entries.pop(name)
                connection.execute(
                    update(model.positions)
                    .where(model.positions.c.status == "open", model.positions.c.symbol.in_(closed))
                    .values(status="closed", closed_at=self.now, exit_reason="CLOSE_ALL_COMMAND", unrealised_pnl=0.0)
                )
            self._answer(connection, command_id, command, author, self.now, True, "")

    def _dead_letters(self, connection: Connection) -> None:
        row = {"source": "binance.spot/tickers", "reason": "Expected `float` > 0.0 - at `$.rows[3][2]`", "count": 3}
        put(connection, model.dead_letters, {**row, "ts_recv": self.now - 400 * NANOS})

    def clear(self, table: Table) -> None:
        """Empty one table."""
        with self.engine.begin() as connection:
            connection.execute(delete(table))

    def _common(self, fact_id: str) -> dict[str, Any]:
        return {
            "id": fact_id, "trace_id": fact_id, "market": MARKET, "partition": 0, "offset": self.sequence, "ts_event": self.now,
            "settings_hash": "5e77196a0b11",
        }  # fmt: skip


def engine(url: str) -> Engine:
    """An engine that writes in WAL mode."""
    made = create_engine(url)

    @event.listens_for(made, "connect")
    def opened(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return made


def put(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    """Insert or replace one row."""
    keys = [column.name for column in table.primary_key]
    statement = insert(table).values(row)
    rest = {name: statement.excluded[name] for name in row if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest) if rest else statement)


def gathered(rows: list[tuple[float, ...]], minutes: int, until: int) -> Iterator[tuple[float, ...]]:
    """Closed bars of `minutes` from bars of one minute; the last, incomplete one is left out."""
    length = minutes * 60 * NANOS
    if minutes == 1:
        yield from rows
        return
    by_open: dict[int, list[tuple[float, ...]]] = {}
    for row in rows:
        by_open.setdefault(int(row[0]) // length * length, []).append(row)
    for ts_open, group in sorted(by_open.items()):
        if ts_open + length <= until:
            highs, lows = max(r[2] for r in group), min(r[3] for r in group)
            yield (ts_open, group[0][1], highs, lows, group[-1][4], sum(r[5] for r in group))


def facts_json(value: Any) -> bytes:
    """Any value as JSON."""
    return facts.encode_fact(value)


def main() -> None:
    """Seed a file and keep writing to it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=int, default=3600)
    parsed = parser.parse_args()
    seeding = Seeding(f"sqlite:///{parsed.file}", time.time_ns())
    seeding.first()
    for _ in range(parsed.seconds):
        seeding.second(time.time_ns())
        time.sleep(1.0)


if __name__ == "__main__":
    main()
