import doctest

import pytest

from cockpit import formats


def test_examples_in_docstrings_hold():
    assert doctest.testmod(formats).failed == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1000"),
        (0.09999, "0.09999"),
        (9.99999, "10.0000"),
        (100.0, "100.00"),
        (0.0, "0.00"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_prices_have_their_usual_digits(value: float | None, text: str):
    assert formats.price(value) == text


def test_a_loss_too_small_to_show_has_no_sign():
    assert formats.percent(-0.000001) == "0.00%"
    assert formats.money(-0.001, sign=True) == "0.00"


@pytest.mark.parametrize(
    ("value", "text"), [(999.6, "1.00k"), (999_600, "1.00M"), (12_345, "12.3k"), (0, "0"), (-1500, "−1.50k")]
)
def test_large_amounts_keep_three_digits_over_unit_borders(value: float | None, text: str):
    assert formats.compact(value) == text


@pytest.mark.parametrize(("value", "text"), [(9.96, "10 s"), (119.6, "2 min"), (7180, "2.0 h"), (None, "–")])
def test_lengths_of_time_change_their_unit(value: float | None, text: str):
    assert formats.duration(value) == text


def test_times_are_shown_in_the_given_zone_and_in_utc():
    ts = 1_700_000_000_123_000_000
    assert formats.clock(ts, "Asia/Shanghai") == "06:13:20"
    assert formats.utc(ts) == "2023-11-14 22:13:20.123 UTC"
    assert formats.zone_offset_s(ts, "Asia/Shanghai") == 8 * 3600
    assert formats.zone_offset_s(ts, "America/New_York") == -5 * 3600
