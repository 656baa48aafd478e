"""The one account of the simulated exchange: balances, free and locked."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from venues.simulated.errors import INSUFFICIENT, Refusal
from venues.simulated.wire import amount


class Account:
    """Balances by asset in Decimal; nothing becomes negative."""

    def __init__(self, balances: Mapping[str, str]) -> None:
        self.free: dict[str, Decimal] = {asset: Decimal(value) for asset, value in balances.items()}
        self.locked: dict[str, Decimal] = {}
        self.updated_ms = 0

    def lock(self, asset: str, value: Decimal) -> None:
        """Move `value` from free to locked; refuses what is not there."""
        if self.free.get(asset, Decimal(0)) < value:
            raise Refusal(*INSUFFICIENT)
        self.free[asset] = self.free.get(asset, Decimal(0)) - value
        self.locked[asset] = self.locked.get(asset, Decimal(0)) + value

    def release(self, asset: str, value: Decimal) -> None:
        """Move `value` from locked back to free."""
        self.locked[asset] -= value
        self.free[asset] = self.free.get(asset, Decimal(0)) + value

    def spend_locked(self, asset: str, value: Decimal) -> None:
        """Pay `value` out of what is locked."""
        self.locked[asset] -= value

    def receive(self, asset: str, value: Decimal) -> None:
        """Add `value` to what is free."""
        self.free[asset] = self.free.get(asset, Decimal(0)) + value

    def balances(self, omit_zero: bool = False) -> list[dict[str, str]]:
        """Return `balances` of GET account."""
        return [
            {
                "asset": asset,
                "free": amount(self.free.get(asset, Decimal(0))),
                "locked": amount(self.locked.get(asset, Decimal(0))),
            }
            for asset in sorted({*self.free, *self.locked})
            if not omit_zero or self.free.get(asset) or self.locked.get(asset)
        ]

    def position(self, assets: list[str]) -> list[dict[str, str]]:
        """Return `B` of outboundAccountPosition for `assets`."""
        return [
            {"a": asset, "f": amount(self.free.get(asset, Decimal(0))), "l": amount(self.locked.get(asset, Decimal(0)))}
            for asset in assets
        ]
