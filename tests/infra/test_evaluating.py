"""`ember evaluate discovery` from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from contracts.events import Heartbeat, Tickers, encode_event
from contracts.settings.services import ArchiveSettings, BrokerSettings
from contracts.topics import EVENTS
from flows.candle_source import candle_batches
from infra.broker.embedded import EmbeddedBroker
from infra.cli import run_command
from operators.slices import Kind
from sinks.archive import ArchiveWriter
from sinks.kafka import CheckedProducer
from tests.builders import START as LOG_START
from tests.builders import market_log

BAR_MS = 60_000
START = 1_617_321_600_000  # 2021-04-02
MARKET = "binance.spot"


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


def messages(candles: Path) -> list[bytes]:
    """The log that candles stand for, as messages."""
    log: list[bytes] = []
    for b in candle_batches(candles):
        starts = np.flatnonzero(np.diff(b.offset, prepend=-1)).tolist()
        for first, until in zip(starts, [*starts[1:], len(b.offset)], strict=True):
            ts = int(b.ts_recv[first])
            if b.kind[first] == Kind.EVENT:
                log.append(b.payloads[int(b.v0[first])])
            elif b.kind[first] == Kind.TICKER:
                rows = [
                    (b.names[b.symbol[n]], int(b.ts_event[n]), float(b.v0[n]), float(b.v3[n]), float(b.v0[n]), float(b.v0[n]),
                     float(b.v2[n]), float(b.v1[n]))
                    for n in range(first, until)
                ]  # fmt: skip
                log.append(encode_event(Tickers(ts_recv=ts, rows=rows)))
            else:
                log.append(encode_event(Heartbeat(ts_recv=ts, sequence=int(b.v0[first]))))
    return log


def archived(folder: Path, log: list[bytes]) -> Path:
    writer = ArchiveWriter(folder, MARKET, ArchiveSettings())
    writer.start("one")
    for offset, raw in enumerate(log):
        writer.add(offset, raw, 7)
    writer.close()
    return folder


def test_candles_their_archive_and_their_kafka_range_give_the_same_report(
    candles: Path, tmp_path: Path, embedded_broker: EmbeddedBroker, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    log = messages(candles)
    producer = CheckedProducer(BrokerSettings(kind="external", address=embedded_broker.address))
    for raw in log:
        producer.send(EVENTS.name, MARKET.encode(), raw, 0)
    producer.close()
    sources = [[str(candles), "--live"], [str(archived(tmp_path / "archive", log))], [embedded_broker.address]]
    for ranged in ([], ["--from", "2021-04-02T01:02", "--to", "2021-04-02T02:30"]):
        told = set()
        for source in sources:
            assert run_command(["evaluate", "discovery", *source, *ranged, "--json"]) == 0
            told.add(capfdbinary.readouterr().out)
        assert len(told) == 1
        assert json.loads(told.pop())["episodes"]["0.20"]["list"][0]["symbol"] == "C03USDT"


def test_a_live_log_is_judged_from_its_first_score_on_with_its_history_before(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    folder = archived(tmp_path / "archive", market_log(400, symbols=8, dirty=False, history_minutes=120))
    assert run_command(["evaluate", "discovery", str(folder), "--json"]) == 0
    report = json.loads(capfdbinary.readouterr().out)
    begin = datetime.fromisoformat(report["range"][0]).replace(tzinfo=UTC).timestamp()
    assert 0 <= begin - LOG_START / 1e9 < 120
    assert report["symbols"] == 8


def test_longer_candles_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"symbol": "AUSDT", "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1.0}
    pl.DataFrame([row | {"ts_ms": START + n * 5 * BAR_MS} for n in range(100)]).write_parquet(tmp_path / "5m.parquet")
    assert run_command(["evaluate", "discovery", str(tmp_path / "5m.parquet")]) == 1
    assert "expected one-minute candles" in capsys.readouterr().err


def test_unknown_volumes_are_told_bar_by_bar_and_second_by_second(
    candles: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    frame = pl.read_parquet(candles)
    first = pl.col("ts_ms") == START
    frame.with_columns(volume=pl.when(first).then(None).otherwise(pl.col("volume"))).write_parquet(candles)
    for live in ([], ["--live"]):
        assert run_command(["evaluate", "discovery", str(candles), *live, "--json"]) == 0
        assert json.loads(capfdbinary.readouterr().out)["unknown"] == {"volume": 12}


@pytest.mark.parametrize("live", [[], ["--live"]])
def test_a_stray_time_is_refused_in_one_line(
    candles: Path, live: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pl.read_parquet(candles)
    pl.concat([frame, frame.head(1).with_columns(ts_ms=pl.lit(0, dtype=pl.Int64))]).write_parquet(candles)
    assert run_command(["evaluate", "discovery", str(candles), *live]) == 1
    shown = capsys.readouterr().err.strip().splitlines()
    assert len(shown) == 1
    assert "such as C00USDT at 0" in shown[0]


@pytest.mark.parametrize(("plot", "text"), [("none/curve.html", "no such folder"), (".", "was the folder")])
def test_a_picture_that_cannot_be_written_is_refused_before_the_run(
    plot: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(["evaluate", "discovery", "nothing.parquet", "--plot", plot]) == 1
    shown = capsys.readouterr().err.strip().splitlines()
    assert len(shown) == 1
    assert text in shown[0]  # and not that there are no candles


@pytest.mark.parametrize(
    ("ranged", "text"),
    [
        (["--from", "2021-04-04", "--to", "2021-04-03"], "--from before --to, was 2021-04-04 and 2021-04-03: this range is empty"),
        (["--from", "2021-04-04"], "nothing to judge from 2021-04-04T00:00: candles go from 2021-04-02T00:00 to 2021-04-02T02:59 UTC"),
    ],
)  # fmt: skip
def test_an_empty_range_is_told_as_one(
    ranged: list[str], text: str, candles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["evaluate", "discovery", str(candles), *ranged]) == 1
    shown = capsys.readouterr().err.strip().splitlines()
    assert len(shown) == 1
    assert text in shown[0]


@pytest.mark.parametrize("suffix", ["csv", "feather"])
def test_other_formats_are_refused_with_the_way_to_convert_them(
    suffix: str, candles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pl.read_parquet(candles)
    path = tmp_path / f"candles.{suffix}"
    (frame.write_csv if suffix == "csv" else frame.write_ipc)(path)
    assert run_command(["evaluate", "discovery", str(path)]) == 1
    command = capsys.readouterr().err.strip().partition("convert it by python -c ")[2].strip('"')
    subprocess.run([sys.executable, "-c", command], check=True)  # what the line tells people to type
    assert pl.read_parquet(f"{path}.parquet").equals(frame)


def test_the_log_axis_is_labelled_by_the_budgets(candles: Path, tmp_path: Path) -> None:
    picture = tmp_path / "curve.html"
    assert run_command(["evaluate", "discovery", str(candles), "--plot", str(picture)]) == 0
    assert '"ticktext":["2","3","5","7","10","14","20","28","40"]' in picture.read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing.parquet"],
        ["nothing"],
        ["kafka", "--from", "5"],
        ["x.parquet", "--market", "nasdaq"],
        ["x.parquet", "--from", "noon"],
    ],
)
def test_what_cannot_be_evaluated_gives_one_clear_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(["evaluate", "discovery", *arguments]) != 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.strip().splitlines()) == 1
