"""The benchmark: what `scripts/bench` runs. The table of scenarios is in `scenarios.py`."""
