"""Jobs that only the benchmark submits; tests/bench/cluster.py adds them to a package of its own."""
