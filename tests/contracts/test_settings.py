"""One file, three layers, every key checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import SettingsError
from contracts.settings import load_settings, parse_settings
from contracts.settings.sectors import read_sectors


def test_defaults_are_one_market_on_partition_zero() -> None:
    settings = load_settings()
    assert {name: market.partition for name, market in settings.markets.items()} == {"binance.spot": 0}


@pytest.mark.parametrize("suffix", [".toml", ".yaml"])
def test_a_market_overrides_all_and_a_symbol_overrides_the_market(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"settings{suffix}"
    if suffix == ".toml":
        file.write_text(
            "[entry]\nheat_min = 50.0\nspread_max_bps = 11.0\n"
            '[markets."a.spot"]\npartition = 0\n[markets."a.spot".entry]\nheat_min = 60.0\n'
            '[markets."a.spot".symbols.XUSDT.entry]\nheat_min = 70.0\n'
            '[markets."b.spot"]\npartition = 1\n'
        )
    else:
        file.write_text(
            "entry: {heat_min: 50.0, spread_max_bps: 11.0}\n"
            "markets:\n  a.spot:\n    partition: 0\n    entry: {heat_min: 60.0}\n    symbols: {XUSDT: {entry: {heat_min: 70.0}}}\n"
            "  b.spot: {partition: 1}\n"
        )
    settings = load_settings(file)
    a, b = settings.markets["a.spot"].desk, settings.markets["b.spot"].desk
    assert (a.entry.heat_min, b.entry.heat_min) == (60.0, 50.0)
    assert a.for_symbol("XUSDT").entry.heat_min == 70.0
    assert a.for_symbol("XUSDT").entry.spread_max_bps == 11.0
    assert a.for_symbol("YUSDT").entry.heat_min == 60.0
    assert a.hash() != b.hash()


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ({"entri": {}}, "unknown key `entri`"),
        ({"entry": {"heat": 1}}, "`heat` - at `entry`"),
        ({"entry": {"heat_min": "hot"}}, "at `entry.heat_min`"),
        ({"markets": {"a": {"partition": 0, "entry": {"heat": 1}}}}, "`heat` - at `markets.a.entry`"),
        ({"markets": {"a": {"partition": 0, "symbols": {"X": {"paper": {}}}}}}, "`paper` - at `markets.a.symbols.X`"),
        ({"markets": {"a": {}}}, "`markets.a.partition`: expected an int"),
        ({"markets": {"a": {"partition": 9}}}, "expected an int in 0..7, was 9"),
        ({"markets": {"a": {"partition": 1}, "b": {"partition": 1}}}, "share a partition"),
        ({"markets": []}, "`markets`: expected a table"),
        ({"broker": {"adress": "x"}}, "`adress` - at `broker`"),
        ([], "expected a table of settings"),
    ],
)
def test_a_wrong_key_is_refused_with_its_path(raw: object, place: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse_settings(raw, "file.toml")
    assert str(error.value).startswith("file.toml: ")
    assert place in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ({"markets": {}}, r"`markets`: expected at least one market"),
        ({"markets": {0: {"partition": 0}}}, r"`markets\.0`: expected a name of a market, was 0; quote it"),
        ({"markets": {"a": {"partition": 0, "symbols": {1000: {}}}}}, r"`markets\.a\.symbols`: .* was 1000; quote it"),
        ({"frame": {"lateness_ms": 1500}}, r"`int` <= 999 - at `frame\.lateness_ms`"),
        ({"frame": {"max_gap_s": 0}}, r"`frame\.max_gap_s`"),
        ({"focus": {"watch_every_s": 0}}, r"`focus\.watch_every_s`"),
        ({"focus": {"watch_every_s": 7}}, r"`focus\.watch_every_s`"),
        ({"status": {"every_s": 0}}, r"`status\.every_s`"),
        ({"markets": {"a": {"partition": 0, "frame": {"lateness_ms": -1}}}}, r"`markets\.a\.frame\.lateness_ms`"),
    ],
)
def test_a_value_that_would_break_a_step_is_refused_with_its_path(raw: object, place: str) -> None:
    with pytest.raises(SettingsError, match=f"^file: .*{place}"):
        parse_settings(raw, "file")


def test_files_that_cannot_be_read_name_themselves(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[entry\n")
    other = tmp_path / "settings.ini"
    other.write_text("")
    for file in (broken, other, tmp_path / "absent.toml"):
        with pytest.raises(SettingsError, match=file.name):
            load_settings(file)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.yaml", "entry: {heat_min: 50\nexits: {}\n", "line 2, column 6: not readable: while parsing a flow mapping, did not"),
        ("a.yaml", "entry:\n\theat_min: 50\n", "line 2, column 1: not readable: "),
        ("a.yaml", "entry: 1\n---\nexits: 1\n", "line 2, column 1: not readable: expected a single document"),
        ("a.yaml", 'a: 1\nb: "\x01"\n', "line 2, column 5: not readable: unacceptable character"),
        ("a.yaml", "a: 2020-13-45\n", "not readable: month must be in 1..12"),
        ("a.yaml", "[1]: 2\n", "line 1, column 1: not readable: while constructing a mapping, found unhashable key"),
        ("a.toml", "[entry]\nheat_min = \n", "line 2, column 12: not readable: Invalid value"),
        ("a.toml", "[entry]\nheat_min = ", "line 2, column 12: not readable: Invalid value"),
        ("a.toml", "[entry]\nx = '\xff'", "line 2, column 6: not readable: 'utf-8' codec"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_its_place(tmp_path: Path, name: str, content: str, says: str) -> None:
    file = tmp_path / name
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingsError) as error:
        load_settings(file)
    assert str(error.value).startswith(f"{file}: {says}")
    assert "\n" not in str(error.value)


def test_the_hash_sees_every_change_of_the_desk_and_none_of_the_services() -> None:
    plain = parse_settings({}, "x").markets["binance.spot"].desk.hash()
    assert parse_settings({"exits": {"stop_loss": 0.021}}, "x").markets["binance.spot"].desk.hash() != plain
    assert parse_settings({"cockpit": {"port": 9000}}, "x").markets["binance.spot"].desk.hash() == plain


def test_sector_tags_become_part_of_the_settings_and_of_their_hash(tmp_path: Path) -> None:
    tags = tmp_path / "tags.csv"
    tags.write_text("coin,sector\n# a remark\npepe, meme\nFETUSDT,ai\n")
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        f"groups: {{sectors_file: {tags}, sectors: {{PEPE: frog}}}}\n"
        "markets: {a.spot: {partition: 0, groups: {sectors: {XYZ: defi}}}, b.spot: {partition: 1}}\n"
    )
    first = load_settings(settings)
    assert first.markets["a.spot"].desk.groups.sectors == {"PEPE": "frog", "FETUSDT": "ai", "XYZ": "defi"}
    assert first.markets["b.spot"].desk.groups.sectors == {"PEPE": "frog", "FETUSDT": "ai"}
    tags.write_text("coin,sector\npepe,meme\nFETUSDT,depin\n")
    assert load_settings(settings).markets["b.spot"].desk.hash() != first.markets["b.spot"].desk.hash()


def test_the_tags_that_come_with_the_program_are_readable() -> None:
    tags = read_sectors("default")
    assert tags["DOGE"] == tags["PEPE"] == "meme"
    assert parse_settings({"groups": {"sectors_file": "default"}}, "x").markets["binance.spot"].desk.groups.sectors == tags


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tags.csv", "\ufeffcoin,sector\r\nBTC,layer1\r\nPEPE,MEME\r\n"),  # as Excel writes it
        ("tags.yaml", "\ufeffbtc: layer1\nPEPE: MEME\n"),
        ("tags.yaml", "layer1: [btc]\nMEME: [PEPE]\n"),
    ],
)
def test_tags_are_read_in_each_form(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8", newline="")
    assert read_sectors(str(file)) == {"BTC": "layer1", "PEPE": "MEME"}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("tags.yaml", None, "cannot be read"),
        ("tags.txt", "BTC: a", "expected a .yaml, .yml or .csv file"),
        ("tags.yaml", "BTC: [", "not readable"),
        ("tags.yaml", "- BTC", "expected a table of coins or sectors, was list"),
        ("tags.yaml", "ON: meme", "expected the name of a coin, was True; quote it"),
        ("tags.yaml", "BTC: 7", "expected a sector's name of 1 to 40 letters, was 7"),
        ("tags.yaml", "meme: [PEPE]\nai: [pepe]", "PEPE: expected one sector, was meme and ai"),
        ("tags.yaml", "{}", "expected 1 to 20000 tagged coins, was 0"),
        ("tags.yaml", "ai: [FET]\nmeme: [PEPE]\nai: [TAO]", "tags.yaml:3: ai: expected each key once, was in line 1 already"),
        ("tags.yaml", "BTC: a\n\nBTC: b", "tags.yaml:3: BTC: expected each key once"),
        ("tags.yaml", "{BTC: a, BTC: a}", "tags.yaml:1: BTC: expected each key once"),
        ("tags.yaml", "SOL: layer1\nlayer1: BTC", "tags.yaml:2: `layer1: BTC`: expected the coin first; write `layer1: [BTC]`"),
        ("tags.yaml", "SOL: layer1\nB TC: x", "tags.yaml:2: expected the name of a coin, such as BTC"),
        ("tags.csv", "BTC,layer1\n", "expected the header `coin,sector`, was BTC,layer1"),
        ("tags.csv", "coin,sector\nBTC\n", "tags.csv:2: expected a coin and a sector, was 1 cells"),
        ("tags.csv", "coin,sector\n\nB TC,x\n", "tags.csv:3: expected the name of a coin, such as BTC"),
    ],
)
def test_a_wrong_file_of_tags_is_one_clear_line(tmp_path: Path, name: str, content: str | None, problem: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    for raw in ({"groups": {"sectors_file": str(file)}}, {"markets": {"m": {"partition": 0, "groups": {"sectors_file": str(file)}}}}):
        with pytest.raises(SettingsError) as error:
            parse_settings(raw, "here")
        assert "groups.sectors_file`: " in str(error.value)
        assert problem in str(error.value)
        assert "\n" not in str(error.value)
