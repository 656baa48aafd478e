"""The project's own files agree with each other: lock and dependencies, tasks and hooks, CI and the README."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.recorded import ROOT

LOCK = ROOT / "requirements.lock"


def locked(python: str) -> dict[str, Version]:
    found: dict[str, Version] = {}
    for line in LOCK.read_text().splitlines():
        if "==" not in line:
            continue
        requirement = Requirement(line.removesuffix("\\").strip())
        environment = {"python_full_version": f"{python}.0", "python_version": python}
        if requirement.marker is None or requirement.marker.evaluate(environment):
            found[requirement.name] = Version(next(iter(requirement.specifier)).version)
    return found


@pytest.mark.parametrize("python", ["3.11", "3.12"])
def test_the_lock_holds_every_dependency_in_its_range(python: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    versions = locked(python)
    for requirement in map(Requirement, wanted):
        if requirement.name == "emberline":
            continue
        assert requirement.specifier.contains(versions[requirement.name]), requirement


def test_every_locked_package_has_a_hash_and_no_host_is_named() -> None:
    text = LOCK.read_text()
    assert "://" not in text
    assert not re.search(r"^--", text, re.MULTILINE)
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in block for block in blocks)


def test_help_lists_the_tasks() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    for task in ("help", "install", "demo", "test", "check", "bench", "lock", "clean"):
        assert f"  make {task} " in done.stdout


def test_hooks_are_tasks_of_the_makefile() -> None:
    tasks = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    for hook in hooks:
        program, task = hook["entry"].split()
        assert program == "make"
        assert task in tasks


def test_ci_runs_what_the_readme_says() -> None:
    script = ROOT / ".ci" / "run"
    assert "exec make test" in script.read_text()
    assert script.stat().st_mode & 0o111
    assert "make test" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("script", ["infra/install/venv.sh", "infra/install/system.sh", ".ci/run"])
def test_scripts_are_valid_shell(script: str) -> None:
    subprocess.run(["sh", "-n", str(Path(ROOT / script))], check=True, timeout=60)
