"""Pair sums: carried along as exactly as added up anew, whatever happens to closes and coins; the correlation against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators import pair_sums
from operators.pair_sums import COUNT, PRODUCT, SQUARE, TOTAL, UNITS, UNKNOWN, PairSums, add_up, correlation, returns_of

ROWS = 9
"""Closes of the small windows here."""
SYMBOLS = 5

some_close = st.one_of(st.just(np.nan), st.floats(-15.0, 15.0, width=32))
some_row = st.lists(some_close, min_size=SYMBOLS, max_size=SYMBOLS)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("row"), st.integers(1, 3), some_row),  # a close this many stamps after the newest
        st.tuples(st.just("late"), st.integers(0, SYMBOLS - 1), st.lists(some_close, min_size=ROWS, max_size=ROWS)),
        st.tuples(st.just("seat"), st.integers(0, 3), st.integers(-1, SYMBOLS)),  # another coin; -1 and 5 are none
        st.tuples(st.just("room"), st.integers(1, 6)),
        st.tuples(st.just("other"), st.lists(some_row, min_size=ROWS, max_size=ROWS)),  # another state altogether
    ),
    max_size=20,
)


class Market:
    """Closes of a window, and whose pairs are summed."""

    def __init__(self) -> None:
        self.closes = np.full((ROWS, SYMBOLS), np.nan, dtype=np.float32)
        self.stamps = np.full(ROWS, -1, dtype=np.int64)
        self.newest = 1000
        self.coins = np.array([3, 0, -1, 1])

    def happen(self, what: str, *values: Any) -> None:
        if what == "row":
            self.newest += values[0]
            self.stamps[self.newest % ROWS] = self.newest
            self.closes[self.newest % ROWS] = values[1]
        elif what == "late":
            self.closes[:, values[0]] = values[1]
        elif what == "seat":
            self.coins[values[0] % len(self.coins)] = values[1]
        elif what == "room":
            self.coins = np.resize(self.coins, values[0])
        else:
            self.stamps[:] = [self.newest - (self.newest - row) % ROWS for row in range(ROWS)]
            self.closes[:] = values[0]

    def summed(self, sums: PairSums) -> np.ndarray[Any, Any]:
        return sums.follow(self.closes, self.stamps, self.newest, self.coins)


def returns(market: Market) -> list[list[int | None]]:
    """The returns of each of the coins, by the definition."""
    found: list[list[int | None]] = []
    for coin in market.coins.tolist():
        found.append([])
        for now in range(market.newest - ROWS + 2, market.newest + 1):
            known = all(market.stamps[stamp % ROWS] == stamp for stamp in (now - 1, now))
            if known and 0 <= coin < SYMBOLS:
                moved = float(market.closes[now % ROWS, coin]) - float(market.closes[(now - 1) % ROWS, coin])
                known = not np.isnan(moved)
            found[-1].append(round(min(max(moved, -1.0), 1.0) * UNITS) if known and 0 <= coin < SYMBOLS else None)
    return found


def by_definition(own: list[list[int | None]]) -> list[list[list[int]]]:
    """The four sums of every pair, in Python's whole numbers."""
    table: list[list[list[int]]] = [[], [], [], []]
    for one in own:
        both = [[(x, y) for x, y in zip(one, other, strict=True) if x is not None and y is not None] for other in own]
        table[COUNT].append([len(pairs) for pairs in both])
        table[TOTAL].append([sum(x for x, _ in pairs) for pairs in both])
        table[SQUARE].append([sum(x * x for x, _ in pairs) for pairs in both])
        table[PRODUCT].append([sum(x * y for x, y in pairs) for pairs in both])
    return table


