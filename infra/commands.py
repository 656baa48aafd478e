"""Commands of a person: appended to the log with author and id; what they did comes back as a fact.

The command is an event like any other: a replay repeats it, and a terminal that closes meanwhile changes nothing.
"""

from __future__ import annotations

import time
import uuid

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from contracts.errors import BrokerError, CommandError
from contracts.events import CloseAll, ClosePosition, Command, PauseTrading, ResumeTrading
from contracts.facts import CommandResult, EngineState
from contracts.reasons import Reason
from contracts.texts import TEXTS, describe
from contracts.topics import ENGINE_STATE, EVENTS

COMMANDS: dict[str, type[Command]] = {
    "pause": PauseTrading,
    "resume": ResumeTrading,
    "close": ClosePosition,
    "close-all": CloseAll,
}
# A partition that is just getting its leader says one of these.
MOVING = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
_results = msgspec.json.Decoder(EngineState | CommandResult)


def new_command_id() -> str:
    """An id no other command has."""
    return uuid.uuid4().hex[:16]


class CommandChannel:
    """Sends commands to one market's partition and waits for what becomes of them.

    Raises BrokerError while the broker does not answer.
    """

    def __init__(self, address: str, market: str, partition: int, answer_within_s: float = 10.0) -> None:
        self.address = address
        self.market = market
        self.partition = partition
        self.answer_within_s = answer_within_s

    def send(self, command: Command, wait_s: float) -> CommandResult:
        """Append the command and wait for its result.

        Raises CommandError if no desk answered within `wait_s` seconds or it refused, BrokerError if the log did not
        take the command.
        """
        consumer = self._at_the_end()
        try:
            self._append(command)
            result = self._result_of(consumer, command.command_id, wait_s)
        finally:
            consumer.close()
        if not result.ok:
            raise CommandError(f"{result.command}: {_said(result)}")
        return result

    def _at_the_end(self) -> Consumer:
        # The reading position is taken before the command is sent, so that a quick desk's answer is not missed.
        consumer = Consumer(
            {
                "bootstrap.servers": self.address,
                "group.id": "ember-commands",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
                "log_level": 0,
            }
        )
        deadline = time.monotonic() + self.answer_within_s
        while True:
            left = max(0.1, deadline - time.monotonic())
            try:
                _, end = consumer.get_watermark_offsets(TopicPartition(ENGINE_STATE.name, 0), timeout=left)
            except KafkaException as e:
                if e.args[0].code() in MOVING and time.monotonic() < deadline:
                    time.sleep(0.1)
                    continue
                consumer.close()
                said = e.args[0].str()
                raise BrokerError(f"broker {self.address}: no answer: {said}; start the desk with: ember up") from e
            consumer.assign([TopicPartition(ENGINE_STATE.name, 0, end)])
            return consumer

    def _append(self, command: Command) -> None:
        failed: list[str] = []
        producer = Producer(
            {
                "bootstrap.servers": self.address,
                "linger.ms": 0,
                "acks": "all",
                "message.timeout.ms": int(self.answer_within_s * 1000),
                "log_level": 0,
            }
        )
        producer.produce(
            EVENTS.name,
            msgspec.json.encode(command),
            key=self.market.encode(),
            partition=self.partition,
            on_delivery=lambda error, _: failed.append(str(error)) if error is not None else None,
        )
        if producer.flush(self.answer_within_s + 1.0) > 0 or failed:
            raise BrokerError(
                f"broker {self.address}: the command was not taken: {failed[0] if failed else 'no answer'}"
            )

    def _result_of(self, consumer: Consumer, command_id: str, wait_s: float) -> CommandResult:
        deadline = time.monotonic() + wait_s
        while (left := deadline - time.monotonic()) > 0:
            message = consumer.poll(min(left, 0.2))
            if message is None or message.error() is not None:
                continue
            try:
                fact = _results.decode(message.value() or b"")
            except msgspec.DecodeError:
                continue  # another version's fact; ours will come
            if isinstance(fact, CommandResult) and fact.command_id == command_id:
                return fact
        raise CommandError(
            f"command {command_id} is in the log, but no desk answered within {wait_s:g} s; "
            "it takes effect when one runs: ember up"
        )


def _said(result: CommandResult) -> str:
    """Why a desk refused, in words where the reason is a code."""
    if result.reason in TEXTS:
        return describe(Reason(result.reason, dict(result.detail)))
    return result.reason or "refused without a reason"


def build_command(name: str, author: str, symbol: str | None = None, reason: str = "") -> Command:
    """The event of a command by its name on the command line. Raises CommandError for a close without a symbol."""
    command_id, now = new_command_id(), time.time_ns()
    if name == "pause":
        return PauseTrading(command_id=command_id, author=author, ts_recv=now, reason=reason)
    if name == "resume":
        return ResumeTrading(command_id=command_id, author=author, ts_recv=now)
    if name == "close-all":
        return CloseAll(command_id=command_id, author=author, ts_recv=now, reason=reason)
    if name == "close" and symbol:
        return ClosePosition(command_id=command_id, author=author, ts_recv=now, symbol=symbol.upper())
    raise CommandError(f"command {name}: expected one of {', '.join(COMMANDS)}, a close with its symbol")
