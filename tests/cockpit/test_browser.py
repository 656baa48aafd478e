"""The cockpit as a person uses it, in Chromium."""

import re
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from contracts.events import CloseAll, ClosePosition, WatchSymbol
from infra.broker import EmbeddedBroker
from tests.cockpit.conftest import PASSWORD, Served
from tests.cockpit.seeding import SYMBOLS, Seeding

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

HELD, OTHER = SYMBOLS[0], SYMBOLS[1]


def chart(page: Page):
    return page.locator(".kline")


def shown(page: Page, name: str) -> str:
    value = chart(page).get_attribute(f"data-{name}")
    assert value is not None
    return value


def updates(page: Page):
    return int(shown(page, "updates"))


def width(span: tuple[str, str]) -> float:
    return float(span[1]) - float(span[0])


def wait_for_updates(page: Page, more: int):
    target = updates(page) + more
    page.wait_for_function(f"Number(window.__chart().dataset.updates) >= {target}")


def open_coin(page: Page, served: Served, symbol: str):
    page.goto(f"{served.url}/coin?symbol={symbol}")
    expect(chart(page)).to_have_attribute("data-key", re.compile(symbol))
    page.evaluate(
        """window.__chart = () => {
            const find = (root) => root.querySelector('.kline') ??
                [...root.querySelectorAll('*')].map((n) => n.shadowRoot && find(n.shadowRoot)).find(Boolean);
            return find(document);
        }"""
    )


def test_a_coin_is_chosen_and_its_chart_keeps_the_zoom_while_it_lives(page: Page, served: Served, seeding: Seeding):
    page.goto(served.url)
    page.locator(f"tr[data-key={HELD}] .link").click()
    expect(page).to_have_url(re.compile(r"/coin"))
    expect(chart(page)).to_have_attribute("data-key", re.compile(HELD))
    open_coin(page, served, HELD)
    assert int(shown(page, "markers")) == 1  # two fills of one order within one bar
    assert int(shown(page, "fills")) == 2
    assert int(shown(page, "lines")) == 5
    assert int(shown(page, "bars")) > 500
    box = chart(page).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(2000)
    before = (shown(page, "from"), shown(page, "to"))
    assert width(before) < 200
    for _ in range(4):
        page.mouse.wheel(0, -240)
        time.sleep(0.1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 220, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    page.wait_for_timeout(200)
    zoomed = (shown(page, "from"), shown(page, "to"))
    close = shown(page, "close")
    assert width(zoomed) < 0.7 * width(before)
    assert float(zoomed[1]) < float(before[1])  # dragged away from the newest bar too
    seeding.fill_now(HELD, "sell")
    wait_for_updates(page, 6)
    assert (shown(page, "from"), shown(page, "to")) == zoomed
    assert shown(page, "histories") == "1"
    assert shown(page, "close") != close
    assert int(shown(page, "fills")) == 3
    assert int(shown(page, "markers")) == 2


def test_another_coin_and_other_bars_redraw_the_chart(page: Page, served: Served):
    open_coin(page, served, HELD)
    page.get_by_role("radio", name="5m").or_(page.get_by_text("5m", exact=True)).first.click()
    expect(chart(page)).to_have_attribute("data-key", re.compile(f"{HELD}/5m"))
    page.get_by_role("combobox").first.click()
    page.keyboard.type(OTHER)
    page.keyboard.press("Enter")
    expect(chart(page)).to_have_attribute("data-key", re.compile(f"{OTHER}/5m"))
    assert int(shown(page, "bars")) > 100


def test_a_chart_that_was_left_is_whole_when_its_page_is_opened_again(page: Page, served: Served):
    open_coin(page, served, HELD)
    page.get_by_role("link", name="Control").click()
    expect(page.get_by_text("Is the desk healthy")).to_be_visible()
    page.get_by_role("link", name="Coin").click()
    expect(chart(page)).to_have_attribute("data-key", re.compile(HELD))
    assert int(shown(page, "bars")) > 500
    assert int(shown(page, "fills")) == 2


def test_close_all_is_typed_confirmed_sent_once_and_answered(
    page: Page, embedded_broker: EmbeddedBroker, served: Served, seeding: Seeding
):
    page.goto(f"{served.url}/book")
    expect(page.locator("tr[data-key^='position:']").first).to_be_visible()
    page.get_by_role("button", name="Close all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Your name").fill("ana")
    dialog.get_by_role("textbox", name="Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Unlock").click()
    dialog.get_by_label(re.compile("Type CLOSE ALL")).fill("close everything")
    dialog.get_by_role("button", name="Close all now").click()
    expect(dialog.get_by_role("alert").first).to_be_visible()
    assert [command for command in served.desk.commands if isinstance(command, CloseAll)] == []
    dialog.get_by_label(re.compile("Type CLOSE ALL")).fill("CLOSE ALL")
    dialog.get_by_role("button", name="Close all now").click()
    expect(dialog.get_by_text("was carried out")).to_be_visible()
    sent = [command for command in served.desk.commands if isinstance(command, CloseAll)]
    assert len(sent) == 1
    assert sent[0].author == "cockpit:ana"
    dialog.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_text("No open position.")).to_be_visible()