@pytest.mark.parametrize("rebuilt_from", [0.0, 0.3, 1.0], ids=["always added up", "as it comes", "always carried"])
@given(happened=happenings)
@settings(max_examples=150, deadline=None)
def test_sums_carried_along_equal_those_by_the_definition_to_the_last_bit(
    rebuilt_from: float, happened: list[tuple[Any, ...]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_sums, "REBUILT_FROM", rebuilt_from)
        market, carried = Market(), PairSums(ROWS - 1)
        for what in happened:
            market.happen(*what)
            found = market.summed(carried)
            assert found.tolist() == by_definition(returns(market)), what
            assert found.tolist() == market.summed(PairSums(ROWS - 1)).tolist(), what


def test_a_month_of_many_coins_carried_equals_it_added_up_to_the_last_bit() -> None:
    rng = np.random.default_rng(3)
    hours, coins = 721, np.arange(40)
    closes = np.full((hours, 64), np.nan, dtype=np.float32)
    stamps = np.full(hours, -1, dtype=np.int64)
    carried = PairSums(hours - 1)
    last = rng.uniform(-12.0, 12.0, 64)
    for hour in range(50_000, 50_000 + 900):
        last += rng.standard_t(2, 64) * 0.01
        stamps[hour % hours] = hour
        closes[hour % hours] = np.where(rng.random(64) < 0.03, np.nan, last)
        sums = carried.follow(closes, stamps, hour, coins)
    anew = np.empty_like(sums)
    add_up(carried.held, anew)
    assert (sums == anew).all()
    assert sums[COUNT].min() > 550


def test_returns_are_rounded_bounded_and_unknown_where_a_close_is_missing() -> None:
    closes = np.array([[0.0, 1.0, 3.0, 3.0], [0.0, 0.0, -3.0, np.nan], [0.3, 0.0, 0.0, 0.0]], dtype=np.float32)
    out = np.zeros((2, 6), dtype=np.int32)
    returns_of(closes, np.array([9, 10, 11]), 11, np.array([0, 1, 2, 3, -1, 4]), out)
    assert out[0].tolist() == [0, -UNITS, -UNITS, UNKNOWN, UNKNOWN, UNKNOWN]
    assert out[1].tolist() == [round(float(np.float32(0.3)) * UNITS), 0, UNITS, UNKNOWN, UNKNOWN, UNKNOWN]
    returns_of(closes, np.array([9, 7, 11]), 11, np.array([0, 1, 2, 3, -1, 4]), out)
    assert (out == UNKNOWN).all()


def test_closes_are_subtracted_in_double_precision() -> None:
    closes = np.array([[0.18029682338237762], [-0.3333333432674408]], dtype=np.float32)
    out = np.zeros((1, 1), dtype=np.int32)
    returns_of(closes, np.array([8, 9]), 9, np.array([0]), out)
    assert out[0, 0] == -1_077_161  # in single precision the difference ends on .5 and is rounded to -1,077,160


@pytest.mark.parametrize("seed", range(5))
def test_the_correlation_equals_numpys_over_the_known_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0.0, 0.01 * UNITS, size=(2, 96))
    own = np.rint(np.stack([x, 0.7 * x + y, np.zeros(96)], axis=1)).astype(np.int32)
    own[rng.integers(0, 96, 9), 0] = UNKNOWN
    own[rng.integers(0, 96, 9), 1] = UNKNOWN
    sums = np.empty((4, 3, 3))
    add_up(own, sums)
    known = (own[:, 0] != UNKNOWN) & (own[:, 1] != UNKNOWN)
    expected = np.corrcoef(own[known, 0], own[known, 1])[0, 1]
    assert correlation(sums, 0, 1, 32) == pytest.approx(expected, rel=1e-12)
    assert correlation(sums, 0, 1, 32) == correlation(sums, 1, 0, 32)
    assert not np.isnan(correlation(sums, 0, 1, int(known.sum())))
    assert np.isnan(correlation(sums, 0, 1, int(known.sum()) + 1))
    assert np.isnan(correlation(sums, 2, 1, 32))


def test_the_longest_window_of_the_greatest_returns_stays_exact() -> None:
    with pytest.raises(ValueError, match="expected at most 1023, was 1024"):
        PairSums(1024)
    PairSums(1023)
    own = np.full((1023, 3), UNITS, dtype=np.int32)
    own[::2, 1:] = -UNITS
    own[0, 1] = UNITS - 1  # one unit among 2^31 of them
    own[:, 0] = -own[:, 2]
    sums = np.empty((4, 3, 3))
    add_up(own, sums)
    assert sums.tolist() == by_definition(own.T.tolist())
    n, (of_1, of_2) = 1023, (int(own[:, 1].sum()), int(own[:, 2].sum()))
    moved_1, moved_2 = own[:, 1].tolist(), own[:, 2].tolist()
    above = n * sum(x * y for x, y in zip(moved_1, moved_2, strict=True)) - of_1 * of_2
    below = (n * sum(x * x for x in moved_1) - of_1**2) * (n * sum(x * x for x in moved_2) - of_2**2)
    assert correlation(sums, 1, 2, 1023) == pytest.approx(above / below**0.5, rel=1e-15)
    assert correlation(sums, 0, 2, 1023) == -1.0
