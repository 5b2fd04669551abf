"""The facade beside other ways to the same data, in one run: `python -m benchmarks`."""
