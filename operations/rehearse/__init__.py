"""Rehearses dispatch: replays real arrivals through the rules of assignment, in no time and without a desk."""
