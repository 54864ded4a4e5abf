"""What goes out when, rule by rule. Moments are told as the time since noon."""

from datetime import time, timedelta
from typing import Any

import pytest

from domain.notification import Channel, Choice, Mode, NotificationType
from domain.notification_decision import SENTENCES, Reason
from domain.people import Role
from domain.ticket import Priority
from tests.domain.telling import HOUR, MINUTE, NOON, Told

T = NotificationType
EMAIL, PUSH = Channel.EMAIL, Channel.PUSH
SECOND = timedelta(seconds=1)
NOTHING = timedelta()
BOTH = Choice(email=Mode.NOW, push=Mode.NOW)
MAIL_NOW, PUSH_NOW = Choice(email=Mode.NOW), Choice(push=Mode.NOW)
MAIL_LATER, DAILY = Choice(email=Mode.IF_UNREAD), Choice(email=Mode.DAILY)
AFTERNOON: dict[str, Any] = {"quiet_from": time(11), "quiet_until": time(15)}
"""Quiet hours that are on at noon, for three hours more."""


def told(choice: Choice, type: T = T.REPLIED, **settings: Any) -> Told:
    """Somebody who chose so for one type."""
    return Told(choices={type: choice}, **settings)


# At once, and collected.


def test_a_push_comes_at_once_and_a_mail_when_the_minutes_for_collecting_are_over() -> None:
    one = told(BOTH)
    id = one.hears(T.REPLIED)
    assert one.pushes == [(NOTHING, "ticket", (id,))]
    assert one.next_at == NOON + 2 * MINUTE

    one.passes(HOUR)

    assert one.mails == [(2 * MINUTE, "ticket", (id,))]
    assert one.trace(id, EMAIL) == ["waits bundling until 0:02:00", "sends now"]
    assert one.trace(id, PUSH) == ["sends now"]
    assert one.settled == {id}
    assert one.next_at is None


def test_what_comes_meanwhile_goes_with_the_first_and_what_comes_later_begins_anew() -> None:
    one = told(MAIL_NOW)
    first = one.hears(T.REPLIED)
    one.passes(MINUTE)
    second = one.hears(T.REPLIED)
    one.passes(MINUTE + SECOND)
    third = one.hears(T.REPLIED)
    one.passes(HOUR)

    assert one.mails == [
        (2 * MINUTE, "ticket", (first, second)),
        (4 * MINUTE + SECOND, "ticket", (third,)),
    ]


def test_who_collects_nothing_has_every_mail_at_once() -> None:
    one = told(BOTH, bundle_minutes=0)
    id = one.hears(T.REPLIED)
    assert one.mails == [(NOTHING, "ticket", (id,))]
    assert one.pushes == [(NOTHING, "ticket", (id,))]


@pytest.mark.parametrize(
    ("tickets", "kinds"),
    [
        ((1, 1, 1, 1, 1), ["ticket"]),
        ((1, 2, 3, 1), ["ticket", "ticket", "ticket"]),
        ((1, 2, 3, 4), ["bundle"]),
        ((1, None), ["ticket", "bundle"]),
        ((None, None), ["bundle"]),
    ],
)
def test_up_to_three_tickets_have_a_mail_each(tickets: tuple[int | None, ...], kinds: list[str]) -> None:
    one = told(MAIL_NOW)
    for ticket in tickets:
        one.hears(T.REPLIED, ticket)
    one.passes(HOUR)
    assert [kind for _, kind, _ in one.mails] == kinds
    assert sorted(id for _, _, tells in one.mails for id in tells) == list(range(1, len(tickets) + 1))


def test_a_mail_about_a_ticket_names_it_and_a_bundle_names_none() -> None:
    one = told(MAIL_NOW)
    one.hears(T.REPLIED, 41)
    one.passes(HOUR)
    for ticket in range(4):
        one.hears(T.REPLIED, ticket)
    one.passes(HOUR)
    assert [sent.message.ticket for sent in one.sent] == [41, None]


