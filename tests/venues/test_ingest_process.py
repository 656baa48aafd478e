"""Ingest as a process: it stops in order on a signal, and says in one line why it cannot run."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from contracts.events import StreamGap, StreamState, Tickers
from infra.broker import LocalBroker
from tests.venues.log_reader import of, read_log
from tests.venues.scripted_venue import ScriptedVenue, scripted_venue, ticker
from venues.ingest.status import read_status

PROGRAM = """
import sys
from pathlib import Path
from contracts.errors import EmberlineError
from contracts.settings import load_settings
from venues.ingest import serve
try:
    serve(load_settings(sys.argv[1]), ready=lambda: Path(sys.argv[2]).write_text("ready"))
except EmberlineError as e:
    sys.exit(f"error: {e}")
"""


async def start(var: Path, venue: ScriptedVenue, address: str) -> asyncio.subprocess.Process:
    url = f"127.0.0.1:{venue.port}"
    settings = {
        "broker": {"address": address},
        "ingest": {"stream_url": f"ws://{url}", "rest_url": f"http://{url}", "history_bars": 5},
        "announcements": {"enabled": False},
        "run": {"folder": str(var)},
    }
    file = var / "settings.yaml"
    file.write_bytes(msgspec.yaml.encode(settings))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(file), str(var / "ready"), stderr=asyncio.subprocess.PIPE
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_in_order_with_everything_delivered(
    embedded_broker: LocalBroker, var: Path, number: signal.Signals
) -> None:
    async with scripted_venue() as venue:
        process = await start(var, venue, embedded_broker.address)
        await venue.until(lambda: venue.live and (var / "ready").exists(), 30.0)
        for close in range(1, 201):
            await venue.tickers(ticker("BTCUSDT", close))
        await venue.until(lambda: (told := read_status(var)) is not None and told.frames.read == 200)
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 30.0) == 0
    status = read_status(var)
    assert status is not None
    assert status.produced == status.delivered
    events = read_log(embedded_broker.address)
    live = [t for t in of(Tickers, events) if len(t.rows) == 1 and t.rows[0][2] != 1.5]
    assert [t.rows[0][2] for t in live] == [float(i) for i in range(1, 201)]
    assert of(StreamState, events)[-1].connected is False


async def test_after_a_kill_the_next_run_tells_the_gap(embedded_broker: LocalBroker, var: Path) -> None:
    async with scripted_venue() as venue:
        process = await start(var, venue, embedded_broker.address)
        await venue.until(lambda: venue.live and read_status(var) is not None, 30.0)
        process.kill()
        await process.wait()
        process = await start(var, venue, embedded_broker.address)
        await venue.until(lambda: len(venue.live) == 1 and len(venue.sockets) == 2, 30.0)
        await venue.tickers(ticker("BTCUSDT"))
        await venue.until(lambda: (told := read_status(var)) is not None and told.frames.read == 1)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30.0) == 0
    [gap] = of(StreamGap, read_log(embedded_broker.address))
    assert gap.reason == "ingest was not running"
    assert gap.ts_from < gap.ts_until


async def test_a_market_that_is_missing_is_one_clear_line(var: Path) -> None:
    file = var / "settings.yaml"
    file.write_text("markets: {xshg: {partition: 1}}\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(file), str(var / "ready"), stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode() == "error: markets: expected `binance.spot`, which ingest writes; add it with a partition\n"
