from __future__ import annotations

from decimal import Decimal
from typing import Any

from contracts.settings.trading import PaperSettings
from operators.orders import Order
from operators.paper import NEVER, PaperVenue, Report, Resting, Touch, next_due, significant

D = Decimal
MS = 1_000_000
PLENTY = D(10**9)


def venue(**changes: Any) -> PaperVenue:
    base = {
        "latency_ms": 50,
        "slippage_bps": 0.0,
        "assumed_spread_bps": 0.0,
        "maker_fee_bps": 2.0,
        "taker_fee_bps": 10.0,
    }
    return PaperVenue(PaperSettings(**{**base, **changes}))


def order(side: int = 1, quantity: str = "10", price: str | None = None, number: int = 1) -> Order:
    return Order(
        client_order_id=f"em-{number}",
        trace_id="t",
        decision_id="d",
        position_id="p",
        symbol="AAAUSDT",
        index=0,
        side=side,
        order_type="market" if price is None else "limit",
        purpose="entry",
        quantity=D(quantity),
        price=None if price is None else D(price),
        reference=100.0,
    )


def tick(
    last: float | None = None,
    *,
    bid: float | None = None,
    ask: float | None = None,
    offers: str | None = None,
    index: int = 0,
) -> Touch:
    offered = PLENTY if offers is None else D(offers)
    return Touch(index=index, last=last, bid=bid, ask=ask, buyable=offered, sellable=offered)


def resting(made: Order, paper: PaperVenue, *, lot: str = "0", expires: int = NEVER) -> dict[str, Resting]:
    """A book in which the order has arrived."""
    book: dict[str, Resting] = {}
    paper.submit(book, made, D(lot), 0, expires)
    assert [r.trigger for r in paper.on_time(book, 50 * MS, frozenset())] == ["accept"]
    return book


def shape(reports: list[Report]) -> list[tuple[str, Decimal | None, Decimal, Decimal, str]]:
    return [(r.trigger, r.price, r.quantity, r.fee, r.liquidity) for r in reports]


def test_order_meets_no_tick_before_its_latency_has_passed():
    paper, book = venue(), {}
    paper.submit(book, order(), D(0), 1_000 * MS, NEVER)
    assert next_due(book) == 1_050 * MS
    assert paper.on_time(book, 1_049 * MS, frozenset()) == []
    assert paper.on_touch(book, tick(100.0)) == []
    assert [r.trigger for r in paper.on_time(book, 1_050 * MS, frozenset())] == ["accept"]
    assert shape(paper.on_touch(book, tick(101.0))) == [("complete", D(101), D(10), D("1.01"), "taker")]
    assert book == {}


def test_market_orders_take_the_touch_of_a_fresh_quote():
    paper = venue()
    assert paper.on_touch(resting(order(1), paper), tick(bid=99.0, ask=101.0))[0].price == D(101)
    assert paper.on_touch(resting(order(-1), paper), tick(bid=99.0, ask=101.0))[0].price == D(99)


def test_market_orders_never_fill_better_than_the_last_trade():
    paper = venue()
    assert paper.on_touch(resting(order(1), paper), tick(102.0, bid=99.0, ask=101.0))[0].price == D(102)
    assert paper.on_touch(resting(order(-1), paper), tick(98.0, bid=99.0, ask=101.0))[0].price == D(98)


def test_without_a_quote_half_the_assumed_spread_is_paid_and_slippage_on_top():
    paper = venue(assumed_spread_bps=20.0, slippage_bps=5.0)
    bought = paper.on_touch(resting(order(1), paper), tick(100.0))[0]
    assert bought.price == D("100.15005")  # 100 x 1.001 x 1.0005
    sold = paper.on_touch(resting(order(-1), paper), tick(100.0))[0]
    assert sold.price == D("99.85005")