# One push of a type in a while.


def test_a_second_push_of_a_type_waits_for_the_mail_of_the_same_minutes() -> None:
    one = told(BOTH)
    first = one.hears(T.REPLIED)
    one.passes(MINUTE)
    second = one.hears(T.REPLIED)
    one.passes(HOUR)

    assert one.pushes == [(NOTHING, "ticket", (first,))]
    assert one.mails == [(2 * MINUTE, "ticket", (first, second))]
    assert one.trace(second, PUSH) == ["waits bundling until 0:02:00", "skips folded"]


def test_without_mails_it_comes_as_one_push_at_the_end() -> None:
    one = told(PUSH_NOW)
    first = one.hears(T.REPLIED, 1)
    one.passes(SECOND)
    held = [one.hears(T.REPLIED, ticket) for ticket in (2, 3)]
    one.passes(HOUR)

    assert one.pushes == [(NOTHING, "ticket", (first,)), (2 * MINUTE, "bundle", tuple(held))]


@pytest.mark.parametrize("email", [Mode.IF_UNREAD, Mode.DAILY])
def test_a_mail_that_comes_much_later_saves_no_push(email: Mode) -> None:
    one = told(Choice(email=email, push=Mode.NOW))
    one.hears(T.REPLIED)
    held = one.hears(T.REPLIED)
    one.passes(10 * MINUTE)
    assert one.pushes[1:] == [(2 * MINUTE, "ticket", (held,))]


def test_a_push_waits_on_for_a_mail_that_was_begun_later() -> None:
    one = told(BOTH)
    first = one.hears(T.REPLIED)
    one.reads(first)
    one.passes(MINUTE)
    second = one.hears(T.REPLIED)
    one.passes(HOUR)

    assert one.mails == [(3 * MINUTE, "ticket", (second,))]
    assert one.trace(second, PUSH) == ["waits bundling until 0:03:00", "skips folded"]


def test_a_push_whose_mail_falls_away_comes_itself() -> None:
    one = told(BOTH)
    one.hears(T.REPLIED)
    held = one.hears(T.REPLIED)
    one.person = {"has_address": False}
    one.passes(HOUR)

    assert one.mails == []
    assert one.pushes[1:] == [(2 * MINUTE, "ticket", (held,))]


def test_another_type_has_a_push_of_its_own() -> None:
    one = Told(choices={T.REPLIED: PUSH_NOW, T.ASSIGNED: PUSH_NOW})
    first, other = one.hears(T.REPLIED), one.hears(T.ASSIGNED)
    assert one.pushes == [(NOTHING, "ticket", (first,)), (NOTHING, "ticket", (other,))]


def test_a_breach_and_the_escalation_that_comes_of_it_are_one_push() -> None:
    one = Told(choices=dict.fromkeys((T.SLA_BREACH, T.ESCALATION), PUSH_NOW))
    breach = one.hears(T.SLA_BREACH)
    one.passes(SECOND)
    escalation = one.hears(T.ESCALATION)
    one.passes(HOUR)

    assert [(at, tells) for at, _, tells in one.pushes] == [(NOTHING, (breach,)), (2 * MINUTE, (escalation,))]


def test_what_is_looked_at_together_is_one_push() -> None:
    one = Told(choices={T.REPLIED: PUSH_NOW, T.ASSIGNED: PUSH_NOW})
    both = (one.is_told(T.REPLIED), one.is_told(T.ASSIGNED))
    one.looks()
    assert one.pushes == [(NOTHING, "ticket", both)]


def test_a_storm_of_500_breaches_is_one_push_and_one_mail() -> None:
    one = Told(Role.SUPERVISOR)
    for ticket in range(500):
        one.hears(T.SLA_BREACH, ticket)
        one.passes(timedelta(milliseconds=120))
    one.passes(HOUR)

    assert one.pushes == [(NOTHING, "ticket", (1,))]
    assert one.mails == [(2 * MINUTE, "bundle", tuple(range(1, 501)))]
    assert len(one.settled) == 500


