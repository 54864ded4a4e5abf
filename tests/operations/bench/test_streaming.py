from datetime import UTC, datetime

from operations.bench.streaming import heard_after_s
from operations.replay.stream import Message


def test_the_delay_counts_from_the_moment_that_the_event_names() -> None:
    at = datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    message = Message("1.7-3", "ticket.opened", {"at": "2026-01-01T12:00:00.500000Z"}, at.timestamp() + 0.25)

    assert heard_after_s(message) == 0.25
