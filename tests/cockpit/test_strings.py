import ast
import string
from pathlib import Path

import pytest

from cockpit.strings import WORDS

COCKPIT = Path(__file__).resolve().parents[2] / "cockpit"


def fields(text: str):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(WORDS))
def test_both_languages_take_the_same_arguments(key: str):
    english, chinese = WORDS[key]
    assert fields(english) == fields(chinese)
    assert english
    assert chinese


def test_every_word_that_pages_name_is_in_the_table():
    missing = set()
    for file in COCKPIT.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "word"
            if named and node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value not in WORDS:
                missing.add((file.name, node.args[0].value))
    assert missing == set()