def test_a_storm_in_quiet_hours_is_collected_too_though_it_is_urgent() -> None:
    one = Told(Role.SUPERVISOR, **AFTERNOON)
    one.hears(T.REPLIED)
    for ticket in range(500):
        one.hears(T.SLA_BREACH, ticket, priority=Priority.URGENT)
        one.passes(timedelta(milliseconds=120))
    one.passes(HOUR)

    assert [(at, kind, len(tells)) for at, kind, tells in one.pushes] == [(NOTHING, "ticket", 1)]
    assert [(at, kind, len(tells)) for at, kind, tells in one.mails] == [(2 * MINUTE, "bundle", 500)]


# If it is still unread.


def test_what_stays_unread_is_mailed_and_collected_from_then() -> None:
    one = told(MAIL_LATER)
    first = one.hears(T.REPLIED)
    one.passes(MINUTE)
    second = one.hears(T.REPLIED)
    one.passes(HOUR)

    assert one.mails == [(17 * MINUTE, "ticket", (first, second))]
    assert one.trace(first, EMAIL) == [
        "waits if_unread until 0:15:00",
        "waits bundling until 0:17:00",
        "sends still_unread",
    ]


def test_it_is_bundled_with_what_is_due_then() -> None:
    one = Told(choices={T.REPLIED: MAIL_LATER, T.ASSIGNED: MAIL_NOW}, bundle_minutes=3)
    first = one.hears(T.REPLIED)
    one.passes(14 * MINUTE)
    second = one.hears(T.ASSIGNED)
    one.passes(HOUR)
    assert one.mails == [(17 * MINUTE, "ticket", (first, second))]


def test_a_push_may_be_what_is_fallen_back_to() -> None:
    one = told(Choice(push=Mode.IF_UNREAD), fallback_minutes=5)
    id = one.hears(T.REPLIED)
    one.passes(HOUR)
    assert one.pushes == [(5 * MINUTE, "ticket", (id,))]
    assert one.trace(id, PUSH) == ["waits if_unread until 0:05:00", "sends still_unread"]


# Daily.


def test_the_digest_comes_in_the_morning_with_everything_and_the_inbox_tells_of_it() -> None:
    one = told(DAILY, zone="Asia/Tokyo")  # noon is nine in the evening there
    ids = []
    for ticket in range(3):
        ids.append(one.hears(T.REPLIED, ticket))
        one.passes(MINUTE)
    one.passes(24 * HOUR)

    assert one.mails == [(11 * HOUR, "digest", tuple(ids))]
    assert one.trace(ids[0], EMAIL) == ["waits daily until 11:00:00", "sends daily"]
    assert one.digests == ["2030-01-08"]


def test_a_digest_waits_for_the_end_of_quiet_hours_whatever_it_tells() -> None:
    one = told(DAILY, digest_at=time(13), **AFTERNOON)
    id = one.hears(T.REPLIED, priority=Priority.URGENT)
    one.passes(24 * HOUR)
    assert one.mails == [(3 * HOUR, "digest", (id,))]


def test_nothing_is_sent_daily_of_what_was_read() -> None:
    one = told(DAILY)
    id = one.hears(T.REPLIED)
    one.reads(id)
    one.passes(24 * HOUR)
    assert one.mails == []
    assert one.digests == []
    assert one.final(id, EMAIL) == "skips read_in_time"


# Quiet hours.


def test_quiet_hours_hold_everything_and_then_it_comes_at_once() -> None:
    one = told(BOTH, **AFTERNOON)
    ids = []
    for ticket in (1, 2):
        ids.append(one.hears(T.REPLIED, ticket))
        one.passes(HOUR)
    assert one.sent == []

    one.passes(5 * HOUR)

    assert one.mails == [(3 * HOUR, "bundle", tuple(ids))]
    assert one.pushes == [(3 * HOUR, "bundle", tuple(ids))]
    assert one.trace(ids[0], EMAIL) == ["waits quiet_hours until 3:00:00", "sends now"]


