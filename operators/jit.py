"""The one way kernels are compiled: cached on disk, no fast math, no threads, so that results never depend on the machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import operators  # noqa: F401  (sets the compile target before numba is imported)
import numba  # isort: skip

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a sequential loop over arrays. Keeps the function's type for the checker."""
    return cast("Callable[P, R]", numba.njit(cache=True, fastmath=False, nogil=True, error_model="numpy")(function))
