import pytest

from cockpit import access
from cockpit.access import Login
from contracts.settings.services import CockpitSettings

SETTINGS = CockpitSettings(password_env="EMBERLINE_TEST_PASSWORD")


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EMBERLINE_TEST_PASSWORD", "pässwort")
    access.forget_wrong_tries()
    yield
    access.forget_wrong_tries()


def test_without_the_variable_nothing_unlocks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("EMBERLINE_TEST_PASSWORD")
    session = {}
    assert access.unlock(SETTINGS, session, "ana", "") is Login.NO_PASSWORD
    assert not access.is_unlocked(session)
    assert not access.password_is_set(SETTINGS)


def test_the_right_password_unlocks_this_session_alone():
    mine, other = {}, {}
    assert access.unlock(SETTINGS, mine, " ana ", "pässwort") is Login.OPEN
    assert access.is_unlocked(mine)
    assert access.author(mine) == "ana"
    assert not access.is_unlocked(other)


def test_the_lock_closes_by_itself_and_by_hand(monkeypatch: pytest.MonkeyPatch):
    session = {}
    access.unlock(SETTINGS, session, "ana", "pässwort")
    later = access.time.monotonic() + 15 * 60 + 1
    monkeypatch.setattr(access.time, "monotonic", lambda: later)
    assert not access.is_unlocked(session)
    access.unlock(SETTINGS, session, "ana", "pässwort")
    access.lock(session)
    assert not access.is_unlocked(session)


def test_five_wrong_tries_close_the_door_for_everybody_for_a_minute(monkeypatch: pytest.MonkeyPatch):
    for _ in range(5):
        assert access.unlock(SETTINGS, {}, "eve", "guess") is Login.WRONG
    assert access.unlock(SETTINGS, {}, "ana", "pässwort") is Login.TOO_MANY
    later = access.time.monotonic() + 61
    monkeypatch.setattr(access.time, "monotonic", lambda: later)
    assert access.unlock(SETTINGS, {}, "ana", "pässwort") is Login.OPEN
