"""The one way kernels are compiled: cached on disk, no fast math, no threads, so that results never depend on the machine."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any, ParamSpec, TypeVar, cast

import operators  # noqa: F401  (sets the compile target before numba is imported)

import numba  # isort: skip

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a sequential loop over arrays. Keeps the function's type for the checker.

    The compiler's cache knows a kernel by its own file alone; here it is known by the constants and the kernels of other files
    as well, which are compiled into it. Otherwise a changed constant would leave the old code running beside the new.
    """
    compiled: Any = numba.njit(cache=True, fastmath=False, nogil=True, error_model="numpy")(function)
    file = compiled._cache._cache_file
    file._source_stamp = (file._source_stamp, _inlined(function.__code__, function.__globals__))
    return cast("Callable[P, R]", compiled)


def _inlined(code: CodeType, names: dict[str, Any]) -> tuple[Any, ...]:
    """Names of a function's code that are compiled into it, with their values or stamps."""
    found: list[tuple[str, Any]] = []
    for name in sorted(set(code.co_names)):
        value = names.get(name)
        if isinstance(value, ModuleType):
            found.append((name, _inlined(code, _own(value))))
        elif isinstance(value, bool | int | float | str):
            found.append((name, repr(value)))
        elif value is not None and hasattr(value, "py_func"):
            found.append((name, value._cache._cache_file._source_stamp))
    return tuple(found)


def _own(module: ModuleType) -> dict[str, Any]:
    """Constants and kernels of a module; libraries are known by their version."""
    file = getattr(module, "__file__", None) or ""
    return {} if "site-packages" in file else vars(module)
