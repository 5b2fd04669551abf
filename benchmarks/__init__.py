"""Compares the facade with other servers of the same data in one run: `python -m benchmarks`."""
