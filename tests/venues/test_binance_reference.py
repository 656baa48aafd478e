"""REST answers: the table of instruments, klines and 24 h figures, on recorded payloads."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest

from contracts.errors import VenueError
from contracts.events import InstrumentRow, Instruments, decode_event, encode_event
from contracts.instruments import Instrument
from tests.recorded import recorded
from tests.venues.scripted_venue import listing
from venues.binance.history import read_day_tickers, read_klines
from venues.binance.instruments import plain, read_exchange_info
from venues.ingest.universe import Universe


def keep_all(*_: str) -> bool:
    return True


def table(name: str = "binance_spot_20211012") -> bytes:
    return gzip.decompress(recorded(f"exchange_info/{name}.json.gz").read_bytes())


def test_the_recorded_table_is_read_to_the_row() -> None:
    info = read_exchange_info(table(), keep_all)
    assert len(info.rows) == 1_695
    assert info.dirt == []
    assert Counter(row.status for row in info.rows)["BREAK"] == 433
    assert info.server_time_ms == 1_633_998_511_098
    raw = {item["symbol"]: item for item in json.loads(table())["symbols"]}
    for row in info.rows:
        rules = {rule["filterType"]: rule for rule in raw[row.symbol]["filters"]}
        assert Decimal(row.tick_size) == Decimal(rules["PRICE_FILTER"]["tickSize"])
        assert Decimal(row.lot_size) == Decimal(rules["LOT_SIZE"]["stepSize"])
        assert Decimal(row.min_notional) == Decimal(rules["MIN_NOTIONAL"]["minNotional"])
        assert (row.base, row.quote) == (raw[row.symbol]["baseAsset"], raw[row.symbol]["quoteAsset"])
        assert Instrument.from_row(row).market_lot_size == 0  # as the venue sends it, for every symbol
    event = Instruments(ts_recv=1, rows=info.rows, complete=True)
    assert decode_event(encode_event(event)) == event


def test_steps_agree_with_another_programs_table_where_the_venue_did_not_change_them() -> None:
    with gzip.open(recorded("lean/symbol-properties-database.csv.gz"), "rt") as lines:
        theirs = {
            row[8]: (Decimal(row[6]), Decimal(row[7]))
            for row in csv.reader(lines)
            if len(row) > 8 and row[0] == "binance" and row[2] == "crypto"
        }
    ours = {
        row.symbol: (Decimal(row.tick_size), Decimal(row.lot_size))
        for row in read_exchange_info(table(), keep_all).rows
    }
    shared = sorted(set(ours) & set(theirs))
    assert len(shared) > 1_000
    # Their table is of another year; all changes of a step are by whole powers of ten.
    same = sum(ours[symbol] == theirs[symbol] for symbol in shared)
    assert same > len(shared) // 3
    for symbol in shared:
        for mine, other in zip(ours[symbol], theirs[symbol], strict=True):
            assert mine > 0
            assert other > 0
            assert (mine / other).normalize().as_tuple().digits in {(1,), (5,), (2,)}, (symbol, mine, other)


def test_usd_m_instruments_tell_when_they_were_listed() -> None:
    info = read_exchange_info(table("binance_usdm_20210722"), keep_all)
    assert len(info.rows) == 122
    [bitcoin] = [row for row in info.rows if row.symbol == "BTCUSDT"]
    assert bitcoin.ts_listed == 1_569_398_400_000 * 10**6
    assert bitcoin.min_notional == "5"


def test_one_bad_row_of_the_table_costs_no_other() -> None:
    good = listing("AUSDT")
    bad: list[Any] = [5, {}, {**good, "symbol": ""}, {**good, "filters": "x"}]
    for number in ("NaN", "-1", "Infinity", "ten"):
        bad.append({**good, "filters": [{"filterType": "PRICE_FILTER", "tickSize": number}]})
    info = read_exchange_info(json.dumps({"symbols": [good, *bad, listing("BUSDT")]}).encode(), keep_all)
    assert [row.symbol for row in info.rows] == ["AUSDT", "BUSDT"]
    assert len(info.dirt) == len(bad)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"symbols":5}', b'{"code":-1003,"msg":"Too many"}'])
def test_an_answer_of_another_shape_is_an_error_of_the_venue(body: bytes) -> None:
    with pytest.raises(VenueError, match="exchangeInfo"):
        read_exchange_info(body, keep_all)
    with pytest.raises(VenueError, match="klines"):
        read_klines(body if body != b"[]" else b"{}", 2_000_000_000_000)
    with pytest.raises(VenueError, match="ticker/24hr"):
        read_day_tickers(body if body != b"[]" else b"{}", keep_all)


def test_numbers_are_plain_decimals() -> None:
    assert [plain(text) for text in ("0.00000100", "1E-7", "0", "1000.0", "9000000000.00")] == [
        "0.000001",
        "0.0000001",
        "0",
        "1000",
        "9000000000",
    ]
    with pytest.raises(InvalidOperation):
        plain("-0.1")


def test_recorded_klines_are_read_to_the_value() -> None:
    body = recorded("metacodi_user_stream/rest_klines_1m.json").read_bytes()
    raw = json.loads(body)
    rows = read_klines(body, 2_000_000_000_000)
    assert [(r[0], r[1], r[4], r[6], r[7]) for r in rows] == [
        (k[0] * 10**6, float(k[1]), float(k[4]), float(k[7]), k[8]) for k in raw
    ]
    closed_before = raw[10][6]  # the eleventh bar closes in this very millisecond: not yet over
    assert len(read_klines(body, closed_before)) == 10
    with pytest.raises(VenueError, match="rising order"):
        read_klines(json.dumps(list(reversed(raw))).encode(), 2_000_000_000_000)


def test_day_figures_leave_out_what_never_traded() -> None:
    keys = ("lastPrice", "openPrice", "highPrice", "lowPrice", "volume", "quoteVolume")
    good = {"symbol": "AUSDT", **dict.fromkeys(keys, "2"), "closeTime": 1_700_000_000_000}
    body = json.dumps(
        [good, {**good, "symbol": "OLDUSDT", "lastPrice": "0"}, {**good, "symbol": "ABTC"}, {"symbol": 1}]
    )
    rows, left_out = read_day_tickers(body.encode(), lambda symbol: symbol.endswith("USDT"))
    assert rows == [("AUSDT", 1_700_000_000_000 * 10**6, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0)]
    assert left_out == 2


def row(symbol: str, **over: Any) -> InstrumentRow:
    base = symbol.removesuffix("USDT")
    return InstrumentRow(**{"symbol": symbol, "base": base, "quote": "USDT", "status": "TRADING", **over})


def test_the_universe_tells_changes_listings_and_disappearances() -> None:
    universe = Universe("USDT", ["XRPETH"])
    changed, new = universe.update([row("AUSDT"), row("BUSDT")], ts_recv=1)
    assert len(changed) == len(new) == 2
    assert all(r.ts_listed is None for r in changed)  # whoever was there before us was listed at an unknown time
    assert universe.update([row("AUSDT"), row("BUSDT")], ts_recv=2) == ([], [])
    changed, new = universe.update([row("AUSDT", status="HALT"), row("CUSDT")], ts_recv=3)
    assert [(r.symbol, r.status, r.ts_listed) for r in changed] == [
        ("AUSDT", "HALT", None),
        ("CUSDT", "TRADING", 3),
        ("BUSDT", "DELISTED", None),
    ]
    assert [r.symbol for r in new] == ["CUSDT"]
    assert universe.update([row("AUSDT", status="HALT"), row("CUSDT")], ts_recv=4) == ([], [])
    assert universe.trading() == ["CUSDT"]
    assert [universe.keeps(s) for s in ("NEWUSDT", "USDT", "ABTC", "XRPETH")] == [True, False, False, True]
    assert universe.has_base("C")
    assert not universe.has_base("D")


def test_rows_asked_for_by_themselves_change_what_the_table_holds_and_nothing_else() -> None:
    universe = Universe("USDT", [])
    universe.update([row("AUSDT"), row("BUSDT", ts_listed=7)], ts_recv=10)
    halted = row("BUSDT", status="HALT")
    changed = universe.refresh([row("AUSDT"), halted, row("NEWUSDT")], asked=20)
    assert [(r.symbol, r.status, r.ts_listed) for r in changed] == [("BUSDT", "HALT", 7)]
    assert set(universe.rows) == {"AUSDT", "BUSDT"}  # a listing is the whole table's to tell
    assert universe.trading() == ["AUSDT"]
    assert universe.refresh([halted], asked=30) == []


def test_of_two_answers_the_one_asked_for_later_holds() -> None:
    universe = Universe("USDT", [])
    universe.update([row("AUSDT"), row("BUSDT")], ts_recv=10)
    assert universe.refresh([row("AUSDT", status="HALT")], asked=25) != []
    # The table was asked for before the row and came after it; what it says of other symbols is news.
    changed, _ = universe.update([row("AUSDT"), row("BUSDT", status="BREAK")], ts_recv=40, asked=20)
    assert [r.symbol for r in changed] == ["BUSDT"]
    assert universe.rows["AUSDT"].status == "HALT"
    changed, _ = universe.update([row("AUSDT"), row("BUSDT", status="BREAK")], ts_recv=60, asked=50)
    assert [r.symbol for r in changed] == ["AUSDT"]
    assert universe.refresh([row("AUSDT", status="HALT")], asked=45) == []
    assert universe.rows["AUSDT"].status == "TRADING"
