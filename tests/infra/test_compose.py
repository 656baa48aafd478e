"""The compose file: a compose client reads it, its Kafka is the Kafka the tests run, its parts are parts that exist."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from contracts.settings import load_settings
from infra.broker.kafka import JVM_FLAGS, NODE_SETTINGS
from infra.broker.kafka_jars import VERSION
from infra.services import SERVICES
from tests.recorded import ROOT

COMPOSE = ROOT / "docker-compose.yml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose (Debian: apt-get install it)")
def test_a_compose_client_accepts_the_file() -> None:
    done = subprocess.run(
        ["docker-compose", "-f", str(COMPOSE), "config"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    merged = yaml.safe_load(done.stdout)["services"]
    assert merged["desk"]["build"]["dockerfile"] == "infra/docker/Dockerfile"
    assert merged["desk"]["depends_on"]["topics"]["condition"] == "service_completed_successfully"


def test_kafka_has_the_settings_that_the_tests_run_with(services: dict[str, Any]) -> None:
    kafka = services["kafka"]
    assert kafka["image"] == f"apache/kafka:{VERSION}"
    given = kafka["environment"]
    for key, value in NODE_SETTINGS.items():
        assert given[f"KAFKA_{key.upper().replace('.', '_')}"] == value, key
    for flag in JVM_FLAGS:
        assert flag in f"{given['KAFKA_HEAP_OPTS']} {given['KAFKA_JVM_PERFORMANCE_OPTS']} -Xshare:auto".split()


def test_every_part_is_there_with_its_command(services: dict[str, Any]) -> None:
    run = {service["command"][1] for service in services.values() if service.get("command", [""])[0] == "run"}
    assert run == set(SERVICES)


def test_nothing_listens_beyond_loopback(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for published in service.get("ports", []):
            assert published.startswith("127.0.0.1:"), name


def test_the_image_holds_every_package() -> None:
    copied = {line.split()[1] for line in (ROOT / "infra/docker/Dockerfile").read_text().splitlines() if "COPY" in line}
    assert {"contracts", "operators", "flows", "venues", "sinks", "cockpit", "infra"} <= copied


def test_the_settings_of_the_containers_are_valid_and_name_the_published_port(services: dict[str, Any]) -> None:
    settings = load_settings(ROOT / "infra/docker/settings.yaml")
    port = services["kafka"]["ports"][0].rpartition(":")[0]
    assert settings.broker.address == port
    assert settings.broker.kind == "external"
