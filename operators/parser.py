"""Reads the canonical JSON of ticks straight into columns.

The idea: nearly every message of the log is a trade, a quote, a ticker array or a heartbeat in exactly the form that our encoder
writes. A kernel walks those bytes once. At any message it does not know to the letter (another type, another key order, an escape, a
number it cannot read exactly) it stops and leaves that one to the JSON decoder, so both paths give the same values.

Numbers are exact: mantissa and power of ten as in Clinger 1990 ("How to read floating point numbers accurately") where both are
exact doubles, else long division of the 64-bit mantissa, rounded half to even.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from operators.jit import kernel
from operators.slices import F8, I4, I8, U1

NAME_BYTES = 64  # longest symbol in UTF-8

DONE, SLOW, FULL = 0, 1, 2

_P_TRADE = np.frombuffer(b'{"type":"trade","ts_recv":', dtype=np.uint8)
_P_QUOTE = np.frombuffer(b'{"type":"quote","ts_recv":', dtype=np.uint8)
_P_TICKERS = np.frombuffer(b'{"type":"tickers","ts_recv":', dtype=np.uint8)
_P_HEARTBEAT = np.frombuffer(b'{"type":"heartbeat","ts_recv":', dtype=np.uint8)
_K_SYMBOL = np.frombuffer(b',"symbol":"', dtype=np.uint8)
_K_PRICE = np.frombuffer(b',"price":', dtype=np.uint8)
_K_QUANTITY = np.frombuffer(b',"quantity":', dtype=np.uint8)
_K_SIDE = np.frombuffer(b',"side":', dtype=np.uint8)
_K_TRADE_ID = np.frombuffer(b',"trade_id":', dtype=np.uint8)
_K_TS_EVENT = np.frombuffer(b',"ts_event":', dtype=np.uint8)
_K_BID = np.frombuffer(b',"bid":', dtype=np.uint8)
_K_ASK = np.frombuffer(b',"ask":', dtype=np.uint8)
_K_BID_SIZE = np.frombuffer(b',"bid_size":', dtype=np.uint8)
_K_ASK_SIZE = np.frombuffer(b',"ask_size":', dtype=np.uint8)
_K_ROWS = np.frombuffer(b',"rows":[', dtype=np.uint8)
_K_SEQUENCE = np.frombuffer(b',"sequence":', dtype=np.uint8)

_TEN = np.array([10.0**k for k in range(23)])
_TEN_INT = np.array([10**k for k in range(19)], dtype=np.uint64)

QUOTE_MARK, BACKSLASH, COMMA, BRACE, OPEN, CLOSE = 0x22, 0x5C, 0x2C, 0x7D, 0x5B, 0x5D


@kernel
def _literal(buffer: Any, at: int, end: int, text: Any) -> int:
    """Position after `text` if it stands at `at`, else -1."""
    if at < 0 or at + len(text) > end:
        return -1
    for i in range(len(text)):
        if buffer[at + i] != text[i]:
            return -1
    return at + len(text)


@kernel
def _integer(buffer: Any, at: int, end: int) -> tuple[int, int]:
    """(value, position after) of a JSON integer that fits 64 bits; position -1 if there is none."""
    if at < 0 or at >= end:
        return 0, -1
    sign = 1
    if buffer[at] == 0x2D:
        sign = -1
        at += 1
    start = at
    value = 0
    while at < end and 0x30 <= buffer[at] <= 0x39:
        value = value * 10 + (buffer[at] - 0x30)
        at += 1
    digits = at - start
    if digits == 0 or digits > 19 or value < 0 or (digits > 1 and buffer[start] == 0x30):
        return 0, -1
    return sign * value, at


@kernel
def _time(buffer: Any, at: int, end: int) -> tuple[int, int]:
    """Like `_integer`, for a time: 0..2**62."""
    value, at = _integer(buffer, at, end)
    if value < 0 or value > 4611686018427387904:
        return 0, -1
    return value, at


@kernel
def _ratio(mantissa: Any, power: int) -> float:
    """Divide: mantissa / 10**power, rounded half to even; mantissa > 0 is uint64 below 2**62, power 1..18."""
    divisor = _TEN_INT[power]
    whole = mantissa // divisor
    rest = mantissa % divisor
    one = np.uint64(1)
    bits = np.uint64(0)
    exponent = 0
    length = 0
    probe = whole
    while probe > 0:
        length += 1
        probe >>= one
    sticky = False
    if length > 55:
        shift = np.uint64(length - 55)
        sticky = (whole & ((one << shift) - one)) != 0 or rest != 0
        bits = whole >> shift
        exponent = length - 55
    else:
        bits = whole
        while length < 55:
            rest <<= one
            exponent -= 1
            bits <<= one
            if rest >= divisor:
                rest -= divisor
                bits |= one
            if bits != 0:
                length += 1
        sticky = rest != 0
    low = bits & np.uint64(3)
    bits >>= np.uint64(2)
    exponent += 2
    if low == 3 or (low == 2 and (sticky or (bits & one) == one)):
        bits += one
    return float(np.ldexp(float(bits), exponent))


@kernel
def _number(buffer: Any, at: int, end: int) -> tuple[float, int]:
    """(value, position after) of a non-negative JSON number; position -1 where it is not one we read exactly."""
    if at < 0 or at >= end:
        return 0.0, -1
    mantissa = np.uint64(0)
    start = at
    while at < end and 0x30 <= buffer[at] <= 0x39:
        mantissa = mantissa * np.uint64(10) + np.uint64(buffer[at] - 0x30)
        at += 1
    digits = at - start
    if digits == 0 or (digits > 1 and buffer[start] == 0x30):
        return 0.0, -1
    power = 0
    if at < end and buffer[at] == 0x2E:
        at += 1
        start = at
        while at < end and 0x30 <= buffer[at] <= 0x39:
            mantissa = mantissa * np.uint64(10) + np.uint64(buffer[at] - 0x30)
            at += 1
        if at == start:
            return 0.0, -1
        power = start - at
        digits += at - start
    if digits > 19:
        return 0.0, -1
    if at < end and (buffer[at] == 0x65 or buffer[at] == 0x45):
        at += 1
        if at + 1 < end and buffer[at] == 0x2B and buffer[at + 1] != 0x2D:
            at += 1
        scale, at = _integer(buffer, at, end)
        if at < 0 or scale > 40 or scale < -40:
            return 0.0, -1
        power += scale
    if mantissa == 0:
        return 0.0, at
    if mantissa <= np.uint64(9007199254740992):
        if power == 0:
            return float(mantissa), at
        if 0 < power <= 22:
            return float(mantissa) * _TEN[power], at
        if -22 <= power < 0:
            return float(mantissa) / _TEN[-power], at
    if -18 <= power < 0 and mantissa < np.uint64(4611686018427387904):
        return _ratio(mantissa, -power), at
    return 0.0, -1


@kernel
def intern(buffer: Any, at: int, end: int, names: Any, lengths: Any, table: Any, count: int) -> int:
    """Id of the name in buffer[at:end]; a new name gets id `count` (then the caller's count grows); -1 if the table is full."""
    size = end - at
    code = np.uint64(14695981039346656037)
    for i in range(at, end):
        code = (code ^ np.uint64(buffer[i])) * np.uint64(1099511628211)
    mask = np.uint64(len(table) - 1)
    slot = (code ^ (code >> np.uint64(29))) & mask
    while True:
        found = table[slot]
        if found < 0:
            if count >= len(lengths):
                return -1
            for i in range(size):
                names[count, i] = buffer[at + i]
            lengths[count] = size
            table[slot] = count
            return count
        if lengths[found] == size:
            same = True
            for i in range(size):
                if names[found, i] != buffer[at + i]:
                    same = False
                    break
            if same:
                return int(found)
        slot = (slot + np.uint64(1)) & mask


@kernel
def _name_end(buffer: Any, at: int, end: int) -> int:
    """Position of the closing quote of a plain, non-empty string, or -1."""
    if at < 0:
        return -1
    stop = at
    while stop < end and buffer[stop] != QUOTE_MARK:
        if buffer[stop] == BACKSLASH or buffer[stop] < 0x20 or buffer[stop] >= 0x80:
            return -1
        stop += 1
    if stop == at or stop - at > 40 or stop >= end:
        return -1
    return stop


@kernel
def parse(
    buffer: U1,
    ends: I8,
    offsets: I8,
    first: int,
    row: int,
    offset: I8,
    kind: U1,
    symbol: I4,
    ts_event: I8,
    ts_recv: I8,
    v0: F8,
    v1: F8,
    v2: F8,
    v3: F8,
    names: U1,
    lengths: I4,
    table: I4,
    count: int,
    seen: I8,
) -> tuple[int, int, int, int]:
    """Parse messages from number `first` on; message m is buffer[ends[m - 1]:ends[m]].

    Returns (status, message, row, count): DONE at the end; SLOW at a message for the decoder; FULL when the symbol table must grow
    (nothing of that message is kept). `seen[0..3]` counts heartbeats, trades, quotes, ticker arrays.
    """
    message = first
    while message < len(ends):
        at = ends[message - 1] if message > 0 else 0
        end = ends[message]
        if end - at < 30 or buffer[end - 1] != BRACE:
            return SLOW, message, row, count
        letter = buffer[at + 9]
        letter2 = buffer[at + 10]
        if letter == 0x74 and letter2 == 0x72:  # "tr"
            p = _literal(buffer, at, end, _P_TRADE)
            recv, p = _time(buffer, p, end)
            p = _literal(buffer, p, end, _K_SYMBOL)
            name = p
            stop = _name_end(buffer, p, end)
            if stop < 0:
                return SLOW, message, row, count
            p = _literal(buffer, stop + 1, end, _K_PRICE)
            price, p = _number(buffer, p, end)
            p = _literal(buffer, p, end, _K_QUANTITY)
            quantity, p = _number(buffer, p, end)
            p = _literal(buffer, p, end, _K_SIDE)
            side, p = _integer(buffer, p, end)
            p = _literal(buffer, p, end, _K_TRADE_ID)
            trade_id, p = _integer(buffer, p, end)
            p = _literal(buffer, p, end, _K_TS_EVENT)
            event, p = _time(buffer, p, end)
            if p != end - 1 or not price > 0.0 or not quantity > 0.0 or (side != 1 and side != -1):
                return SLOW, message, row, count
            number = intern(buffer, name, stop, names, lengths, table, count)
            if number < 0:
                return FULL, message, row, count
            if number == count:
                count += 1
            offset[row] = offsets[message]
            kind[row] = 1
            symbol[row] = number
            ts_event[row] = event
            ts_recv[row] = recv
            v0[row] = price
            v1[row] = quantity
            v2[row] = side
            v3[row] = trade_id
            row += 1
            seen[1] += 1
        elif letter == 0x71:  # "q"
            p = _literal(buffer, at, end, _P_QUOTE)
            recv, p = _time(buffer, p, end)
            p = _literal(buffer, p, end, _K_SYMBOL)
            name = p
            stop = _name_end(buffer, p, end)
            if stop < 0:
                return SLOW, message, row, count
            p = _literal(buffer, stop + 1, end, _K_BID)
            bid, p = _number(buffer, p, end)
            p = _literal(buffer, p, end, _K_ASK)
            ask, p = _number(buffer, p, end)
            p = _literal(buffer, p, end, _K_BID_SIZE)
            bid_size, p = _number(buffer, p, end)
            p = _literal(buffer, p, end, _K_ASK_SIZE)
            ask_size, p = _number(buffer, p, end)
            p = _literal(buffer, p, end, _K_TS_EVENT)
            event, p = _time(buffer, p, end)
            if p != end - 1:
                return SLOW, message, row, count
            number = intern(buffer, name, stop, names, lengths, table, count)
            if number < 0:
                return FULL, message, row, count
            if number == count:
                count += 1
            offset[row] = offsets[message]
            kind[row] = 2
            symbol[row] = number
            ts_event[row] = event
            ts_recv[row] = recv
            v0[row] = bid
            v1[row] = ask
            v2[row] = bid_size
            v3[row] = ask_size
            row += 1
            seen[2] += 1
        elif letter == 0x68:  # "h"
            p = _literal(buffer, at, end, _P_HEARTBEAT)
            recv, p = _time(buffer, p, end)
            p = _literal(buffer, p, end, _K_SEQUENCE)
            sequence, p = _integer(buffer, p, end)
            if p != end - 1:
                return SLOW, message, row, count
            offset[row] = offsets[message]
            kind[row] = 0
            symbol[row] = -1
            ts_event[row] = recv
            ts_recv[row] = recv
            v0[row] = sequence
            v1[row] = 0.0
            v2[row] = 0.0
            v3[row] = 0.0
            row += 1
            seen[0] += 1
        elif letter == 0x74 and letter2 == 0x69:  # "ti"
            p = _literal(buffer, at, end, _P_TICKERS)
            recv, p = _time(buffer, p, end)
            p = _literal(buffer, p, end, _K_ROWS)
            if p < 0:
                return SLOW, message, row, count
            begun = row
            known = count
            bad = False
            full = False
            if buffer[p] != CLOSE:
                while True:
                    if p + 2 >= end or buffer[p] != OPEN or buffer[p + 1] != QUOTE_MARK:
                        bad = True
                        break
                    name = p + 2
                    stop = _name_end(buffer, name, end)
                    if stop < 0 or stop + 2 >= end or buffer[stop + 1] != COMMA:
                        bad = True
                        break
                    event, p = _time(buffer, stop + 2, end)
                    a = b = c = d = 0.0
                    for column in range(6):
                        if p < 0 or p >= end or buffer[p] != COMMA:
                            p = -1
                            break
                        value, p = _number(buffer, p + 1, end)
                        if column == 0:
                            a = value
                        elif column == 1:
                            b = value
                        elif column == 4:
                            c = value
                        elif column == 5:
                            d = value
                    if p < 0 or p >= end or buffer[p] != CLOSE or not a > 0.0:
                        bad = True
                        break
                    number = intern(buffer, name, stop, names, lengths, table, count)
                    if number < 0:
                        full = True
                        break
                    if number == count:
                        count += 1
                    offset[row] = offsets[message]
                    kind[row] = 3
                    symbol[row] = number
                    ts_event[row] = event
                    ts_recv[row] = recv
                    v0[row] = a
                    v1[row] = d
                    v2[row] = c
                    v3[row] = b
                    row += 1
                    p += 1
                    if p < end and buffer[p] == COMMA:
                        p += 1
                        continue
                    break
            if not bad and not full and (p >= end or buffer[p] != CLOSE or p + 2 != end):
                bad = True
            if bad or full:
                row = begun
                if count > known:  # forget the names of this message: the decoder's path will meet them again, in order
                    for index in range(len(table)):
                        if table[index] >= known:
                            table[index] = -1
                    count = known
                if full:
                    return FULL, message, row, count
                return SLOW, message, row, count
            seen[3] += 1
        else:
            return SLOW, message, row, count
        message += 1
    return DONE, message, row, count
