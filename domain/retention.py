"""For how long what is kept: the kinds, and their days where nobody chose others."""

from enum import StrEnum
from typing import NamedTuple


class RetentionKind(StrEnum):
    SESSIONS = "sessions"
    SIGN_IN_TALLIES = "sign_in_tallies"
    IDEMPOTENCY_KEYS = "idempotency_keys"
    NOTIFICATIONS = "notifications"
    DECISIONS = "decisions"
    WEBHOOK_DELIVERIES = "webhook_deliveries"
    REPORT_MAIL_RUNS = "report_mail_runs"
    UNTIED_ATTACHMENTS = "untied_attachments"
    CLOSED_TICKETS = "closed_tickets"
    IDLE_REQUESTERS = "idle_requesters"


class Retention(NamedTuple):
    """What a kind removes, and after how many days by default (None: never)."""

    removes: str
    days: int | None


RETENTION: dict[RetentionKind, Retention] = {
    RetentionKind.SESSIONS: Retention(
        "sessions and keys that ended or were revoked; until then they say from where their owner signed in", 90
    ),
    RetentionKind.SIGN_IN_TALLIES: Retention("counts of attempts to sign in, and refresh tokens that have ended", 2),
    RetentionKind.IDEMPOTENCY_KEYS: Retention("what answers a request that is sent again under its key", 30),
    RetentionKind.NOTIFICATIONS: Retention(
        "notices to people, what the stream told of them, and the messages that went out for them", 365
    ),
    RetentionKind.DECISIONS: Retention("the dispatcher's reasons", 365),
    RetentionKind.WEBHOOK_DELIVERIES: Retention("the log of what was sent to webhooks, once it has ended", 14),
    RetentionKind.REPORT_MAIL_RUNS: Retention(
        "which reports were mailed when, and what became of each letter, once they have ended", 365
    ),
    RetentionKind.UNTIED_ATTACHMENTS: Retention("files that were sent and came to no ticket", 1),
    RetentionKind.CLOSED_TICKETS: Retention(
        "the words of closed tickets: titles, descriptions, replies, notes, and their files", None
    ),
    RetentionKind.IDLE_REQUESTERS: Retention(
        "requesters who did not sign in, and none of whose tickets changed: they are erased as if they had asked", None
    ),
}
"""A test holds that every kind is here."""
SHORTEST_DAYS: dict[RetentionKind, int] = {
    RetentionKind.REPORT_MAIL_RUNS: 7,
    RetentionKind.CLOSED_TICKETS: 30,
    RetentionKind.IDLE_REQUESTERS: 30,
}
"""Fewer days than these are surely a mistake: a ticket may be reopened for a while, and what is noted of a letter keeps
it from being sent twice as long as it is tried."""
