"""What came of an evaluation, in words: orders sent or denied, their fills with the ticks behind them, positions."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, TypeAlias

from contracts.explanation_texts import PHRASES
from contracts.facts import OrderAttempt, OrderResult, Position
from contracts.moments import moment, span
from contracts.reasons import Reason
from contracts.texts import Language, describe, show

ENTRY: Final = "entry"

Say: TypeAlias = Callable[..., str]


def order_lines(
    attempts: list[OrderAttempt], results: list[OrderResult], positions: list[Position], say: Say, language: Language
) -> list[str]:
    """Orders by time, then positions; `say` fills a phrase of `explanation_texts` in this language."""
    dated = [(attempt.ts_event, _sent_line(attempt, say, language)) for attempt in attempts]
    for changes in _by_order(results).values():
        dated.append((changes[-1].ts_event, _order_line(changes, say, language)))
    dated.sort(key=lambda item: item[0])
    lines = [line for _, line in dated] or [say("nothing")]
    asset = next((result.fee_asset for result in results if result.fee_asset), "")
    for position in positions:
        lines.append(_position_line(position, results, asset, say, language))
    return lines


def _sent_line(attempt: OrderAttempt, say: Say, language: Language) -> str:
    verdict = say("accepted", order=attempt.client_order_id)
    if attempt.verdict == "denied":
        verdict = say("denied", reason=describe(Reason(attempt.deny_reason, dict(attempt.context)), language))
    return say(
        "sent" if attempt.quantity else "unsized",
        at=moment(attempt.ts_event),
        side=say(attempt.side),
        quantity=attempt.quantity,
        notional=f"{attempt.notional:.2f}",
        type=say(attempt.order_type),
        purpose=_purpose(attempt.purpose, say, language),
        verdict=verdict,
    )


def _order_line(results: list[OrderResult], say: Say, language: Language) -> str:
    last = results[-1]
    fills = [result for result in results if result.fill_quantity > 0]
    if not fills:
        reason = describe(Reason(last.reason), language) if last.reason else "-"
        return say("unfilled", at=moment(last.ts_event), order=last.client_order_id, status=last.status, reason=reason)
    filled = sum((fill.fill_quantity for fill in fills), Decimal(0))
    slipped = [(float(f.fill_quantity), f.slippage_bps) for f in fills if f.slippage_bps is not None]
    mean = sum(size * bps for size, bps in slipped) / sum(size for size, _ in slipped) if slipped else None
    average = fills[-1].average_price
    status = "failed_order" if last.status == "failed" else last.status
    return say(
        "filled",
        at=moment(fills[-1].ts_event),
        order=last.client_order_id,
        status=say(status) if status in PHRASES else status,
        filled=filled,
        quantity=last.quantity,
        price=show(float(average), "price") if average is not None else "-",
        slippage=say("slippage", bps=show(mean, "bps")) if mean is not None else "",
        fee=f"{sum(fill.fee for fill in fills):.6f} {last.fee_asset}",
        evidence=", ".join(fill.evidence for fill in fills),
    )


def _position_line(position: Position, results: list[OrderResult], asset: str, say: Say, language: Language) -> str:
    entry = show(float(position.average_entry), "price")
    if position.status != "closed":
        return say(
            "held",
            id=position.position_id,
            since=moment(position.opened_at),
            quantity=position.signed_quantity,
            entry=entry,
            open=f"{position.unrealised_pnl:+.4f} {asset}".rstrip(),
        )
    paid = [result for result in results if result.purpose == ENTRY and result.position_id == position.position_id]
    put_in = sum((fill.fill_quantity * (fill.fill_price or Decimal(0)) for fill in paid), Decimal(0))
    closed_at = position.closed_at or position.ts_event
    return say(
        "ended",
        id=position.position_id,
        entry=entry,
        at=moment(closed_at),
        held=span((closed_at - position.opened_at) / 1e9),
        reason=describe(Reason(position.exit_reason), language),
        pnl=f"{position.realised_pnl:+.4f} {asset}".rstrip(),
        part=say("part", percent=show(float(position.realised_pnl / put_in), "percent")) if put_in else "",
        fees=f"{position.fees:.4f} {asset}".rstrip(),
    )


def _purpose(purpose: str, say: Say, language: Language) -> str:
    return say(ENTRY) if purpose == ENTRY else describe(Reason(purpose), language)


def _by_order(results: list[OrderResult]) -> dict[str, list[OrderResult]]:
    orders: dict[str, list[OrderResult]] = {}
    for result in results:
        orders.setdefault(result.client_order_id, []).append(result)
    return orders
