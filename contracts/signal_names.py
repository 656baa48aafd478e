"""Gates of an entry and families of signals in words, English and Chinese."""

from __future__ import annotations

from typing import Final

GATES: Final[dict[str, tuple[str, str]]] = {
    "fresh": ("fresh data", "数据新鲜"),
    "present": ("data present", "数据完整"),
    "unique": ("no duplicates", "无重复"),
    "aligned": ("price fits book", "价格与盘口一致"),
    "steady": ("no jump", "无跳变"),
    "trading": ("trading", "可交易"),
    "enabled": ("entries on", "允许开仓"),
    "warm": ("warm", "已预热"),
    "stage": ("hot stage", "热门阶段"),
    "heat": ("heat", "热度"),
    "liquid": ("liquid", "流动性"),
    "model": ("model", "模型"),
    "quoted": ("quoted", "有报价"),
    "depth": ("depth", "深度"),
    "spread": ("spread", "价差"),
    "extension": ("not overextended", "未过度上涨"),
    "consensus": ("consensus", "共识"),
    "edge": ("edge over cost", "优势大于成本"),
    "setup": ("setup", "形态"),
    "armed": ("cool-down over", "冷却结束"),
    "group": ("group free", "同组空闲"),
}
FAMILIES: Final[dict[str, tuple[str, str]]] = {
    "trend": ("Trend", "趋势"),
    "momentum": ("Momentum", "动量"),
    "mean_reversion": ("Mean reversion", "均值回归"),
    "breakout": ("Breakout", "突破"),
    "volume": ("Volume", "成交量"),
    "order_flow": ("Order flow", "订单流"),
}


def gate_in_words(gate: str, spoken: int) -> str:
    """A gate; `spoken` is 0 for English, 1 for Chinese. One without words is spelled out.

    >>> gate_in_words("armed", 0), gate_in_words("spread", 1)
    ('cool-down over', '价差')
    """
    return GATES[gate][spoken] if gate in GATES else gate.replace("_", " ")


def signal_in_words(signal: str, spoken: int) -> str:
    """A family and its timeframe, as `breakout/1m`.

    >>> signal_in_words("mean_reversion/5m", 0), signal_in_words("breakout/1m", 1)
    ('mean reversion 5m', '突破 1m')
    """
    family, _, frame = signal.partition("/")
    name = FAMILIES[family][spoken].lower() if family in FAMILIES else family.replace("_", " ")
    return f"{name} {frame}".strip()
