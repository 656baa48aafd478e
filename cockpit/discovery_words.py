"""Words of the page *Discovery*, in English and Chinese; `cockpit.strings` takes them into its table."""

from __future__ import annotations

from typing import Final

DISCOVERY_WORDS: Final[dict[str, tuple[str, str]]] = {
    "discovery": ("Discovery", "发现"),
    "discovery_question": ("What is heating up, and why?", "什么在升温, 为什么?"),
    # the map
    "map": ("The whole market", "全市场"),
    "map_note": ("{count} coins · area: root of 24 h volume · {at}", "{count} 个币 · 面积: 24 时额的平方根 · {at}"),
    "map_tip": (
        "Every coin the desk looks at. The larger, the more was traded in 24 hours; a click shows why it is as hot as it is.",
        "交易台关注的全部币种。面积越大, 24 小时成交额越高; 点击查看热度构成。",
    ),
    "no_map": (
        "The map is drawn twice a minute; the first comes within a minute of the start.",
        "每 30 秒更新, 启动一分钟内出现。",
    ),
    "colour_by": ("Colour", "着色"),
    "by_heat": ("Heat", "热度"),
    "by_change_5m": ("5 min", "5 分钟"),
    "by_change_24h": ("24 h", "24 小时"),
    "tile_tip": (
        "{symbol} · heat {heat} · 5 min {five} · 24 h {day} · {volume} traded in 24 h",
        "{symbol} · 热度 {heat} · 5 分钟 {five} · 24 小时 {day} · 24 时额 {volume}",
    ),
    # why it is hot
    "made_of": ("Heat and what it is made of", "热度及其构成"),
    "made_of_tip": (
        "Weight times score of each of the six; together they are the heat",
        "六项得分各乘权重, 合计即热度",
    ),
    "points_tip": ("{points} points: score {score}, weight {weight}", "{points} 分: 得分 {score}, 权重 {weight}"),
    "breakdown": ("Why is {symbol} hot?", "{symbol} 为何升温?"),
    "points": ("Points of heat: weight × score", "热度分: 权重 × 得分"),
    "unranked": ("{symbol} is not among the hottest", "{symbol} 不在热门之列"),
    "unranked_why": (
        "Only the coins of the ranking are explained. Choose one there.",
        "仅对排名中的币给出构成, 请在排名中选择。",
    ),
    "group": ("Group", "组"),
    "group_tip": (
        "Coins whose returns correlate above 0.8, named after the most liquid one; then the sector",
        "收益相关性高于 0.8 的币, 以流动性最好的币命名; 其后为板块",
    ),
    "held_back_tip": (
        "A hotter coin of this group or sector is kept, this one is not",
        "同组或同板块中已保留更热的币, 该币不选",
    ),
    "said_of": ("{mentions} mentions by {voices} authors lately", "近期 {voices} 位作者提及 {mentions} 次"),
    "raw_score": ("Score", "原始分"),
    "raw_score_tip": (
        "The raw ranking score: speed against the market and nearness to the day's high; compared with the alarm threshold",
        "原始排名分: 相对市场的速度与距日高的距离, 与报警阈值比较",
    ),
    # the pool
    "pool_life": ("The pool over time", "候选池的变化"),
    "pool_life_tip": (
        "new → watching → hot → cooling → out: where each coin stood, and what moved it on",
        "新入 → 观察 → 热 → 降温 → 出局: 每个币所处阶段及原因",
    ),
    "no_pool": ("No coin has been in the pool in this hour.", "近一小时无币入池。"),
    "stage_span": ("{stage}, {begin} to {end}", "{stage}, {begin} 至 {end}"),
    "in_pool": ("{count} in the pool now", "池中现有 {count} 个"),
    # anomalies
    "anomalies": ("Anomalies", "异常"),
    "no_anomalies": ("Nothing left its usual range yet.", "尚无异常。"),
    "far_above": (
        "{measure} at {value}: {score} σ above its usual range, since {since}",
        "{measure} {value}: 高于常态 {score} σ, 始于 {since}",
    ),
    "far_below": (
        "{measure} at {value}: {score} σ below its usual range, since {since}",
        "{measure} {value}: 低于常态 {score} σ, 始于 {since}",
    ),
    "anomaly_tip": (
        "{score} robust standard deviations from the median of the last hour; {threshold} make an anomaly",
        "距近一小时中位数 {score} 个稳健标准差; 达到 {threshold} 即为异常",
    ),
    "volume_1s": ("Volume of a second", "1 秒成交额"),
    "volume_1m": ("Volume of a minute", "1 分钟成交额"),
    "volume_5m": ("Volume of 5 minutes", "5 分钟成交额"),
    "trade_rate": ("Trades a minute", "每分钟成交笔数"),
    "measure_change_1m": ("Change in a minute", "1 分钟涨跌"),
    "measure_change_5m": ("Change in 5 minutes", "5 分钟涨跌"),
    "measure_spread": ("Spread", "价差"),
    "imbalance": ("Book imbalance", "盘口失衡"),
    # listings, mentions
    "listings": ("Listings and announcements", "上币与公告"),
    "no_listings": ("Nothing was announced yet.", "尚无公告。"),
    "first_traded": ("first price seen: {price}", "首个价格: {price}"),
    "mentions": ("Mentions", "提及"),
    "no_mentions": (
        "Nobody was heard yet. Feeds are named under mentions in the settings; until the first mention the social score has no weight.",
        "尚无提及。在设置的 mentions 中配置来源; 首次提及前社交得分权重为零。",
    ),
    "mention_by": (
        "{author} ({followers} followers, {source}): {text}",
        "{author} ({followers} 关注者, {source}): {text}",
    ),
    "transfer_by": ("{source}: {text}", "{source}: {text}"),
    "tone_tip": ("tone {tone}, −1 bad to +1 good", "情绪 {tone}, −1 负面 到 +1 正面"),
    # groups
    "groups": ("Coins that move together", "同涨同跌的币"),
    "no_groups": (
        "No two coins correlate above 0.8. Groups are formed at each quarter of an hour, from a day of history.",
        "尚无相关性高于 0.8 的币。每刻钟按一天历史重新分组。",
    ),
    "members": ("Coins, hottest first", "成员, 按热度"),
    "held_back": ("Held back", "被搁置"),
    "and_more": ("and {count} more", "等 {count} 个"),
}
