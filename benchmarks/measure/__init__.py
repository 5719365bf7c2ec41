"""A module a measurement: `python -m benchmarks.measure.NAME` writes benchmarks/results/NAME.json."""
