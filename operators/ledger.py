"""Positions, cash and PnL from fills, in exact decimals.

Average entry price as exchanges keep it: fills that add move it, fills that reduce do not. A fill beyond zero closes
the old side and opens the other at its own price. Realised PnL is net of fees, those of opening included, so that the
sum over closed positions is what the account gained.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

ZERO = Decimal(0)


class Holding(msgspec.Struct):
    """One position: signed quantity in base units (+ long), `cost` = quantity x average entry, in quote currency."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO  # net of fees
    fees: Decimal = ZERO

    @property
    def average(self) -> Decimal:
        """Average entry price; zero when flat."""
        return self.cost / self.quantity if self.quantity else ZERO

    def fill(self, quantity: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        """Apply a fill of signed `quantity`; returns the gross profit it realised (zero where it only opens).

        >>> h = Holding()
        >>> h.fill(Decimal(2), Decimal(100), Decimal(0)), h.fill(Decimal(-1), Decimal(110), Decimal(1)), h.realised
        (Decimal('0'), Decimal('10'), Decimal('9'))
        """
        gross = ZERO
        rest = quantity
        if self.quantity * quantity < 0:
            closing = quantity if abs(quantity) <= abs(self.quantity) else -self.quantity
            average = self.average
            gross = closing * (average - price)
            self.quantity += closing
            self.cost = self.cost + closing * average if self.quantity else ZERO
            rest = quantity - closing
        self.quantity += rest
        self.cost += rest * price
        self.realised += gross - fee
        self.fees += fee
        return gross

    def unrealised(self, mark: float) -> float:
        """Profit if closed at `mark`, before the fees of closing; zero when flat or without a mark."""
        if not self.quantity or mark != mark:
            return 0.0
        return float(self.quantity) * mark - float(self.cost)


class Ledger(msgspec.Struct):
    """The account: cash in quote currency, and what it realised and paid since it began."""

    cash: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    peak_equity: float = 0.0
    day: int = -1  # days since the epoch, UTC
    day_start_equity: float = 0.0
    losses_in_a_row: int = 0

    def fill(self, holding: Holding, quantity: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        """Apply a fill to cash and position; returns the gross profit realised."""
        gross = holding.fill(quantity, price, fee)
        self.cash -= quantity * price + fee
        self.realised += gross - fee
        self.fees += fee
        return gross

    def mark(self, equity: float, day: int) -> None:
        """Note the equity at an instant of UTC day `day`: the peak, and the new day's start."""
        if day > self.day:
            self.day = day
            self.day_start_equity = equity
        self.peak_equity = max(self.peak_equity, equity)

    def drawdown(self, equity: float) -> float:
        """Fraction below the peak, >= 0."""
        return max(0.0, 1.0 - equity / self.peak_equity) if self.peak_equity > 0 else 0.0

    def day_loss(self, equity: float) -> float:
        """Loss since UTC midnight as a fraction of the equity then, negative when ahead."""
        return 1.0 - equity / self.day_start_equity if self.day_start_equity > 0 else 0.0
