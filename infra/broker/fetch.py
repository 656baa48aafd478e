"""`python -m infra.broker.fetch`: fetch Kafka's jars ahead, so that the first start of the broker is quick."""

from __future__ import annotations

import sys

from contracts.errors import BrokerError
from infra.broker.kafka import ensure_class_archive
from infra.broker.kafka_jars import fetch_jars, find_java


def main() -> int:
    """Fetch jars and make Java's class archive; without Java or Maven say so, which is no failure of the set-up."""
    try:
        java = find_java()
        fetch_jars()
        ensure_class_archive(java)
    except BrokerError as e:
        print(e, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
