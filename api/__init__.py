"""Speaks: parses, authorises, makes one call, answers."""
