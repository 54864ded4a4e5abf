"""Measures the dispatcher: how soon tickets have an owner, a storm of them, and a round as big as they come."""
