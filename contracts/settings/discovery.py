"""Settings of discovery: anomalies, candidate pool, heat, groups."""

from __future__ import annotations

import msgspec


class AnomalySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a measure counts as having left its recent range."""

    threshold: float = 6.0  # robust standard deviations


class CandidateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pool's life cycle."""

    size: int = 50


class HeatSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The six scores."""

    top: int = 30


class GroupSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Correlation groups."""

    threshold: float = 0.8
