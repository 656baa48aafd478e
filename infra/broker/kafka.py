"""Apache Kafka as one KRaft node on loopback, sized for one machine: 256 MB of heap, bounded disk, up in seconds."""

from __future__ import annotations

import base64
import signal
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from contracts.errors import BrokerError
from contracts.topics import Topic
from infra.broker.kafka_jars import cache_lock, class_path, fetch_jars, find_java, home
from infra.broker.local import LocalBroker
from infra.ports import LOOPBACK, free_port, port_answers, wait_for_port
from infra.topics import answers, create_topics

MIB = 1024 * 1024

# What docker-compose.yml sets as well; a test compares the two.
NODE_SETTINGS: dict[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "auto.create.topics.enable": "false",
    # A size bound holds only if it is looked at often: peak = retention + segment + rate x (interval + delay).
    "log.retention.check.interval.ms": "5000",
    "log.segment.delete.delay.ms": "1000",
    "log.retention.bytes": str(256 * MIB),
    "log.segment.bytes": str(64 * MIB),
    "log.retention.ms": "-1",
    # The cleaner's stock buffer of 128 MiB does not fit a small heap.
    "log.cleaner.dedupe.buffer.size": "4194304",
    # After kill -9 a restart waits for its own old session to end; these take it from 12 s to 5.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "log.initial.task.delay.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
}

# SerialGC with the first compiler alone had the best tail of all collectors tried, and starts fastest.
JVM_FLAGS = ("-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")

LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR" shutdownHook="disable">
  <Appenders>
    <RollingFile name="file" fileName="{log}" filePattern="{log}.%i">
      <PatternLayout pattern="%d{{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}}{{UTC}} %p %c{{1}}: %m%n"/>
      <Policies><SizeBasedTriggeringPolicy size="10 MB"/></Policies>
      <DefaultRolloverStrategy max="3"/>
    </RollingFile>
  </Appenders>
  <Loggers>
    <Root level="INFO"><AppenderRef ref="file"/></Root>
    <!-- one line per request or per setting tells nothing -->
    <Logger name="kafka.request.logger" level="WARN"/>
    <Logger name="org.apache.kafka.common.config" level="WARN"/>
    <Logger name="org.apache.kafka.common.utils.AppInfoParser" level="WARN"/>
  </Loggers>
</Configuration>
"""


class KafkaBroker(LocalBroker):
    """Durable on one machine: messages survive a stop and a kill -9. Its files lie in `folder/kafka`."""

    kind: ClassVar[str] = "kafka"
    start_within_s: ClassVar[float] = 60.0
    stop_within_s: ClassVar[float] = 20.0

    def __init__(self, folder: Path, port: int = 0, topics: Sequence[Topic] | None = None) -> None:
        super().__init__(folder, port, topics)
        self.home = self.folder / "kafka"
        self._java = "java"

    @property
    def log(self) -> Path:
        """Kafka's own log, rolled at 10 MB, three old files kept."""
        return self.home / "log" / "broker.log"

    @property
    def data(self) -> Path:
        """Kafka's data folder."""
        return self.home / "data"

    def prepare(self) -> None:
        """Find Java, fetch the jars and make the class archive once, write the settings, format empty data."""
        self._java = find_java()
        fetch_jars()
        ensure_class_archive(self._java)
        write_node(self.home, self.port)
        # What an earlier run said is not why this one fails.
        (self.home / "log" / "jvm.log").unlink(missing_ok=True)
        if not (self.data / "meta.properties").exists():
            format_storage(self._java, self.home)

    def command(self) -> tuple[Sequence[str], Mapping[str, str], Path]:
        """Java on the jars with our settings file."""
        return server_command(self._java, self.home), {}, self.home / "log" / "jvm.log"

    def ready(self) -> bool:
        """The port is open, metadata comes back and the topics are there."""
        if not port_answers(self.port) or not answers(self.address):
            return False
        create_topics(self.address, self.topics)
        return True

    def failure(self) -> str:
        """The first error of its log or of the JVM."""
        for file in (self.log, self.home / "log" / "jvm.log"):
            line = _first_error(file)
            if line:
                return f"{line} (log: {file}; if {self.data} is damaged, move it away and start again)"
        return f"it said nothing (log: {self.log})"


def write_node(where: Path, port: int) -> None:
    """Write `server.properties` and `log4j2.xml` of one node into `where`."""
    controller = free_port()
    settings = {
        **NODE_SETTINGS,
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller}",
        "log.dirs": str(where / "data"),
    }
    (where / "log").mkdir(parents=True, exist_ok=True)
    (where / "log" / "broker.log").unlink(missing_ok=True)
    (where / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    (where / "log4j2.xml").write_text(LOG4J.format(log=where / "log" / "broker.log"))


def server_command(java: str, where: Path, *flags: str) -> list[str]:
    """The argument list that runs the node of `where`."""
    archive = home() / "classes.jsa"
    shared = [f"-XX:SharedArchiveFile={archive}"] if archive.exists() and not flags else []
    return [
        java, *JVM_FLAGS, *shared, *flags,
        f"-Dlog4j2.configurationFile={where / 'log4j2.xml'}", "-Dlog4j2.disableJmx=true",
        "-cp", class_path(), "kafka.Kafka", str(where / "server.properties"),
    ]  # fmt: skip


def format_storage(java: str, where: Path) -> None:
    """Give an empty data folder its cluster id, once. Raises BrokerError if Kafka refuses."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "A")
    archive = home() / "classes.jsa"
    shared = [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []
    command = [
        java, *JVM_FLAGS, *shared, f"-Dlog4j2.configurationFile={where / 'log4j2.xml'}", "-cp", class_path(),
        "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(where / "server.properties"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise BrokerError(
            f"broker kafka: {where / 'data'} cannot be formatted: {said[-1] if said else 'no reason given'}"
        )


def ensure_class_archive(java: str) -> None:
    """Run a node once and let Java write down the classes it loaded: later starts take half the time.

    An archive that could not be made is no error, only a slower start.
    """
    archive = home() / "classes.jsa"
    tried = home() / "classes.tried"
    if archive.exists() or tried.exists():
        return
    with cache_lock():
        if archive.exists() or tried.exists():
            return
        tried.write_text("a start-up archive of classes was tried with this Java\n")
        where = home() / "training"
        port = free_port()
        write_node(where, port)
        format_storage(java, where)
        draft = home() / "classes.draft"
        with (where / "log" / "jvm.log").open("wb") as out:
            process = subprocess.Popen(
                server_command(java, where, f"-XX:ArchiveClassesAtExit={draft}"), stdout=out, stderr=subprocess.STDOUT
            )
        if wait_for_port(port, within_s=60):
            create_topics(f"{LOOPBACK}:{port}", [Topic(name="training", payload=bytes, key="none")])
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if draft.exists():
            draft.replace(archive)
        for file in sorted(where.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        where.rmdir()


def _first_error(file: Path) -> str:
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return ""
    for line in text.splitlines():
        if " ERROR " in line or " FATAL " in line or line.startswith(("Error", "Exception", "java.")):
            return line[:300]
    return ""
