"""Keeps a page that was just opened from being emptied by a late update of the page before it.

A live part asks to be drawn again under the page that its browser shows at that moment. Where such a request reaches Streamlit
while the next page is being drawn, Streamlit (1.67) carries it out under the page that was left: the browser takes that for
a change of page, clears the new one, and refuses what follows with "Bad delta path index". A click on the navigation that
still waits for its turn is lost the same way, since the later request's page wins.

`install` mends both where a request is taken up: a live part is drawn under the page that is shown now, and a live part's
timer never replaces the page of a waiting click, whose run draws that part anyway.
"""

from __future__ import annotations

from dataclasses import replace
from functools import wraps

from streamlit.runtime.scriptrunner import script_runner
from streamlit.runtime.scriptrunner_utils import script_requests

_INSTALLED = "_emberline_late_updates"


def install() -> None:
    """Put both rules into Streamlit's script runner, once per process. Call it before the server starts."""
    runner, requests = script_runner.ScriptRunner, script_requests.ScriptRequests
    if getattr(runner, _INSTALLED, False):
        return
    run, request = runner._run_script, requests.request_rerun

    @wraps(run)
    def run_under_the_page_shown(self: script_runner.ScriptRunner, rerun_data: script_requests.RerunData) -> None:
        shown = self._pages_manager.current_page_script_hash
        if rerun_data.fragment_id_queue and shown:
            rerun_data = replace(rerun_data, page_script_hash=shown)
        run(self, rerun_data)

    @wraps(request)
    def request_unless_a_click_waits(self: script_requests.ScriptRequests, new_data: script_requests.RerunData) -> bool:
        with self._lock:
            waits = self._state == script_requests.ScriptRequestType.RERUN
            waiting = self._rerun_data
        is_whole = not waiting.fragment_id_queue and not waiting.is_fragment_scoped_rerun
        if new_data.is_auto_rerun and waits and is_whole:
            return True
        return request(self, new_data)

    runner._run_script = run_under_the_page_shown  # type: ignore[method-assign]
    requests.request_rerun = request_unless_a_click_waits  # type: ignore[method-assign]
    setattr(runner, _INSTALLED, True)