def test_fill_is_bounded_by_what_the_tick_offers_in_whole_lots():
    paper = venue()
    book = resting(order(quantity="10"), paper, lot="0.5")
    assert shape(paper.on_touch(book, tick(100.0, offers="3.7"))) == [("fill", D(100), D("3.5"), D("0.35"), "taker")]
    assert paper.on_touch(book, tick(100.0, offers="0.4")) == []
    assert paper.on_touch(book, tick(100.0, offers="100"))[0].quantity == D("6.5")


def test_two_orders_share_what_one_tick_offers_in_the_order_of_sending():
    paper, book = venue(), {}
    for number in (1, 2):
        paper.submit(book, order(quantity="4", number=number), D(0), 0, NEVER)
    paper.on_time(book, 50 * MS, frozenset())
    filled = paper.on_touch(book, tick(100.0, offers="6"))
    assert [(r.client_order_id, r.quantity) for r in filled] == [("em-1", D(4)), ("em-2", D(2))]


def test_resting_buy_fills_whole_when_the_market_trades_through_it():
    paper = venue()
    book = resting(order(price="99"), paper)
    assert paper.on_touch(book, tick(99.5)) == []
    assert shape(paper.on_touch(book, tick(98.9, offers="0.1"))) == [("complete", D(99), D(10), D("0.198"), "maker")]


def test_resting_sell_fills_in_part_when_the_market_trades_at_it():
    paper = venue()
    book = resting(order(-1, price="101"), paper)
    assert paper.on_touch(book, tick(100.0)) == []
    assert shape(paper.on_touch(book, tick(101.0, offers="4"))) == [("fill", D(101), D(4), D("0.0808"), "maker")]
    assert shape(paper.on_touch(book, tick(bid=101.5, ask=102.0))) == [("complete", D(101), D(6), D("0.1212"), "maker")]


def test_limit_that_crosses_on_arrival_takes_but_never_beyond_its_price():
    paper = venue(slippage_bps=100.0)
    book = resting(order(price="101"), paper)
    assert shape(paper.on_touch(book, tick(bid=99.0, ask=100.5, offers="4"))) == [
        ("fill", D(101), D(4), D("0.404"), "taker")
    ]
    rest = paper.on_touch(book, tick(bid=99.0, ask=100.5))
    assert [(r.liquidity, r.price) for r in rest] == [("maker", D(101))]


def test_entry_that_did_not_fill_in_time_expires_and_what_filled_stays():
    paper = venue()
    book = resting(order(), paper, expires=1_000 * MS)
    paper.on_touch(book, tick(100.0, offers="4"))
    assert paper.on_time(book, 999 * MS, frozenset()) == []
    assert [(r.trigger, r.reason) for r in paper.on_time(book, 1_000 * MS, frozenset())] == [("expire", "EXPIRED")]
    assert paper.on_touch(book, tick(100.0)) == []


def test_order_for_a_halted_symbol_is_rejected_on_arrival():
    paper, book = venue(), {}
    paper.submit(book, order(), D(0), 0, NEVER)
    assert [(r.trigger, r.reason) for r in paper.on_time(book, 50 * MS, frozenset({0}))] == [("reject", "NOT_TRADING")]
    assert book == {}


def test_cancel_withdraws_once():
    paper = venue()
    book = resting(order(), paper)
    assert [(r.trigger, r.reason) for r in paper.cancel(book, "em-1", "CLOSE_COMMAND")] == [("cancel", "CLOSE_COMMAND")]
    assert paper.cancel(book, "em-1", "CLOSE_COMMAND") == []


def test_ticks_of_other_symbols_fill_nothing():
    paper = venue()
    assert paper.on_touch(resting(order(), paper), tick(100.0, index=1)) == []


def test_no_bid_no_sale():
    paper = venue()
    book = resting(order(-1), paper)
    assert paper.on_touch(book, tick(bid=None, ask=None)) == []


def test_significant_digits_keep_small_prices_and_never_print_exponents():
    assert significant(D("0.00001234567890123456")) == D("0.0000123456789012")
    assert str(significant(D("98"))) == "98"
    assert str(significant(D("99.9999999999999999"))) == "100"
