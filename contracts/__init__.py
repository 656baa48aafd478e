"""What crosses a border: messages, topics, settings, reason codes, errors, tick and lot arithmetic.

Everything here is plain data. Times are integers, Unix nanoseconds UTC. Prices and sizes of signals are floats; whatever
becomes an order is `Decimal`. Payloads grow by fields with defaults; a changed meaning is a new topic version.
"""
