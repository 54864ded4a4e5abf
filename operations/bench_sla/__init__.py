"""Measures how late SLA moments come: warnings, breaches and steps of ladders, among many tickets and under kills."""
