"""The whole settings file, its layers, and the hash that facts carry.

One YAML or TOML file. Three layers: the sections at the top hold for all, `markets.<name>` overrides any desk section for
one market, `markets.<name>.symbols.<SYMBOL>` overrides entry, exits and size for one coin. Unknown keys are refused with their path.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from contracts.errors import SettingsError
from contracts.settings.checking import convert
from contracts.settings.decisions import (
    GuardSettings,
    IndicatorSettings,
    ModelSettings,
    OutlookSettings,
    SignalSettings,
)
from contracts.settings.desk import FocusSettings, FrameSettings, FreshnessSettings, StatusSettings
from contracts.settings.discovery import AnomalySettings, CandidateSettings, GroupSettings, HeatSettings
from contracts.settings.reading import read_tables
from contracts.settings.sectors import inline_sectors
from contracts.settings.services import (
    AnnouncementSettings,
    ArchiveSettings,
    BrokerSettings,
    CockpitSettings,
    IngestSettings,
    MentionSettings,
    ReadModelSettings,
    RunSettings,
)
from contracts.settings.simulator import SimulatorSettings
from contracts.settings.trading import (
    EngineSettings,
    EntrySettings,
    ExitSettings,
    OrderSettings,
    PaperSettings,
    RiskSettings,
    SizeSettings,
    StrategySettings,
    SymbolSettings,
)


class DeskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that moves a decision of one market. Its hash is `settings_hash` in facts."""

    frame: FrameSettings = FrameSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    focus: FocusSettings = FocusSettings()
    status: StatusSettings = StatusSettings()
    anomaly: AnomalySettings = AnomalySettings()
    candidates: CandidateSettings = CandidateSettings()
    heat: HeatSettings = HeatSettings()
    groups: GroupSettings = GroupSettings()
    indicators: IndicatorSettings = IndicatorSettings()
    signals: SignalSettings = SignalSettings()
    outlook: OutlookSettings = OutlookSettings()
    model: ModelSettings = ModelSettings()
    guards: GuardSettings = GuardSettings()
    strategy: StrategySettings = StrategySettings()
    entry: EntrySettings = EntrySettings()
    exits: ExitSettings = ExitSettings()
    size: SizeSettings = SizeSettings()
    orders: OrderSettings = OrderSettings()
    paper: PaperSettings = PaperSettings()
    risk: RiskSettings = RiskSettings()
    engine: EngineSettings = EngineSettings()
    symbols: dict[str, SymbolSettings] = {}

    def __post_init__(self) -> None:
        """Refuse sections that together would never trade. Raises ValueError."""
        if self.guards.model_required and self.model.name == "none":
            raise ValueError("`model.name`: expected a model, as `guards.model_required` asks for one, was none")

    def for_symbol(self, symbol: str) -> SymbolSettings:
        """Entry, exits and size as they hold for this coin."""
        own = self.symbols.get(symbol)
        return own if own is not None else SymbolSettings(entry=self.entry, exits=self.exits, size=self.size)

    def hash(self) -> str:
        """12 hex digits of the expanded settings in canonical JSON."""
        return blake2b(msgspec.json.encode(self, order="deterministic"), digest_size=6).hexdigest()


class MarketSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One market: its partition of `events.v1` and its desk."""

    partition: int
    desk: DeskSettings = DeskSettings()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything, expanded: each market holds a complete desk."""

    markets: dict[str, MarketSettings]
    broker: BrokerSettings = BrokerSettings()
    ingest: IngestSettings = IngestSettings()
    announcements: AnnouncementSettings = AnnouncementSettings()
    mentions: MentionSettings = MentionSettings()
    simulator: SimulatorSettings = SimulatorSettings()
    read_model: ReadModelSettings = ReadModelSettings()
    archive: ArchiveSettings = ArchiveSettings()
    cockpit: CockpitSettings = CockpitSettings()
    run: RunSettings = RunSettings()


DEFAULT_MARKETS: dict[str, Any] = {"binance.spot": {"partition": 0}}
SERVICES = (
    "broker", "ingest", "announcements", "mentions", "simulator", "read_model", "archive", "cockpit", "run"
)  # fmt: skip
SYMBOL_SECTIONS = ("entry", "exits", "size")


