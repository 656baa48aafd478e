"""Exit cases as data files: what a case may say, and reading a folder of them. Schema: `docs/exit-cases.md`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from contracts.errors import SettingsError
from contracts.reasons import ExitReason
from contracts.settings import DeskSettings, parse_settings

PLENTY = 1e12  # a quantity nobody gave is no bound
LONGEST = 2 * 86_400  # seconds; each costs a heartbeat
MOST = 1e15

Number = str | int | float
Seconds = Annotated[float, Meta(ge=0, le=LONGEST)]
WholeSeconds = Annotated[float, Meta(ge=0, le=LONGEST, multiple_of=1)]
Positive = Annotated[float, Meta(gt=0, le=MOST)]
NonNegative = Annotated[float, Meta(ge=0, le=MOST)]
DecimalText = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$")]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No key goes unread."""


class Entry(Strict, frozen=True, kw_only=True):
    time: Seconds = 0.0
    price: Number
    quantity: Number
    fee: Number | None = None  # None: the taker fee of the settings

    def __post_init__(self) -> None:
        _number("price", self.price, above=0)
        _number("quantity", self.quantity, above=0)
        if self.fee is not None:
            _number("fee", self.fee)


class Candle(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    time: WholeSeconds  # of opening
    open: Positive
    high: Positive
    low: Positive
    close: Positive
    volume: NonNegative = PLENTY  # base units

    def __post_init__(self) -> None:
        if self.high < self.low:
            raise ValueError(
                f"expected [time, open, high, low, close, volume] with high >= low, was {self.high} and {self.low}"
            )


class Tick(Strict, frozen=True, kw_only=True):
    time: Seconds
    price: Positive | None = None  # a trade
    quantity: Positive | None = None
    bid: Positive | None = None  # a quote
    ask: Positive | None = None
    bid_size: NonNegative | None = None
    ask_size: NonNegative | None = None
    close: Positive | None = None  # a ticker
    quote_volume_24h: NonNegative | None = None

    def __post_init__(self) -> None:
        given = {name for name in self.__struct_fields__ if name != "time" and getattr(self, name) is not None}
        if not any(needed <= given <= needed | further for needed, further in TICKS):
            raise ValueError(
                "expected a trade (price, quantity), a quote (bid, ask, bid_size, ask_size) or a ticker (close, quote_volume_24h), "
                f"was {', '.join(sorted(given)) or 'a time alone'}"
            )


TICKS = (({"price"}, {"quantity"}), ({"bid", "ask"}, {"bid_size", "ask_size"}), ({"close"}, {"quote_volume_24h"}))


class Decision(Strict, frozen=True, kw_only=True):
    time: WholeSeconds
    action: Literal["long", "short"]


class AskedFor(Strict, frozen=True, kw_only=True):
    time: Seconds
    command: Literal["close", "close_all", "pause", "resume"]


class Rules(Strict, frozen=True, kw_only=True):
    tick_size: DecimalText = "0"
    lot_size: DecimalText = "0"
    min_quantity: DecimalText = "0"
    max_quantity: DecimalText = "0"
    market_lot_size: DecimalText = "0"
    market_max_quantity: DecimalText = "0"
    min_notional: DecimalText = "0"
    max_notional: DecimalText = "0"


class Exit(Strict, frozen=True, kw_only=True):
    time: Seconds
    price: Number
    quantity: Number
    reason: ExitReason

    def __post_init__(self) -> None:
        _number("price", self.price, above=0)
        _number("quantity", self.quantity, above=0)


class Expect(Strict, frozen=True, kw_only=True):
    exits: list[Exit]
    pnl: Number
    left: Number = 0

    def __post_init__(self) -> None:
        _number("pnl", self.pnl)
        if _number("left", self.left) < 0:
            raise ValueError(f"expected left at or above 0, was {self.left}")


class Case(Strict, frozen=True, kw_only=True):
    name: str
    side: Literal["long", "short"]
    entry: Entry
    expect: Expect
    settings: dict[str, Any] = {}
    instrument: Rules | None = None
    candle_s: Literal[1, 60, 300] = 60
    candles: list[Candle] = []
    ticks: list[Tick] = []
    heat: list[tuple[WholeSeconds, Annotated[float, Meta(ge=0, le=100)]]] = []
    consensus: list[tuple[WholeSeconds, Annotated[float, Meta(ge=-1, le=1)]]] = []
    decisions: list[Decision] = []
    commands: list[AskedFor] = []
    until: Seconds | None = None

    def __post_init__(self) -> None:
        given: dict[str, list[Any]] = {"ticks": self.ticks, "commands": self.commands, "decisions": self.decisions}
        for key, rows in given.items():
            for number, row in enumerate(rows):
                if row.time < self.entry.time:
                    raise ValueError(
                        f"{key}[{number}]: expected a time not before the entry's ({self.entry.time:g}), was {row.time:g}"
                    )
        for number, (before, candle) in enumerate(pairwise(self.candles), start=1):
            ended = before.time + self.candle_s
            if candle.time < ended:
                raise ValueError(
                    f"candles[{number}]: expected an opening not before the last one's end ({ended:g}), was {candle.time:g}"
                )


class CaseFile(Strict, frozen=True, kw_only=True):
    cases: list[dict[str, Any]]
    settings: dict[str, Any] = {}
    about: str = ""


def read_cases(folder: Path) -> list[tuple[str, Case]]:
    """Every case of the .yaml, .yml and .json files in and below a folder as (file: name, case), settings of file and case merged.

    Raises ValueError, in one line with file, case and place, where there is none, or a file is no table of cases.
    """
    found: list[tuple[str, Case]] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in {".yaml", ".yml", ".json"}:
            continue
        file = path.relative_to(folder)
        decode = msgspec.json.decode if path.suffix == ".json" else msgspec.yaml.decode
        try:
            table = msgspec.convert(decode(path.read_bytes()), CaseFile)
        except ValueError as e:
            raise ValueError(f"{file}: {' '.join(str(e).split())}") from e
        _check_settings(table.settings, str(file), "$.settings")
        for number, raw in enumerate(table.cases):
            case = _case(raw, table.settings, f"$.cases[{number}]", str(file))
            found.append((f"{file.with_suffix('').as_posix()}: {case.name}", case))
    if not found:
        raise ValueError(f"{folder}: expected a folder with .yaml, .yml or .json files of exit cases")
    return found


def settings_of(case: Case) -> DeskSettings:
    """The case's settings, read as a settings file is."""
    return parse_settings(case.settings, case.name).markets["binance.spot"].desk


def _case(raw: dict[str, Any], shared: dict[str, Any], at: str, file: str) -> Case:
    where = f"{file}: {raw['name']!r}" if "name" in raw else file
    try:
        case = msgspec.convert(raw, Case)
    except msgspec.ValidationError as e:
        problem, _, path = str(e).partition(" - at `$")
        raise ValueError(f"{where}: {problem} - at `{at}{path or '`'}") from e
    case = msgspec.structs.replace(case, settings=_merge(shared, case.settings))
    _check_settings(case.settings, where, f"{at}.settings")
    return case


def _check_settings(settings: dict[str, Any], where: str, at: str) -> None:
    if "markets" in settings:
        raise ValueError(f"{where}: expected sections of the desk, such as `exits`, was `markets` - at `{at}`")
    try:
        parse_settings(settings, where)
    except SettingsError as e:
        raise ValueError(f"{' '.join(str(e).split())} - at `{at}`") from e


def _number(name: str, value: Number, above: int | None = None) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or (above is not None and number <= above):
        wanted = "a number" if above is None else f"a number above {above}"
        raise ValueError(f"expected {name} to be {wanted}, was {value!r}")
    return number


def _merge(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {key: _merge(base.get(key), over[key]) if key in over else base[key] for key in {**base, **over}}
    return over
