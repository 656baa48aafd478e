"""A database for the read model: SQLite in a file, and PostgreSQL on loopback where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.ports import LOOPBACK, free_port

USER = "postgres"  # the server refuses to run as root


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of its own, its data in a temporary folder, gone with the session."""
    pg_ctl = _pg_ctl()
    if pg_ctl is None:
        reason = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    folder = Path(subprocess.run(["mktemp", "-d"], check=True, capture_output=True, text=True).stdout.strip())
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, USER)
        as_user = ["runuser", "-u", USER, "--"]
    port = free_port()
    data = folder / "data"
    initdb = str(Path(pg_ctl).with_name("initdb"))
    options = f"-p {port} -h {LOOPBACK} -k {folder} -c fsync=off"
    subprocess.run(
        [*as_user, initdb, "-D", str(data), "-U", "ember", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    start = [*as_user, pg_ctl, "-D", str(data), "-w", "-o", options, "-l", str(folder / "log"), "start"]
    subprocess.run(start, check=True, capture_output=True, cwd=folder)
    try:
        yield f"postgresql+psycopg://ember@{LOOPBACK}:{port}/postgres"
    finally:
        subprocess.run(
            [*as_user, pg_ctl, "-D", str(data), "-m", "fast", "stop"], check=True, capture_output=True, cwd=folder
        )
        shutil.rmtree(folder, ignore_errors=True)


def _pg_ctl() -> str | None:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return str(installed[-1]) if installed else shutil.which("pg_ctl")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/read_model.db"
    found: str = request.getfixturevalue("postgres_url")
    from sqlalchemy import create_engine

    from contracts import read_model

    engine = create_engine(found)
    read_model.metadata.drop_all(engine)
    engine.dispose()
    return found
