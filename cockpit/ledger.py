"""Positions, orders and commands as tables; the life of one order step by step."""

from __future__ import annotations

from typing import Any

from cockpit import formats
from cockpit.panel import Block, Cell, cell, column, pill_cell, table
from cockpit.queries import Row
from cockpit.reading import ACTION_TONES, STATUS_TONES, code_text, reason_text, spelled, status_text, tone_of
from cockpit.strings import word


def positions_table(rows: list[Row], zone: str, chosen: str | None = None, *, pick: bool = False) -> Block:
    """Open positions, the oldest first."""
    columns = [
        column(word("coin"), align="left"),
        column(word("pnl")),
        column(word("quantity"), wide=3),
        column(word("entry"), wide=2),
        column(word("mark")),
        column(word("stop")),
        column(word("target"), wide=4),
        column(word("realised"), wide=4),
        column(word("fees"), wide=5),
        column(word("opened"), wide=2),
    ]
    return table(
        columns,
        [(row["position_id"], _position(row, zone), row["position_id"] == chosen) for row in rows],
        empty=word("no_positions"),
        pick=pick,
    )


def _position(row: Row, zone: str) -> list[Cell]:
    targets = row["body"].get("take_profit") or []
    return [
        cell(row["symbol"], tone="strong", tip=row["position_id"]),
        cell(formats.money(row["unrealised_pnl"], sign=True), tone=tone_of(row["unrealised_pnl"])),
        formats.quantity(row["signed_quantity"]),
        formats.price(row["average_entry"]),
        formats.price(row["mark"]),
        formats.price(row["stop_loss"]),
        formats.price(targets[0]) if targets else formats.DASH,
        cell(formats.money(row["realised_pnl"], sign=True), tone=tone_of(row["realised_pnl"])),
        formats.money(row["fees"]),
        cell(formats.day_clock(row["opened_at"], zone), tip=formats.utc(row["opened_at"])),
    ]


def closed_table(rows: list[Row], zone: str, height: int, chosen: str | None = None, *, pick: bool = False) -> Block:
    """Closed positions, the newest first."""
    columns = [
        column(word("closed"), align="left"),
        column(word("coin"), align="left"),
        column(word("pnl")),
        column(word("entry"), wide=3),
        column(word("fees"), wide=2),
        column(word("exit"), align="left"),
        column(word("opened"), wide=4),
    ]
    return table(
        columns,
        [(row["position_id"], _closed(row, zone), row["position_id"] == chosen) for row in rows],
        empty=word("no_closed"),
        height=height,
        pick=pick,
    )


def _closed(row: Row, zone: str) -> list[Cell]:
    return [
        cell(formats.day_clock(row["closed_at"], zone), tip=formats.utc(row["closed_at"])),
        cell(row["symbol"], tone="strong", tip=row["position_id"]),
        cell(formats.money(row["realised_pnl"], sign=True), tone=tone_of(row["realised_pnl"])),
        formats.price(row["average_entry"]),
        formats.money(row["fees"]),
        cell(code_text(row["exit_reason"]), tip=row["exit_reason"]),
        cell(formats.day_clock(row["opened_at"], zone), tip=formats.utc(row["opened_at"])),
    ]


def orders_table(rows: list[Row], zone: str, height: int, chosen: str | None = None, *, pick: bool = False) -> Block:
    """Orders and denied attempts, the newest first."""
    columns = [
        column(word("time"), align="left"),
        column(word("coin"), align="left"),
        column(word("side"), align="left"),
        column(word("status"), align="left"),
        column(word("purpose"), align="left", wide=2),
        column(word("quantity"), wide=4),
        column(word("filled"), wide=3),
        column(word("average"), wide=2),
        column(word("fee"), wide=4),
        column(word("reason"), align="left", wide=3, clip=True),
    ]
    listed = [(row["client_order_id"], _order(row, zone), row["client_order_id"] == chosen) for row in rows]
    return table(columns, listed, empty=word("no_orders"), height=height, pick=pick)


def _order(row: Row, zone: str) -> list[Cell]:
    return [
        cell(formats.clock(row["ts_created"], zone), tip=formats.utc(row["ts_created"])),
        cell(row["symbol"], tone="strong", tip=row["client_order_id"]),
        cell(word(row["side"]), tone="up" if row["side"] == "buy" else "down"),
        pill_cell(status_text(row["status"]), STATUS_TONES.get(row["status"], "muted"), code_text(row["reason"])),
        _purpose(row["purpose"]),
        formats.quantity(row["quantity"]),
        formats.quantity(row["filled_quantity"]),
        formats.price(row["average_price"]),
        formats.number(row["fee"], 3),
        cell(code_text(row["reason"]), tip=f"{code_text(row['reason'])} · {row['reason']}" if row["reason"] else ""),
    ]


def _purpose(purpose: str) -> str:
    return word("entry") if purpose == "entry" else code_text(purpose)


def order_life(events: list[Row], zone: str) -> Block:
    """Each step of one order with its evidence."""
    steps = []
    for row in events:
        body = row["body"]
        status = body.get("verdict") or row["status"]
        steps.append(
            {
                "when": formats.clock(row["ts_event"], zone),
                "tip": formats.utc(row["ts_event"]),
                "name": status_text(status),
                "tone": STATUS_TONES.get(status, "muted"),
                "what": _step(body),
            }
        )
    return {"kind": "life", "steps": steps}


