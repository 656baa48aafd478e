"""Settings as one run uses them."""

from __future__ import annotations

from pathlib import Path

from contracts.settings import load_settings
from infra.effective import write_effective


def test_sector_tags_of_a_run_stay_as_they_were_at_its_start(tmp_path: Path) -> None:
    tags, file, effective = tmp_path / "tags.yaml", tmp_path / "own.yaml", tmp_path / "var" / "settings.yaml"
    tags.write_text("meme: [PEPE, DOGE]")
    file.write_text(f"groups: {{sectors_file: {tags}}}\n")
    at_start = write_effective(file, {"ingest": {"venue": "binance"}}, effective)
    tags.write_text("frog: [PEPE]")
    later = load_settings(effective)
    assert later == at_start
    assert later.markets["binance.spot"].desk.groups.sectors == {"PEPE": "meme", "DOGE": "meme"}
