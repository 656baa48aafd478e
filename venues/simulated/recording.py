"""Recorded frames, sent again as they were."""

from __future__ import annotations

import asyncio
import gzip
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from contracts.errors import ArchiveError
from venues.simulated.hub import Hub

_PREFIX = re.compile(r'^\{"stream":"([^"]+)","data":')
_LINE = msgspec.json.Decoder(dict[str, Any])
_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "USD")


class RecordingError(ArchiveError):
    """A file that is no recording this exchange can send."""


class Frame(NamedTuple):
    """One message: receive time (ns), stream, the combined frame as recorded, and the event inside it."""

    time_ns: int
    stream: str
    frame: str
    data: str


@dataclass(slots=True)
class Recording:
    """Frames in the order of the file, REST answers beside them (raw JSON), the streams that were subscribed."""

    frames: list[Frame] = field(default_factory=list)
    depth: dict[str, str] = field(default_factory=dict)  # symbol -> snapshot
    exchange_info: str | None = None
    subscribed: list[str] = field(default_factory=list)

    @property
    def counts(self) -> Counter[str]:
        """Frames by stream."""
        return Counter(frame.stream for frame in self.frames)

    @property
    def streams(self) -> list[str]:
        """Every stream that has frames or was subscribed, in order of appearance."""
        return list(dict.fromkeys([*self.subscribed, *(frame.stream for frame in self.frames)]))


def _frame(time_ns: int, raw: str) -> Frame | None:
    match = _PREFIX.match(raw)
    if match is not None:
        return Frame(time_ns, match[1], raw, raw[match.end() : -1])
    value = msgspec.json.decode(raw)
    if isinstance(value, dict) and isinstance(value.get("stream"), str):
        return Frame(time_ns, value["stream"], raw, msgspec.json.encode(value.get("data")).decode())
    return None


def _lines(path: Path) -> Iterator[str]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for line in lines:
                yield line.rstrip("\n")
    except FileNotFoundError:
        raise RecordingError(f"expected a recording at {path}, found no file") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise RecordingError(f"expected a readable recording at {path}: {error}") from error


def load_recording(path: Path) -> Recording:
    """Read a `.wsraw` file (`<ns> <frame>` per line) or a cryptofeed `.jsonl` file, gzipped or not.

    Raises RecordingError naming the line where a file is neither.
    """
    recording = Recording()
    symbol_of: list[str] = []
    for number, line in enumerate(_lines(path), 1):
        if not line:
            continue
        try:
            if line.startswith("{"):
                _read_cryptofeed(recording, _LINE.decode(line))
            else:
                stamp, _, raw = line.partition(" ")
                frame = _frame(int(stamp), raw)
                if frame is not None:
                    recording.frames.append(frame)
                else:
                    symbol_of.append(raw)
        except (ValueError, KeyError, TypeError) as error:
            raise RecordingError(f"expected a recorded frame at {path}:{number}, could not read it: {error}") from error
    if not recording.frames:
        raise RecordingError(f"expected recorded frames in {path}, found none")
    symbol = recording.frames[0].stream.partition("@")[0].upper()
    for raw in symbol_of:  # a file of one symbol holds that symbol's snapshot
        recording.depth.setdefault(symbol, raw)
    return recording


def _read_cryptofeed(recording: Recording, entry: dict[str, Any]) -> None:
    kind = entry["t"]
    if kind == "recv":
        frame = _frame(round(entry["ts"] * 1e9), entry["data"])
        if frame is not None:
            recording.frames.append(frame)
    elif kind == "connect":
        query = parse_qs(urlsplit(entry["addr"]).query)
        recording.subscribed += [name for streams in query.get("streams", []) for name in streams.split("/")]
    elif kind == "http":
        url = urlsplit(entry["url"])
        if url.path.endswith("/exchangeInfo"):
            recording.exchange_info = entry["data"]
        elif url.path.endswith("/depth"):
            recording.depth[parse_qs(url.query)["symbol"][0]] = entry["data"]


def derive_exchange_info(recording: Recording, now_ms: int) -> dict[str, Any]:
    """Make the table that a recording lacks: symbols of its streams, steps as fine as the digits it uses."""
    digits: dict[str, list[int]] = {}
    for frame in recording.frames[:5000]:
        symbol = frame.stream.partition("@")[0].upper()
        price, quantity = digits.setdefault(symbol, [0, 0])
        for p, q in re.findall(r'"(?:p|b)":"([0-9.]+)","(?:q|B)":"([0-9.]+)"', frame.data):
            price, quantity = max(price, _decimals(p)), max(quantity, _decimals(q))
        digits[symbol] = [price, quantity]
    symbols = []
    for symbol, (price, quantity) in digits.items():
        quote = next((q for q in _QUOTES if symbol.endswith(q) and symbol != q), "USDT")
        tick, lot = f"{10.0**-price:.8f}", f"{10.0**-quantity:.8f}"
        symbols.append(
            {
                "symbol": symbol, "status": "TRADING", "baseAsset": symbol.removesuffix(quote), "baseAssetPrecision": 8,
                "quoteAsset": quote, "quotePrecision": 8, "quoteAssetPrecision": 8, "orderTypes": ["LIMIT", "MARKET"],
                "isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "permissions": [],
                "permissionSets": [["SPOT"]],
                "filters": [
                    {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
                    {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000000.00000000", "stepSize": lot},
                    {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True,
                     "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
                ],
            }
        )  # fmt: skip
    return {"timezone": "UTC", "serverTime": now_ms, "rateLimits": [], "exchangeFilters": [], "symbols": symbols}


def _decimals(text: str) -> int:
    return len(text.partition(".")[2].rstrip("0"))


class RecordingPlayer:
    """Send a recording once, with its own spacing divided by `speed`.

    It begins when somebody has subscribed and for `wait_ms` nobody has changed a subscription, or at once. Frames of
    streams without listeners are passed over and counted. `done` is set after the last frame has been written out.
    """

    def __init__(self, recording: Recording, hub: Hub, speed: float, waits: bool, wait_ms: int) -> None:
        self.recording = recording
        self.done = asyncio.Event()
        self.position = 0
        self.passed_over = 0
        self._hub = hub
        self._speed = speed
        self._waits = waits
        self._wait_s = wait_ms / 1000.0
        self._changed = 0.0
        hub.changed = self._note

    def _note(self) -> None:
        self._changed = time.monotonic()

    async def run(self) -> None:
        """Play to the end."""
        if self._waits:
            while not self._hub.names() or time.monotonic() - self._changed < self._wait_s:  # noqa: ASYNC110 - of time
                await asyncio.sleep(0.02)
        frames = self.recording.frames
        begin, first_ns = time.monotonic(), frames[0].time_ns
        for i, frame in enumerate(frames):
            due = (frame.time_ns - first_ns) / 1e9 / self._speed
            wait = due - (time.monotonic() - begin)
            if wait > 0.001:
                await asyncio.sleep(wait)
            elif i % 100 == 0:
                await asyncio.sleep(0)
            if self._hub.listens(frame.stream):
                await self._hub.room()
                self._hub.send(frame.stream, frame.data, frame.frame)
            else:
                self.passed_over += 1
            self.position = i + 1
        await self._hub.room(0)
        self.done.set()
