"""Sinks: what leaves the desk. They write what they are handed, idempotent on a natural key, and never decide."""
