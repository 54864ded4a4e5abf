"""Measures figures on a big made desk: see `python -m operations.bench_reports --help`."""
