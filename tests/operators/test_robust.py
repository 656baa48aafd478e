"""Order statistics against numpy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.robust import kth, median, sort_columns

numbers = st.lists(st.floats(allow_nan=False) | st.sampled_from([0.0, 1.0, -np.inf]), min_size=1, max_size=200)


@settings(deadline=None)  # the first example compiles
@given(numbers, st.integers(0, 199))
def test_selection_finds_what_sorting_finds_and_brings_no_greater_to_the_front(values: list[float], k: int):
    own = np.array(values)
    k %= len(own)
    found = kth(own, len(own), k)
    assert found == np.sort(values)[k]
    assert (own[: k + 1] <= found).all()
    assert (own[k:] >= found).all()
    assert sorted(own.tolist()) == sorted(values)


@pytest.mark.parametrize("size", [1, 2, 9, 10, 499, 500])
@pytest.mark.parametrize("digits", [0, 8])
def test_median_is_numpys(size: int, digits: int):
    values = np.random.default_rng(size).normal(size=size).round(digits)
    assert median(values.copy(), size) == np.median(values)


@pytest.mark.parametrize("rows", [1, 2, 7, 32, 60])
def test_columns_are_sorted_each_on_its_own(rows: int):
    values = np.random.default_rng(rows).normal(size=(rows, 5)).round(1).astype(np.float32)
    own = values.copy()
    sort_columns(own, rows, 4)
    np.testing.assert_array_equal(own[:, :4], np.sort(values[:, :4], axis=0))
    np.testing.assert_array_equal(own[:, 4], values[:, 4])
