"""Words of the page *Why* and of the chart's indicators, in English and Chinese; `cockpit.strings` takes them into its table."""

from __future__ import annotations

from typing import Final

WHY_WORDS: Final[dict[str, tuple[str, str]]] = {
    "why": ("Why", "为什么"),
    "why_question": ("Why was it entered, or why not?", "为什么开仓, 或为什么没有?"),
    "why_link": ("why?", "为什么?"),
    "why_open": ("Why? →", "为什么? →"),
    "why_link_tip": ("What was seen, which checks passed, what came of it", "当时所见, 检查结果, 后续"),
    "why_ask": ("Coin, or id of a decision, order or position", "币种, 或决策、订单、持仓的 ID"),
    "why_at": ("As of", "截至"),
    "why_at_tip": (
        "For a coin: 16:13 or 2026-11-21 16:13, in the time zone of this page; the newest evaluation if empty",
        "针对币种: 16:13 或 2026-11-21 16:13, 按本页时区; 留空则取最新评估",
    ),
    "why_bad_time": ("No such time: {text}. Write 16:13 or 2026-11-21 16:13.", "时间无效: {text}。请写 16:13 或 2026-11-21 16:13。"),
    "why_unknown": ("Nothing is known of {question}", "没有关于 {question} 的记录"),
    "why_unknown_text": (
        "Waits are kept for 12 hours, decisions for as long as the read model keeps its rows; `ember why` asks the topics themselves.",
        "观望评估保留 12 小时, 决策按读模型的期限保留; `ember why` 直接查询主题。",
    ),
    "why_seen": ("What was seen", "所见"),
    "why_gates": ("Checks", "检查"),
    "why_plan": ("What was planned", "计划"),
    "why_outcome": ("What came of it", "结果"),
    "why_source": ("Where it stands on the log", "在日志中的位置"),
    "why_decisions": ("Decisions", "决策"),
    "why_evaluations": ("Evaluations of {symbol}", "{symbol} 的评估"),
    "why_no_evaluations": ("No evaluation is kept.", "没有保留的评估。"),
    "why_times": ("Times in the lines are UTC", "文中时间为 UTC"),
    # the chart's indicators
    "indicators": ("Indicators", "指标"),
    "ind_ema": ("EMA", "EMA"),
    "ind_bollinger": ("Bollinger", "布林带"),
    "ind_vwap": ("VWAP", "VWAP"),
    "ind_supertrend": ("Supertrend", "超级趋势"),
    "ind_rsi": ("RSI", "RSI"),
    "ind_macd": ("MACD", "MACD"),
    "ind_adx": ("ADX", "ADX"),
    "ind_from": (
        "Indicators over the last day of bars, the forming bar included, once this chart is looked at",
        "指标: 打开此图后, 覆盖最近一天的 K 线, 包括未收盘的一根",
    ),
    # the decision card
    "action_tip": ("What the desk would do now: go long, go short, or wait", "交易台此刻的决定: 做多、做空或等待"),
    "entry_tip": ("The far side of the touch when decided, else the last price", "决策时对手价, 无报价则为最新价"),
    "stop_tip": ("The position is closed at or beyond this price", "触及此价即平仓"),
    "target_tip": ("Part of the position is sold here", "到达此价卖出部分仓位"),
    "reward_risk_tip": ("Gain of all targets over the loss at the stop", "全部目标收益与止损亏损之比"),
    "strength_tip": ("How strongly the strategy speaks for it, 0 to 100 %", "策略支持的强度, 0 到 100 %"),
    "confidence_tip": ("Share of the signals' weight that spoke", "发声信号占总权重的比例"),
    "risk_tip": ("From the greatest loss expected within the horizon: {risk}", "依据持有期内预期最大亏损: {risk}"),
    "valid_tip": ("After this time the decision opens nothing", "此后该决策不再开仓"),
    "horizon": ("Horizon", "期限"),
    "horizon_tip": ("How far edge, risk and probabilities look ahead; bars of {timeframe}", "优势、风险与概率的展望期; 周期 {timeframe}"),
}  # fmt: skip
