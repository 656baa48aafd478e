"""The life of an order: a table of states, moved by the venue's evidence alone.

created ── accept ─► open ── fill ─► partial ── complete ─► closed
│                  ├── complete ────────────────────────►
├── reject ─► failed
└── cancel, expire ─► canceled   (from open and partial as well)
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

from contracts.errors import InvalidTransition

ZERO = Decimal(0)

Status = Literal["created", "open", "partial", "closed", "canceled", "failed"]
Trigger = Literal["accept", "fill", "complete", "cancel", "expire", "reject"]

TRANSITIONS: Final[dict[tuple[Status, Trigger], Status]] = {
    ("created", "accept"): "open",
    ("created", "reject"): "failed",
    ("created", "cancel"): "canceled",
    ("created", "expire"): "canceled",
    ("open", "fill"): "partial",
    ("open", "complete"): "closed",
    ("open", "cancel"): "canceled",
    ("open", "expire"): "canceled",
    ("open", "reject"): "failed",
    ("partial", "fill"): "partial",
    ("partial", "complete"): "closed",
    ("partial", "cancel"): "canceled",
    ("partial", "expire"): "canceled",
}

TERMINAL: Final[frozenset[Status]] = frozenset({"closed", "canceled", "failed"})

ErrorClass = Literal["retryable", "non_retryable", "unknown"]

ERROR_CLASSES: Final[dict[str, ErrorClass]] = {
    "NOT_TRADING": "retryable",
    "RATE_LIMITED": "retryable",
    "VENUE_BUSY": "retryable",
    "INSUFFICIENT_BALANCE": "non_retryable",
    "FILTER_FAILURE": "non_retryable",
    "UNKNOWN_SYMBOL": "non_retryable",
    "TIMEOUT": "unknown",
}
"""What a rejection means for trying again. A reason not listed is unknown: ask the venue before anything else is
sent.
"""


def error_class(reason: str) -> ErrorClass:
    """Class of a venue's rejection.

    >>> error_class("NOT_TRADING"), error_class("never seen")
    ('retryable', 'unknown')
    """
    return ERROR_CLASSES.get(reason, "unknown")


class Order(msgspec.Struct, kw_only=True):
    """One order as the desk sees it. Quantities in base units, prices in quote currency, times are receive times
    in ns.
    """

    client_order_id: str
    trace_id: str
    decision_id: str
    position_id: str
    symbol: str
    index: int  # column of the symbol
    side: int  # +1 buy, -1 sell
    order_type: Literal["market", "limit"]
    purpose: str  # "entry" or an exit reason
    quantity: Decimal
    price: Decimal | None
    reference: float  # mark at submission, what slippage is measured against; NaN where there was none
    status: Status = "created"
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    sent_at: int = 0
    results: int = 0  # facts written, numbers their ids

    @property
    def is_entry(self) -> bool:
        """Whether it opens."""
        return self.purpose == "entry"

    @property
    def remaining(self) -> Decimal:
        """Quantity not filled."""
        return self.quantity - self.filled

    @property
    def average_price(self) -> Decimal | None:
        """Average fill price, None before the first fill."""
        return self.cost / self.filled if self.filled else None

    def advance(self, trigger: Trigger) -> None:
        """Move along the table. Raises InvalidTransition for a pair it does not have."""
        try:
            self.status = TRANSITIONS[self.status, trigger]
        except KeyError:
            raise InvalidTransition(
                f"order {self.client_order_id}: expected a trigger that leaves {self.status}, was {trigger}"
            ) from None

    def fill(self, quantity: Decimal, price: Decimal, fee: Decimal) -> None:
        """Apply a fill: part of it, or what remains. Raises InvalidTransition when more is filled than was ordered."""
        if quantity <= 0 or quantity > self.remaining:
            raise InvalidTransition(
                f"order {self.client_order_id}: expected a fill of at most {self.remaining}, was {quantity}"
            )
        self.advance("complete" if quantity == self.remaining else "fill")
        self.filled += quantity
        self.cost += quantity * price
        self.fee += fee
