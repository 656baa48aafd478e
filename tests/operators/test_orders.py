from __future__ import annotations

from decimal import Decimal

import pytest

from contracts.errors import InvalidTransition
from operators.orders import TERMINAL, TRANSITIONS, Order, error_class

D = Decimal


def order(quantity: str = "10") -> Order:
    return Order(
        client_order_id="em-1",
        trace_id="t",
        decision_id="d",
        position_id="p",
        symbol="AAAUSDT",
        index=0,
        side=1,
        order_type="market",
        purpose="entry",
        quantity=D(quantity),
        price=None,
        reference=100.0,
    )


def test_order_walks_from_created_over_partial_to_closed():
    made = order()
    made.advance("accept")
    made.fill(D(4), D(100), D("0.4"))
    assert (made.status, made.remaining, made.average_price) == ("partial", D(6), D(100))
    made.fill(D(6), D(105), D("0.63"))
    assert (made.status, made.remaining, made.average_price, made.fee) == ("closed", D(0), D(103), D("1.03"))


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_nothing_leaves_a_terminal_state(status: str):
    assert not [pair for pair in TRANSITIONS if pair[0] == status]


@pytest.mark.parametrize("trigger", ["fill", "complete"])
def test_fill_before_acceptance_is_refused(trigger: str):
    with pytest.raises(InvalidTransition, match="em-1: expected a trigger that leaves created"):
        order().advance(trigger)  # type: ignore[arg-type]


def test_fill_beyond_the_order_is_refused_and_changes_nothing():
    made = order("1")
    made.advance("accept")
    with pytest.raises(InvalidTransition, match="expected a fill of at most 1, was 2"):
        made.fill(D(2), D(100), D(0))
    assert (made.status, made.filled) == ("open", D(0))


def test_rejections_are_classed_and_the_unknown_stays_unknown():
    assert error_class("RATE_LIMITED") == "retryable"
    assert error_class("FILTER_FAILURE") == "non_retryable"
    assert error_class("TIMEOUT") == error_class("something new") == "unknown"
