"""Which symbols discovery looks at."""

from __future__ import annotations

import doctest
import gzip
import json

import pytest

from operators import universe
from operators.universe import base_of, is_excluded, split_symbol
from tests.recorded import recorded


def test_the_examples_hold() -> None:
    assert doctest.testmod(universe).failed == 0


@pytest.mark.parametrize(
    "symbol", ["EURUSDT", "USDCUSDT", "PAXGUSDT", "BTCUPUSDT", "ETHBEARUSDT", "BULLUSDT", "TRYUSDT"]
)
def test_fiat_stable_and_leveraged_are_left_out(symbol: str) -> None:
    assert is_excluded(symbol)


@pytest.mark.parametrize("symbol", ["USDFUSDT", "KGSTUSDT", "EURCUSDT", "WUSDUSDT", "UUSDT", "FRXUSDUSDT", "USTUSDT"])
def test_newer_stable_coins_are_left_out(symbol: str) -> None:
    assert is_excluded(symbol)


@pytest.mark.parametrize(
    "symbol", ["USDTBRL", "FDUSDUSD1", "EURRUB", "USDCRLUSD", "EURAEUR", "USDTU", "USDTIDRT", "EURIUSD1", "USDTBIDR"]
)
def test_money_against_money_is_left_out(symbol: str) -> None:
    assert is_excluded(symbol)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "JUPUSDT", "SUPERUSDT", "USTCOINUSDT", "1INCHUSDT", "SYRUPUSDT"])
def test_coins_that_only_look_alike_are_kept(symbol: str) -> None:
    assert not is_excluded(symbol)


@pytest.mark.parametrize("symbol", ["USTCUSDT", "FRAXUSDT", "RONUSDT"])
def test_a_coin_with_the_name_of_what_once_was_stable_is_kept(symbol: str) -> None:
    assert not is_excluded(symbol)


@pytest.mark.parametrize(
    "symbol", ["AUDUSDT", "AUD/USDT", "aud-usdt", "AUD_USDT", "AUD/USDT:USDT", "audusdt", "AUD-USDT-SWAP"]
)
def test_the_universe_does_not_depend_on_spelling(symbol: str) -> None:
    assert base_of(symbol) == "AUD"
    assert is_excluded(symbol)


@pytest.mark.parametrize(
    "symbol", ["BTC/USDT", "btc-usdt", "BTC_BRL", "BTC/USDT:USDT-241227", "BTCUSDT_241227", "BTCU"]
)
def test_a_coin_stays_a_coin_in_any_spelling(symbol: str) -> None:
    assert base_of(symbol) == "BTC"
    assert not is_excluded(symbol)


def test_base_and_quote_of_every_recorded_symbol_are_the_exchanges_own() -> None:
    with gzip.open(recorded("exchange_info/binance_spot_20211012.json.gz")) as file:
        rows = json.load(file)["symbols"]
    assert len(rows) > 1600
    for row in rows:
        assert split_symbol(row["symbol"]) == (row["baseAsset"], row["quoteAsset"])
