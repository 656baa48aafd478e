"""Voices: an author counts once, by followers and tone; what is old is forgotten; everything is bounded."""

from __future__ import annotations

import math
import random

import msgspec
import pytest

from contracts.events import Mention
from contracts.settings.discovery import HeatSettings
from operators import social
from operators.social import SILENCE, Social, Talk
from tests.builders import SECOND

NOW = 1_786_000_020
OWN = HeatSettings()


def said(
    second: int, author: str = "a", *, base: str = "AAA", followers: int = 0, tone: float | None = None, **more: object
) -> Mention:
    fields = {
        "ts_recv": second * SECOND,
        "source": "x",
        "mention_id": f"{second}{author}",
        "author": author,
        "followers": followers,
        "text": "",
        "symbols": [base],
        "sentiment": tone,
        "ts_event": second * SECOND,
    }
    return msgspec.convert(fields | more, Mention)


def heard(*mentions: Mention, settings: HeatSettings = OWN) -> tuple[Social, dict[str, Talk]]:
    voices = Social(settings)
    talk: dict[str, Talk] = {}
    for mention in mentions:
        voices.hear(talk, mention)
    return voices, talk


def test_an_author_who_repeats_a_coin_stays_one_voice() -> None:
    voices, talk = heard(*(said(NOW + n) for n in range(20)), said(NOW + 19, "b"))
    found = voices.figures(talk, "AAA")
    assert (found.mentions, found.voices) == (21, 2)
    assert found.level == pytest.approx(2.0)


def test_the_level_is_the_sum_of_faded_voices_by_followers_and_tone() -> None:
    rng = random.Random(3)
    mentions = [
        said(
            NOW + rng.randrange(3000),
            f"author {n}",
            followers=rng.choice([0, 10_000, 50_000, 3_000_000]),
            tone=rng.choice([None, -1.0, 0.3, 1.0]),
        )
        for n in range(40)
    ]
    voices, talk = heard(*mentions)
    found = voices.figures(talk, "AAA")
    newest = max(m.ts_event for m in mentions) // SECOND
    weights = [1.0 + max(0.0, math.log10(max(m.followers, 1) / OWN.famous_followers)) for m in mentions]
    level = sum(
        w * (1 + 0.5 * (m.sentiment or 0.0)) * 0.5 ** ((newest - m.ts_event // SECOND) / 900)
        for w, m in zip(weights, mentions, strict=True)
    )
    assert (found.level, found.second) == (pytest.approx(level), newest)
    toned = [(w, m.sentiment) for w, m in zip(weights, mentions, strict=True) if m.sentiment is not None]
    assert found.tone == pytest.approx(sum(w * t for w, t in toned) / sum(w for w, _ in toned), abs=5e-4)


def test_a_voice_not_heard_again_within_the_window_is_forgotten() -> None:
    voices, talk = heard(said(NOW, "a"), said(NOW + 30, "b"), said(NOW + 600, "a"))
    assert voices.forget(talk, NOW + 3600) == []
    assert voices.figures(talk, "AAA")[2:4] == (3, 2)
    assert voices.forget(talk, NOW + 3660) == ["AAA"]  # NOW is a full minute
    assert voices.figures(talk, "AAA")[2:4] == (1, 1)
    assert voices.forget(talk, NOW + 3720) == []
    voices.forget(talk, NOW + 600 + 3660)
    assert talk == {}
    assert voices.figures(talk, "AAA") == SILENCE


def test_an_older_mention_that_comes_later_does_not_make_a_voice_older() -> None:
    voices, talk = heard(said(NOW, "a", tone=1.0), said(NOW - 60, "a", tone=-1.0, ts_recv=NOW * SECOND))
    found = voices.figures(talk, "AAA")
    assert (found.second, found.voices, found.mentions, found.tone) == (NOW, 1, 2, 1.0)


def test_what_is_older_than_the_window_when_it_comes_is_left_out() -> None:
    voices, talk = heard(said(NOW - 3600, ts_recv=NOW * SECOND))
    assert voices.figures(talk, "AAA") == SILENCE


def test_a_time_from_the_future_does_not_stay_for_ever() -> None:
    voices, talk = heard(said(NOW + 10**6, ts_recv=NOW * SECOND))
    voices.forget(talk, NOW + 3660)
    assert talk == {}


def test_posts_without_author_are_one_voice_per_source_and_transfers_each_their_own() -> None:
    posts = [said(NOW + n, "") for n in range(3)]
    transfers = [said(NOW + n, "", source="whales", kind="transfer") for n in range(3)]
    voices, talk = heard(*posts, *transfers)
    assert voices.figures(talk, "AAA").voices == 4


def test_voices_and_coins_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    voices, talk = heard(*(said(NOW + n, f"author {n}") for n in range(social.MOST_VOICES + 50)))
    found = voices.figures(talk, "AAA")
    assert found.voices == social.MOST_VOICES
    assert min(second for second, _, _ in talk["AAA"][0].values()) == NOW + 50
    monkeypatch.setattr(social, "MOST_COINS", 3)
    changed = [voices.hear(talk, said(NOW, base=base)) for base in ("BBB", "CCC", "DDD")]
    assert list(talk) == ["BBB", "CCC", "DDD"]
    assert changed[-1] == ["DDD", "AAA"]


@pytest.mark.parametrize(
    "wrong", [{"mention_window_s": 59}, {"famous_followers": 0}, {"tone_weight": 1.5}, {"mention_half": 0}, {"top": 0}]
)
def test_settings_out_of_range_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError, match=next(iter(wrong))):
        msgspec.convert(wrong, HeatSettings)
