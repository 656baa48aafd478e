"""Reason codes: why something was or was not done. Codes are stable; texts for people live in `contracts/texts.py`."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """A code with its arguments, for instance `Reason("HEAT_BELOW", {"heat": 41.2, "needed": 60.0})`."""

    code: str
    args: dict[str, float | str] = {}


class DenyReason(StrEnum):
    """Why we refuse to send an order (our refusal; the venue's is a rejection)."""

    UNKNOWN_INSTRUMENT = "UNKNOWN_INSTRUMENT"
    NOT_TRADING = "NOT_TRADING"
    BUY_MIN_QTY = "BUY_MIN_QTY"
    SELL_MIN_QTY = "SELL_MIN_QTY"
    MAX_QTY = "MAX_QTY"
    MARKET_MAX_QTY = "MARKET_MAX_QTY"
    LOT_SIZE = "LOT_SIZE"
    PRICE_FILTER = "PRICE_FILTER"
    BUY_MIN_NOTIONAL = "BUY_MIN_NOTIONAL"
    SELL_MIN_NOTIONAL = "SELL_MIN_NOTIONAL"
    MAX_NOTIONAL = "MAX_NOTIONAL"
    ENGINE_NOT_TRADEABLE = "ENGINE_NOT_TRADEABLE"
    PAUSED = "PAUSED"
    POSITION_EXISTS = "POSITION_EXISTS"
    ORDER_PENDING = "ORDER_PENDING"
    MAX_POSITIONS = "MAX_POSITIONS"
    MAX_EXPOSURE = "MAX_EXPOSURE"
    INSUFFICIENT_CASH = "INSUFFICIENT_CASH"
    COOLDOWN = "COOLDOWN"
    DECISION_EXPIRED = "DECISION_EXPIRED"
    NO_POSITION = "NO_POSITION"
    NO_PRICE = "NO_PRICE"
    DAILY_LOSS = "DAILY_LOSS"
    SHADOW = "SHADOW"
    SHORT_NOT_ALLOWED = "SHORT_NOT_ALLOWED"


class EngineReason(StrEnum):
    """Why the engine is not tradeable."""

    STARTING = "STARTING"
    WARMING_UP = "WARMING_UP"
    FEED_STALE = "FEED_STALE"
    FEED_LOST = "FEED_LOST"
    ORDER_ERRORS = "ORDER_ERRORS"
    RISK_HALT = "RISK_HALT"
    PAUSED_BY_COMMAND = "PAUSED_BY_COMMAND"
    LOG_GAP = "LOG_GAP"
    RECOVERING = "RECOVERING"


class ExitReason(StrEnum):
    """Why a position is closed or reduced."""

    TAKE_PROFIT = "TAKE_PROFIT"
    STOP_LOSS = "STOP_LOSS"
    BREAK_EVEN = "BREAK_EVEN"
    TRAILING_STOP = "TRAILING_STOP"
    MAX_HOLDING_TIME = "MAX_HOLDING_TIME"
    HEAT_FADED = "HEAT_FADED"
    OPPOSITE_SIGNAL = "OPPOSITE_SIGNAL"
    BLACK_SWAN = "BLACK_SWAN"
    FEED_LOST = "FEED_LOST"
    CLOSE_COMMAND = "CLOSE_COMMAND"
    CLOSE_ALL_COMMAND = "CLOSE_ALL_COMMAND"


class WaitReason(StrEnum):
    """Why a hot coin did not become an entry."""

    WARMING_UP = "WARMING_UP"
    NOT_HOT = "NOT_HOT"
    HEAT_BELOW = "HEAT_BELOW"
    CONSENSUS_BELOW = "CONSENSUS_BELOW"
    SPREAD_ABOVE = "SPREAD_ABOVE"
    NO_QUOTE = "NO_QUOTE"
    NO_DEPTH = "NO_DEPTH"
    EDGE_BELOW_COST = "EDGE_BELOW_COST"
    STALE_DATA = "STALE_DATA"
    MISSING_DATA = "MISSING_DATA"
    DUPLICATE_DATA = "DUPLICATE_DATA"
    MISALIGNED_DATA = "MISALIGNED_DATA"
    PRICE_JUMP = "PRICE_JUMP"
    MODEL_UNHEALTHY = "MODEL_UNHEALTHY"
    NOT_TRADING = "NOT_TRADING"
    ILLIQUID = "ILLIQUID"
    POSITION_EXISTS = "POSITION_EXISTS"
    COOLDOWN = "COOLDOWN"
    HIGH_CORR_GROUP = "HIGH_CORR_GROUP"
    OVEREXTENDED = "OVEREXTENDED"
    ENTRY_DISABLED = "ENTRY_DISABLED"
    NO_SETUP = "NO_SETUP"


class ModelReason(StrEnum):
    """What is wrong with a model."""

    TOO_FEW_SAMPLES = "TOO_FEW_SAMPLES"
    COVERAGE_OFF = "COVERAGE_OFF"
    WORSE_THAN_WITHOUT = "WORSE_THAN_WITHOUT"


class EntryReason(StrEnum):
    """Why a coin is entered: what speaks for a decision."""

    HEAT_REACHED = "HEAT_REACHED"
    CONSENSUS_REACHED = "CONSENSUS_REACHED"
    EDGE_COVERS_COST = "EDGE_COVERS_COST"
    STRONGEST_VOTE = "STRONGEST_VOTE"
    SETUP = "SETUP"
