"""What goes out to one person when, by which channel, and what does not: a pure function of what is known of them now.

    plan(facts, now) -> the decisions that are new, the messages to send now, when to look again

Each channel decides for itself: `_mail_decisions`, then `_push_decisions`, for a mail that tells of something saves the
push that was held back for it. All of them hold until the next look; only `sends` and `skips` are for good.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache, partial
from typing import NamedTuple

from domain.ids import NotificationId, TicketNumber
from domain.message import MessageKind
from domain.notification import ALARMS, Channel, Mode, NotificationType
from domain.notification_decision import Decision, Outcome, Reason
from domain.notification_settings import Preferences, digest_after, digest_before, local_date, quiet_end
from domain.ticket import Priority

MOST_LETTERS = 3
"""Up to so many tickets have a mail each; of more there is one mail for all."""
Decisions = dict[NotificationId, Decision]


class Unsettled(NamedTuple):
    """A notification that some channel has not decided for good."""

    id: NotificationId
    type: NotificationType
    at: datetime
    ticket: TicketNumber | None = None
    priority: Priority | None = None
    """The ticket's, as of now."""
    read_at: datetime | None = None
    is_visible: bool = True
    """Whether the person may see what it tells, as of now."""
    is_muted: bool = False
    decided: Mapping[Channel, Decision] = {}
    """The latest decisions."""


class Facts(NamedTuple):
    """What is known of one person."""

    preferences: Preferences
    unsettled: Sequence[Unsettled]
    pushed: Mapping[NotificationType, datetime]
    """When a push last told of the type; what is older than the time for bundling need not be here."""
    is_active: bool = True
    has_address: bool = True
    """Whether there is an address that was confirmed."""
    has_device: bool = True


class NewDecision(NamedTuple):
    """A decision to be kept; `message` is the place of the message in the plan, of what is sent."""

    notification: NotificationId
    channel: Channel
    decision: Decision
    message: int | None = None


class NewMessage(NamedTuple):
    channel: Channel
    kind: MessageKind
    ticket: TicketNumber | None


class Plan(NamedTuple):
    decisions: tuple[NewDecision, ...] = ()
    messages: tuple[NewMessage, ...] = ()
    settled: tuple[NotificationId, ...] = ()
    """Those of which every channel has decided for good."""
    next_at: datetime | None = None
    """When something that waits comes; None when nothing does."""
    digest_of: date | None = None
    """The person's date, when a digest goes out: the inbox is to tell of it."""


class _Letter(NamedTuple):
    """A message, with what it tells."""

    message: NewMessage
    tells: tuple[NotificationId, ...]


def plan(facts: Facts, now: datetime) -> Plan:
    """Everything that is to be done now. Once it is done, another plan of the same moment is empty."""
    desk = _Desk(facts, now)
    mails = _mail_decisions(desk)
    pushes = _push_decisions(desk, mails)
    letters = [*_letters(desk, mails), *_pushes(desk, pushes)]
    decided = {Channel.EMAIL: mails, Channel.PUSH: pushes}
    return Plan(
        decisions=tuple(_new_decisions(desk, decided, letters)),
        messages=tuple(letter.message for letter in letters),
        settled=tuple(one.id for one in facts.unsettled if mails[one.id].is_final and pushes[one.id].is_final),
        next_at=min((one.until for some in decided.values() for one in some.values() if one.until), default=None),
        digest_of=local_date(desk.settings, now) if any(one.message.kind == "digest" for one in letters) else None,
    )


