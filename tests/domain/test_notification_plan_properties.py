"""Whatever happens to a person, and whenever somebody looks: what all plans together always keep to."""

from collections import Counter
from datetime import datetime, time, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.notification import Channel, Choice, Mode, NotificationType
from domain.notification_decision import Outcome, Reason
from domain.notification_settings import NotificationSettings, Preferences, allowed_modes, quiet_end
from domain.people import Role
from domain.ticket import Priority
from tests.domain.telling import MINUTE, Told

MANY = settings(max_examples=100, deadline=None, derandomize=True)
TYPES = (NotificationType.REPLIED, NotificationType.SLA_BREACH, NotificationType.ESCALATION, NotificationType.DIGEST)
LONG = timedelta(days=4)
"""After so long everything is over: a day until the digest, a night of quiet hours, and what these two put off."""
hours = st.integers(0, 23).map(time)


@st.composite
def preferences(draw: st.DrawFn) -> Preferences:
    quiet = draw(st.none() | st.lists(hours, min_size=2, max_size=2, unique=True))
    chosen = {
        type: Choice(
            draw(st.booleans()),
            draw(st.sampled_from(allowed_modes(type, Channel.EMAIL))),
            draw(st.sampled_from(allowed_modes(type, Channel.PUSH))),
        )
        for type in TYPES
    }
    return Preferences.of(
        Role.SUPERVISOR,
        NotificationSettings(
            zone=draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York"])),
            quiet_from=quiet[0] if quiet else None,
            quiet_until=quiet[1] if quiet else None,
            urgent_bypass=draw(st.booleans()),
            bundle_minutes=draw(st.sampled_from([0, 2, 30, 240])),
            fallback_minutes=draw(st.sampled_from([1, 15, 600])),
            digest_at=draw(hours),
        ),
        chosen,
    )


def step(draw: Any, one: Told, *, chooses_anew: bool) -> None:
    """Something happens."""
    happening = draw(st.integers(0, 9))
    ids = sorted(one.notifications)
    if happening < 5 or not ids:
        for _ in range(draw(st.integers(1, 4))):
            one.is_told(
                draw(st.sampled_from(TYPES)),
                draw(st.none() | st.integers(1, 5)),
                priority=draw(st.sampled_from([Priority.NORMAL, Priority.URGENT])),
                is_muted=draw(st.booleans()),
            )
    elif happening == 5:
        one.reads(draw(st.sampled_from(ids)))
    elif happening == 6:
        one.change(draw(st.sampled_from(ids)), is_visible=draw(st.booleans()))
    elif happening == 7:
        one.person = {draw(st.sampled_from(["is_active", "has_address", "has_device"])): draw(st.booleans())}
    elif happening == 8 and chooses_anew:
        one.preferences = draw(preferences())
    if draw(st.booleans()):
        one.looks()
        one.passes(draw(st.sampled_from([timedelta(seconds=1), MINUTE, 10 * MINUTE, timedelta(hours=5)])))


@st.composite
def lives(draw: st.DrawFn, *, chooses_anew: bool = True) -> Told:
    one = Told()
    one.preferences = draw(preferences())
    for _ in range(draw(st.integers(1, 12))):
        step(draw, one, chooses_anew=chooses_anew)
    one.looks()
    one.passes(LONG)
    return one


@MANY
@given(lives())
def test_every_channel_comes_to_one_last_word_on_everything(one: Told) -> None:
    last_words = Counter((id, channel) for _, id, channel, decision in one.decisions if decision.is_final)

    assert one.settled == one.notifications.keys()
    assert one.next_at is None
    assert set(last_words.values()) <= {1}
    for id, notification in one.notifications.items():
        wanted = {Channel.EMAIL, Channel.PUSH} | ({Channel.IN_APP} if notification.is_muted else set())
        assert {channel for about, channel in last_words if about == id} == wanted


@MANY
@given(lives())
def test_every_message_tells_something_and_everything_that_is_sent_is_told_once(one: Told) -> None:
    told = Counter((id, sent.message.channel) for sent in one.sent for id in sent.tells)
    decided = Counter((id, by) for _, id, by, decision in one.decisions if decision.outcome is Outcome.SENDS)

    assert all(sent.tells for sent in one.sent)
    assert told == decided
    for sent in one.sent:
        tickets = {one.notifications[id].ticket for id in sent.tells}
        assert sent.message.kind != "ticket" or tickets == {sent.message.ticket}


@MANY
@given(lives())
def test_what_waits_always_waits_for_something_to_come(one: Told) -> None:
    for at, _, _, decision in one.decisions:
        assert (decision.until is not None) == (decision.outcome is Outcome.WAITS)
        assert decision.until is None or decision.until > at


@MANY
@given(lives(chooses_anew=False))
def test_nothing_but_the_urgent_comes_in_quiet_hours(one: Told) -> None:
    rules = one.preferences.settings
    for sent in one.sent:
        if quiet_end(rules, sent.at) is not None:
            assert rules.urgent_bypass
            assert sent.message.kind != "digest"
            for told in (one.notifications[id] for id in sent.tells):
                assert told.priority is Priority.URGENT or told.type is NotificationType.ESCALATION


@MANY
@given(lives(chooses_anew=False))
def test_a_type_has_one_push_in_the_minutes_of_a_bundle(one: Told) -> None:
    bundling = timedelta(minutes=one.preferences.settings.bundle_minutes)
    last: dict[NotificationType, datetime] = {}
    for sent in one.sent:
        if sent.message.channel is Channel.PUSH:
            for type in {one.notifications[id].type for id in sent.tells}:
                assert type not in last or sent.at - last[type] >= bundling
                last[type] = sent.at


@MANY
@given(lives())
def test_nothing_is_sent_that_was_read_before(one: Told) -> None:
    for sent in one.sent:
        for id in sent.tells:
            read_at = one.notifications[id].read_at
            assert read_at is None or read_at >= sent.at


@MANY
@given(lives(), st.data())
def test_looking_again_changes_nothing(one: Told, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        step(data.draw, one, chooses_anew=True)
        one.looks()
        again = one.looks()
        assert (again.decisions, again.messages, again.settled) == ((), (), ())


@MANY
@given(lives(chooses_anew=False))
def test_a_push_is_folded_only_into_a_mail_that_was_sent(one: Told) -> None:
    for at, id, channel, decision in one.decisions:
        if channel is Channel.PUSH and decision.reason is Reason.FOLDED:
            assert any(sent.at <= at and id in sent.tells for sent in one.sent if sent.message.channel is Channel.EMAIL)


@MANY
@given(lives(chooses_anew=False))
def test_what_is_wanted_now_comes_in_time(one: Told) -> None:
    """No later than two bundles and the quiet hours after it; the looks of these lives are never late by more than the
    five hours that nobody looks."""
    rules = one.preferences.settings
    slack = timedelta(minutes=2 * rules.bundle_minutes) + timedelta(hours=24 + 5)
    for sent in one.sent:
        for told in (one.notifications[id] for id in sent.tells):
            choice = one.preferences.choices[told.type]
            mode = choice.email if sent.message.channel is Channel.EMAIL else choice.push
            if mode is Mode.NOW:
                assert sent.at - told.at <= slack
