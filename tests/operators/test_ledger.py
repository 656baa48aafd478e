from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.ledger import Holding, Ledger
from tests.recorded import recorded

D = Decimal


def sessions() -> dict[str, list[dict[str, Any]]]:
    """Events of each recorded futures session, in order; numbers as the exchange wrote them."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    path = recorded("metacodi_user_stream/futures_account_sequences_01_07.jsonl")
    for line in path.read_text().splitlines():
        row = json.loads(line, parse_float=Decimal, parse_int=Decimal)
        found[row["scenario"]].append(row["event"])
    return dict(found)


def recorded_fills() -> list[tuple[dict[str, Any], dict[str, Any], Decimal, bool]]:
    """(fill, position told with it, wallet told with it, whether its session begins with a position we did not see open)."""
    found = []
    for name, events in sessions().items():
        position: dict[str, Any] = {}
        wallet = Decimal(0)
        fresh = "7-futures" not in name  # session 7 begins with what session 6 left; the others begin flat
        for event in events:
            if event["eventType"] == "ACCOUNT_UPDATE":
                positions = event["updateData"]["updatedPositions"]
                position = positions[0] if positions else position
                balances = event["updateData"]["updatedBalances"]
                wallet = next((b["walletBalance"] for b in balances if b["asset"] == "USDT"), wallet)
            elif event.get("order", {}).get("executionType") == "TRADE":
                found.append((event["order"], position, wallet, fresh))
                fresh = False
    return found


def test_position_and_average_entry_recomputed_from_fills_equal_the_exchange_s():
    ledger, holding = Ledger(), Holding()
    fills = recorded_fills()
    assert len(fills) == 21
    for order, position, _, fresh in fills:
        if fresh:
            holding = Holding()
        side = 1 if order["orderSide"] == "BUY" else -1
        gross = ledger.fill(holding, side * order["lastFilledQuantity"], order["lastFilledPrice"], D(0))
        assert holding.quantity == position["positionAmount"]
        assert round(holding.average, 5) == round(position["entryPrice"], 5)
        assert abs(gross - order["realisedProfit"]) <= D("0.0000001")


def test_realised_profit_less_fee_is_what_the_wallet_moved():
    ledger, holding, before = Ledger(), Holding(), D(0)
    checked = 0
    for order, _, wallet, fresh in recorded_fills():
        if fresh:
            holding = Holding()
        side = 1 if order["orderSide"] == "BUY" else -1
        realised, fee = ledger.realised, order.get("commissionAmount")
        ledger.fill(holding, side * order["lastFilledQuantity"], order["lastFilledPrice"], fee or D(0))
        if fee is not None and not fresh:
            assert abs(ledger.realised - realised - (wallet - before)) <= D("0.0000001")
            checked += 1
        before = wallet
    assert checked == 14


def test_partial_close_realises_its_part_and_keeps_the_average():
    holding = Holding()
    holding.fill(D(3), D(100), D("0.3"))
    holding.fill(D(1), D(104), D("0.1"))
    assert holding.average == D(101)
    assert holding.fill(D(-2), D(111), D("0.2")) == D(20)
    assert (holding.quantity, holding.average, holding.realised, holding.fees) == (D(2), D(101), D("19.4"), D("0.6"))
    assert holding.unrealised(100.0) == -2.0


def test_short_gains_when_it_is_bought_back_lower():
    holding = Holding()
    holding.fill(D(-2), D(100), D(0))
    assert holding.unrealised(97.0) == 6.0
    assert holding.fill(D(2), D(95), D(0)) == D(10)
    assert holding.quantity == 0
    assert holding.average == 0


def test_fill_beyond_zero_opens_the_other_side_at_its_own_price():
    holding = Holding()
    holding.fill(D(1), D(100), D(0))
    assert holding.fill(D(-3), D(110), D(0)) == D(10)
    assert (holding.quantity, holding.average) == (D(-2), D(110))


fills = st.lists(
    st.tuples(
        st.integers(-50, 50).filter(bool).map(D),
        st.integers(1, 10_000).map(lambda cents: D(cents) / 100),
        st.integers(0, 9).map(D),
    ),
    min_size=1,
    max_size=30,
)


@given(fills)
def test_cash_and_position_always_sum_to_what_was_realised(trades: list[tuple[Decimal, Decimal, Decimal]]):
    ledger, holding = Ledger(), Holding()
    for quantity, price, fee in trades:
        ledger.fill(holding, quantity, price, fee)
    assert holding.quantity == sum(quantity for quantity, *_ in trades)
    assert ledger.fees == sum(fee for *_, fee in trades)
    assert abs(ledger.cash + holding.cost - ledger.realised) < D("1e-15")
    assert ledger.realised == holding.realised


def test_day_loss_and_drawdown_are_measured_from_midnight_and_peak():
    ledger = Ledger(peak_equity=1000.0)
    ledger.mark(1000.0, day=7)
    ledger.mark(1200.0, day=7)
    assert ledger.drawdown(900.0) == pytest.approx(0.25)
    assert ledger.day_loss(900.0) == pytest.approx(0.1)
    ledger.mark(900.0, day=8)
    assert ledger.day_loss(900.0) == 0.0
    assert ledger.peak_equity == 1200.0
