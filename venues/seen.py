"""What was already told: ids that are forgotten by age, and by number if there are too many."""

from __future__ import annotations

from collections import OrderedDict


class SeenIds:
    """Remember ids for `keep_s` seconds, the newest `most` of them."""

    def __init__(self, keep_s: float, most: int) -> None:
        self._keep_ns = int(keep_s * 1e9)
        self._most = most
        self._seen: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, identity: str, now_ns: int) -> bool:
        """Note an id; False if it was known already."""
        while self._seen and (len(self._seen) > self._most or next(iter(self._seen.values())) < now_ns - self._keep_ns):
            self._seen.popitem(last=False)
        if identity in self._seen:
            return False
        self._seen[identity] = now_ns
        return True
