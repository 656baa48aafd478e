"""Every exit case of `exit_cases/`, and of the folder that EMBERLINE_EXIT_CASES names, through the desk's execute step."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contracts.reasons import ExitReason
from tests.operators.exit_tables import Case, compare, read_cases

OWN = Path(__file__).parent / "exit_cases"
FURTHER = os.environ.get("EMBERLINE_EXIT_CASES")

CASES = read_cases(OWN) + (read_cases(Path(FURTHER)) if FURTHER else [])


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES])
def test_exits_come_out_as_the_table_says(case: Case):
    compare(case)


def test_there_is_a_case_for_every_reason_and_both_sides():
    cases = [case for _, case in read_cases(OWN)]
    assert len(cases) >= 40
    for side in ("long", "short"):
        reasons = {expected.reason for case in cases if case.side == side for expected in case.expect.exits}
        assert reasons == {reason.value for reason in ExitReason}
