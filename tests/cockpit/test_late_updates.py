"""A page stays when the page before it asks, too late, to be drawn again: spoken over the browser's own socket."""

import asyncio
from typing import Any

import pytest
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.typing import Origin, Subprotocol

from tests.cockpit.conftest import Served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


class Tab:
    """What the browser's tab would send and see."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.pages: dict[str, str] = {}
        self.live_parts: list[str] = []
        self.shown: list[str] = []

    async def ask(self, **state: Any) -> None:
        message = BackMsg()
        for name, value in state.items():
            setattr(message.rerun_script, name, value)
        await self.socket.send(message.SerializeToString())

    async def read(self, seconds: float) -> str | None:
        message = ForwardMsg()
        message.ParseFromString(await asyncio.wait_for(self.socket.recv(), seconds))
        kind = message.WhichOneof("type")
        if kind == "auto_rerun":
            self.live_parts.append(message.auto_rerun.fragment_id)
        elif kind == "navigation":
            self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
        elif kind == "new_session":
            self.shown.append(message.new_session.page_script_hash)
        return kind

    async def read_until_finished(self, times: int = 1) -> None:
        while times:
            times -= await self.read(60) == "script_finished"


async def switched_with_late_updates(url: str, pause_s: float) -> Tab:
    """Open Coin, go to Why, and let Coin's live parts ask once more `pause_s` later, as its timers do."""
    address = f"{url.replace('http', 'ws')}/_stcore/stream"
    async with websockets.connect(
        address, subprotocols=[Subprotocol("streamlit")], max_size=None, origin=Origin(url)
    ) as socket:
        tab = Tab(socket)
        await tab.ask(page_name="coin")
        await tab.read_until_finished()
        assert len(tab.live_parts) == 2  # the strip's and the page's
        tab.shown.clear()
        await tab.ask(page_script_hash=tab.pages["why"])
        await asyncio.sleep(pause_s)
        for part in tab.live_parts[:2]:
            await tab.ask(page_script_hash=tab.pages["coin"], fragment_id=part, is_auto_rerun=True)
        await tab.read_until_finished()
        try:
            while True:
                await tab.read(2)
        except TimeoutError:
            return tab


def test_a_late_update_of_the_page_that_was_left_does_not_bring_it_back(served: Served) -> None:
    for pause_s in (0.0, 0.02, 0.1):
        tab = asyncio.run(switched_with_late_updates(served.url, pause_s))
        assert set(tab.shown) == {tab.pages["why"]}
        assert len(tab.pages) == 6
