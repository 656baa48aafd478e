"""Every exit case of `exit_cases/`, and of the folder that EMBERLINE_EXIT_CASES names, through the desk's execute step."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from contracts.reasons import ExitReason
from tests.operators.exit_files import Case, read_cases
from tests.operators.exit_tables import compare

OWN = Path(__file__).parent / "exit_cases"
FURTHER = os.environ.get("EMBERLINE_EXIT_CASES")

CASES = read_cases(OWN)
if FURTHER:
    try:
        CASES += read_cases(Path(FURTHER))
    except ValueError as e:
        pytest.fail(f"EMBERLINE_EXIT_CASES: {e}", pytrace=False)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES])
def test_exits_come_out_as_the_table_says(case: Case):
    compare(case)


def test_there_is_a_case_for_every_reason_and_both_sides():
    cases = [case for _, case in read_cases(OWN)]
    assert len(cases) >= 40
    for side in ("long", "short"):
        reasons = {expected.reason for case in cases if case.side == side for expected in case.expect.exits}
        assert reasons == {reason.value for reason in ExitReason}


def test_a_further_folder_is_read_with_all_below_it(tmp_path: Path):
    case = '{"cases": [{"name": "n", "side": "short", "entry": {"price": 1, "quantity": 1}, "expect": {"exits": [], "pnl": 0}}]}'
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "foreign.json").write_text(case)
    (tmp_path / "readme.txt").write_text("not a table")
    assert [name for name, _ in read_cases(tmp_path)] == ["deep/foreign: n"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected a folder with .yaml, .yml or .json files"),
        ('{"cases": [{"nam": "n"}]}', r"foreign.json: .*\$.cases\[0\]"),
        ('{"cases": ', "foreign.json: Input data was truncated"),
        ('{"cases": [], "settings": {"markets": {}}}', r"foreign.json: expected sections of the desk.*`markets` - at `\$.settings`"),
    ],
)
def test_a_folder_or_file_that_is_no_table_is_refused_in_one_line(content: str | None, message: str, tmp_path: Path):
    if content is not None:
        (tmp_path / "foreign.json").write_text(content)
    with pytest.raises(ValueError, match=message) as refused:
        read_cases(tmp_path)
    assert "\n" not in str(refused.value)


def test_yaml_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "foreign.yaml").write_text("cases:\n  - [")
    with pytest.raises(ValueError, match=r"foreign.yaml: .* line \d, column ") as refused:
        read_cases(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ticks": [{"time": 1e10, "price": 1}]}, "Expected `float` <= 172800.0 - at `$.cases[1].ticks[0].time`"),
        ({"until": 1e10}, "Expected `float` <= 172800.0 - at `$.cases[1].until`"),
        ({"ticks": [{"time": 1, "price": -1}]}, "Expected `float` > 0.0 - at `$.cases[1].ticks[0].price`"),
        ({"ticks": [{"time": 1, "price": 1, "quantity": 0}]}, "Expected `float` > 0.0 - at `$.cases[1].ticks[0].quantity`"),
        ({"ticks": [{"time": 1, "price": 1, "bid": 1, "ask": 2}]}, "was ask, bid, price - at `$.cases[1].ticks[0]`"),
        ({"ticks": [{"time": 1, "bid": 1}]}, "was bid - at `$.cases[1].ticks[0]`"),
        ({"ticks": [{"time": 4, "price": 1}], "entry": {"time": 5, "price": 1, "quantity": 1}},
         "ticks[0]: expected a time not before the entry's (5), was 4 - at `$.cases[1]`"),
        ({"commands": [{"time": 4, "command": "close"}], "entry": {"time": 5, "price": 1, "quantity": 1}},
         "commands[0]: expected a time not before the entry's (5), was 4 - at `$.cases[1]`"),
        ({"candles": [[0, 1, 1, 2, 1]]}, "with high >= low, was 1.0 and 2.0 - at `$.cases[1].candles[0]`"),
        ({"candles": [[0, 1, 1, 1]]}, "Expected `array` of at least length 5, got 4 - at `$.cases[1].candles[0]`"),
        ({"candles": [[0, 1, 1, 1, 1, 1, 1]]}, "Expected `array` of at most length 6, got 7 - at `$.cases[1].candles[0]`"),
        ({"candles": [[0, 1, 1, 1, 0]]}, "Expected `float` > 0.0 - at `$.cases[1].candles[0][4]`"),
        ({"candles": [[0, 1, 1, 1, 1, -1]]}, "Expected `float` >= 0.0 - at `$.cases[1].candles[0][5]`"),
        ({"candles": [[0, 1, 1, 1, 1], [59, 1, 1, 1, 1]]}, "candles[1]: expected an opening not before the last one's end (60), was 59"),
        ({"entry": {"price": "abc", "quantity": 1}}, "expected price to be a number above 0, was 'abc' - at `$.cases[1].entry`"),
        ({"entry": {"price": 1, "quantity": 0}}, "expected quantity to be a number above 0, was 0 - at `$.cases[1].entry`"),
        ({"instrument": {"lot_size": "abc"}}, " - at `$.cases[1].instrument.lot_size`"),
        ({"instrument": {"lotsize": "1"}}, "unknown field `lotsize` - at `$.cases[1].instrument`"),
        ({"expect": {"exits": [{"time": 1, "price": 1, "quantity": 1, "reason": "STOP"}], "pnl": 0}},
         "Invalid enum value 'STOP' - at `$.cases[1].expect.exits[0].reason`"),
        ({"expect": {"exits": [], "pnl": "much"}}, "expected pnl to be a number, was 'much' - at `$.cases[1].expect`"),
        ({"settings": {"markets": {}}}, "expected sections of the desk, such as `exits`, was `markets` - at `$.cases[1].settings`"),
        ({"settings": {"exits": {"stop_los": 1}}}, "unknown field `stop_los` - at `exits` - at `$.cases[1].settings`"),
    ],
)  # fmt: skip
def test_a_case_that_makes_no_sense_is_refused_with_file_case_and_place(
    change: dict[str, Any], message: str, tmp_path: Path
):
    good = {"name": "n", "side": "short", "entry": {"price": 1, "quantity": 1}, "expect": {"exits": [], "pnl": 0}}
    (tmp_path / "foreign.json").write_text(json.dumps({"cases": [good, good | {"name": "odd"} | change]}))
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        read_cases(tmp_path)
    assert str(refused.value).startswith("foreign.json: 'odd': ")
    assert "\n" not in str(refused.value)


def test_the_example_of_the_docs_comes_out(tmp_path: Path):
    text = (Path(__file__).parents[2] / "docs" / "exit-cases.md").read_text()
    (tmp_path / "example.yaml").write_text(text.split("```yaml\n")[1].split("```")[0])
    for _, case in read_cases(tmp_path):
        compare(case)