def _step(body: dict[str, Any]) -> str:
    if body.get("type") == "order_attempt":
        asked = word(
            "attempt_step",
            side=word(body["side"]),
            quantity=formats.quantity(float(body["quantity"])),
            notional=formats.money(float(body["notional"])),
        )
        context = ", ".join(f"{spelled(name)} {value}" for name, value in (body.get("context") or {}).items())
        denied = code_text(body["deny_reason"])
        return " · ".join(part for part in (asked, denied, context) if part)
    parts = []
    if float(body["fill_quantity"]) > 0 and body["fill_price"] is not None:
        parts.append(
            word(
                "fill_step",
                quantity=formats.quantity(float(body["fill_quantity"])),
                price=formats.price(float(body["fill_price"])),
                fee=formats.number(float(body["fee"]), 4),
                asset=body["fee_asset"],
            )
        )
    if body.get("slippage_bps") is not None:
        parts.append(word("slippage_step", bps=formats.number(body["slippage_bps"], 1, sign=True)))
    if body["reason"]:
        parts.append(code_text(body["reason"]))
    if body["evidence"]:
        parts.append(body["evidence"])
    return " · ".join(parts)


def decisions_table(rows: list[Row], zone: str, height: int) -> Block:
    """Decisions, the newest first."""
    columns = [
        column(word("time"), align="left"),
        column(word("action"), align="left"),
        column(word("heat")),
        column(word("entry")),
        column(word("stop"), wide=2),
        column(word("target"), wide=2),
        column(word("edge"), wide=3),
        column(word("reason"), align="left", wide=4, clip=True),
    ]
    return table(
        columns, [(row["id"], _decision(row, zone), False) for row in rows], empty=word("no_decisions"), height=height
    )


def _decision(row: Row, zone: str) -> list[Cell]:
    body = row["body"]
    why = " · ".join(reason_text(reason) for reason in body["reasons"])
    return [
        cell(formats.clock(row["ts_event"], zone), tip=formats.utc(row["ts_event"])),
        _action(row),
        formats.number(row["heat"], 0),
        formats.price(row["entry"]),
        formats.price(body["stop_loss"]),
        formats.price(body["take_profit_1"]),
        formats.number(body["expected_edge_bps"], 1),
        cell(why, tip=why),
    ]


def _action(row: Row) -> Cell:
    """What a strategy would do, marked where it only watches."""
    text = f"{word(row['action'])} · {word('shadow')}" if row["shadow"] else word(row["action"])
    return pill_cell(text, ACTION_TONES.get(row["action"], "muted"), row["strategy"])


def choice_of_decisions(rows: list[Row], zone: str, height: int, chosen: str | None) -> Block:
    """Decisions of all coins to choose one of, the newest first."""
    columns = [
        column(word("time"), align="left"),
        column(word("coin"), align="left"),
        column(word("action"), align="left"),
        column(word("heat")),
        column(word("entry")),
    ]
    listed = [
        (
            row["id"],
            [
                cell(formats.day_clock(row["ts_event"], zone), tip=formats.utc(row["ts_event"])),
                cell(row["symbol"], tone="strong", tip=row["id"]),
                _action(row),
                formats.number(row["heat"], 0),
                formats.price(row["entry"]),
            ],
            row["id"] == chosen,
        )
        for row in rows
    ]
    return table(columns, listed, empty=word("no_decisions"), height=height, pick=True)


def choice_of_evaluations(rows: list[Row], zone: str, height: int, chosen: str | None) -> Block:
    """Evaluations of one coin to choose one of, the newest first."""
    columns = [
        column(word("time"), align="left"),
        column(word("action"), align="left"),
        column(word("consensus")),
        column(word("reason"), align="left", clip=True),
    ]
    listed = []
    for row in rows:
        body = row["body"]
        why = " · ".join(reason_text(reason) for reason in body["reasons"])
        cells: list[Cell] = [
            cell(formats.clock(row["ts_event"], zone), tip=formats.utc(row["ts_event"])),
            _action(row),
            formats.number(body["consensus"], 2, sign=True),
            cell(why, tip=why),
        ]
        listed.append((row["id"], cells, row["id"] == chosen))
    return table(columns, listed, empty=word("why_no_evaluations"), height=height, pick=True)


def commands_table(rows: list[Row], zone: str, height: int) -> Block:
    """Commands and what became of them, the newest first."""
    columns = [
        column(word("time"), align="left"),
        column(word("command"), align="left"),
        column(word("author"), align="left"),
        column(word("result"), align="left"),
        column(word("reason"), align="left", wide=2),
    ]
    listed: list[tuple[str, list[Cell], bool]] = [
        (
            row["command_id"],
            [
                cell(formats.clock(row["ts_event"], zone), tip=formats.utc(row["ts_event"])),
                cell(spelled(row["command"]), tone="strong", tip=row["command_id"]),
                row["author"],
                pill_cell(word("done") if row["ok"] else word("refused"), "up" if row["ok"] else "down"),
                code_text(row["reason"]),
            ],
            False,
        )
        for row in rows
    ]
    return table(columns, listed, empty=word("no_commands"), height=height)
