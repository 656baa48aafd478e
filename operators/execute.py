"""Execute: decisions become orders, orders become positions, and positions are watched at every tick until they are
closed.

    decision ─ pre-checks ─ order ─► venue (paper) ─ reports ─► position ─ exits ─ order ─► venue ...

The step walks a slice in the log's order. What is concluded of a closed second acts before the row that closed it. Only
the engine state, commands and pre-checks decide what may be sent; only the venue's reports move an order. A kernel
watches the market (`watch.scan`) and stops where something follows, so a tick of a coin that is not held costs
nanoseconds.

Fees are in quote currency, inclusive in realised PnL. Timers (order latency, expiry, holding time) run on the receive
clock, which heartbeats keep going in silence; heat spells, health cycles and status run on closed seconds.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from contracts.instruments import from_float
from contracts.settings import DeskSettings
from operators import columns
from operators.engine_state import Engine
from operators.execution_facts import Scribe
from operators.execution_state import Book, ExecuteState
from operators.execution_walk import Walk
from operators.ledger import Ledger
from operators.order_desk import ENTRY, OrderDesk
from operators.orders import Order
from operators.paper import PaperVenue, Venue
from operators.slices import Slice, Ticks


class Execute:
    """Carry out decisions against a venue (the paper venue by default).

    step(state, piece): reads ticks, events, frames, freshness, heat, consensus and decisions where they are there; adds
    order_attempt, order_result, position, account, engine_state, alert and command_result facts.
    """

    name = "execute"
    state_type = ExecuteState

    def __init__(self, settings: DeskSettings, venue: Venue | None = None, account: str = "paper") -> None:
        self.settings = settings
        self.venue: Venue = venue if venue is not None else PaperVenue(settings.paper)
        self.account = account

    def start(self) -> ExecuteState:
        """Flat, with the paper account's cash, degraded until enough clean cycles have passed."""
        ledger = Ledger(cash=from_float(self.settings.paper.cash), peak_equity=self.settings.paper.cash)
        engine = Engine(needed_cycles=self.settings.engine.recover_degraded_cycles)
        return ExecuteState(book=Book(ledger=ledger, engine=engine))

    def step(self, state: ExecuteState, piece: Slice) -> None:
        """Walk the slice."""
        state.widen(piece.symbols, piece.width)
        Walk(self.settings, self.venue, self.account, state, piece).run()

    def adopt(
        self,
        state: ExecuteState,
        symbol: str,
        index: int,
        side: int,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal,
        *,
        ts_event: int,
        ts_recv: int,
    ) -> None:
        """Take over a position that no decision of this log opened; from here on it is managed like any other.

        `side` is +1 or -1, `quantity` in base units, `price` its average entry, `fee` what opening it cost, in quote
        currency.
        """
        state.make_room(index + 1)
        state.clock[columns.NOW] = max(int(state.clock[columns.NOW]), ts_recv)
        key = f"{symbol}-{ts_event}"
        order = Order(
            client_order_id=f"em-{key}",
            trace_id=key,
            decision_id="",
            position_id=f"pos-{key}",
            symbol=symbol,
            index=index,
            side=side,
            order_type="market",
            purpose=ENTRY,
            quantity=quantity,
            price=None,
            reference=float(price),
        )
        nothing = np.empty(0, dtype=np.int64)
        empty = Ticks(nothing, *(nothing.astype(kind) for kind in ("u1", "i4", "i8", "i8", "f8", "f8", "f8", "f8")))
        scribe = Scribe(Slice("", 0, "", "", [], 0, empty, []), state, self.account)
        scribe.at(0, 0, ts_event)
        OrderDesk(self.settings, self.venue, state, scribe).adopt(order, price, fee)
