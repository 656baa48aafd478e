"""JSON Schema of the messages that others build on: `python -m contracts.schemas` writes `docs/schemas/<topic>.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from contracts.topics import DECISIONS, SIGNALS, Topic

EXPORTED: Final = (DECISIONS, SIGNALS)
FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def schema_of(topic: Topic) -> bytes:
    """The topic's payload as JSON Schema 2020-12, indented, in a fixed order."""
    schema = msgspec.json.schema(topic.payload)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = topic.name
    return msgspec.json.format(msgspec.json.encode(schema, order="sorted"), indent=2) + b"\n"


def main() -> None:
    """Write every exported schema."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for topic in EXPORTED:
        (FOLDER / f"{topic.name}.json").write_bytes(schema_of(topic))


if __name__ == "__main__":
    main()
