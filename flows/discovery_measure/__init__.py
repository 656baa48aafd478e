"""How early and how cleanly hot coins were found.

Prices are closes of one-minute bars: known and tradable when the bar ends. Bars are indices of a panel (rows minutes,
columns symbols). Scores are raw: higher is hotter, no threshold and no cooldown applied before.
"""
