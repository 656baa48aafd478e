"""Tick and lot arithmetic: exact, never in somebody else's favour."""

from __future__ import annotations

import csv
import gzip
from decimal import ROUND_FLOOR, Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.instruments import Instrument, check_order, from_float, round_price, round_quantity, round_to_step
from contracts.reasons import DenyReason
from tests.recorded import recorded

BTC = Instrument(
    symbol="BTCUSDT", base="BTC", quote="USDT", status="TRADING", tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"), max_quantity=Decimal(9000), min_notional=Decimal(5),
)  # fmt: skip
steps = st.sampled_from([Decimal(10) ** -k for k in range(9)] + [Decimal("0.5"), Decimal("0.25"), Decimal(5)])


@given(value=st.decimals("0", "1e9", allow_nan=False, places=12), step=steps)
def test_a_rounded_quantity_is_a_multiple_below_by_less_than_a_step(value: Decimal, step: Decimal) -> None:
    rounded = round_to_step(value, step, ROUND_FLOOR)
    assert rounded % step == 0
    assert 0 <= value - rounded < step


@given(price=st.decimals("0.01", "1e6", allow_nan=False, places=6))
def test_prices_round_to_the_passive_side(price: Decimal) -> None:
    assert round_price(BTC, price, 1) <= price <= round_price(BTC, price, -1)
    assert abs(round_price(BTC, price, 0) - price) <= BTC.tick_size / 2


def test_a_float_becomes_the_decimal_a_person_reads() -> None:
    assert from_float(0.1) + from_float(0.2) == Decimal("0.3")
    assert from_float(1e-8) == Decimal("0.00000001")


def test_a_market_lot_of_zero_means_none() -> None:
    assert round_quantity(BTC, Decimal("0.123456"), market_order=True) == Decimal("0.12345")
    coarse = msgspec.structs.replace(BTC, market_lot_size=Decimal("0.1"))
    assert round_quantity(coarse, Decimal("0.123456"), market_order=True) == Decimal("0.1")
    assert round_quantity(coarse, Decimal("0.123456")) == Decimal("0.12345")


@pytest.mark.parametrize(
    ("change", "side", "quantity", "price", "market_order", "reason"),
    [
        ({}, 1, "1", "100", False, None),
        ({"status": "BREAK"}, 1, "1", "100", False, DenyReason.NOT_TRADING),
        ({}, 1, "0", "100", False, DenyReason.BUY_MIN_QTY),
        ({}, -1, "0.000001", "100", False, DenyReason.SELL_MIN_QTY),
        ({}, 1, "9001", "100", False, DenyReason.MAX_QTY),
        ({"market_max_quantity": Decimal(10)}, 1, "11", "100", True, DenyReason.MARKET_MAX_QTY),
        ({}, 1, "1.000001", "100", False, DenyReason.LOT_SIZE),
        ({}, 1, "1", "100.001", False, DenyReason.PRICE_FILTER),
        ({}, 1, "1", "100.001", True, None),
        ({}, 1, "0.04", "100", False, DenyReason.BUY_MIN_NOTIONAL),
        ({}, -1, "0.04", "100", False, DenyReason.SELL_MIN_NOTIONAL),
        ({"max_notional": Decimal(50)}, 1, "1", "100", False, DenyReason.MAX_NOTIONAL),
    ],
)
def test_every_rule_has_its_code(
    change: dict[str, object], side: int, quantity: str, price: str, market_order: bool, reason: DenyReason | None
) -> None:
    rules = msgspec.structs.replace(BTC, **change)
    assert check_order(rules, side, Decimal(quantity), Decimal(price), market_order=market_order) == reason


def test_steps_of_thousands_of_listed_symbols_round_exactly() -> None:
    """Every step that the venues really use, from an independent table."""
    path = next(recorded("lean").rglob("symbol-properties-database.csv.gz"))
    with gzip.open(path, "rt") as file:
        rows = [row for row in csv.reader(line for line in file if not line.startswith("#")) if row and row[0] == "binance"]
    tested = 0
    for row in rows:
        for text in row[5:7]:
            step = Decimal(text)
            if step > 0:
                assert round_to_step(step * 12345, step, ROUND_FLOOR) == step * 12345
                tested += 1
    assert tested > 1000
