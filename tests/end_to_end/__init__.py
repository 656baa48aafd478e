"""The whole of it as processes, from the exchange's socket to what a page reads."""
