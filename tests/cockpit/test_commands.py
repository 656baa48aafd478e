from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from cockpit import access, commands, emergency
from contracts import events
from contracts.errors import CommandError
from contracts.settings import Settings, parse_settings
from contracts.topics import EVENTS
from infra.broker import EmbeddedBroker

MARKET = "binance.spot"


@pytest.fixture
def settings(embedded_broker: EmbeddedBroker, tmp_path: Path):
    raw = {
        "broker": {"kind": "external", "address": embedded_broker.address},
        "read_model": {"url": f"sqlite:///{tmp_path}/read_model.db"},
        "markets": {MARKET: {"partition": 3}},
    }
    return parse_settings(raw, "test")


def read_log(address: str, partition: int, count: int):
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "fetch.wait.max.ms": 10})
    consumer.assign([TopicPartition(EVENTS.name, partition, 0)])
    try:
        found = []
        while len(found) < count:
            message = consumer.poll(10.0)
            assert message is not None, f"expected {count} messages, was {len(found)}"
            found.append((message.key(), events.decode_event(message.value())))
        extra = consumer.poll(0.5)
        assert extra is None
        return found
    finally:
        consumer.close()


def test_each_command_is_one_event_on_its_markets_partition(settings: Settings):
    sent = [
        commands.pause(settings, MARKET, "ana", "lunch"),
        commands.resume(settings, MARKET, "ana"),
        commands.close_position(settings, MARKET, "ana", "SOLUSDT"),
        commands.close_all(settings, MARKET, "ana"),
        commands.watch(settings, MARKET, "viewer", "SOLUSDT"),
    ]
    log = read_log(settings.broker.address, 3, 5)
    kinds = [events.PauseTrading, events.ResumeTrading, events.ClosePosition, events.CloseAll, events.WatchSymbol]
    assert [type(event) for _, event in log] == kinds
    assert [event.command_id for _, event in log] == sent
    assert {key for key, _ in log} == {MARKET.encode()}
    assert log[0][1].author == "cockpit:ana"
    assert log[2][1].symbol == "SOLUSDT"


def test_a_locked_session_sends_nothing_whatever_the_page_says(settings: Settings):
    assert not emergency.confirm(settings, {}, "CLOSE ALL").ok
    read_log(settings.broker.address, 3, 0)


def test_the_wrong_word_sends_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    session = {}
    monkeypatch.setenv(settings.cockpit.password_env, "secret")
    access.forget_wrong_tries()
    access.unlock(settings.cockpit, session, "ana", "secret")
    assert not emergency.confirm(settings, session, "close").ok
    read_log(settings.broker.address, 3, 0)


def test_without_a_broker_the_error_names_the_place_and_the_way_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(commands, "DELIVERY_S", 0.5)
    settings = parse_settings({"broker": {"kind": "external", "address": "127.0.0.1:1"}}, "test")
    with pytest.raises(CommandError, match=r"command not sent: .*127\.0\.0\.1:1.*ember broker status"):
        commands.pause(settings, MARKET, "ana")
