"""Reason codes in words, English and Chinese.

A text names its arguments in braces with how they are shown: `{change_5m:percent}`. A part in square brackets stands only if all its
arguments are there, so one text serves a code with and without its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from contracts.reasons import Reason
from contracts.signal_names import signal_in_words

Language: TypeAlias = Literal["en", "zh"]

TEXTS: Final[dict[str, tuple[str, str]]] = {
    # what speaks for an entry
    "HEAT_REACHED": ("Heat {heat:whole} reaches the {needed:whole} asked for", "热度 {heat:whole} 达到要求的 {needed:whole}"),
    "CONSENSUS_REACHED": (
        "Signals agree at {consensus:signed}, {needed:signed} is asked for[, confidence {confidence:share}]",
        "信号共识 {consensus:signed}, 要求 {needed:signed}[, 置信度 {confidence:share}]",
    ),
    "EDGE_COVERS_COST": (
        "The expected move of {edge_bps:bps} covers the round trip's cost of {cost_bps:bps}",
        "预期波动 {edge_bps:bps} 足以覆盖往返成本 {cost_bps:bps}",
    ),
    "STRONGEST_VOTE": ("Strongest vote for it: {signal} at {vote:signed}", "最有力的支持信号: {signal}, {vote:signed}"),
    "SETUP": (
        "The setup of {strategy} stands[: {change_1m:percent} since the minute before last]",
        "{strategy} 的形态成立[: 较前一分钟 {change_1m:percent}]",
    ),
    # why a coin waits
    "WARMING_UP": (
        "Warming up[: {bars:whole} of {needed:whole} one-minute bars]",
        "预热中[: 已有 {bars:whole}/{needed:whole} 根 1 分钟 K 线]",
    ),
    "NOT_HOT": ("Not in the hot stage", "未进入热门阶段"),
    "HEAT_BELOW": ("Heat {heat:whole} is below the {needed:whole} asked for", "热度 {heat:whole} 低于要求的 {needed:whole}"),
    "CONSENSUS_BELOW": (
        "Signals do not agree on going up[: {consensus:signed}, {needed:signed} is asked for]",
        "信号未形成看涨共识[: {consensus:signed}, 要求 {needed:signed}]",
    ),
    "SPREAD_ABOVE": (
        "The spread is too wide[: {spread_bps:bps}, at most {needed:bps}]",
        "买卖价差过大[: {spread_bps:bps}, 上限 {needed:bps}]",
    ),
    "NO_QUOTE": ("No bid and ask are known", "没有买卖报价"),
    "NO_DEPTH": (
        "Too little stands at the touch[: {touch:money}, more than {needed:money} is asked for]",
        "盘口深度不足[: {touch:money}, 要求超过 {needed:money}]",
    ),
    "EDGE_BELOW_COST": (
        "The expected move does not cover the cost[: {edge_bps:bps} against {cost_bps:bps}][, {needed:times} is asked for]",
        "预期波动不足以覆盖成本[: {edge_bps:bps} 对 {cost_bps:bps}][, 要求 {needed:times}]",
    ),
    "STALE_DATA": (
        "The data is stale[: price {age_ms:ms} old, at most {needed_ms:ms}][: market silent {market_ms:ms}, at most {market_max_ms:ms}]",
        "数据已过时[: 该币最新价已 {age_ms:ms} 未更新, 上限 {needed_ms:ms}][: 市场已 {market_ms:ms} 无数据, 上限 {market_max_ms:ms}]",
    ),
    "MISSING_DATA": ("Data is missing: no price yet, or a gap in the stream", "数据缺失: 尚无价格, 或数据流中断"),
    "DUPLICATE_DATA": ("Trades came twice or out of order", "成交重复或乱序"),
    "MISALIGNED_DATA": (
        "Last price and order book do not fit[: {price:price} against {bid:price} / {ask:price}]",
        "最新价与盘口不一致[: {price:price} 对 {bid:price} / {ask:price}]",
    ),
    "PRICE_JUMP": ("The price jumped within a second and is doubted[: {price:price}]", "价格一秒内跳变, 暂不采信[: {price:price}]"),
    "MODEL_UNHEALTHY": (
        (
            "A model is asked for and none is in force[: {samples:whole} of {needed:whole} outcomes learned]"
            "[: coverage of {side} {coverage:share} instead of {nominal:share}][: loss of {side} {ratio:share} of that without]"
            "[: good for {clean:whole} of {recover:whole} minutes]"
        ),
        (
            "要求使用模型, 但没有可用模型[: 已学习 {samples:whole} / {needed:whole} 个结果]"
            "[: {side} 覆盖率 {coverage:share}, 应为 {nominal:share}][: {side} 损失为无模型的 {ratio:share}]"
            "[: 已正常 {clean:whole} / {recover:whole} 分钟]"
        ),
    ),
    "NOT_TRADING": ("The venue does not trade this coin now[ ({status})]", "交易所目前不交易该币[ ({status})]"),
    "ILLIQUID": (
        "A filter of discovery, such as too little volume in 24 hours, holds the coin back[: {filter}]",
        "被发现环节的过滤器 (如 24 小时成交额不足) 拦下[: {filter}]",
    ),
    "POSITION_EXISTS": ("There is a position in this coin already", "该币已有持仓"),
    "COOLDOWN": ("Cooling down after the last decision or exit[: {left_ms:ms} left]", "上次决策或平仓后的冷却期[: 还剩 {left_ms:ms}]"),
    "HIGH_CORR_GROUP": (
        "{symbol} of the same group [{group} ]was decided on already",
        "同组 [{group} ]中的 {symbol} 已被选中",
    ),
    "OVEREXTENDED": (
        "The coin has run too far already[: {change_5m:percent} in five minutes, at most {needed:percent}]",
        "涨幅已过大[: 五分钟 {change_5m:percent}, 上限 {needed:percent}]",
    ),
    "ENTRY_DISABLED": ("Entries are switched off in the settings", "设置中已关闭开仓"),
    "NO_SETUP": (
        (
            "The strategy's own condition is not met[: {change_1m:percent} since the minute before last]"
            "[, more than {above:percent} is asked for][, {least:percent} to {most:percent} are asked for]"
        ),
        "未满足策略自身条件[: 较前一分钟 {change_1m:percent}][, 要求高于 {above:percent}][, 要求 {least:percent} 至 {most:percent}]",
    ),
    # why an order was not sent
    "UNKNOWN_INSTRUMENT": ("The venue's rules for this coin are unknown", "未知该币的交易规则"),
    "BUY_MIN_QTY": ("The quantity to buy is below the venue's minimum", "买入数量低于交易所最小值"),
    "SELL_MIN_QTY": ("The quantity to sell is below the venue's minimum", "卖出数量低于交易所最小值"),
    "MAX_QTY": ("The quantity is above the venue's maximum", "数量超过交易所最大值"),
    "MARKET_MAX_QTY": ("The quantity is above the venue's maximum for market orders", "数量超过市价单最大值"),
    "LOT_SIZE": ("The quantity is no multiple of the lot size", "数量不是最小数量步长的整数倍"),
    "PRICE_FILTER": ("The price is no multiple of the tick size", "价格不是最小价格步长的整数倍"),
    "BUY_MIN_NOTIONAL": ("The value to buy is below the venue's minimum", "买入金额低于交易所最小值"),
    "SELL_MIN_NOTIONAL": ("The value to sell is below the venue's minimum", "卖出金额低于交易所最小值"),
    "MAX_NOTIONAL": ("The value is above the venue's maximum", "金额超过交易所最大值"),
    "ENGINE_NOT_TRADEABLE": ("The engine is {state}[: {reasons}]", "引擎状态为 {state}[: {reasons}]"),
    "PAUSED": ("Trading is paused[ by {author}]", "交易已暂停[, 操作人 {author}]"),
    "ORDER_PENDING": ("An order of this coin is still working[ ({client_order_id})]", "该币仍有未完成订单[ ({client_order_id})]"),
    "MAX_POSITIONS": ("As many positions as allowed are open[: {max_positions}]", "持仓数已达上限[: {max_positions}]"),
    "MAX_EXPOSURE": ("The exposure allowed is used up[: {left} left]", "敞口额度已用尽[: 剩余 {left}]"),
    "INSUFFICIENT_CASH": ("Too little cash[: {left} left]", "现金不足[: 剩余 {left}]"),
    "DECISION_EXPIRED": ("The decision was no longer valid[, {late_ms:ms} late]", "决策已过期[, 晚了 {late_ms:ms}]"),
    "NO_POSITION": ("There is no position to close[ in {symbol}]", "没有可平的持仓[: {symbol}]"),
    "NO_PRICE": ("No price is known to trade at", "没有可用的成交价格"),
    "DAILY_LOSS": ("The day's loss limit is reached", "已达当日亏损上限"),
    "SHADOW": ("{strategy} decides in shadow: nothing is sent", "{strategy} 为影子策略, 不发送订单"),
    "SHORT_NOT_ALLOWED": ("Selling short is not allowed on this market", "该市场不允许做空"),
    # why the engine is not tradeable
    "STARTING": ("Starting", "正在启动"),
    "FEED_STALE": ("The feed is stale", "行情已过时"),
    "FEED_LOST": ("The feed is lost[: {stream}, {down_s:seconds}]", "行情中断[: {stream}, {down_s:seconds}]"),
    "ORDER_ERRORS": ("Too many orders failed lately", "近期失败订单过多"),
    "RISK_HALT": ("Halted by a risk limit", "触发风控, 已停止开仓"),
    "PAUSED_BY_COMMAND": ("Paused[ by {author}]", "已手动暂停[, 操作人 {author}]"),
    "LOG_GAP": ("A part of the log is missing", "日志有缺失"),
    "RECOVERING": ("Recovering[: waiting for clean cycles]", "恢复中[: 等待连续正常周期]"),
    # why a position was closed or reduced
    "TAKE_PROFIT": ("Take profit", "止盈"),
    "STOP_LOSS": ("Stop loss", "止损"),
    "BREAK_EVEN": ("Stopped at break-even", "保本离场"),
    "TRAILING_STOP": ("Trailing stop", "移动止损"),
    "MAX_HOLDING_TIME": ("Held as long as allowed", "达到最长持仓时间"),
    "HEAT_FADED": ("The heat has faded", "热度消退"),
    "OPPOSITE_SIGNAL": ("The signals turned against it", "信号反转"),
    "BLACK_SWAN": ("A violent move within five minutes", "五分钟内剧烈波动"),
    "CLOSE_COMMAND": ("Closed by command", "手动平仓"),
    "CLOSE_ALL_COMMAND": ("Closed with all others by command", "手动全部平仓"),
    # what is wrong with a model
    "TOO_FEW_SAMPLES": ("{samples:whole} of {needed:whole} outcomes learned", "已学习 {samples:whole} / {needed:whole} 个结果"),
    "COVERAGE_OFF": (
        "Coverage of {side} is {coverage:share} instead of {nominal:share}",
        "{side} 覆盖率为 {coverage:share}, 应为 {nominal:share}",
    ),
    "WORSE_THAN_WITHOUT": (
        "The loss of {side} is {ratio:share} of that without a model, at most {most:share}",
        "{side} 损失为无模型的 {ratio:share}, 上限 {most:share}",
    ),
    # what moves a coin through the pool
    "ADMIT": ("Among the hottest", "进入最热名单"),
    "LISTED": ("Newly listed", "新上市"),
    "CONFIRM": ("Stayed within reach", "持续接近热门"),
    "IGNITE": (
        "The alarm rang[: score {score:plain}, threshold {threshold:plain}]",
        "触发报警[: 得分 {score:plain}, 阈值 {threshold:plain}]",
    ),
    "COOL": ("The score fell back", "得分回落"),
    "FADE": ("Out of reach for long enough", "长时间未接近热门"),
    "EVICT": ("A hotter coin took its place", "被更热的币取代"),
    # alerts and commands
    "ENGINE_STATE": ("The engine went from {previous} to {state}[: {reasons}]", "引擎由 {previous} 变为 {state}[: {reasons}]"),
    "CLOSE_ALL": (
        "Everything is being closed[ by {author}][: {positions:whole} positions]",
        "正在全部平仓[, 操作人 {author}][: {positions:whole} 个持仓]",
    ),
    "EXIT_DENIED": ("An exit could not be sent[: {reason}]", "平仓单未能发送[: {reason}]"),
    "TRADING_HALTED": (
        "The venue halted trading[ ({status})]: the position waits",
        "交易所暂停交易[ ({status})]: 持仓等待中",
    ),
    "TRADING_RESUMED": ("The venue trades the coin again", "交易所已恢复交易"),
    "MODEL_IN_FORCE": ("The model of edge and risk is in force[: {version}]", "优势与风险模型已启用[: {version}]"),
    "MODEL_WITHDRAWN": (
        (
            "The model of edge and risk is withdrawn[: coverage of {side} {coverage:share} instead of {nominal:share}]"
            "[: loss of {side} {ratio:share} of that without]"
        ),
        "优势与风险模型已停用[: {side} 覆盖率 {coverage:share}, 应为 {nominal:share}][: {side} 损失为无模型的 {ratio:share}]",
    ),
    "LOSSES_IN_A_ROW": ("Losing trades in a row[: {losses:whole}]", "连续亏损[: {losses:whole} 笔]"),
    "NEW_LISTING": ("A new coin is traded[ at {price:price}]", "新币开始交易[, 价格 {price:price}]"),
    "UNKNOWN_SYMBOL": ("The desk knows no such symbol[: {symbol}]", "未知的交易对[: {symbol}]"),
}  # fmt: skip
"""code -> (English, Chinese)."""

UNKNOWN: Final[dict[str, tuple[str, str]]] = {
    "change_5m": ("The change within five minutes is not known yet", "五分钟涨跌尚未知"),
    "change_1m": ("The change since the minute before last is not known yet", "较前一分钟的涨跌尚未知"),
    "edge_bps": ("The expected move is not known yet", "预期波动尚未知"),
}
"""What a coin waits for where a reason names an argument as `unknown`."""

_PART: Final = re.compile(r"\[([^\[\]]*)\]")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")
_ARGUMENT: Final = re.compile(r"\{(\w+)(?::(\w+))?\}")


def describe(reason: Reason, language: Language = "en") -> str:
    """Say a reason in words; a code without a text is spelled out with its arguments.

    >>> describe(Reason("HEAT_BELOW", {"heat": 41.2, "needed": 60.0}))
    'Heat 41 is below the 60 asked for'
    >>> describe(Reason("OVEREXTENDED", {"change_5m": 0.1337, "needed": 0.12}), "zh")
    '涨幅已过大: 五分钟 +13.37 %, 上限 +12.00 %'
    >>> describe(Reason("OVEREXTENDED", {"needed": 0.12, "unknown": "change_5m"}))
    'The change within five minutes is not known yet'
    >>> describe(Reason("COOLDOWN"))
    'Cooling down after the last decision or exit'
    """
    if reason.code not in TEXTS:
        listed = ", ".join(f"{name} {show(value, '')}" for name, value in reason.args.items())
        words = reason.code.replace("_", " ").capitalize()
        return f"{words} ({listed})" if listed else words
    spoken = 0 if language == "en" else 1
    if reason.args.get("unknown") in UNKNOWN:
        return UNKNOWN[str(reason.args["unknown"])][spoken]
    text = TEXTS[reason.code][spoken]
    text = _PART.sub(lambda part: part[1] if _complete(part[1], reason.args) else "", text)
    args = reason.args
    if "signal" in args:
        args = {**args, "signal": signal_in_words(str(args["signal"]), spoken)}
    return _ARGUMENT.sub(lambda found: show(args.get(found[1], "?"), found[2] or ""), text)


def arguments(text: str) -> set[str]:
    """Names of the arguments of a text."""
    return {found[1] for found in _ARGUMENT.finditer(text)}


def _complete(part: str, args: Mapping[str, float | str]) -> bool:
    return arguments(part) <= args.keys()


def show(value: float | str, form: str) -> str:
    """A number as people read it: whole, tenth, plain, signed, share, percent (of a fraction), bps, money, price, times, ms, seconds."""
    if isinstance(value, str):  # some facts carry their arguments as strings
        return show(float(value), form) if form and _NUMBER.fullmatch(value) else value
    if form in _FORMS:
        return _FORMS[form].format(value)
    if form == "ms":
        return f"{value / 1000.0:.1f} s"
    if form == "percent":
        return f"{round(100.0 * value, 2) + 0.0:+.2f} %".replace("+0.00", "0.00")
    return f"{value:.6g}"


_FORMS: Final = {
    "whole": "{:.0f}",
    "tenth": "{:.1f}",
    "signed": "{:+.2f}",
    "share": "{:.2f}",
    "bps": "{:.1f} bp",
    "money": "{:,.0f}",
    "price": "{:.8g}",
    "times": "{:.2g}x",
    "seconds": "{:.0f} s",
}