class _Desk:
    """The facts, and the questions that both channels ask of them."""

    def __init__(self, facts: Facts, now: datetime) -> None:
        self.facts = facts
        self.now = now
        self.settings = facts.preferences.settings
        self.bundling = timedelta(minutes=self.settings.bundle_minutes)
        self.quiet_end = cache(partial(quiet_end, self.settings))

    def mode(self, one: Unsettled, channel: Channel) -> Mode:
        choice = self.facts.preferences.choices[one.type]
        return choice.email if channel is Channel.EMAIL else choice.push

    def ready_at(self, one: Unsettled, channel: Channel) -> datetime:
        """When the channel begins to count: at once, or when it has been unread for long enough."""
        if self.mode(one, channel) is Mode.IF_UNREAD:
            return one.at + timedelta(minutes=self.settings.fallback_minutes)
        return min(one.at, self.now)

    def is_urgent(self, one: Unsettled) -> bool:
        """Whether quiet hours do not hold it."""
        is_urgent = one.priority is Priority.URGENT or one.type is NotificationType.ESCALATION
        return is_urgent and self.settings.urgent_bypass

    def is_held(self, one: Unsettled) -> bool:
        """Whether quiet hours hold it now."""
        return not self.is_urgent(one) and self.quiet_end(self.now) is not None

    def decided_for_good(self, channel: Channel) -> Decisions:
        """Of every notification that the channel is done with, why."""
        done: Decisions = {}
        for one in self.facts.unsettled:
            before = one.decided.get(channel)
            if before is not None and before.is_final:
                done[one.id] = before
            elif (reason := self._skipped(one, channel)) is not None:
                done[one.id] = Decision(Outcome.SKIPS, reason)
        return done

    def _skipped(self, one: Unsettled, channel: Channel) -> Reason | None:
        """The first of the rules that applies."""
        facts, mode = self.facts, self.mode(one, channel)
        rules = (
            (Reason.INACTIVE, not facts.is_active),
            (Reason.OFF, mode is Mode.OFF),
            (Reason.READ_IN_TIME, one.read_at is not None),
            (Reason.NO_LONGER_VISIBLE, not one.is_visible),
            (Reason.NO_DEVICE, channel is Channel.PUSH and not facts.has_device),
            (Reason.ADDRESS_NOT_VERIFIED, channel is Channel.EMAIL and not facts.has_address),
        )
        return next((reason for reason, applies in rules if applies), None)

    def comes_at(self, moment: datetime, one: Unsettled, channel: Channel, waits_for: Reason) -> Decision:
        """What is to come at this moment: it waits for that, then for the end of quiet hours, or is sent."""
        at = max(moment, self.now)
        quiet_until = None if self.is_urgent(one) else self.quiet_end(at)
        if quiet_until is not None:
            return Decision(Outcome.WAITS, Reason.QUIET_HOURS, quiet_until)
        if at > self.now:
            return Decision(Outcome.WAITS, waits_for, at)
        if self.mode(one, channel) is Mode.IF_UNREAD:
            return Decision(Outcome.SENDS, Reason.STILL_UNREAD)
        return Decision(Outcome.SENDS, Reason.NOW if self.quiet_end(self.now) is None else Reason.URGENT)


def _mail_decisions(desk: _Desk) -> Decisions:
    """Mails are collected from the first that is ready; what quiet hours hold does not open the collection."""
    decided = desk.decided_for_good(Channel.EMAIL)
    open_ones = [one for one in desk.facts.unsettled if one.id not in decided]
    collected = [one for one in open_ones if desk.mode(one, Channel.EMAIL) is not Mode.DAILY]
    first = min((desk.ready_at(one, Channel.EMAIL) for one in collected if not desk.is_held(one)), default=desk.now)
    last_digest = digest_before(desk.settings, desk.now)
    for one in open_ones:
        if desk.mode(one, Channel.EMAIL) is Mode.DAILY:
            decided[one.id] = _digest_decision(desk, one, last_digest)
        elif (ready_at := desk.ready_at(one, Channel.EMAIL)) > desk.now:
            decided[one.id] = Decision(Outcome.WAITS, Reason.IF_UNREAD, ready_at)
        elif desk.is_held(one):
            decided[one.id] = Decision(Outcome.WAITS, Reason.QUIET_HOURS, desk.quiet_end(desk.now))
        else:
            decided[one.id] = desk.comes_at(first + desk.bundling, one, Channel.EMAIL, Reason.BUNDLING)
    return decided


def _digest_decision(desk: _Desk, one: Unsettled, last_digest: datetime) -> Decision:
    """With the first digest after it, when no quiet hours hold that. Who asked for it daily is in no hurry, whatever it
    is."""
    if one.at >= last_digest:
        return Decision(Outcome.WAITS, Reason.DAILY, digest_after(desk.settings, desk.now))
    quiet_until = desk.quiet_end(desk.now)
    if quiet_until is not None:
        return Decision(Outcome.WAITS, Reason.QUIET_HOURS, quiet_until)
    return Decision(Outcome.SENDS, Reason.DAILY)


