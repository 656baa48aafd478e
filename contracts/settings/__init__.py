"""Settings: one file, three layers, every key checked. Defaults sit on the fields, units in the names."""

from contracts.settings.root import DeskSettings, MarketSettings, Settings, load_settings, parse_settings

__all__ = ["DeskSettings", "MarketSettings", "Settings", "load_settings", "parse_settings"]
