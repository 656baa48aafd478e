"""The map of the market: every coin twice a minute, with the figures of the ranking."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from contracts.settings import DeskSettings
from operators.anomaly import AnomalyDetector
from operators.candidates import Candidates
from operators.frame import Frame
from operators.freshness import FreshnessGate
from operators.groups import Groups
from operators.heat import MAP_S, Heat
from tests.builders import market_log
from tests.checks import Ran, check_laws, run

SETTINGS = DeskSettings()
SYMBOLS = 40
SHOWN = {"heat", "price", "change_5m", "change_24h", "quote_volume_24h", "stage", "group"}


def chain() -> list[Any]:
    made = (Frame, FreshnessGate, AnomalyDetector, Candidates, Groups, Heat)
    return [operator(SETTINGS) for operator in made]


def told(ran: Ran, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(message.value) for message in ran.facts if message.topic == "candidate_snapshot.v1"]
    return [fact for fact in found if fact["type"] == kind]


def test_the_map_shows_every_coin_and_agrees_with_the_ranking_of_the_same_second() -> None:
    ran = run(chain, market_log(150, symbols=SYMBOLS, dirty=False, history_minutes=60))
    maps = told(ran, "market_map")
    rankings = {fact["ts_event"]: fact for fact in told(ran, "candidates")}
    assert len(maps) >= 4
    assert {fact["ts_event"] // 10**9 % MAP_S for fact in maps} == {0}
    newest = maps[-1]
    assert len(newest["symbols"]) == SYMBOLS > SETTINGS.heat.top
    assert all(0 <= heat <= 100 for heat in newest["heat"])
    ranking = rankings[newest["ts_event"]]
    assert len(ranking["symbols"]) == SETTINGS.heat.top
    for n, symbol in enumerate(ranking["symbols"]):
        place = newest["symbols"].index(symbol)
        assert {name: newest[name][place] for name in SHOWN} == {name: ranking[name][n] for name in SHOWN}


def test_the_map_obeys_the_laws() -> None:
    check_laws(chain, market_log(100, symbols=6, history_minutes=60), seed=11)


@pytest.mark.parametrize("column", sorted(SHOWN - {"stage", "group"}))
def test_every_number_of_a_map_is_finite(column: str) -> None:
    for fact in told(run(chain, market_log(100, symbols=6)), "market_map"):
        assert np.isfinite([value for value in fact[column] if value is not None]).all()
