from pathlib import Path

import pytest

from cockpit import discovery_feeds, discovery_queries, heat_map, pool_life, queries
from cockpit.card import SCORES
from contracts import read_model as model
from contracts.settings import Settings
from tests.cockpit.seeding import ANNOUNCED, GROUPS, MAPPED, MARKET, NANOS, SAID, SYMBOLS, Seeding
from tests.cockpit.test_pages import blocks, of_kind, opened

ZONE = "Asia/Shanghai"
QUESTIONS = (
    discovery_queries.market_map,
    discovery_queries.stage_changes,
    discovery_queries.pool,
    discovery_queries.announcements,
    discovery_queries.new_listings,
    discovery_queries.mentions,
    discovery_queries.held_back,
)


@pytest.fixture(autouse=True)
def fresh():
    for question in QUESTIONS:
        question.clear()


@pytest.fixture
def url(settings: Settings, seeding: Seeding):
    return settings.read_model.url


def change(symbol: str, second: int, previous: str, stage: str):
    body = {"previous": previous, "stage": stage, "reason": {"code": "IGNITE", "args": {}}}
    return {"symbol": symbol, "ts_event": second * NANOS, "body": body}


def test_the_map_comes_with_the_most_traded_coins_first(url: str):
    rows = discovery_queries.market_map(url, MARKET)
    volumes = [row["quote_volume_24h"] for row in rows]
    assert len(rows) == MAPPED
    assert volumes == sorted(volumes, reverse=True)


def test_stage_changes_come_oldest_first_from_the_asked_time_on(url: str, seeding: Seeding):
    since = seeding.now - 1800 * NANOS
    times = [row["ts_event"] for row in discovery_queries.stage_changes(url, MARKET, since)]
    assert times == sorted(times)
    assert times[0] >= since
    assert len(discovery_queries.stage_changes(url, MARKET, 0)) > len(times)


def test_announcements_listings_and_mentions_come_newest_first(url: str):
    announced = discovery_queries.announcements(url, MARKET, 10)
    assert [row["body"]["title"] for row in announced] == [title for _, _, title, _ in ANNOUNCED]
    assert [row["body"]["author"] for row in discovery_queries.mentions(url, MARKET, 3)] == [
        said[1] for said in SAID[:3]
    ]
    assert [row["code"] for row in discovery_queries.new_listings(url, MARKET, 10)] == ["NEW_LISTING"]


def test_who_is_held_back_by_its_group_is_known_with_the_reason(url: str):
    held = discovery_queries.held_back(url, MARKET)
    assert {symbol: reason["args"]["symbol"] for symbol, reason in held.items()} == {
        SYMBOLS[9]: SYMBOLS[1],
        SYMBOLS[11]: SYMBOLS[3],
    }


def test_without_a_read_model_the_way_out_is_named(tmp_path: Path):
    with pytest.raises(queries.ReadModelMissing, match=r"start the desk: `ember up`"):
        discovery_queries.market_map(f"sqlite:///{tmp_path}/none.db", MARKET)


