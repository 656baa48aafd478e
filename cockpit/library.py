"""The chart library as the wheel `lwcharts` carries it: TradingView's lightweight-charts, byte for byte, hash checked."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from contracts.errors import EmberlineError

VERSION = "5.2.0"
SHA256 = "c0992580867c4912cc9385b3c2728315bcc1a76c7f1087dca908430fccdf31d7"
INSIDE_WHEEL = "lwcharts/vendor/lightweight-charts.standalone.production.js"


class LibraryError(EmberlineError):
    """The chart library is absent or not the one this version was built for. Install the locked dependencies again."""


@lru_cache(maxsize=1)
def chart_library() -> Path:
    """Path of the library's file. Raises LibraryError if it is missing or its hash differs."""
    try:
        found = distribution("lwcharts").locate_file(INSIDE_WHEEL)
    except PackageNotFoundError as e:
        raise LibraryError("chart library: package lwcharts is not installed; install the locked dependencies") from e
    path = Path(str(found))
    try:
        digest = sha256(path.read_bytes()).hexdigest()
    except OSError as e:
        raise LibraryError(f"chart library: {path} cannot be read: {e.strerror}; reinstall lwcharts") from e
    if digest != SHA256:
        raise LibraryError(
            f"chart library: expected lightweight-charts {VERSION} ({SHA256[:12]}), was {digest[:12]} in {path}"
        )
    return path
