"""Correlation groups and sectors as small numbers, for kernels."""

from __future__ import annotations

import numpy as np

from operators.slices import I8, Slice


class GroupNumbers:
    """Number the names of groups, anew only when they change; it follows from the slice alone."""

    def __init__(self) -> None:
        self._groups: tuple[list[str] | None, list[str] | None, I8] | None = None

    def of(self, piece: Slice, frame: int, width: int) -> I8:
        """Numbers of each coin's correlation group and of its sector, -1 for none; (2, width)."""
        # Groups change with 15-minute bars only, and those end a stretch of frames.
        names = piece.groups[frame] if piece.groups is not None else None
        known = self._groups
        if known is None or known[0] is not names or known[1] is not piece.sectors or known[2].shape[1] != width:
            group = np.full((2, width), -1, np.int64)
            for row, called in enumerate((names, piece.sectors)):
                numbers: dict[str, int] = {}
                for s, name in enumerate(called[:width] if called is not None else ()):
                    if name:
                        group[row, s] = numbers.setdefault(name, len(numbers))
            known = self._groups = (names, piece.sectors, group)
        return known[2]