def test_spans_follow_the_changes_and_reach_to_both_ends():
    changes = [
        change("A", 120, "watching", "hot"),
        change("A", 180, "hot", "cooling"),
        change("B", 130, "out", "new"),
        change("B", 140, "new", "out"),
    ]
    pool = [{"symbol": "C", "stage": "hot", "stage_since": 5 * NANOS}]
    spans = pool_life.stage_spans(changes, pool, 100 * NANOS, 200 * NANOS)
    assert {
        symbol: [(span["stage"], span["begin"] // NANOS, span["end"] // NANOS) for span in found]
        for symbol, found in spans.items()
    } == {
        "A": [("watching", 100, 120), ("hot", 120, 180), ("cooling", 180, 200)],
        "B": [("new", 130, 140)],
        "C": [("hot", 100, 200)],
    }


def test_a_coin_in_the_pool_but_not_in_the_ranking_is_not_called_out():
    block = pool_life.pool_lanes([change("A", 120, "out", "watching")], [], 100 * NANOS, 200 * NANOS, ZONE)
    assert block["lanes"][0]["now"]["text"] == "watching"
    assert block["in_pool"] == 1


@pytest.mark.parametrize(("oldest", "length"), [(7100, 900), (5500, 1800), (4000, 3600), (10, 3600)])
def test_the_time_axis_is_as_long_as_there_is_something_to_see(oldest: int, length: int):
    end = 7200 * NANOS
    assert pool_life.window([change("A", oldest, "out", "new")], end) == end - length * NANOS


def test_lanes_show_coins_of_now_before_those_that_left():
    changes = [change("A", 120, "hot", "out"), change("B", 130, "hot", "out")]
    pool = [{"symbol": "C", "stage": "hot", "stage_since": 110 * NANOS}]
    lanes = pool_life.pool_lanes(changes, pool, 100 * NANOS, 200 * NANOS, ZONE)["lanes"]
    assert [lane["key"] for lane in lanes] == ["C", "B", "A"]
    assert (lanes[0]["spans"][0]["from"], lanes[0]["spans"][0]["to"]) == (0.1, 1.0)


@pytest.mark.parametrize(("value", "depth"), [(0.0, 0.0), (0.01, 0.5), (-0.01, -0.5), (0.5, 1.0), (-0.5, -1.0)])
def test_a_tile_is_as_deep_as_its_change_and_no_deeper_than_full(value: float, depth: float):
    row = {"symbol": "AUSDT", "heat": 3.0, "change_5m": value, "change_24h": 0.0, "quote_volume_24h": 1.0}
    assert heat_map.message([row], "change_5m", None)["tiles"][0]["depth"] == depth


@pytest.mark.parametrize(
    ("measure", "value", "text"),
    [
        ("volume_1m", 48213.0, "48.2k"),
        ("change_5m", -0.0312, "−3.12%"),
        ("spread", 12.34, "12.3 bp"),
        ("imbalance", 0.5, "+0.50"),
        ("trade_rate", 312.0, "312"),
    ],
)
def test_an_anomaly_says_its_value_in_its_unit(measure: str, value: float, text: str):
    assert discovery_feeds.measure_value(measure, value) == text


def test_an_anomaly_says_measure_distance_direction_and_since_when():
    body = {"measure": "spread", "value": 3.0, "score": -7.25, "threshold": 6.0, "since": 0}
    row = {"symbol": "AUSDT", "ts_event": NANOS, "body": body}
    entry = discovery_feeds.anomalies_feed([row], "UTC", 100)["entries"][0]
    assert entry["what"] == "Spread at 3.0 bp: 7.2 σ below its usual range, since 00:00:00"
    assert "6.0 make an anomaly" in entry["tip"]


def test_the_page_parts_each_heat_into_what_its_scores_add(settings: Settings, seeding: Seeding):
    table = of_kind(opened("discovery"), "table")[0]
    row = queries.ranking(settings.read_model.url, MARKET, 1)[0]
    stack = next(cell for cell in table["rows"][0]["cells"] if isinstance(cell, dict) and "stack" in cell)
    assert stack["stack"] == [[round(row[f"{name}_points"] / 100, 3), name] for name in SCORES]


def test_the_ranking_says_who_is_held_back_by_a_sector_and_who_speaks_of_a_coin(url: str):
    rows = {row["symbol"]: row for row in queries.ranking(url, MARKET, 100)}
    table = discovery_feeds.why_table(list(rows.values()), {}, None, ZONE)
    cells = {row["key"]: row["cells"][-1] for row in table["rows"]}
    held = cells[SYMBOLS[6]]
    assert held["text"].endswith("meme")
    assert held["tone"] == "warn"
    assert "high_corr_group=meme" in held["tip"]
    assert all(cell["tone"] == "muted" for symbol, cell in cells.items() if symbol != SYMBOLS[6])
    bars = discovery_feeds.why_card(SYMBOLS[2], rows[SYMBOLS[2]], {}, ZONE)["sections"][0]["items"]
    [social] = [bar for bar in bars if bar["tone"] == "score social"]
    assert "6 mentions by 4 authors lately" in social["tip"]
    assert "+0.40" in social["tip"]


def test_the_page_shows_life_groups_listings_and_mentions(settings: Settings, seeding: Seeding):
    app = opened("discovery")
    assert not app.exception
    assert len(of_kind(app, "lanes")[0]["lanes"]) == pool_life.LANES
    tables = of_kind(app, "table")
    groups = next(table for table in tables if "Held back" in [column["label"] for column in table["columns"]])
    assert {row["key"] for row in groups["rows"]} == set(GROUPS.values())
    said = " ".join(entry["what"] for feed in of_kind(app, "feed") for entry in feed["entries"])
    assert "Tokocrypto" in said
    assert "182k followers" in said
    assert "A new coin is traded" in said


def test_a_coin_outside_the_ranking_is_not_explained_but_said_so(settings: Settings, seeding: Seeding):
    card = discovery_feeds.why_card("XUSDT", None, {}, ZONE)
    assert card["kind"] == "notice"
    assert "XUSDT" in card["title"]


def test_an_empty_market_says_so_everywhere(settings: Settings, seeding: Seeding):
    for table in (
        model.market_map,
        model.candidates,
        model.happenings,
        model.announcements,
        model.mentions,
        model.alerts,
    ):
        seeding.clear(table)
    app = opened("discovery")
    assert not app.exception
    assert of_kind(app, "lanes")[0]["lanes"] == []
    assert all(feed["entries"] == [] for feed in of_kind(app, "feed"))
    assert blocks(app)
