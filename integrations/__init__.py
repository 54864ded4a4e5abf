"""Speaks to the world outside: mail and other people's servers. Every outgoing call goes through `outgoing.py`."""
