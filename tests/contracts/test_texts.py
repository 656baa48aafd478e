"""Every code has words in both languages."""

from __future__ import annotations

import doctest
import re
from enum import StrEnum

import pytest

from contracts import reasons, texts
from contracts.reasons import Reason
from contracts.texts import TEXTS, arguments, describe

CODES = sorted(
    {
        member.value
        for kind in vars(reasons).values()
        if isinstance(kind, type) and issubclass(kind, StrEnum) and kind is not StrEnum
        for member in kind
    }
)


@pytest.mark.parametrize("code", CODES)
def test_a_code_has_words_in_both_languages(code: str) -> None:
    english, chinese = TEXTS[code]
    assert re.search(r"[A-Za-z]{3}", english)
    assert re.search(r"[\u4e00-\u9fff]", chinese)


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_both_languages_name_the_same_arguments(code: str) -> None:
    english, chinese = TEXTS[code]
    assert arguments(english) == arguments(chinese)


@pytest.mark.parametrize("code", sorted(TEXTS))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_text_with_all_its_arguments_leaves_no_brace_behind(code: str, language: texts.Language) -> None:
    said = describe(Reason(code, dict.fromkeys(arguments(TEXTS[code][0]), 1.5)), language)
    assert not set("{}[]?") & set(said)


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_optional_parts_vanish_with_their_arguments(code: str) -> None:
    said = describe(Reason(code))
    assert "[" not in said
    assert said.count("?") == len(arguments(re.sub(r"\[.*?\]", "", TEXTS[code][0])))


def test_arguments_that_came_as_strings_read_as_numbers() -> None:
    assert describe(Reason("COOLDOWN", {"left_ms": "1536520"})).endswith(": 1536.5 s left")
    assert describe(Reason("PAUSED", {"author": "12"})).endswith("by 12")


def test_an_unknown_code_is_spelled_out() -> None:
    assert describe(Reason("SOLAR_FLARE", {"kp": 7.0})) == "Solar flare (kp 7)"


def test_the_examples_hold() -> None:
    assert doctest.testmod(texts).failed == 0
