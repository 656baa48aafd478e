"""Adapters between operators and Bytewax: sources, steps, sinks, start and stop."""
