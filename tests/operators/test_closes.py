from __future__ import annotations

import numpy as np
import pytest

from operators import closes, columns
from operators.slices import F8, SECOND
from tests.builders import START

ZERO = START // SECOND


class Followed:
    """Closes of one coin, seconds counted from START."""

    def __init__(self) -> None:
        self.ring = np.full((columns.ROOM, 1), np.nan)
        self.table = columns.new_table(1)
        self.frame_at = columns.LONG_AGO

    def frames(self, first: int, end: int, price: float, age_s: float = 0.0, *, restart: bool = False) -> None:
        """Seconds [first, end) whose last tick said `price`, `age_s` before the end of the first of them."""
        if restart:
            closes.start_anew(self.ring, self.table, ZERO + first, self.frame_at)
        for second in range(first, end):
            age = np.array([[(second - first + age_s) * 1e3]])
            closes.on_frame(self.ring, self.table, ZERO + second, 0, np.array([[price]]), age)
            self.frame_at = START + (second + 1) * SECOND

    def bar(self, ts_open: int, open_: float, close: float, length: int = 60) -> float:
        begin = START + ts_open * SECOND
        end = begin + length * SECOND
        return closes.on_bar(self.ring, self.table, 0, begin, end, open_, close, self.frame_at)

    def at(self, *seconds: int) -> F8:
        return self.ring[[(ZERO + second) % columns.ROOM for second in seconds], 0]


def test_candle_is_compared_with_the_second_300_before_its_last():
    coin = Followed()
    coin.frames(0, 60, 99.0)
    coin.frames(60, 299, 100.0)
    assert coin.bar(300, 100.0, 115.0) == 99.0
    np.testing.assert_array_equal(coin.at(298, 299, 300, 358, 359), [100.0, 100.0, 100.0, 100.0, 115.0])


def test_first_candle_knows_of_nothing_before_it():
    coin = Followed()
    assert np.isnan(coin.bar(0, 100.0, 101.0))
    np.testing.assert_array_equal(coin.at(-1, 0, 58, 59), [np.nan, 100.0, 100.0, 101.0])


def test_missing_candles_carry_the_close_before_them():
    coin = Followed()
    coin.bar(0, 100.0, 101.0)
    assert coin.bar(660, 105.0, 106.0) == 101.0
    np.testing.assert_array_equal(coin.at(659, 660, 719), [101.0, 105.0, 106.0])


def test_seconds_closed_without_a_late_candle_are_put_right():
    coin = Followed()
    coin.frames(0, 40, 100.0)
    coin.frames(40, 370, 104.0)
    assert coin.bar(300, 103.0, 110.0) == 104.0
    np.testing.assert_array_equal(coin.at(299, 300, 358, 359, 369), [104.0, 103.0, 103.0, 110.0, 110.0])
    assert np.isnan(coin.bar(0, 1.0, 1.0)), "later than there is room for"


def test_a_candle_longer_than_the_rule_looks_back_says_nothing_of_it():
    coin = Followed()
    coin.frames(0, 3600, 100.0)
    assert np.isnan(coin.bar(3600, 100.0, 120.0, length=900))
    assert np.isnan(coin.bar(4500, 120.0, 121.0))
    assert coin.bar(4740, 121.0, 122.0) == 120.0


@pytest.mark.parametrize(("age_s", "price"), [(30.0, 110.0), (1.0, 110.0), (0.5, 90.0)])
def test_the_newer_of_tick_and_candle_is_the_close(age_s: float, price: float):
    coin = Followed()
    coin.bar(0, 100.0, 110.0)
    coin.frames(60, 61, 90.0, age_s + 0.001 if age_s >= 1.0 else age_s)
    assert coin.at(60)[0] == price


def test_tick_of_the_moment_in_which_a_candle_ended_is_newer():
    coin = Followed()
    coin.bar(0, 100.0, 110.0)
    coin.frames(60, 61, 90.0, 1.0)
    assert coin.at(60)[0] == 90.0


def test_missing_seconds_forget_ticks_but_not_candles_that_went_on():
    ticks, candles = Followed(), Followed()
    for coin in (ticks, candles):
        coin.frames(0, 100, 100.0)
    for minute in range(2, 9):
        candles.bar(60 * minute, 100.0 + minute, 101.0 + minute)
    for coin in (ticks, candles):
        coin.frames(560, 561, 120.0, 0.5, restart=True)
    assert np.isnan(ticks.at(99, 260, 559)).all()
    np.testing.assert_array_equal(candles.at(260, 540, 559, 560), [104.0, 109.0, 109.0, 120.0])


def test_a_clock_set_back_forgets_candles_of_the_time_it_left():
    coin = Followed()
    coin.bar(7200, 100.0, 110.0)
    coin.frames(60, 62, 90.0, 0.5, restart=True)
    np.testing.assert_array_equal(coin.at(59, 60, 61), [np.nan, 90.0, 90.0])
