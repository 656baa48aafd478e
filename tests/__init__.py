"""Tests mirror the tree; `tests/conftest.py` starts the brokers, `tests/recorded.py` finds recorded market data."""