def _push_decisions(desk: _Desk, mails: Decisions) -> Decisions:
    """A push comes at once, and then none like it for a while: of its type, or, of an alarm, no other alarm. What that
    holds back goes out with the mail of the same minutes when there is one, else at the end."""
    decided = desk.decided_for_good(Channel.PUSH)
    open_ones = [one for one in desk.facts.unsettled if one.id not in decided]
    for one in open_ones:
        decided[one.id] = _push_decision(desk, one, mails[one.id], _pushed_at(desk.facts.pushed, one.type))
    told = {one.type: desk.now for one in open_ones if decided[one.id].outcome is Outcome.SENDS}
    for one in open_ones:
        if _pushed_at(told, one.type) is not None and not decided[one.id].is_final:
            decided[one.id] = _push_decision(desk, one, mails[one.id], desk.now)
    return decided


def _pushed_at(pushed: Mapping[NotificationType, datetime], type: NotificationType) -> datetime | None:
    """When a push last told of something like it."""
    alike = ALARMS if type in ALARMS else {type}
    return max((at for told, at in pushed.items() if told in alike), default=None)


def _push_decision(desk: _Desk, one: Unsettled, mail: Decision, pushed_at: datetime | None) -> Decision:
    ready_at, before = desk.ready_at(one, Channel.PUSH), one.decided.get(Channel.PUSH)
    if ready_at > desk.now:
        return Decision(Outcome.WAITS, Reason.IF_UNREAD, ready_at)
    moment = ready_at if pushed_at is None else max(ready_at, pushed_at + desk.bundling)
    if moment > desk.now or (before is not None and before.reason is Reason.BUNDLING):
        if mail.outcome is Outcome.SENDS:
            return Decision(Outcome.SKIPS, Reason.FOLDED)
        if mail.reason is Reason.BUNDLING and mail.until is not None:
            moment = max(moment, mail.until)
    return desk.comes_at(moment, one, Channel.PUSH, Reason.BUNDLING)


def _letters(desk: _Desk, mails: Decisions) -> Iterable[_Letter]:
    """The mails to send now: the digest, and what was collected, by ticket; in one when that were too many, or when
    quiet hours held it."""
    sent = _sent_now(desk, mails, Channel.EMAIL)
    if daily := [one for one in sent if mails[one.id].reason is Reason.DAILY]:
        yield _letter(Channel.EMAIL, "digest", daily)
    collected = [one for one in sent if mails[one.id].reason is not Reason.DAILY]
    by_ticket: dict[TicketNumber | None, list[Unsettled]] = defaultdict(list)
    for one in collected:
        by_ticket[one.ticket].append(one)
    before = [one.decided.get(Channel.EMAIL) for one in collected]
    was_quiet = any(one is not None and one.reason is Reason.QUIET_HOURS for one in before)
    if len(by_ticket) > (1 if was_quiet else MOST_LETTERS):
        yield _letter(Channel.EMAIL, "bundle", collected)
    else:
        yield from (_about(Channel.EMAIL, some) for some in by_ticket.values())


def _pushes(desk: _Desk, pushes: Decisions) -> Iterable[_Letter]:
    """One push for all that is to come now."""
    if sent := _sent_now(desk, pushes, Channel.PUSH):
        yield _about(Channel.PUSH, sent)


def _sent_now(desk: _Desk, decided: Decisions, channel: Channel) -> list[Unsettled]:
    return [
        one
        for one in desk.facts.unsettled
        if decided[one.id].outcome is Outcome.SENDS and one.decided.get(channel) != decided[one.id]
    ]


def _about(channel: Channel, some: Sequence[Unsettled]) -> _Letter:
    tickets = {one.ticket for one in some}
    return _letter(channel, "ticket" if len(tickets) == 1 and None not in tickets else "bundle", some)


def _letter(channel: Channel, kind: MessageKind, some: Sequence[Unsettled]) -> _Letter:
    ticket = some[0].ticket if kind == "ticket" else None
    return _Letter(NewMessage(channel, kind, ticket), tuple(one.id for one in some))


def _new_decisions(
    desk: _Desk, decided: Mapping[Channel, Decisions], letters: Sequence[_Letter]
) -> Iterable[NewDecision]:
    """What was not decided so before."""
    places = {(letter.message.channel, id): place for place, letter in enumerate(letters) for id in letter.tells}
    for one in desk.facts.unsettled:
        if one.is_muted and Channel.IN_APP not in one.decided:
            yield NewDecision(one.id, Channel.IN_APP, Decision(Outcome.SKIPS, Reason.MUTED))
        for channel, some in decided.items():
            if some[one.id] != one.decided.get(channel):
                yield NewDecision(one.id, channel, some[one.id], places.get((channel, one.id)))
