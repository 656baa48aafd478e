"""Recordings come out as they went in: every frame, byte for byte, counted."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path

import pytest
import websockets

from contracts.errors import ArchiveError
from tests.recorded import recorded
from tests.venues.simulated.exchanges import connected, running
from venues.simulated.recording import load_recording

FILES = {
    "hftbacktest_raw_binance/spot_btcusdt_20240808.wsraw.gz": 41_248,
    "hftbacktest_raw_binance/spot_ethusdt_20240808.wsraw.gz": 33_617,
    "hftbacktest_raw_binance/usdm_btcusdt_20240808.wsraw.gz": 93_953,
    "cryptofeed_raw/BINANCE.jsonl.gz": 265,
    "cryptofeed_raw/BINANCE_FUTURES.jsonl.gz": 1_535,
}


def frames_of(path: Path) -> list[str]:
    """The combined frames of a file, read without the product's reader."""
    with gzip.open(path, "rt") as lines:
        if path.name.endswith(".wsraw.gz"):
            raw = [line.rstrip("\n").split(" ", 1)[1] for line in lines]
        else:
            entries = [json.loads(line) for line in lines]
            raw = [entry["data"] for entry in entries if entry["t"] == "recv"]
    return [text for text in raw if "stream" in json.loads(text)]


@pytest.mark.parametrize("name", [name for name in FILES if "usdm" not in name])
async def test_a_subscriber_of_all_streams_gets_every_frame(name: str) -> None:
    path = recorded(name)
    expected = frames_of(path)
    assert len(expected) == FILES[name]
    streams = list(dict.fromkeys(json.loads(text)["stream"] for text in expected))
    async with running(recording=str(path), speed=100_000.0) as exchange:
        address = f"ws://127.0.0.1:{exchange.port}/stream?streams={'/'.join(streams)}"
        async with websockets.connect(address, max_size=None, ping_interval=None) as socket:
            received = [await asyncio.wait_for(socket.recv(), 10) for _ in expected]
            assert exchange.player is not None
            await asyncio.wait_for(exchange.player.done.wait(), 10)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.1)
    assert received == expected
    assert sum(exchange.hub.sent.values()) == len(expected)
    assert dict(exchange.hub.sent) == dict(exchange.player.recording.counts)
    assert exchange.player.passed_over == 0


def test_futures_frames_are_read_to_the_last() -> None:
    path = recorded("hftbacktest_raw_binance/usdm_btcusdt_20240808.wsraw.gz")
    recording = load_recording(path)
    assert len(recording.frames) == FILES["hftbacktest_raw_binance/usdm_btcusdt_20240808.wsraw.gz"]
    assert set(recording.depth) == {"BTCUSDT"}


async def test_raw_connections_get_the_event_alone_and_others_pass() -> None:
    path = recorded("cryptofeed_raw/BINANCE.jsonl.gz")
    wanted = "nknusdt@bookTicker"
    expected = [json.loads(text)["data"] for text in frames_of(path) if json.loads(text)["stream"] == wanted]
    async with (
        connected(recording=str(path), speed=100_000.0) as (exchange, client),
        websockets.connect(f"{client.stream}/ws/{wanted}") as socket,
    ):
        received = [json.loads(await asyncio.wait_for(socket.recv(), 5)) for _ in expected]
        assert exchange.player is not None
        await asyncio.wait_for(exchange.player.done.wait(), 5)
    assert received == expected
    assert exchange.player.passed_over == 265 - len(expected)


async def test_spacing_is_the_recordings_own() -> None:
    path = recorded("cryptofeed_raw/BINANCE.jsonl.gz")
    recording = load_recording(path)
    length_s = (recording.frames[-1].time_ns - recording.frames[0].time_ns) / 1e9
    async with connected(recording=str(path), speed=length_s / 1.0) as (exchange, client):
        loop = asyncio.get_running_loop()
        async with websockets.connect(f"{client.stream}/stream?streams={'/'.join(recording.streams)}") as socket:
            await socket.recv()
            begin = loop.time()
            for _ in recording.frames[1:]:
                await socket.recv()
            assert loop.time() - begin > 0.7
        assert exchange.player is not None
        await asyncio.wait_for(exchange.player.done.wait(), 5)
        status, value = await client.call("GET", "/sim/status")
        assert status == 200
        assert value["recording"]["frames"] == value["recording"]["position"] == 265
        assert value["recording"]["done"] is True


async def test_rest_answers_come_from_the_recording() -> None:
    async with connected(recording=str(recorded("cryptofeed_raw/BINANCE.jsonl.gz"))) as (_, client):
        status, info = await client.call("GET", "/api/v3/exchangeInfo")
        assert (status, len(info["symbols"])) == (200, 1695)
        status, depth = await client.call("GET", "/api/v3/depth", symbol="NKNUSDT", limit=1000)
        assert depth["lastUpdateId"] == 499869752
        assert (await client.call("GET", "/api/v3/depth", symbol="BTCUSDT"))[1]["code"] == -1121


async def test_steps_are_derived_where_the_recording_has_no_table() -> None:
    path = recorded("hftbacktest_raw_binance/spot_btcusdt_20240808.wsraw.gz")
    async with connected(recording=str(path)) as (_, client):
        _, info = await client.call("GET", "/api/v3/exchangeInfo")
        (symbol,) = info["symbols"]
        assert (symbol["symbol"], symbol["baseAsset"], symbol["quoteAsset"]) == ("BTCUSDT", "BTC", "USDT")
        steps = {entry["filterType"]: entry for entry in symbol["filters"]}
        assert steps["PRICE_FILTER"]["tickSize"] == "0.01000000"
        assert steps["LOT_SIZE"]["stepSize"] == "0.00001000"


@pytest.mark.parametrize(
    ("content", "said"), [(b"17 {broken", ":1, could not read it"), (b"", "found none"), (b"\x1f\x8bnope", "readable")]
)
def test_a_file_that_is_no_recording_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / ("x.gz" if content[:1] == b"\x1f" else "x.wsraw")
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=said):
        load_recording(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="found no file"):
        load_recording(tmp_path / "absent.wsraw.gz")