def test_the_desk_is_told_which_coin_is_looked_at(page: Page, embedded_broker: EmbeddedBroker, served: Served):
    open_coin(page, served, OTHER)
    until = time.monotonic() + 20
    while time.monotonic() < until and not served.desk.commands:
        time.sleep(0.1)
    assert [type(command) for command in served.desk.commands] == [WatchSymbol]
    assert served.desk.commands[0].symbol == OTHER


def test_pause_is_sent_from_the_control_page_and_its_result_shown(
    page: Page, embedded_broker: EmbeddedBroker, served: Served
):
    page.goto(f"{served.url}/control")
    page.get_by_label("Your name").fill("ana")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Unlock").click()
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("Pause was carried out.")).to_be_visible()
    assert len(served.desk.commands) == 1


def test_one_position_is_closed_and_leaves_the_list(page: Page, embedded_broker: EmbeddedBroker, served: Served):
    page.goto(f"{served.url}/control")
    page.get_by_label("Your name").fill("ana")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Unlock").click()
    page.get_by_role("button", name=f"Close {HELD}").click()
    expect(page.get_by_text(f"Close {HELD} was carried out.")).to_be_visible()
    expect(page.get_by_role("button", name=f"Close {OTHER}")).to_be_visible()
    assert [(type(command), command.symbol) for command in served.desk.commands] == [(ClosePosition, HELD)]


def test_an_order_tells_its_life_when_chosen(page: Page, served: Served):
    page.goto(f"{served.url}/book")
    page.locator(f"tr[data-key^=em-{HELD}]").click()
    expect(page.locator(".life .step")).to_have_count(3)


@pytest.mark.parametrize("path", ["", "discovery", "coin", "book", "control"])
def test_a_phone_shows_every_page_without_sideways_scrolling(browser: Browser, served: Served, path: str):
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="light")
    page = context.new_page()
    page.goto(f"{served.url}/{path}")
    expect(page.locator(".strip")).to_be_visible()
    page.wait_for_timeout(2500)
    widths = page.evaluate(
        "[document.documentElement.scrollWidth, ...[...document.querySelectorAll('[data-testid=stMain], .block-container')]"
        ".map((n) => n.scrollWidth)]"
    )
    context.close()
    assert max(widths) <= 390


def test_nothing_is_fetched_from_outside(browser: Browser, served: Served):
    context = browser.new_context()
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("", "discovery", "coin", "book", "control"):
        page.goto(f"{served.url}/{path}")
        expect(page.locator(".strip")).to_be_visible()
        page.wait_for_timeout(1500)
    context.close()
    assert [url for url in asked if not url.startswith((served.url, "data:", "blob:"))] == []


def test_the_map_lives_without_being_laid_out_anew_and_explains_the_coin_clicked(
    page: Page, served: Served, seeding: Seeding
):
    page.goto(f"{served.url}/discovery")
    tile = page.locator(f".tile[data-symbol={OTHER}]")
    expect(tile).to_be_visible()
    tile.evaluate("(node) => { node.dataset.mine = 'same'; }")
    box = tile.bounding_box()
    before = tile.get_attribute("title")
    page.locator(f"tr[data-key={HELD}] td").first.click()
    expect(page.get_by_text(f"Why is {HELD} hot?")).to_be_visible()
    tile.click()
    expect(page.get_by_text(f"Why is {OTHER} hot?")).to_be_visible()
    expect(page.locator(".lane[data-key]").first).to_be_visible()
    expect(tile).not_to_have_attribute("title", before or "")  # a fresh map arrived
    assert tile.get_attribute("data-mine") == "same"
    assert tile.bounding_box() == box
    assert page.locator(".hm").get_attribute("data-layouts") == "1"
    page.get_by_text("5 min", exact=True).first.click()
    expect(page.locator(".hm .ramp")).to_have_class(re.compile("change"))
    assert page.locator(".hm").get_attribute("data-layouts") == "1"
