"""Waits: durable workflows, and the client through which everyone else reaches them."""
