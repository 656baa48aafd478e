"""Dataflows: the desk, and the processes that read what it writes. The only importer of Bytewax."""
