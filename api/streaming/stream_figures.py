"""What the event streams of this process come to, for `/metrics`."""

from prometheus_client import Counter, Gauge

HANDED_OUT = Counter(
    "event_stream_frames", "Events queued for a stream, once for each stream that may see them.", registry=None
)
ENDED = Counter("event_streams_ended", "Streams that ended, by reason.", ["reason"], registry=None)
FEED_AGE = Gauge(
    "event_feed_age_seconds",
    "Since when the event log was last read to its end; about a second at most, unless the database is slow or away.",
    registry=None,
)
STREAM_FIGURES = (HANDED_OUT, ENDED, FEED_AGE)
