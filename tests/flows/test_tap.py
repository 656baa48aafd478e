from pathlib import Path
from typing import get_args

import msgspec
import pytest

from contracts.events import LogEvent
from contracts.facts import AnyFact, encode_fact
from flows.tap import _WORDS, in_words, number
from tests import builders
from tests.sinks import facts_builders as make


def test_every_event_and_fact_has_words():
    assert set(_WORDS) == {*get_args(LogEvent), *get_args(AnyFact)}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (builders.trade(1, price=0.00001234, quantity=1e6, side=-1), "sold 1000000 at 0.00001234"),
        (builders.quote(1), "bid 99.99 x 50, ask 100.01 x 50"),
        (builders.tickers(1, [(f"C{n}", 1.5, 3.0) for n in range(7)]), "7 coins: C0 1.5, C1 1.5, C2 1.5, C3 1.5, C4 1.5 and 2 more"),
        (encode_fact(make.attempt("o", verdict="denied", reason="COOLDOWN")),
        "denied: buy 2 at 10.5 (entry): COOLDOWN"),
        (encode_fact(make.order_life()[3]), "buy entry partial (0.5 of 2), 0.5 filled at 10.5, fee 0.005 USDT"),
        (encode_fact(make.position(1, status="closed")), "closed by : PnL +0.5"),
        (encode_fact(make.engine(1)), "tradeable, tickers 1 ms old"),
        (encode_fact(make.alert(1)), "warning: gap n 1"),
        (encode_fact(make.letter(3)), "log:binance.spot: not JSON: b'\\xff'"),
        (encode_fact(make.bars(0, {"A": 2.0})), "1m closed: A 2"),
        (encode_fact(make.snapshot(0, {"A": 71.0})), "1 of 1 coins: A 71 hot"),
        (encode_fact(make.account(0)), "equity 10000.00, day +0.00, drawdown 0.00%, 0 positions"),
        (encode_fact(make.anomaly(0)), "volume_1s is 9: 8.0 deviations, 4.0 allowed"),
    ],
)  # fmt: skip
def test_messages_are_told_in_words(raw: bytes, words: str):
    told = in_words(msgspec.json.decode(raw))
    assert told is not None
    assert told[0] == words


def test_what_is_not_ours_has_no_words():
    assert in_words({"type": "decision", "symbol": "AUSDT"}) is None
    assert in_words([1, 2]) is None
    assert in_words("text") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1, "1"), (-2.5, "-2.5"), (123456.7, "123457"), (1e13, "1e+13"), (0.1 + 0.2, "0.3"), (1e-13, "1e-13"),
    (99999.96, "100000")],
)  # fmt: skip
def test_numbers_have_six_digits(value: float, text: str):
    assert number(value) == text


def test_every_stored_example_has_words():
    examples = sorted((Path(__file__).parents[1] / "contracts" / "examples").glob("*.json"))
    told = 0
    for path in examples:
        value = msgspec.json.decode(path.read_bytes())
        told += isinstance(value, dict) and in_words(value) is not None
    assert told == len(examples) > 20
