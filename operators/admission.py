"""Pre-checks of an opening: may this decision become an order, and how large?

Checked in this order, the first that fails is the verdict: shadow, expired, paused, daily loss, engine state, side,
instrument, position, pending order, cool-down, price, number of positions, exposure, cash, rules of the instrument. The
size is the least of the setting, a part of the last minute's volume, and what exposure and cash leave.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from contracts.facts import DecisionPacket
from contracts.instruments import Instrument, check_order, from_float, round_price, round_quantity
from contracts.reasons import DenyReason
from contracts.settings import DeskSettings
from operators import columns
from operators.execution_state import ExecuteState

ZERO = Decimal(0)
BPS = Decimal(10_000)


class Admission(msgspec.Struct, kw_only=True):
    """The verdict: None as `denied` means accepted."""

    quantity: Decimal = ZERO
    price: Decimal | None = None
    notional: Decimal = ZERO
    denied: DenyReason | None = None
    context: dict[str, str] = {}


def admit(
    state: ExecuteState, settings: DeskSettings, packet: DecisionPacket, index: int, side: int, ts_event: int
) -> Admission:
    """Judge the opening of `side` (+1, -1) in column `index` at event time `ts_event`; changes nothing."""
    denied = _standing(state, settings, packet, side, ts_event)
    if denied is not None:
        return denied
    instrument = state.instrument(packet.symbol)
    if instrument is None:
        return Admission(denied=DenyReason.UNKNOWN_INSTRUMENT)
    if instrument.status != "TRADING":
        return Admission(denied=DenyReason.NOT_TRADING, context={"status": instrument.status})
    return _exclusive(state, packet) or _sized(state, settings, packet, instrument, index, side)


def _standing(
    state: ExecuteState, settings: DeskSettings, packet: DecisionPacket, side: int, ts_event: int
) -> Admission | None:
    engine = state.book.engine
    if packet.shadow:
        return Admission(denied=DenyReason.SHADOW, context={"strategy": packet.strategy})
    if ts_event > packet.valid_until:
        late_ms = (ts_event - packet.valid_until) // 1_000_000
        return Admission(denied=DenyReason.DECISION_EXPIRED, context={"late_ms": str(late_ms)})
    if engine.paused:
        return Admission(denied=DenyReason.PAUSED, context={"author": engine.paused_by})
    if state.book.halted_day >= state.book.ledger.day >= 0:
        return Admission(denied=DenyReason.DAILY_LOSS)
    if engine.state != "tradeable":
        codes = ", ".join(reason.code for reason in engine.reasons())
        return Admission(denied=DenyReason.ENGINE_NOT_TRADEABLE, context={"state": engine.state, "reasons": codes})
    if side < 0 and not settings.risk.allow_short:
        return Admission(denied=DenyReason.SHORT_NOT_ALLOWED)
    return None


def _exclusive(state: ExecuteState, packet: DecisionPacket) -> Admission | None:
    book = state.book
    held = book.positions.get(packet.symbol)
    if held is not None:
        return Admission(denied=DenyReason.POSITION_EXISTS, context={"position_id": held.position_id})
    for order in book.orders.values():
        if order.symbol == packet.symbol:
            return Admission(denied=DenyReason.ORDER_PENDING, context={"client_order_id": order.client_order_id})
    until = book.cooldown.get(packet.symbol)
    now = int(state.clock[columns.NOW])
    if until is not None and now < until:
        return Admission(denied=DenyReason.COOLDOWN, context={"left_ms": str((until - now) // 1_000_000)})
    return None


def _sized(
    state: ExecuteState, settings: DeskSettings, packet: DecisionPacket, instrument: Instrument, index: int, side: int
) -> Admission:
    book, risk = state.book, settings.risk
    size = settings.for_symbol(packet.symbol).size
    mark = float(state.table[index, columns.MARK])
    if not mark > 0.0:
        return Admission(denied=DenyReason.NO_PRICE)
    opening = sum(1 for order in book.orders.values() if order.is_entry and order.symbol not in book.positions)
    if len(book.positions) + opening >= risk.max_positions:
        return Admission(denied=DenyReason.MAX_POSITIONS, context={"max_positions": str(risk.max_positions)})
    room = risk.max_exposure - state.exposure()
    floor = max(float(instrument.min_notional), 0.0)
    if room <= floor:
        return Admission(denied=DenyReason.MAX_EXPOSURE, context={"left": f"{room:.2f}"})
    fee = from_float(settings.paper.taker_fee_bps + settings.paper.slippage_bps) / BPS
    cash = float((book.ledger.cash - state.reserved()) / (1 + fee))
    if cash <= floor:
        return Admission(denied=DenyReason.INSUFFICIENT_CASH, context={"left": f"{cash:.2f}"})
    minute = float(state.minutes[:, index].max())
    bounds = {
        "setting": size.notional,
        "minute_volume": size.max_of_minute_volume * minute,
        "exposure": room,
        "cash": cash,
    }
    bound = min(bounds, key=lambda name: bounds[name])
    market = settings.orders.entry_type == "market"
    price = None if market else round_price(instrument, from_float(packet.entry), side)
    value = from_float(mark) if price is None else price
    if value <= 0:
        return Admission(denied=DenyReason.NO_PRICE)
    quantity = round_quantity(instrument, from_float(max(0.0, bounds[bound])) / value, market_order=market)
    quantity = max(quantity, ZERO)
    return Admission(
        quantity=quantity,
        price=price,
        notional=quantity * value,
        denied=check_order(instrument, side, quantity, value, market_order=market),
        context={"bound": bound, "room": f"{room:.2f}", "mark": repr(mark)},
    )
