"""A text classifier in ONNX form as scorer of mentions: both forms of input, its arithmetic, and every way in which it can be wrong."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from contracts.errors import SettingsError
from contracts.events import Mention
from contracts.settings.services import ClassifierSettings, MentionSettings
from venues.mentions import Item, Mentions, load_scorer
from venues.mentions import scoring as scoring_module
from venues.mentions.classifier import hashed_words

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

NOW = 1_700_000_000_000_000_000
COLUMNS = 64
TEXTS = TensorProto.STRING
FLOATS = TensorProto.FLOAT


def column(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") % COLUMNS


def saved(file: Path, nodes: list[Any], fed: tuple[int, list[Any]], weights: dict[str, Any], given: int = FLOATS) -> str:
    """Write a model with one input `in` of this type and shape, and an output `out`."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("in", *fed)],
        [helper.make_tensor_value_info("out", given, None)],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(file))
    return str(file)


def words_model(file: Path, *, classes: int = 3, columns: Any = COLUMNS) -> str:
    """Counted words times weights: `moon` speaks for the last class, `rug` for the first; logits."""
    weights = np.zeros((COLUMNS, classes))
    weights[column("moon"), -1] = 2.0
    weights[column("rug"), 0] = 3.0
    return saved(file, [helper.make_node("MatMul", ["in", "w"], ["out"])], (FLOATS, ["N", columns]), {"w": weights})


def text_model(file: Path) -> str:
    """The text itself, looked up in a table: shares of three classes."""
    nodes = [
        helper.make_node(
            "LabelEncoder", ["in"], ["tone"], domain="ai.onnx.ml", keys_strings=["to the moon", "rug pull"],
            values_floats=[0.75, -1.0], default_float=0.0,
        ),
        helper.make_node("Relu", ["tone"], ["good"]),
        helper.make_node("Neg", ["tone"], ["minus"]),
        helper.make_node("Relu", ["minus"], ["bad"]),
        helper.make_node("Add", ["good", "bad"], ["both"]),
        helper.make_node("Sub", ["one", "both"], ["none"]),
        helper.make_node("Concat", ["bad", "none", "good"], ["out"], axis=1),
    ]  # fmt: skip
    return saved(file, nodes, (TEXTS, ["N", 1]), {"one": [1.0]})


def test_a_model_of_counted_words_scores_by_the_mean_of_its_classes_tones(tmp_path: Path) -> None:
    settings = ClassifierSettings(file=words_model(tmp_path / "w.onnx"), logits=True)
    scorer = load_scorer("onnx", settings)
    for text, moons, rugs in (("Moon moon MOON!", 3, 0), ("rug, moon", 1, 1), ("nothing", 0, 0)):
        shares = np.exp([3.0 * rugs, 0.0, 2.0 * moons])
        expected = float(shares @ [-1, 0, 1] / shares.sum())
        assert scorer.score(text) == pytest.approx(expected, abs=1e-6)


def test_a_model_of_texts_gets_the_text(tmp_path: Path) -> None:
    scorer = load_scorer("onnx", ClassifierSettings(file=text_model(tmp_path / "t.onnx")))
    assert [scorer.score(text) for text in ("to the moon", "rug pull", "gm")] == pytest.approx([0.75, -1.0, 0.0])


def test_words_are_counted_by_their_documented_hash() -> None:
    counts = hashed_words("Moon's up, ＭＯＯＮ 大涨", COLUMNS)[0]
    expected = np.zeros(COLUMNS)
    for word in ("moon's", "up", "moon", "大", "涨", "大涨"):
        expected[column(word)] += 1
    assert (counts == expected).all()


def test_what_gives_no_shares_has_no_tone(tmp_path: Path) -> None:
    negative = load_scorer("onnx", ClassifierSettings(file=words_model(tmp_path / "w.onnx")))
    assert negative.score("nothing") is None  # all shares are 0: not logits, and no shares


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "mentions.classifier.file: expected the path of an .onnx file, was empty"),
        ({"file": "gone.onnx"}, "gone.onnx: no such file"),
        ({"file": "broken.onnx"}, "broken.onnx: no model that can run"),
        ({"file": "words.onnx", "logits": True, "tones": (-1.0, 1.0)}, "expected an output of 2 classes"),
        ({"file": "words.onnx", "output": "label"}, "expected an output tensor(float) `label`, was out tensor(float)"),
        ({"file": "free.onnx"}, "expected one input, tensor(string) (N) or (N, 1), or tensor(float) (N, B)"),
    ],
)
def test_a_wrong_classifier_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.onnx").write_bytes(b"no model")
    words_model(Path("words.onnx"))
    words_model(Path("free.onnx"), columns="B")
    with pytest.raises(SettingsError) as error:
        load_scorer("onnx", ClassifierSettings(**settings))
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_without_the_extra_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SettingsError, match=r"pip install 'emberline\[onnx\]'"):
        load_scorer("onnx", ClassifierSettings(file=words_model(tmp_path / "w.onnx")))


@pytest.mark.parametrize("wrong", [{"tones": []}, {"tones": [2.0]}, {"threads": 0}])
def test_settings_of_a_classifier_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match=next(iter(wrong))):
        msgspec.convert(wrong, ClassifierSettings)


def heard(told: list[Mention], file: str) -> Mentions:
    settings = MentionSettings(scorer="onnx", classifier=ClassifierSettings(file=file), webhook_port=None)
    clock = iter(range(NOW, NOW + 1000))
    return Mentions(settings, lambda: next(clock), {"BTC"}.__contains__, told.append, lambda *_: None)


async def test_posts_are_scored_in_a_thread_in_order_and_the_event_carries_the_tone(tmp_path: Path) -> None:
    told: list[Mention] = []
    mentions = heard(told, text_model(tmp_path / "t.onnx"))
    queue = mentions.door.queue
    assert queue is not None
    threads: set[int] = set()
    score = mentions.door._scorer.score

    def noted(text: str) -> float | None:
        threads.add(threading.get_ident())
        return score(text)

    mentions.door._scorer.score = noted  # type: ignore[method-assign]
    for n, text in enumerate(("to the moon", "rug pull")):
        assert mentions.door.take(Item("x", str(n), text, symbols=("BTC",)))
    assert mentions.door.take(Item("x", "own", "to the moon", symbols=("BTC",), sentiment=0.1))
    assert mentions.door.take(Item("x", "whale", "to the moon", symbols=("BTC",), kind="transfer"))
    assert [m.mention_id for m in told] == ["own", "whale"]  # these need no scorer
    task = asyncio.create_task(queue.run())
    async with asyncio.timeout(20):
        while len(told) < 4:  # noqa: ASYNC110 - a list that another task fills
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [(m.mention_id, m.sentiment) for m in told] == [("own", 0.1), ("whale", None), ("0", 0.75), ("1", -1.0)]
    assert threading.get_ident() not in threads
    assert [m.ts_recv for m in told] == sorted(m.ts_recv for m in told)


async def test_a_scorer_that_falls_behind_or_is_stopped_loses_no_mention(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring_module, "MOST_WAITING", 2)
    told: list[Mention] = []
    mentions = heard(told, text_model(tmp_path / "t.onnx"))
    queue = mentions.door.queue
    assert queue is not None
    for n in range(4):
        mentions.door.take(Item("x", str(n), "to the moon", symbols=("BTC",)))
    assert [m.mention_id for m in told] == ["2", "3"]
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sorted(m.mention_id for m in told) == ["0", "1", "2", "3"]
    assert queue.unscored >= 3
