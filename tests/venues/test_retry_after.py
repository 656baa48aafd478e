from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venues.retry_after import LONGEST_S, told_wait_s

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("told", "wait_s"),
    [
        ("0", 0.0),
        (" 30 ", 30.0),
        ("999999999", LONGEST_S),
        ("9" * 400, LONGEST_S),  # inf as a float
        ("9" * 5000, LONGEST_S),  # more digits than int() reads
        ("²", 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("", 0.0),
        ("Wed, 21 Oct 2015 07:30:00 GMT", 120.0),
        ("Wed, 21 Oct 2015 07:30:00 -0000", 120.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", LONGEST_S),
        ("Wed, 99 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 +9999999999999999", 0.0),
    ],
)
def test_a_wait_is_read_and_never_longer_than_a_day(told: str, wait_s: float) -> None:
    assert told_wait_s({"Retry-After": told, "Date": DATE}) == wait_s


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_a_date_counts_from_now_where_the_answer_has_none(date: str | None) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    headers = {"Retry-After": soon} if date is None else {"Retry-After": soon, "Date": date}
    assert 30.0 < told_wait_s(headers) <= 60.0


@given(st.text(), st.text())
def test_no_header_raises(told: str, date: str) -> None:
    assert 0.0 <= told_wait_s({"Retry-After": told, "Date": date}) <= LONGEST_S
