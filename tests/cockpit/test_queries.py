import time
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import event, insert

from cockpit import queries
from contracts import read_model as model
from contracts.settings import Settings
from tests.cockpit.seeding import MARKET, NANOS, SYMBOLS, Seeding

HELD = SYMBOLS[0]


@pytest.fixture
def url(settings: Settings, seeding: Seeding):
    return settings.read_model.url


def test_a_desk_that_writes_runs_and_one_that_fell_silent_does_not(url: str, seeding: Seeding):
    desk = queries.desk(url, MARKET, 10.0)
    assert desk.running
    assert desk.engine["state"] == "tradeable"
    assert desk.engine["body"]["counters"]["gaps"] == 1
    assert desk.account["open_positions"] == 3
    seeding.second(time.time_ns() - 60 * NANOS)
    queries.desk.clear()
    silent = queries.desk(url, MARKET, 10.0)
    assert not silent.running
    assert 59 < silent.age_s < 90


def test_a_log_that_goes_on_does_not_make_a_dead_desk_run(url: str, seeding: Seeding):
    seeding.second(time.time_ns() - 60 * NANOS)
    with seeding.engine.begin() as connection:
        connection.execute(
            insert(model.offsets).values(topic="events.v1", partition=0, offset=9, ts_written=time.time_ns())
        )
    queries.desk.clear()
    assert not queries.desk(url, MARKET, 10.0).running


def test_without_a_read_model_the_way_out_is_named(tmp_path: Path):
    with pytest.raises(queries.ReadModelMissing, match=r"start the desk: `ember up`"):
        queries.ranking(f"sqlite:///{tmp_path}/none.db", MARKET, 5)
    assert not (tmp_path / "none.db").exists()


def test_the_ranking_comes_hottest_first(url: str):
    rows = queries.ranking(url, MARKET, 10)
    assert [row["rank"] for row in rows] == list(range(1, 11))
    assert queries.candidate(url, MARKET, rows[3]["symbol"])["rank"] == 4
    assert queries.snapshot(url, MARKET)["weights"]["volume"] == 0.25


def test_bars_come_oldest_first_and_end_with_the_forming_one(url: str):
    for interval, length in (("1m", 60), ("5m", 300), ("15m", 900)):
        bars = queries.newest_bars(url, MARKET, HELD, interval, 30)
        opens = [bar["ts_open"] for bar in bars]
        assert opens == sorted(opens)
        assert all((b - a) % (length * NANOS) == 0 for a, b in pairwise(opens))
        assert not bars[-1]["closed"]
        assert all(bar["closed"] for bar in bars[:-1])


def test_every_ranked_coin_and_every_coin_with_bars_can_be_looked_at(url: str, seeding: Seeding):
    assert queries.symbols(url, MARKET) == sorted(SYMBOLS)
    assert queries.symbols(url, "no.market") == []


def test_fills_are_given_from_a_sequence_on(url: str, seeding: Seeding):
    before = queries.fills(url, MARKET, HELD, 500)
    seeding.fill_now(HELD)
    fresh = queries.fills(url, MARKET, HELD, 500, before[-1]["sequence"])
    assert [row["price"] for row in fresh] == [seeding.prices[HELD]]


def test_an_order_tells_its_life_from_attempt_to_fill(url: str):
    order = queries.orders(url, MARKET, 50, HELD)[0]
    life = queries.order_events(url, order["client_order_id"])
    assert [row["body"]["type"] for row in life] == ["order_attempt", "order_result", "order_result"]
    assert [row["status"] for row in life] == ["created", "partial", "closed"]


def test_the_equity_curve_is_thinned_and_ends_with_the_newest_point(url: str, seeding: Seeding):
    curve = queries.equity_curve(url, MARKET, 100)
    assert 90 <= len(curve) <= 130
    assert curve[-1]["ts_event"] == seeding.now


def test_positions_split_into_open_and_closed(url: str):
    assert {row["symbol"] for row in queries.open_positions(url, MARKET)} == set(SYMBOLS[:3])
    closed = queries.closed_positions(url, MARKET, 50)
    assert [row["closed_at"] for row in closed] == sorted((row["closed_at"] for row in closed), reverse=True)
    assert all(row["exit_reason"] for row in closed)


def test_nothing_can_be_written_through_the_pages_connection(url: str):
    with queries.engine_of(url).connect() as connection, pytest.raises(Exception, match="readonly"):
        connection.execute(insert(model.offsets).values(topic="x", partition=0, offset=0, ts_written=0))


def test_several_tabs_share_one_answer(url: str):
    asked = []
    engine = queries.engine_of(url)
    event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    for _ in range(20):
        queries.ranking(url, MARKET, 7)
    assert len(asked) == 1
