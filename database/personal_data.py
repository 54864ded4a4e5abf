"""Where personal data lies: table by table, what an export shows of it and what erasing a person does to it.

The list is whole: a test looks at every column of the database and fails for one that is neither here nor in
`NOT_PERSONAL`. Statistics stay whole, because rows that are counted keep their ids, moments and numbers and lose their
words only.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

ERASED = "[erased]"
"""Stands where words were."""


class PersonalTable(NamedTuple):
    """A table with rows about a person."""

    name: str
    people: tuple[str, ...]
    """The columns that say whose a row is: any of them makes it theirs."""
    erased: Literal["deleted", "blanked", "kept"]
    """What erasing does with their rows: gone; without their words; as they are, for an id alone names nobody."""
    blank: Mapping[str, str] = {}
    """Columns of words, and the SQL expression that takes their place."""
    secret: frozenset[str] = frozenset()
    """Columns that no export shows: hashes of secrets, and what is the desk's own affair."""
    condition: str = "true"
    """Which of the rows an export shows."""


PERSONAL: tuple[PersonalTable, ...] = (
    PersonalTable(
        "people",
        ("id",),
        "blanked",
        blank={
            "email": "'erased-' || id || '@erased.invalid'",
            "name": "'Erased person'",
            "password_hash": "null",
            "is_active": "false",
            "organisation": "null",
            "sees_organisation": "false",
            "email_verified_at": "null",
            "erased_at": "coalesce(erased_at, now())",
        },
        secret=frozenset({"password_hash"}),
    ),
    PersonalTable("sessions", ("person_id",), "deleted", secret=frozenset({"secret_hash"})),
    PersonalTable("api_keys", ("person_id",), "deleted", secret=frozenset({"secret_hash"})),
    PersonalTable("identities", ("person_id",), "deleted"),
    PersonalTable("oidc_codes", ("person_id",), "deleted", secret=frozenset({"code_hash", "code_challenge"})),
    PersonalTable("audit_personal", ("person_id",), "deleted", secret=frozenset({"salt"})),
    PersonalTable("totp_factors", ("person_id",), "deleted", secret=frozenset({"secret"})),
    PersonalTable("recovery_codes", ("person_id",), "deleted", secret=frozenset({"hash"})),
    PersonalTable("account_mails", ("person_id",), "deleted"),
    PersonalTable("team_members", ("person_id",), "deleted"),
    PersonalTable("notifications", ("person_id",), "deleted"),
    PersonalTable("notification_settings", ("person_id",), "deleted"),
    PersonalTable("notification_choices", ("person_id",), "deleted"),
    PersonalTable("messages", ("person_id",), "deleted"),
    PersonalTable("report_mails", ("owner_id",), "deleted"),
    PersonalTable("report_mail_recipients", ("person_id",), "deleted"),
    PersonalTable("report_mail_leavers", ("person_id",), "deleted"),
    PersonalTable("report_mail_letters", ("person_id",), "deleted"),
    PersonalTable("push_subscriptions", ("person_id",), "deleted", secret=frozenset({"auth", "p256dh"})),
    PersonalTable("agents", ("person_id",), "kept"),
    PersonalTable("presence_spans", ("agent_id",), "kept"),
    PersonalTable("agent_skills", ("person_id",), "kept"),
    PersonalTable("agent_connections", ("person_id",), "deleted"),
    PersonalTable("shift_feeds", ("person_id",), "deleted", secret=frozenset({"token_hash"})),
    PersonalTable("shifts", ("agent_id",), "blanked", blank={"note": "''"}),
    PersonalTable("shift_requests", ("agent_id",), "blanked", blank={"note": "''"}),
    PersonalTable("time_off", ("agent_id",), "blanked", blank={"note": "''"}),
    PersonalTable("rotas", ("agent_id",), "kept"),
    PersonalTable("tickets", ("requester_id",), "kept", secret=frozenset({"sla", "offer", "passed_by"})),
    PersonalTable("ticket_facts", ("requester_id",), "kept", secret=frozenset({"sla_state", "notes"})),
    PersonalTable(
        "ticket_texts",
        ("author_id",),
        "blanked",
        blank={"title": f"case when title is not null then '{ERASED}' end", "body": f"'{ERASED}'"},
        secret=frozenset({"search"}),
    ),
    PersonalTable("attachments", ("author_id",), "deleted", secret=frozenset({"content"})),
    PersonalTable("events", ("actor_id", "person_id"), "kept", secret=frozenset({"xid"})),
)

NOT_PERSONAL: Mapping[str, str] = {
    "audit_entries": "ids and what is not personal; it is never changed",
    "audit_head": "where the audit trail ends",
    "alembic_version": "the edition of the tables",
    "categories": "what tickets are sorted by",
    "daily_reports": "sums; no number of one person",
    "dispatch_decisions": "ids and numbers; a test of the dispatcher holds that",
    "ended_spans": "how tickets stood from when to when",
    "event_stream": "a counter",
    "forecasts": "numbers of a team",
    "idempotency_keys": "ids of what was made",
    "notification_decisions": "what was decided for a notification, and when",
    "oidc_attempts": "sign-ins under way, before anybody is known",
    "organisations": "companies",
    "push_deliveries": "which device has a message already",
    "queue_revisions": "numbers of a team",
    "queue_states": "numbers of a team",
    "refresh_tokens": "digests; they go with their session",
    "report_cursor": "a place in the event log",
    "report_mail_runs": "when reports were mailed",
    "retention_rules": "days",
    "retention_runs": "numbers",
    "shift_breaks": "moments of a shift",
    "shift_needs": "numbers of a team",
    "sla_calendar_versions": "opening hours",
    "sla_calendars": "opening hours",
    "sla_clocks": "moments of a ticket",
    "sla_edition": "a counter",
    "sla_policies": "promises of the desk",
    "sla_policy_versions": "promises of the desk",
    "sla_rollout_tickets": "clocks of a ticket",
    "sla_rollouts": "which promise was rolled out",
    "start_requests": "numbers of tickets",
    "teams": "teams of the desk",
    "throttles": "digests and counts",
    "ticket_commands": "ids and moments",
    "webhook_attempts": "what receivers answered; erasing takes out what names the person (database/erasure.py)",
    "webhook_deliveries": "which event went where; what is sent is read from the log each time",
    "webhook_relay": "a place in the event log",
    "webhooks": "addresses of other systems",
    "ticket_spans": "a view: spans that are over, and those that are open",
}
"""Tables without words of or about a person, and what they hold."""
