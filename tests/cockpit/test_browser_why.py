"""Indicators on the chart and the page *Why*, as a person uses them, in Chromium."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cockpit.conftest import Served
from tests.cockpit.seeding import SYMBOLS, Seeding
from tests.cockpit.test_browser import chart, open_coin, shown, updates, wait_for_updates

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

HELD = SYMBOLS[0]
PICTURES = os.environ.get("EMBERLINE_PICTURES", "")


def picture(page: Page, name: str) -> None:
    """Keep a screenshot where the environment names a folder for them."""
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def test_indicators_are_switched_on_the_living_chart_and_the_zoom_stays(page: Page, served: Served, seeding: Seeding):
    open_coin(page, served, HELD)
    expect(chart(page)).to_have_attribute("data-studies", "ema_fast ema_slow")
    assert int(shown(page, "points")) > 500
    histories = shown(page, "histories")
    chart(page).hover(position={"x": 300, "y": 200})
    for _ in range(4):
        page.mouse.wheel(0, -240)
    page.wait_for_timeout(600)
    zoomed = shown(page, "from")
    for name in ("Bollinger", "RSI", "MACD"):
        page.get_by_role("button", name=name, exact=True).click()
    expect(chart(page)).to_have_attribute(
        "data-studies", "ema_fast ema_slow bollinger_upper bollinger_lower rsi macd_hist macd macd_signal"
    )
    assert shown(page, "panes") == "3"
    wait_for_updates(page, 3)
    assert shown(page, "histories") == histories  # the candles were not sent again
    assert abs(float(shown(page, "from")) - float(zoomed)) < 1.0
    picture(page, "coin-1440")
    page.get_by_role("button", name="RSI", exact=True).click()
    expect(chart(page)).to_have_attribute("data-panes", "2")
    page.get_by_role("link", name="Market").click()
    page.get_by_role("link", name="Coin").click()
    expect(chart(page)).to_have_attribute("data-panes", "2")
    assert updates(page) > 0


def test_a_card_leads_to_the_page_that_tells_why_and_a_decision_to_what_came_of_it(page: Page, served: Served):
    page.goto(f"{served.url}/coin?symbol={HELD}")
    page.locator(".card .link", has_text="why?").first.click()
    expect(page).to_have_url(re.compile(r"/why"))
    expect(page.locator(".card .title")).to_have_text(HELD)
    expect(page.locator(".card").get_by_text("Gates passed")).to_be_visible()
    page.locator("tr[data-key^='decision:ARB']").first.click()
    expect(page.locator(".card .title").first).to_have_text("ARBUSDT")
    expect(page.locator(".card").get_by_text("was closed at")).to_be_visible()
    expect(page.locator(".card").nth(1).get_by_text("Valid until")).to_be_visible()  # the decision's card below the story
    expect(page.get_by_label("Coin, or id of a decision")).to_have_value(re.compile("decision:ARB"))
    expect(page.locator("tr[data-key^='signal:ARB']").first).to_be_visible()
    picture(page, "why-1440")


def test_the_book_tells_the_decision_behind_a_chosen_position(page: Page, served: Served):
    page.goto(f"{served.url}/book")
    page.locator("tr[data-key^='position:']").first.click()
    expect(page.locator(".card").get_by_text("Reward / risk")).to_be_visible()
    picture(page, "book-1440")
    page.locator(".card .link").first.click()
    expect(page).to_have_url(re.compile(r"/why"))
    expect(page.locator(".card").get_by_text("What came of it")).to_be_visible()


@pytest.mark.parametrize("path", ["why", "coin"])
def test_a_phone_shows_the_page_without_sideways_scrolling(browser: Browser, served: Served, path: str):
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="light")
    page = context.new_page()
    page.goto(f"{served.url}/{path}?symbol={HELD}")
    expect(page.locator(".card").first).to_be_visible()
    page.wait_for_timeout(1500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    picture(page, f"{path}-390")
    context.close()
