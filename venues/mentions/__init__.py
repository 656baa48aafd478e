"""Who speaks of coins: posts and large transfers, from feeds that are polled and from pushes to a webhook.

Every connector hands items to one door, `MentionDoor.take`, which names the coins, scores the tone, tells each item
once and appends `Mention` events. A connector is anything with `async def run(self, take)`.
"""

from venues.mentions.door import Item, MentionDoor
from venues.mentions.polling import PollingFeed
from venues.mentions.sentiment import LexiconScorer, Scorer, load_scorer
from venues.mentions.service import Mentions, simulated_feeds
from venues.mentions.webhook import Webhook

__all__ = ["Item", "LexiconScorer", "MentionDoor", "Mentions", "PollingFeed", "Scorer", "Webhook", "load_scorer", "simulated_feeds"]
