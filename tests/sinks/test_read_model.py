import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from contracts import facts
from contracts import read_model as model
from contracts.errors import SettingsError, StateError
from contracts.events import Announcement, Mention, decode_event, encode_event
from contracts.facts import encode_fact
from sinks.database import open_engine
from sinks.read_model import ReadModel
from sinks.read_model_rows import SCORES, Gathered, merge_order
from tests.sinks import facts_builders as make

DAY = 86_400


def gathered(*batch: facts.AnyFact) -> Gathered:
    rows = Gathered()
    for fact in batch:
        rows.take(fact, encode_fact(fact))
    return rows


class Written:
    """A read model with a position that counts batches."""

    def __init__(self, url: str) -> None:
        self.model = ReadModel(url)
        self.at: dict[tuple[str, int], int] = self.model.positions()

    def __call__(self, *batch: facts.AnyFact) -> None:
        moved = {("alert.v1", 0): self.at.get(("alert.v1", 0), 0) + 1}
        self.model.write(gathered(*batch), moved, self.at)
        self.at |= moved

    def all(self, table: Any) -> list[dict[str, Any]]:
        with self.model._engine.begin() as connection:
            return [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]

    def one(self, table: Any) -> dict[str, Any]:
        (row,) = self.all(table)
        return row


@pytest.fixture
def db(url: str) -> Iterator[Written]:
    written = Written(url)
    yield written
    written.model.close()


def test_forming_bar_is_updated_and_closed_bar_never_overwritten_by_forming(db: Written):
    db(make.bars(0, {"AAAUSDT": 1.0}, closed=False))
    db(make.bars(0, {"AAAUSDT": 2.0}, closed=False))
    assert db.one(model.bars)["close"] == 2.0
    db(make.bars(0, {"AAAUSDT": 3.0}), make.bars(0, {"AAAUSDT": 4.0}, closed=False))
    db(make.bars(0, {"AAAUSDT": 5.0}, closed=False))
    row = db.one(model.bars)
    assert (row["close"], row["closed"]) == (3.0, True)


def test_sequence_grows_with_every_write_and_stays_with_a_repetition(db: Written):
    db(make.bars(0, {"AAAUSDT": 1.0, "BBBUSDT": 1.0}))
    first = {row["symbol"]: row["sequence"] for row in db.all(model.bars)}
    db(make.bars(0, {"AAAUSDT": 1.0, "BBBUSDT": 2.0}))
    second = {row["symbol"]: row["sequence"] for row in db.all(model.bars)}
    assert second["AAAUSDT"] == first["AAAUSDT"]
    assert second["BBBUSDT"] > max(first.values())


def test_sequence_goes_on_after_a_restart(db: Written, url: str):
    db(make.bars(0, {"AAAUSDT": 1.0}))
    before = db.one(model.bars)["sequence"]
    db.model.close()
    again = Written(url)
    again(make.bars(1, {"AAAUSDT": 1.0}))
    assert max(row["sequence"] for row in again.all(model.bars)) > before
    again.model.close()


def test_candidates_are_exactly_the_newest_snapshot(db: Written):
    db(make.snapshot(1, {"AAAUSDT": 50.0, "BBBUSDT": 40.0}))
    db(make.snapshot(2, {"BBBUSDT": 60.0, "CCCUSDT": 30.0}))
    assert {row["symbol"]: row["heat"] for row in db.all(model.candidates)} == {"BBBUSDT": 60.0, "CCCUSDT": 30.0}
    db(make.snapshot(1, {"AAAUSDT": 50.0}))
    assert {row["symbol"] for row in db.all(model.candidates)} == {"BBBUSDT", "CCCUSDT"}
    assert db.one(model.snapshots)["universe"] == 2


def test_points_say_what_each_score_adds_to_the_heat(db: Written):
    fact = msgspec.structs.replace(
        make.snapshot(1, {"AAAUSDT": 80.0}),
        volume_score=[40.0],
        novelty_score=[10.0],
        weights={"volume": 0.25, "momentum": 0.5, "volatility": 0.2, "novelty": 0.05},
    )
    db(fact)
    row = db.one(model.candidates)
    points = {name: row[f"{name}_points"] for name in SCORES}
    assert points == {
        "volume": 10.0, "momentum": 40.0, "volatility": 16.0, "liquidity": 0.0, "social": 0.0, "novelty": 0.5,
    }  # fmt: skip


