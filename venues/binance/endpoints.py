"""Where Binance is, or the simulated exchange that speaks its protocol; names of its streams."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

import msgspec

from contracts.settings.services import IngestSettings
from contracts.settings.simulator import SimulatorSettings

STREAM_URL = "wss://stream.binance.com:9443"
REST_URL = "https://api.binance.com"
ANNOUNCEMENTS_URL = "https://www.binance.com"

TICKERS = "!miniTicker@arr"
MAX_STREAMS = 1024  # per connection
MESSAGES_PER_SECOND = 4  # the venue closes a connection at more than 5, pongs included
STREAMS_PER_MESSAGE = 100
STREAMS_IN_URL = 150  # about 4 kB of address; more are subscribed once the connection stands


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Base URLs without path or trailing slash."""

    stream_url: str
    rest_url: str

    @property
    def on_loopback(self) -> bool:
        """Whether both lie on this machine, so that no proxy of the environment may stand between."""
        return is_loopback(self.stream_url) and is_loopback(self.rest_url)

    def combined(self, streams: Iterable[str]) -> str:
        """URL of a connection that wraps each message as `{"stream", "data"}` and starts with these streams."""
        return f"{self.stream_url}/stream?streams={quote('/'.join(streams), safe='/!@')}"


def endpoints(ingest: IngestSettings, simulator: SimulatorSettings) -> Endpoints:
    """The endpoints these settings mean: the venue's own unless given."""
    if ingest.venue == "simulated":
        stream, rest = f"ws://{simulator.host}:{simulator.port}", f"http://{simulator.host}:{simulator.port}"
    else:
        stream, rest = STREAM_URL, REST_URL
    return Endpoints(
        stream_url=(ingest.stream_url or stream).rstrip("/"), rest_url=(ingest.rest_url or rest).rstrip("/")
    )


def stream_name(symbol: str, kind: str) -> str:
    """Name of one symbol's stream, e.g. `btcusdt@trade`."""
    return f"{symbol.lower()}@{kind}"


def streamable(symbol: str) -> bool:
    """Whether a symbol can stand in a stream's name (the venue has names in letters other than Latin ones, too)."""
    return 1 <= len(symbol) <= 40 and symbol.replace("_", "").replace("-", "").replace(".", "").isalnum()


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
