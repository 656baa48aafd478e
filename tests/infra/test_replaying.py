"""Times and sources that `ember replay` is given."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from contracts.errors import CommandError
from contracts.settings import load_settings
from infra.replaying import opener, parse_time


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        (None, None),
        ("1970-01-01", 0),
        ("2021-04-04T16:00", 1_617_552_000 * 10**9),
        ("2021-04-04T16:00:00+02:00", 1_617_544_800 * 10**9),
        ("2021-04-04T16:00:00.250001", 1_617_552_000_250_001_000),
    ],
)
def test_a_time_is_read_to_the_microsecond_and_utc_unless_it_says_otherwise(text: str | None, ns: int | None) -> None:
    assert parse_time(text, "--at") == ns


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="--from: expected a time such as 2021-04-04T16:00, was noon"):
        parse_time("noon", "--from")


def test_a_source_of_no_known_kind_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"an archive's folder, a \.parquet file of candles, `kafka` or HOST:PORT"):
        opener(str(tmp_path / "none"), load_settings(), None, None)
    with pytest.raises(CommandError, match="no such file"):
        opener(str(tmp_path / "none.parquet"), load_settings(), None, None)