def test_after_quiet_hours_one_ticket_has_its_own_mail() -> None:
    one = told(MAIL_NOW, **AFTERNOON)
    ids = (one.hears(T.REPLIED), one.hears(T.REPLIED))
    one.passes(5 * HOUR)
    assert one.mails == [(3 * HOUR, "ticket", ids)]


def test_what_is_collected_when_quiet_hours_begin_waits_for_their_end() -> None:
    one = told(MAIL_NOW, quiet_from=time(12, 1), quiet_until=time(13))
    id = one.hears(T.REPLIED)
    one.passes(5 * HOUR)
    assert one.mails == [(HOUR, "ticket", (id,))]
    assert one.trace(id, EMAIL) == ["waits quiet_hours until 1:00:00", "sends now"]


@pytest.mark.parametrize(
    ("type", "priority", "bypass", "comes"),
    [
        (T.REPLIED, Priority.URGENT, True, NOTHING),
        (T.ESCALATION, Priority.LOW, True, NOTHING),
        (T.REPLIED, Priority.HIGH, True, 3 * HOUR),
        (T.REPLIED, Priority.URGENT, False, 3 * HOUR),
        (T.ESCALATION, Priority.URGENT, False, 3 * HOUR),
    ],
)
def test_what_is_urgent_comes_in_quiet_hours_if_it_may(
    type: T, priority: Priority, bypass: bool, comes: timedelta
) -> None:
    one = Told(choices={type: BOTH}, urgent_bypass=bypass, **AFTERNOON)
    one.hears(T.REASSIGNED)
    id = one.hears(type, priority=priority)
    one.passes(5 * HOUR)
    assert one.pushes == [(comes, "ticket", (id,))]
    assert one.mails == [(comes or 2 * MINUTE, "ticket", (id,))]
    assert one.final(id, PUSH) == ("sends now" if comes else "sends urgent")


def test_what_is_urgent_leaves_the_rest_behind() -> None:
    one = told(BOTH, **AFTERNOON)
    held = one.hears(T.REPLIED, 1)
    one.passes(10 * MINUTE)
    urgent = one.hears(T.REPLIED, 2, priority=Priority.URGENT)
    one.passes(5 * HOUR)
    assert one.mails == [(12 * MINUTE, "ticket", (urgent,)), (3 * HOUR, "ticket", (held,))]
    assert one.pushes == [(10 * MINUTE, "ticket", (urgent,)), (3 * HOUR, "ticket", (held,))]


def test_a_push_that_goes_holds_back_what_quiet_hours_hold_for_less() -> None:
    one = told(PUSH_NOW, quiet_from=time(11), quiet_until=time(12, 1))
    held, urgent = one.is_told(T.REPLIED, 1), one.is_told(T.REPLIED, 2, priority=Priority.URGENT)
    one.looks()
    assert one.trace(held, PUSH) == ["waits bundling until 0:02:00"]
    assert one.looks().decisions == ()

    one.passes(HOUR)
    assert one.pushes == [(NOTHING, "ticket", (urgent,)), (2 * MINUTE, "ticket", (held,))]


# As things are when it would be sent.


def test_a_priority_that_changed_meanwhile_counts() -> None:
    one = told(PUSH_NOW, **AFTERNOON)
    id = one.hears(T.REPLIED)
    one.passes(HOUR)
    one.change(id, priority=Priority.URGENT)
    one.looks()
    assert one.pushes == [(HOUR, "ticket", (id,))]


