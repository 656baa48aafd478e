"""The cockpit before a whole desk: exchange, ingest, desk and projector as processes, a person in Chromium in front."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import create_engine, text

from cockpit import queries
from infra.broker import EmbeddedBroker
from infra.ports import free_port
from tests.cockpit.conftest import PASSWORD
from tests.end_to_end.running import MARKET, Follower, Parts, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

COIN = "ADAUSDT"
QUIET = {  # nothing happens on this market but what the test does
    "history_days": 2,
    "pump_every_s": 0,
    "slow_pump_every_s": 0,
    "dump_every_s": 0,
    "crash_every_s": 0,
    "listings": 0,
}


@pytest.fixture
def parts(embedded_broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    monkeypatch.setenv("EMBERLINE_COCKPIT_PASSWORD", PASSWORD)
    made = Parts(
        tmp_path,
        embedded_broker.address,
        simulator={"symbols": 40, "market": QUIET},
        cockpit={"port": free_port()},
    )
    yield made
    made.stop()


def rows(parts: Parts, question: str) -> list[Any]:
    engine = create_engine(parts.url)
    try:
        with engine.connect() as connection:
            return list(connection.execute(text(question)))
    finally:
        engine.dispose()


def tradeable(parts: Parts) -> bool:
    found = rows(parts, "select state from engine")
    return bool(found) and found[0][0] == "tradeable"


def test_a_coin_that_heats_up_is_seen_charted_and_closed_by_a_person(parts: Parts, page: Page):
    parts.start("simulate")
    parts.start("desk", "project", "cockpit", seconds=240)
    follower = Follower(parts.given["broker"]["address"])
    try:
        parts.start("ingest")
        home = f"http://127.0.0.1:{parts.given['cockpit']['port']}"
        wait_for(lambda: tradeable(parts), 90, "a tradeable engine")
        wait_for(lambda: queries.ranking(parts.url, MARKET, 10), 60, "candidates")
        page.goto(home)
        expect(page.locator(".strip")).to_have_attribute("data-state", "Tradeable")
        parts.exchange("/sim/pump", {"symbol": COIN, "percent": 14, "minutes": 4})
        wait_for(lambda: rows(parts, "select 1 from positions where status = 'open'"), 180, "a position")
        page.locator(f"tr[data-key={COIN}] .link").click()
        chart = page.locator(".kline")
        expect(chart).to_have_attribute("data-key", re.compile(COIN))
        expect(chart).not_to_have_attribute("data-markers", "0")
        assert int(chart.get_attribute("data-bars") or 0) > 60
        box = chart.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.wheel(0, -400)
        page.wait_for_timeout(2000)
        zoomed = (chart.get_attribute("data-from"), chart.get_attribute("data-to"))
        before = int(chart.get_attribute("data-updates") or 0)
        expect(chart).to_have_attribute("data-updates", re.compile(f"{before + 3}|{before + 4}|{before + 5}"))
        assert (chart.get_attribute("data-from"), chart.get_attribute("data-to")) == zoomed

        page.get_by_role("button", name="Close all").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Your name").fill("ana")
        dialog.get_by_role("textbox", name="Password").fill(PASSWORD)
        dialog.get_by_role("button", name="Unlock").click()
        dialog.get_by_label(re.compile("Type CLOSE ALL")).fill("CLOSE ALL")
        dialog.get_by_role("button", name="Close all now").click()
        expect(dialog.get_by_text("was carried out")).to_be_visible()
        wait_for(lambda: not rows(parts, "select 1 from positions where status = 'open'"), 30, "no position")
        dialog.get_by_role("button", name="Close", exact=True).click()
        expect(page.locator(".strip")).to_have_attribute("data-state", "Paused")
        page.get_by_role("link", name="Book").click()
        expect(page.get_by_text("No open position.")).to_be_visible()
        sent = list(follower.of("events.v1", "close_all"))
        assert [event["author"] for event in sent] == ["cockpit:ana"]
        assert rows(parts, "select command, ok from commands where command = 'close_all'") == [("close_all", 1)]
    finally:
        follower.close()
