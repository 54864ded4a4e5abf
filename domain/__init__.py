"""Decides: the rules of the desk as pure functions of (state, command, now)."""
