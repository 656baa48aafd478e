"""`ember evaluate discovery` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infra.cli import run_command

BAR_MS = 60_000
START = 1_617_321_600_000  # 2021-04-02


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    """Three hours of twelve calm coins, of which one rises by a third."""
    rng = np.random.default_rng(0)
    rows = []
    for coin in range(12):
        steps = rng.normal(0.0, 0.0005, 180)
        if coin == 3:
            steps[90:130] += 0.008
        for bar, close in enumerate(np.exp(np.cumsum(steps)).tolist()):
            rows.append((f"C{coin:02d}USDT", START + bar * BAR_MS, close, close, close, close, 50_000.0))
    path = tmp_path / "candles.parquet"
    columns = ["symbol", "ts_ms", "open", "high", "low", "close", "volume"]
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(path)
    return path


def test_json_holds_episodes_program_and_baselines(candles: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run_command(["evaluate", "discovery", str(candles), "--json"]) == 0
    report = json.loads(capfdbinary.readouterr().out)
    assert report["symbols"] == 12
    assert report["episodes"]["0.20"]["list"][0]["symbol"] == "C03USDT"
    assert report["own"]["tiers"]["0.20"]["recall"] == 1.0  # at ten a day, two hours allow no alarm at all
    assert len(report["baselines"]) == 5


def test_a_table_and_a_picture_are_written(candles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "curve.html"
    assert (
        run_command(["evaluate", "discovery", str(candles), "--from", "2021-04-02T01:10", "--plot", str(picture)]) == 0
    )
    assert "gain over" in capsys.readouterr().out
    assert picture.stat().st_size > 100_000


def test_candles_sent_second_by_second_give_the_same_episodes(
    candles: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run_command(["evaluate", "discovery", str(candles), "--live", "--json"]) == 0
    report = json.loads(capfdbinary.readouterr().out)
    assert report["episodes"]["0.20"]["list"][0]["symbol"] == "C03USDT"


@pytest.mark.parametrize(
    "arguments",
    [["nothing.parquet"], ["nothing"], ["x.parquet", "--market", "nasdaq"], ["x.parquet", "--from", "noon"]],
)
def test_what_cannot_be_evaluated_gives_one_clear_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(["evaluate", "discovery", *arguments]) != 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.strip().splitlines()) == 1
