"""Plays a log of service-desk incidents through the HTTP API and proves that nothing was lost or doubled."""
