"""Measures how fast tickets find their owners, and how good the owners are."""
