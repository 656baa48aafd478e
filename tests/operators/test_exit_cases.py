"""Every exit case of `exit_cases/`, and of the folder that EMBERLINE_EXIT_CASES names, through the desk's execute step."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contracts.reasons import ExitReason
from tests.operators.exit_tables import Case, compare, read_cases

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
    ],
)
def test_a_folder_or_file_that_is_no_table_is_refused_in_one_line(content: str | None, message: str, tmp_path: Path):
    if content is not None:
        (tmp_path / "foreign.json").write_text(content)
    with pytest.raises(ValueError, match=message) as refused:
        read_cases(tmp_path)
    assert "\n" not in str(refused.value)


def test_the_example_of_the_docs_comes_out(tmp_path: Path):
    text = (Path(__file__).parents[2] / "docs" / "exit-cases.md").read_text()
    (tmp_path / "example.yaml").write_text(text.split("```yaml\n")[1].split("```")[0])
    for _, case in read_cases(tmp_path):
        compare(case)
