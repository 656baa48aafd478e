"""Which symbols discovery looks at."""

from __future__ import annotations

import doctest

import pytest

from operators import universe
from operators.universe import is_excluded


def test_the_examples_hold() -> None:
    assert doctest.testmod(universe).failed == 0


@pytest.mark.parametrize(
    "symbol", ["EURUSDT", "USDCUSDT", "PAXGUSDT", "BTCUPUSDT", "ETHBEARUSDT", "BULLUSDT", "TRYUSDT"]
)
def test_fiat_stable_and_leveraged_are_left_out(symbol: str) -> None:
    assert is_excluded(symbol)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "JUPUSDT", "SUPERUSDT", "USTCOINUSDT", "1INCHUSDT", "SYRUPUSDT"])
def test_coins_that_only_look_alike_are_kept(symbol: str) -> None:
    assert not is_excluded(symbol)
