"""Ingest: exchange websockets in, the sequenced log out.

One asyncio process appends everything the desk hears of a venue to its market's partition of `events.v1`, stamps
each event once with the receive time, and keeps account of every frame:
read = published + dead-lettered + control + duplicate + filtered.
"""

from venues.ingest.service import Ingest, serve

__all__ = ["Ingest", "serve"]
