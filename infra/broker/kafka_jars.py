"""Apache Kafka's jars, fetched once per user by their Maven coordinates.

They lie in the user's cache (`EMBERLINE_CACHE`, else `XDG_CACHE_HOME/emberline`, else `~/.cache/emberline`), so that
every checkout and every test run shares them. Where Maven fetches from is Maven's own configuration.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import BrokerError

VERSION = "4.3.0"
COORDINATES = (
    ("org.apache.kafka", "kafka_2.13", VERSION),
    # Without a binding of log4j core's own version errors, an out-of-memory included, are silent.
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4"),
)
JAVA_AT_LEAST = 17
FETCH_WITHIN_S = 600


def cache_folder() -> Path:
    """Where this user's fetched files lie."""
    own = os.environ.get("EMBERLINE_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "emberline"


def home() -> Path:
    """The folder of this Kafka version: `libs/`, and `classes.jsa` once it was made."""
    return cache_folder() / f"kafka-{VERSION}"


def class_path() -> str:
    """All jars, sorted: Java's class archive holds only for the very order it was made with."""
    return os.pathsep.join(str(jar) for jar in sorted((home() / "libs").glob("*.jar")))


def find_java() -> str:
    """The `java` to use: JAVA_HOME's, else the one on PATH. Raises BrokerError naming what is missing."""
    java_home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(java_home) / "bin" / "java")) if java_home else shutil.which("java")
    way_out = "install Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless) or use --broker embedded"
    if java is None:
        where = f"in JAVA_HOME={java_home}" if java_home else "on PATH"
        raise BrokerError(f"broker kafka: no java {where}; {way_out}")
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=True).stderr
    except (OSError, subprocess.SubprocessError) as e:
        raise BrokerError(f"broker kafka: {java} does not run: {e}; {way_out}") from e
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    if version is None or int(version[1]) < JAVA_AT_LEAST:
        was = version[1] if version else said.strip().splitlines()[0]
        raise BrokerError(f"broker kafka: expected Java {JAVA_AT_LEAST} or newer, was {was} ({java}); {way_out}")
    return java


def jars_present() -> bool:
    """Whether the jars were fetched."""
    return (home() / "libs" / f"kafka_2.13-{VERSION}.jar").exists()


def fetch_jars() -> None:
    """Fetch the jars unless they are there. Raises BrokerError: no Maven, or Maven failed."""
    if jars_present():
        return
    with cache_lock():
        if jars_present():
            return
        mvn = shutil.which("mvn")
        if mvn is None:
            raise BrokerError(
                f"broker kafka: Kafka's jars are not in {home() / 'libs'} and there is no mvn on PATH to fetch them; "
                "install Maven (Debian: apt-get install maven) or use --broker embedded"
            )
        draft = home() / "fetching"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        (draft / "pom.xml").write_text(_pom())
        command = [mvn, "--batch-mode", "--quiet", "--strict-checksums", "dependency:copy-dependencies"]
        command += ["-DoutputDirectory=libs", "-DincludeScope=runtime"]
        try:
            done = subprocess.run(
                command, cwd=draft, capture_output=True, text=True, timeout=FETCH_WITHIN_S, check=False
            )
        except subprocess.TimeoutExpired as e:
            raise BrokerError(f"broker kafka: mvn did not fetch the jars within {FETCH_WITHIN_S} s; try again") from e
        if done.returncode != 0:
            errors = [line for line in done.stdout.splitlines() if "ERROR" in line] or ["it said nothing"]
            raise BrokerError(f"broker kafka: mvn could not fetch Kafka {VERSION}: {errors[0].strip()}")
        shutil.rmtree(home() / "libs", ignore_errors=True)
        (draft / "libs").rename(home() / "libs")
        shutil.rmtree(draft)


@contextmanager
def cache_lock() -> Iterator[None]:
    """Only one process at a time fetches into the cache or makes the class archive."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _pom() -> str:
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
        for group, artifact, version in COORDINATES
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>emberline</groupId><artifactId>kafka</artifactId>"
        f"<version>{VERSION}</version><packaging>pom</packaging><dependencies>{dependencies}</dependencies></project>\n"
    )