def test_who_is_held_back_and_who_speaks_of_a_coin_is_kept_and_may_be_missing(db: Written):
    fact = make.snapshot(1, {"AAAUSDT": 80.0, "BBBUSDT": 70.0})
    db(fact)  # as an older version wrote it
    names = ("sector", "held_back", "mentions", "voices", "tone")
    assert [[row[name] for name in names] for row in db.all(model.candidates)] == [["", "", 0, 0, None]] * 2
    told = {"sector": ["meme"] * 2, "held_back": ["", "high_corr_group=meme"], "mentions": [4, 0], "voices": [3, 0]}
    db(msgspec.structs.replace(fact, ts_event=fact.ts_event + 1, tone=[0.5, None], **told))
    rows = {row["symbol"]: [row[name] for name in names] for row in db.all(model.candidates)}
    assert rows == {"AAAUSDT": ["meme", "", 4, 3, 0.5], "BBBUSDT": ["meme", "high_corr_group=meme", 0, 0, None]}


def test_the_map_of_the_market_is_exactly_the_newest_one(db: Written):
    db(make.market_map(30, {"AAAUSDT": 50.0, "BBBUSDT": 40.0}))
    db(make.market_map(60, {"BBBUSDT": 60.0, "CCCUSDT": 30.0}))
    db(make.market_map(30, {"AAAUSDT": 50.0}))
    assert {row["symbol"]: row["heat"] for row in db.all(model.market_map)} == {"BBBUSDT": 60.0, "CCCUSDT": 30.0}
    db(make.market_map(60, {"CCCUSDT": 30.0}))
    assert db.one(model.market_map)["group"] == "BTC"


def heard(told: list[Announcement | Mention]) -> Gathered:
    rows = Gathered()
    for event in told:
        if isinstance(event, Announcement):
            rows.take_announcement(make.MARKET, event, encode_event(event))
        else:
            rows.take_mention(make.MARKET, event, encode_event(event))
    return rows


def test_an_announcement_or_mention_told_twice_is_one_row(db: Written):
    batch = heard([make.announcement("AAA"), make.announcement("AAA"), make.mention("1"), make.mention("1")])
    for _ in range(2):
        moved = {("events.v1", 0): db.at.get(("events.v1", 0), 0) + 1}
        db.model.write(batch, moved, db.at)
        db.at |= moved
    assert decode_event(db.one(model.announcements)["body"]) == make.announcement("AAA")
    assert db.one(model.mentions)["source"] == "x"


def test_announcements_of_two_sources_are_two_rows(db: Written):
    batch = heard([make.announcement("AAA"), make.announcement("AAA", source="exchangeInfo")])
    db.model.write(batch, {("events.v1", 0): 1}, {})
    assert len(db.all(model.announcements)) == 2


