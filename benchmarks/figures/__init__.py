"""A module a figure of README.md and docs/: `python -m benchmarks.figures.NAME` draws it."""
