"""Phrases in which an evaluation is explained, English and Chinese, and the names and forms of what was seen."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, tuple[str, str]]] = {
    "judged": (
        "{symbol} at {at}, strategy {strategy}{shadow}: {action}",
        "{symbol}, {at}, 策略 {strategy}{shadow}: {action}",
    ),
    "unjudged": (
        "At {at} {symbol} was not judged: it was not among the hottest coins, or the log ends before; last judged {before} before:",
        "{at} 时 {symbol} 未被评估: 不在最热之列, 或日志已结束; 最近一次评估在 {before} 之前:",
    ),
    "shadow": (" (in shadow)", " (影子)"),
    "long": ("go long", "做多"),
    "short": ("go short", "做空"),
    "wait": ("wait", "观望"),
    "seen": ("Seen: {features}", "所见: {features}"),
    "unquoted": (
        "No bid and ask were known: the gates of the book had nothing to judge, an assumed spread stands in the cost",
        "没有买卖报价: 盘口关卡无从判断, 成本中采用假定价差",
    ),
    "agreed": (
        "Heat {heat}; signals agree at {consensus} with confidence {confidence}",
        "热度 {heat}; 信号共识 {consensus}, 置信度 {confidence}",
    ),
    "votes": ("Strongest votes: {votes}", "最强信号: {votes}"),
    "passed": ("Gates passed ({count}): {gates}", "通过的关卡 ({count}): {gates}"),
    "failed": ("Gate not passed: {reason}", "未通过的关卡: {reason}"),
    "because": ("Because: {reason}", "理由: {reason}"),
    "plan": (
        "Decision {id}: enter at {entry}, stop {stop}, targets {targets}, reward/risk {rr}",
        "决策 {id}: 入场 {entry}, 止损 {stop}, 目标 {targets}, 盈亏比 {rr}",
    ),
    "strength": (
        "Strength {strength}, confidence {confidence}, bars of {timeframe}; looks {horizon} ahead{odds}",
        "强度 {strength}, 置信度 {confidence}, 周期 {timeframe}; 展望 {horizon}{odds}",
    ),
    "odds": (
        ": of like spans in the past {first_target} reached the first target, {stop} the stop",
        ": 历史同长区间中 {first_target} 到达首个目标, {stop} 触及止损",
    ),
    "edge": (
        "Expected move {edge} (from {source}), edge risk {risk}: {level}",
        "预期波动 {edge} (来源 {source}), 风险 {risk}: {level}",
    ),
    "realised_volatility": ("realised volatility", "已实现波动率"),
    "online_quantiles.1": ("quantiles learned from earlier candidates", "由以往候选学得的分位数"),
    "low": ("a low risk", "低风险"),
    "medium": ("a medium risk", "中等风险"),
    "high": ("a high risk", "高风险"),
    "cost": (
        "Round trip {cost}: taker fee {fee} and slippage {slippage} on each side, spread {spread}; valid until {until}",
        "往返成本 {cost}: 单边吃单费 {fee}, 滑点 {slippage}, 价差 {spread}; 有效至 {until}",
    ),
    "sent": (
        "{at} {side} {quantity} for {notional} ({type}, {purpose}): {verdict}",
        "{at} {side} {quantity}, 金额 {notional} ({type}, {purpose}): {verdict}",
    ),
    "unsized": ("{at} {side} ({type}, {purpose}): {verdict}", "{at} {side} ({type}, {purpose}): {verdict}"),
    "buy": ("buy", "买入"),
    "sell": ("sell", "卖出"),
    "market": ("market order", "市价单"),
    "limit": ("limit order", "限价单"),
    "entry": ("entry", "开仓"),
    "accepted": ("accepted as {order}", "已接受, 订单 {order}"),
    "denied": ("denied: {reason}", "被拒绝: {reason}"),
    "filled": (
        "{at} order {order} {status}: {filled} of {quantity} at {price}{slippage}, fee {fee}; ticks {evidence}",
        "{at} 订单 {order} {status}: {filled}/{quantity}, 均价 {price}{slippage}, 手续费 {fee}; 依据 {evidence}",
    ),
    "slippage": (", slippage {bps}", ", 滑点 {bps}"),
    "closed": ("filled", "全部成交"),
    "canceled": ("withdrawn, filled in part", "已撤销, 部分成交"),
    "failed_order": ("failed, filled in part", "失败, 部分成交"),
    "partial": ("filled in part so far", "部分成交"),
    "unfilled": ("{at} order {order} {status}: {reason}", "{at} 订单 {order} {status}: {reason}"),
    "held": (
        "Position {id} is open since {since}: {quantity} at {entry}, {open} unrealised",
        "持仓 {id} 自 {since} 未平: {quantity}, 均价 {entry}, 浮动盈亏 {open}",
    ),
    "ended": (
        "Position {id}, entered at {entry}, was closed at {at} after {held}: {reason}; {pnl}{part} realised after {fees} fees",
        "持仓 {id}, 均价 {entry}, 已于 {at} 平仓, 持有 {held}: {reason}; 已实现盈亏 {pnl}{part}, 含手续费 {fees}",
    ),
    "part": (" ({percent} of what was put in)", " (占投入 {percent})"),
    "nothing": ("No order followed", "没有后续订单"),
    "waited": ("Nothing was decided, so nothing was sent", "未作决策, 未发送订单"),
    "unseen": ("The evaluation behind it is no longer held", "对应的评估记录已不存在"),
    "traced": (
        "From the log: market {market}, partition {partition}, offset {offset}; settings {settings}, trace {trace}{code}",
        "日志来源: 市场 {market}, 分区 {partition}, 偏移 {offset}; 设置 {settings}, 追踪 {trace}{code}",
    ),
    "model": (", model {model}", ", 模型 {model}"),
    "code": (", code {git}, data {data}", ", 代码 {git}, 数据 {data}"),
}
"""key -> (English, Chinese)."""

FEATURES: Final[dict[str, tuple[str, str, str]]] = {
    "price": ("price", "价格", "price"),
    "change_1m": ("1 min", "1 分钟", "percent"),
    "change_5m": ("5 min", "5 分钟", "percent"),
    "spread_bps": ("spread", "价差", "bps"),
    "edge_bps": ("expected move", "预期波动", "bps"),
    "risk_bps": ("edge risk", "风险", "bps"),
    "cost_bps": ("round trip", "往返成本", "bps"),
    "atr_bps": ("ATR 1m", "ATR 1m", "bps"),
    "rsi_1m": ("RSI 1m", "RSI 1m", "tenth"),
    "adx_1m": ("ADX 1m", "ADX 1m", "tenth"),
    "mfi_1m": ("MFI 1m", "MFI 1m", "tenth"),
    "cmf_1m": ("CMF 1m", "CMF 1m", "signed"),
}
"""What was seen: name of a signal's feature -> (English, Chinese, how its number is shown)."""