def test_mentions_are_pruned_by_number_as_well_as_by_age(db: Written, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sinks.read_model.MOST_TOLD", 3)
    told: list[Announcement | Mention] = [make.mention(f"m{n}", 2 * DAY + n) for n in range(6)]
    db.model.write(heard([make.announcement("OLD"), *told]), {("events.v1", 0): 1}, {})
    db.at |= {("events.v1", 0): 1}
    db(make.engine(2 * DAY))
    assert db.model.prune(1.0) == 4
    assert [row["id"] for row in db.all(model.mentions)] == ["x:m3", "x:m4", "x:m5"]
    assert db.all(model.announcements) == []


def test_same_snapshot_second_with_fewer_coins_removes_the_others(db: Written):
    db(make.snapshot(1, {"AAAUSDT": 50.0, "BBBUSDT": 40.0}))
    db(make.snapshot(1, {"AAAUSDT": 50.0}))
    assert db.one(model.candidates)["symbol"] == "AAAUSDT"


def test_heat_history_keeps_one_point_in_15_seconds(db: Written):
    for second in range(0, 60, 3):
        db(make.snapshot(second, {"AAAUSDT": float(second)}))
    assert [row["heat"] for row in db.all(model.heat_history)] == [0.0, 15.0, 30.0, 45.0]
    db(make.snapshot(80, {"BBBUSDT": 1.0}, stage="out"))
    assert {row["symbol"] for row in db.all(model.heat_history)} == {"AAAUSDT"}


def test_order_is_the_same_in_whatever_order_its_facts_come(db: Written):
    life = make.order_life()
    db(*life)
    expected = db.one(model.orders)
    assert (expected["status"], expected["filled_quantity"], expected["order_type"]) == ("closed", 2.0, "limit")
    assert expected["fee"] == pytest.approx(0.02)
    assert expected["ts_created"] == life[0].ts_event
    for number, order in enumerate(itertools.islice(itertools.permutations(range(5)), 0, 120, 17)):
        renamed = [
            type(fact)(
                **{
                    **{f: getattr(fact, f) for f in fact.__struct_fields__},
                    "client_order_id": f"o{number}",
                    "id": f"o{number}-{n}",
                }
            )
            for n, fact in enumerate(life)
        ]
        for place in order:
            db(renamed[place])
    assert len({tuple(v for k, v in row.items() if k != "client_order_id") for row in db.all(model.orders)}) == 1


def test_denied_attempt_stays_denied_with_its_reason(db: Written):
    db(make.attempt("em-9", verdict="denied", reason="buy_min_notional"))
    row = db.one(model.orders)
    assert (row["status"], row["reason"]) == ("denied", "buy_min_notional")


def test_facts_written_twice_change_nothing(db: Written):
    batch = [
        *make.order_life(), make.position(4), make.account(4), make.engine(4), make.alert(4), make.anomaly(4),
        make.letter(7),
        make.bars(0, {"AAAUSDT": 1.0}), make.snapshot(4, {"AAAUSDT": 5.0}),
    ]  # fmt: skip
    tables = [table for table in model.metadata.sorted_tables if table not in (model.offsets, model.meta)]
    db(*batch)
    before = {table.name: db.all(table) for table in tables}
    db(*batch)
    db(*batch[:3])
    assert {table.name: db.all(table) for table in tables} == before
    assert before["dead_letters"][0]["count"] == 1
    assert len(before["fills"]) == 2


def test_closed_position_is_not_reopened_by_an_older_fact(db: Written):
    db(make.position(1), make.position(2, quantity="3"))
    db(make.position(1))
    assert db.one(model.positions)["signed_quantity"] == 3.0
    db(make.position(5, status="closed", quantity="0"))
    db(make.position(2, quantity="3"), make.position(6))
    row = db.one(model.positions)
    assert (row["status"], row["closed_at"]) == ("closed", make.START + 5 * make.SECOND)


def test_the_newest_word_on_the_model_is_kept(db: Written):
    db(make.model_health(5, "unhealthy"))
    db(make.model_health(4))
    assert db.one(model.model_health)["state"] == "unhealthy"


def test_engine_keeps_the_newest_state(db: Written):
    db(make.engine(5, "blocked"))
    db(make.engine(4))
    assert db.one(model.engine)["state"] == "blocked"


def test_dead_letters_are_counted_by_source_and_reason(db: Written):
    db(make.letter(1), make.letter(2), make.letter(3, "too short"))
    db(make.letter(4), make.letter(2))
    counts = {row["reason"]: row["count"] for row in db.all(model.dead_letters)}
    assert counts == {"not JSON": 3, "too short": 1}


def test_text_too_long_or_with_nul_is_clipped_not_refused(db: Written):
    db(make.letter(1, "x\x00" * 400), make.alert(1, "c" * 90))
    assert len(db.one(model.alerts)["id"]) <= 64


def test_a_failed_write_leaves_rows_and_positions_as_they_were(db: Written):
    db(make.alert(1))
    moved = {("alert.v1", 0): 99}
    broken = gathered(make.alert(2))
    broken.equity["x", 1] = {"market": None}
    with pytest.raises(Exception, match="equity"):
        db.model.write(broken, moved, db.at)
    assert len(db.all(model.alerts)) == 1
    assert db.model.positions() == db.at
    db(make.alert(3))
    assert len(db.all(model.alerts)) == 2


def test_a_second_writer_is_noticed(db: Written, url: str):
    db(make.alert(1))
    other = Written(url)
    other(make.alert(2))
    with pytest.raises(StateError, match="another projector"):
        db(make.alert(3))
    assert len(other.all(model.alerts)) == 2
    other.model.close()


def test_another_log_empties_the_tables(db: Written):
    assert not db.model.adopt_log("first")
    db(make.alert(1), make.bars(0, {"AAAUSDT": 1.0}))
    assert not db.model.adopt_log("first")
    assert db.model.adopt_log("second")
    assert db.all(model.alerts) == db.all(model.bars) == db.all(model.offsets) == []


def test_old_rows_are_pruned_by_the_time_of_the_log(db: Written):
    old, new = 0, 3 * DAY
    for second in (old, new):
        db(
            make.bars(second // 60, {"AAAUSDT": 1.0}), make.snapshot(second, {"AAAUSDT": 5.0}), make.alert(second),
            make.account(second),
            make.anomaly(second), make.attempt(f"o{second}", second), make.engine(second),
            make.position(second, status="closed", name=f"p{second}"),
        )  # fmt: skip
    db(make.position(old, name="still open"))
    assert db.model.prune(1.0) == 8
    for table in (
        model.bars,
        model.alerts,
        model.equity,
        model.happenings,
        model.orders,
        model.order_events,
        model.heat_history,
    ):
        assert len(db.all(table)) == 1, table
    assert {row["position_id"] for row in db.all(model.positions)} == {"still open", f"p{new}"}


def test_many_rows_are_pruned_in_steps(db: Written):
    db(*(make.alert(second) for second in range(1200)), make.engine(10 * DAY))
    assert db.model.prune(1.0, steps=1) == 500
    assert db.model.prune(1.0) == 700


def test_other_versions_are_refused_with_the_way_out(db: Written, url: str):
    with db.model._engine.begin() as connection:
        connection.execute(model.meta.update().values(value="99"))
    with pytest.raises(StateError, match=f"version 99, expected {model.SCHEMA_VERSION}; delete it or name another"):
        ReadModel(url)


def test_a_url_that_is_no_database_is_refused_in_one_line():
    with pytest.raises(SettingsError, match=r"read_model\.url: expected an SQLAlchemy URL"):
        open_engine("nonsense")
    with pytest.raises(SettingsError, match="expected sqlite or postgresql"):
        open_engine("mysql://x/y")


def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "x.db").write_bytes(b"no database at all, for sure" * 100)
    with pytest.raises(StateError, match="file is not a database"):
        ReadModel(f"sqlite:///{tmp_path}/x.db")


@settings(max_examples=200, deadline=None)
@given(st.permutations(range(5)), st.lists(st.integers(0, 4), max_size=4))
def test_merging_an_order_does_not_depend_on_order_or_repetition(order: list[int], again: list[int]):
    life = make.order_life()
    expected = gathered(*life).orders["em-1"]
    row = None
    for place in [*order, *again]:
        row = merge_order(row, gathered(life[place]).orders["em-1"])
    assert row == expected


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 12), max_size=5))
def test_tables_do_not_depend_on_how_facts_are_cut_into_batches(cuts: list[int]):
    life = [
        make.bars(0, {"AAAUSDT": 1.0}, closed=False), make.snapshot(1, {"AAAUSDT": 5.0}), *make.order_life("a"),
        make.position(2),
        make.snapshot(14, {"AAAUSDT": 6.0, "BBBUSDT": 3.0}), make.bars(0, {"AAAUSDT": 2.0}), make.engine(3),
        make.letter(1),
        make.position(5, status="closed"), make.engine(5, "blocked"), make.letter(2), make.account(5),
        *make.order_life("b"),
    ]  # fmt: skip
    seen = []
    for sizes in ([len(life)], cuts or [1]):
        db = Written("sqlite://")
        rest, turn = life, itertools.cycle(sizes)
        while rest:
            size = next(turn)
            db(*rest[:size])
            rest = rest[size:]
        tables = [table for table in model.metadata.sorted_tables if table not in (model.offsets, model.meta)]
        seen.append({t.name: [{k: v for k, v in row.items() if k != "sequence"} for row in db.all(t)] for t in tables})
        db.model.close()
    assert seen[0] == seen[1]


def test_counts_of_a_batch_are_by_kind_of_fact():
    assert gathered(make.alert(1), make.alert(2), make.engine(1)).taken == {"Alert": 2, "EngineState": 1}
