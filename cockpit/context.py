"""What the pages of this process work with: the settings, set once before the server starts."""

from __future__ import annotations

from contracts.settings import Settings, load_settings

_settings: Settings | None = None


def configure(settings: Settings) -> None:
    """Give every page of this process its settings."""
    global _settings
    _settings = settings


def settings() -> Settings:
    """The settings given by `configure`, or the defaults."""
    return _settings if _settings is not None else load_settings(None)