@pytest.mark.parametrize("mode", [Mode.NOW, Mode.IF_UNREAD, Mode.DAILY])
def test_what_was_read_meanwhile_is_mailed_in_no_mode(mode: Mode) -> None:
    one = told(Choice(email=mode))
    read, unread = one.hears(T.REPLIED), one.hears(T.REPLIED)
    one.passes(MINUTE)
    one.reads(read)
    one.passes(24 * HOUR)
    assert [tells for _, _, tells in one.mails] == [(unread,)]
    assert one.final(read, EMAIL) == "skips read_in_time"


@pytest.mark.parametrize(
    ("person", "fields", "email", "push"),
    [
        ({"is_active": False}, {}, "skips inactive", "skips inactive"),
        ({"has_address": False}, {}, "skips address_not_verified", "sends now"),
        ({"has_device": False}, {}, "sends now", "skips no_device"),
        ({}, {"is_visible": False}, "skips no_longer_visible", "skips no_longer_visible"),
        ({}, {"read_at": NOON}, "skips read_in_time", "skips read_in_time"),
    ],
)
def test_what_cannot_or_must_not_come_is_skipped_with_the_reason(
    person: dict[str, bool], fields: dict[str, Any], email: str, push: str
) -> None:
    one = told(BOTH)
    one.person = person
    id = one.hears(T.REPLIED, **fields)
    one.passes(HOUR)
    assert (one.final(id, EMAIL), one.final(id, PUSH)) == (email, push)
    assert one.settled == {id}


def test_a_ticket_that_went_out_of_sight_while_a_mail_waited_is_not_mailed() -> None:
    one = told(MAIL_NOW)
    id = one.hears(T.REPLIED)
    one.passes(MINUTE)
    one.change(id, is_visible=False)
    one.passes(HOUR)
    assert one.sent == []
    assert one.final(id, EMAIL) == "skips no_longer_visible"


def test_what_waits_for_a_channel_that_is_now_off_is_skipped() -> None:
    one = told(MAIL_NOW)
    id = one.hears(T.REPLIED)
    one.preferences = told(Choice()).preferences
    one.looks()
    assert one.trace(id, EMAIL) == ["waits bundling until 0:02:00", "skips off"]
    assert one.settled == {id}
    assert one.next_at is None


def test_what_nobody_wants_by_any_channel_is_settled_at_once() -> None:
    one = told(Choice())
    id = one.hears(T.REPLIED)
    assert (one.final(id, EMAIL), one.final(id, PUSH)) == ("skips off", "skips off")
    assert one.settled == {id}


def test_a_muted_one_leaves_a_trace_and_goes_its_other_ways() -> None:
    one = told(Choice(in_app=False, push=Mode.NOW))
    id = one.hears(T.REPLIED, is_muted=True)
    one.looks()
    assert one.trace(id, Channel.IN_APP) == ["skips muted"]
    assert one.pushes == [(NOTHING, "ticket", (id,))]


def test_a_clock_that_is_ahead_delays_nothing() -> None:
    one = told(PUSH_NOW)
    id = one.hears(T.REPLIED, at=NOON + SECOND)
    assert one.pushes == [(NOTHING, "ticket", (id,))]


def test_what_was_not_looked_at_for_hours_comes_at_once_and_together() -> None:
    one = told(BOTH)
    ids = []
    for ticket in range(4):
        ids.append(one.is_told(T.REPLIED, ticket))
        one.passes(HOUR)
    one.looks()
    assert one.mails == [(4 * HOUR, "bundle", tuple(ids))]
    assert one.pushes == [(4 * HOUR, "bundle", tuple(ids))]


def test_a_second_look_at_the_same_moment_finds_nothing_new() -> None:
    one = Told(choices=dict.fromkeys(T, BOTH), **AFTERNOON)
    for type in (T.REPLIED, T.ESCALATION, T.REPLIED):
        one.is_told(type)
    one.looks()
    again = one.looks()
    assert (again.decisions, again.messages, again.settled) == ((), (), ())


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_sentence(reason: Reason) -> None:
    assert SENTENCES[reason].endswith(".")
