"""Jobs that only the benchmarks submit; tests/bench/stack_runs.py adds them to a package of its own."""
