"""Technical indicators over closed bars: streaming, columns over symbols, constant work per bar.

What all share. A value is NaN until its warm-up is over (the number of bars stands at each output in `layout.py`). Work
and memory per bar depend on the window, never on how much came before; windowed sums are taken anew over the window, so
rounding never piles up. A bar without a price (NaN close) leaves a symbol as it was. A bar that is not the next one
(bars are missing) is taken as the next one while at most `max_missing` are absent; after more than that the symbol
starts over, because a moving average across a hole means nothing. A bar at or before the last one seen is ignored.
"""

from contracts.settings.decisions import IndicatorSettings
from operators.indicators.advance import Indicators, IndicatorState
from operators.indicators.layout import Out

__all__ = ["IndicatorSettings", "IndicatorState", "Indicators", "Out"]