def load_settings(path: Path | str | None = None) -> Settings:
    """Read, expand and check a settings file; None gives the defaults.

    Raises SettingsError with file, key path and what was expected.
    """
    if path is None:
        return parse_settings({}, "defaults")
    raw = read_tables(Path(path))
    return parse_settings(raw if raw is not None else {}, str(path))


def parse_settings(raw: Any, where: str) -> Settings:
    """Expand the layers of a decoded file. `where` opens every error message."""
    if not isinstance(raw, dict):
        raise SettingsError(f"{where}: expected a table of settings, was {type(raw).__name__}")
    raw = inline_sectors(raw, where)
    desk_keys = {f.name for f in msgspec.structs.fields(DeskSettings)} - {"symbols"}
    unknown = sorted(set(raw) - desk_keys - set(SERVICES) - {"markets"})
    if unknown:
        known = ", ".join(sorted(desk_keys | set(SERVICES) | {"markets"}))
        raise SettingsError(f"{where}: unknown key `{unknown[0]}`; known are {known}")
    shared = {key: value for key, value in raw.items() if key in desk_keys}
    markets_raw = raw.get("markets", DEFAULT_MARKETS)
    if not isinstance(markets_raw, dict):
        raise SettingsError(f"{where}: `markets`: expected a table, was {type(markets_raw).__name__}")
    if not markets_raw:
        raise SettingsError(
            f"{where}: `markets`: expected at least one market, such as `binance.spot: {{partition: 0}}`, was none"
        )
    _convert(shared, DeskSettings, where, "")
    markets = {name: _market(name, own, shared, where) for name, own in markets_raw.items()}
    partitions = [market.partition for market in markets.values()]
    if len(set(partitions)) != len(partitions):
        raise SettingsError(f"{where}: `markets`: two markets share a partition; give each its own")
    services = {key: raw[key] for key in SERVICES if key in raw}
    settings: Settings = _convert({**services, "markets": {}}, Settings, where, "")
    return msgspec.structs.replace(settings, markets=markets)


def _market(name: Any, own: Any, shared: dict[str, Any], where: str) -> MarketSettings:
    path = f"markets.{name}"
    if not isinstance(name, str) or not name:
        raise SettingsError(f"{where}: `{path}`: expected a name of a market, was {name!r}; quote it")
    if not isinstance(own, dict):
        raise SettingsError(f"{where}: `{path}`: expected a table, was {type(own).__name__}")
    rest = {key: value for key, value in own.items() if key not in {"partition", "symbols"}}
    desk_raw = _merge(shared, rest)
    symbols_raw = own.get("symbols", {})
    if not isinstance(symbols_raw, dict):
        raise SettingsError(f"{where}: `{path}.symbols`: expected a table, was {type(symbols_raw).__name__}")
    unnamed = next((symbol for symbol in symbols_raw if not isinstance(symbol, str) or not symbol), None)
    if unnamed is not None:
        raise SettingsError(f"{where}: `{path}.symbols`: expected names of symbols, was {unnamed!r}; quote it")
    small = next((symbol for symbol in symbols_raw if symbol != symbol.upper()), None)
    if small is not None:
        raise SettingsError(f"{where}: `{path}.symbols.{small}`: expected a symbol in capitals, {small.upper()}, was {small}")
    base = {key: desk_raw[key] for key in SYMBOL_SECTIONS if key in desk_raw}
    symbols = {
        symbol: _convert(_merge(base, table), SymbolSettings, where, f"{path}.symbols.{symbol}")
        for symbol, table in symbols_raw.items()
    }
    partition = own.get("partition")
    if not isinstance(partition, int) or isinstance(partition, bool) or not 0 <= partition < 8:
        raise SettingsError(f"{where}: `{path}.partition`: expected an int in 0..7, was {partition!r}")
    desk: DeskSettings = _convert(desk_raw, DeskSettings, where, path)
    return MarketSettings(partition=partition, desk=msgspec.structs.replace(desk, symbols=symbols))


def _merge(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {key: _merge(base.get(key), over[key]) if key in over else base[key] for key in {**base, **over}}
    return over


def _convert(raw: Any, kind: Any, where: str, path: str) -> Any:
    try:
        return convert(raw, kind, path)
    except SettingsError as e:
        raise SettingsError(f"{where}: {e}") from e
