"""Makes a big desk: see `python -m operations.generate --help`."""
