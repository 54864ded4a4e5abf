"""Measures how soon tickets find their owners, a storm of them, and how good a round is that is as big as they come."""
