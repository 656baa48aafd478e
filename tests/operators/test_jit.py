from __future__ import annotations

import importlib
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

MAIN = """
    from operators.jit import kernel
    from {package}.constants import FACTOR
    from {package} import inner

    @kernel
    def outer(x):
        return FACTOR * inner.step(x[0])
"""
INNER = """
    from operators.jit import kernel

    @kernel
    def step(value):
        return value + {added}
"""


def result(folder: Path, factor: float, added: float) -> float:
    """What the kernel gives in a fresh import of its files with these contents; `outer`'s own file never changes."""
    (folder / "constants.py").write_text(f"FACTOR = {factor}\n")
    (folder / "inner.py").write_text(dedent(INNER.format(added=added)))
    for name in [name for name in sys.modules if name.split(".")[0] == folder.name]:
        del sys.modules[name]
    importlib.invalidate_caches()
    return float(importlib.import_module(f"{folder.name}.main").outer(np.array([1.0])))


def test_changed_constant_or_inner_kernel_of_another_file_is_compiled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "operators_kernels"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "main.py").write_text(dedent(MAIN.format(package=folder.name)))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert result(folder, 2.0, 10.0) == 22.0
    assert result(folder, 3.0, 10.0) == 33.0
    assert result(folder, 3.0, 100.5) == 304.5
