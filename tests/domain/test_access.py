"""Who may see and do what, as a matrix of people, tickets and commands."""

from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from domain.access import (
    Audience,
    Reader,
    allowed_statuses,
    check_admin,
    check_command,
    check_desk,
    check_open,
    check_own_or_supervisor,
    check_presence,
    may_see_internal,
    may_see_presence,
    teams_with_figures,
    ticket_scope,
)
from domain.errors import ForbiddenError
from domain.ids import PersonId
from domain.lifecycle import TRANSITIONS, allowed_transitions
from domain.people import Role
from domain.ticket import Priority, Slug, Status, Ticket
from domain.ticket_commands import (
    AddAttachment,
    AddReply,
    AssignTicket,
    AutoCloseTicket,
    ChangeStatus,
    ClaimTicket,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    OpenTicket,
    RemoveAttachment,
    SnoozeTicket,
    TicketCommand,
    UnassignTicket,
    WakeTicket,
)
from tests.factories import (
    AGENT,
    NOW,
    OTHER_AGENT,
    OTHER_REQUESTER,
    REQUESTER,
    attachment_id,
    person_id,
    text_id,
    ticket,
)

ME = person_id("me")
LATER = NOW + timedelta(hours=1)


class Relation(NamedTuple):
    """What I have to do with a ticket."""

    requester: PersonId
    team: Slug | None
    assignee: PersonId | None
    watcher: PersonId | None = None
    organisation: Slug | None = None

    def ticket(self, **fields: Any) -> Ticket:
        watchers = () if self.watcher is None else (self.watcher,)
        return ticket(
            requester_id=self.requester, team=self.team, assignee_id=self.assignee, watcher_ids=watchers, **fields
        )

    @property
    def audience(self) -> Audience:
        return Audience.of(self.ticket(), self.organisation)


RELATIONS = {
    "mine, unrouted": Relation(ME, None, None),
    "mine, in my team": Relation(ME, "support", None),
    "mine, in another team": Relation(ME, "billing", OTHER_AGENT),
    "mine, and I work on it": Relation(ME, "billing", ME),
    "unrouted": Relation(OTHER_REQUESTER, None, None),
    "in my team": Relation(OTHER_REQUESTER, "support", OTHER_AGENT),
    "assigned to me in my team": Relation(OTHER_REQUESTER, "support", ME),
    "assigned to me in another team": Relation(OTHER_REQUESTER, "billing", ME),
    "a stranger's": Relation(OTHER_REQUESTER, "billing", OTHER_AGENT),
    "watched by me": Relation(OTHER_REQUESTER, "billing", OTHER_AGENT, watcher=ME),
    "mine, and watched by me": Relation(ME, "billing", OTHER_AGENT, watcher=ME),
    "my organisation's": Relation(OTHER_REQUESTER, "billing", OTHER_AGENT, organisation="acme"),
    "another organisation's": Relation(OTHER_REQUESTER, "billing", OTHER_AGENT, organisation="globex"),
}

NONE, REPLIES, WRITES, DESK = "does not see it", "sees it and may reply", "sees it as its requester", "sees it as desk"

MATRIX: dict[str, dict[Role, str]] = {
    "mine, unrouted": {Role.REQUESTER: WRITES, Role.AGENT: DESK, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
    "mine, in my team": {Role.REQUESTER: WRITES, Role.AGENT: DESK, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
    "mine, in another team": {Role.REQUESTER: WRITES, Role.AGENT: WRITES, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
    "mine, and I work on it": {Role.REQUESTER: WRITES, Role.AGENT: DESK, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
    "unrouted": {Role.REQUESTER: NONE, Role.AGENT: DESK, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
    "in my team": {Role.REQUESTER: NONE, Role.AGENT: DESK, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
    "assigned to me in my team": {Role.REQUESTER: NONE, Role.AGENT: DESK, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
    "assigned to me in another team": {Role.REQUESTER: NONE, Role.AGENT: DESK, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
    "a stranger's": {Role.REQUESTER: NONE, Role.AGENT: NONE, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
    "watched by me": {Role.REQUESTER: REPLIES, Role.AGENT: DESK, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
    "mine, and watched by me": {Role.REQUESTER: WRITES, Role.AGENT: WRITES, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
    "my organisation's": {Role.REQUESTER: REPLIES, Role.AGENT: REPLIES, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
    "another organisation's": {Role.REQUESTER: NONE, Role.AGENT: NONE, Role.SUPERVISOR: DESK, Role.ADMIN: DESK},
}
"""What a ticket that is so related to me is to me, by my role. A requester keeps no team from former days."""

CELLS = [
    pytest.param(role, relation, MATRIX[relation][role], id=f"{role}: {relation}")
    for relation in MATRIX
    for role in Role
]
SEEN = [cell for cell in CELLS if cell.values[2] != NONE]

FOR_ANYONE: dict[str, TicketCommand] = {
    "reply": AddReply(text_id=text_id("reply")),
    "attach": AddAttachment(attachment_id=attachment_id("log")),
    "remove": RemoveAttachment(attachment_id=attachment_id("log")),
    "open": ChangeStatus(status=Status.OPEN),
    "resolve": ChangeStatus(status=Status.RESOLVED),
    "close": ChangeStatus(status=Status.CLOSED),
    "reword": EditTicket(wording_id=text_id("new wording"), previous_wording_id=text_id("wording")),
    "set priority": EditTicket(priority=Priority.HIGH),
    "set category": EditTicket(category="billing"),
    "set due date": EditTicket(due_at=LATER),
    "clear due date": EditTicket(clear=("due_at",)),
    "edit all of it": EditTicket(
        type="edit",
        wording_id=text_id("new wording"),
        previous_wording_id=text_id("wording"),
        priority=Priority.HIGH,
        category="billing",
        due_at=LATER,
    ),
    "edit nothing": EditTicket(),
    "edit, with everything else left empty": EditTicket(type="edit", team=None, tags=None, estimated_minutes=None),
}
FOR_THE_DESK: dict[str, TicketCommand] = {
    "note": AddReply(text_id=text_id("note"), internal=True),
    "attach internally": AddAttachment(attachment_id=attachment_id("log"), internal=True),
    "remove what is internal": RemoveAttachment(attachment_id=attachment_id("log"), internal=True),
    "pending": ChangeStatus(status=Status.PENDING),
    "hold": ChangeStatus(status=Status.ON_HOLD),
    "new": ChangeStatus(status=Status.NEW),
    "move": EditTicket(team="billing"),
    "tag": EditTicket(tags=("vip",)),
    "untag": EditTicket(tags=()),
    "skills": EditTicket(required_skills=("dns",)),
    "estimate": EditTicket(estimated_minutes=5),
    "unroute": EditTicket(clear=("team",)),
    "clear estimate": EditTicket(clear=("due_at", "estimated_minutes")),
    "reword and tag": EditTicket(wording_id=text_id("wording"), tags=("vip",)),
    "assign": AssignTicket(assignee_id=AGENT),
    "unassign": UnassignTicket(),
    "claim": ClaimTicket(),
    "escalate": EscalateTicket(),
    "de-escalate": DeescalateTicket(),
    "snooze": SnoozeTicket(),
    "wake": WakeTicket(),
    "auto-close": AutoCloseTicket(),
}


def me(role: Role) -> Reader:
    return Reader(id=ME, role=role, teams=frozenset({"support"}), organisation="acme")


def is_permitted(reader: Reader, command: TicketCommand, audience: Audience) -> bool:
    try:
        check_command(reader, command, audience)
    except ForbiddenError:
        return False
    return True


@pytest.mark.parametrize(("role", "relation", "sight"), CELLS)
def test_who_sees_a_ticket(role: Role, relation: str, sight: str) -> None:
    assert ticket_scope(me(role)).includes(RELATIONS[relation].audience) is (sight != NONE)


@pytest.mark.parametrize(("role", "relation", "sight"), CELLS)
def test_only_who_sees_a_ticket_as_desk_reads_its_notes(role: Role, relation: str, sight: str) -> None:
    assert may_see_internal(me(role), RELATIONS[relation].audience) is (sight == DESK)


@pytest.mark.parametrize(("role", "relation", "sight"), SEEN)
def test_the_desk_may_do_everything_and_a_requester_what_is_theirs(role: Role, relation: str, sight: str) -> None:
    expected = {DESK: {*FOR_ANYONE, *FOR_THE_DESK}, WRITES: set(FOR_ANYONE), REPLIES: {"reply", "attach", "remove"}}[
        sight
    ]

    permitted = {
        name
        for name, command in {**FOR_ANYONE, **FOR_THE_DESK}.items()
        if is_permitted(me(role), command, RELATIONS[relation].audience)
    }

    assert permitted == expected


@pytest.mark.parametrize(("role", "relation", "sight"), SEEN)
def test_the_statuses_on_offer_are_those_that_are_legal_and_permitted(role: Role, relation: str, sight: str) -> None:
    audience = RELATIONS[relation].audience
    for status in Status:
        given = RELATIONS[relation].ticket(status=status)
        permitted = [
            wanted for wanted in TRANSITIONS[status] if is_permitted(me(role), ChangeStatus(status=wanted), audience)
        ]

        offered = allowed_statuses(me(role), given, audience, LATER)

        assert list(offered) == permitted
        assert set(offered) <= set(allowed_transitions(given, LATER))


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        (Status.NEW, ("open", "resolved")),
        (Status.OPEN, ("resolved",)),
        (Status.PENDING, ("open", "resolved")),
        (Status.ON_HOLD, ("open", "resolved")),
        (Status.RESOLVED, ("open", "closed")),
        (Status.CLOSED, ("open",)),
    ],
)
def test_a_requester_is_offered_no_status_that_is_the_desks_own(status: Status, offered: tuple[str, ...]) -> None:
    requester = Reader(id=REQUESTER, role=Role.REQUESTER)

    given = ticket(status=status)

    assert allowed_statuses(requester, given, Audience.of(given, None), LATER) == offered


@pytest.mark.parametrize("role", Role)
def test_nobody_is_offered_to_reopen_what_is_history(role: Role) -> None:
    given = ticket(status="closed", requester_id=ME)

    assert allowed_statuses(me(role), given, Audience.of(given, None), NOW + timedelta(days=30)) == ()


@pytest.mark.parametrize("role", Role)
def test_everybody_opens_tickets_for_themselves_and_only_the_desk_for_others(role: Role) -> None:
    check_open(me(role), OpenTicket(wording_id=text_id("wording"), requester_id=ME))
    for_another = OpenTicket(wording_id=text_id("wording"), requester_id=OTHER_REQUESTER)
    if role is Role.REQUESTER:
        with pytest.raises(ForbiddenError):
            check_open(me(role), for_another)
    else:
        check_open(me(role), for_another)


@pytest.mark.parametrize("role", Role)
def test_what_is_for_the_desk_and_what_for_admins(role: Role) -> None:
    if role is Role.ADMIN:
        check_admin(me(role))
    else:
        with pytest.raises(ForbiddenError, match="Only an admin"):
            check_admin(me(role))
    if role is Role.REQUESTER:
        with pytest.raises(ForbiddenError, match="Only the desk"):
            check_desk(me(role))
    else:
        check_desk(me(role))


@pytest.mark.parametrize("role", Role)
def test_what_somebody_did_is_for_them_and_for_supervisors(role: Role) -> None:
    check_own_or_supervisor(me(role), ME)
    if role in (Role.SUPERVISOR, Role.ADMIN):
        check_own_or_supervisor(me(role), AGENT)
    else:
        with pytest.raises(ForbiddenError, match="Only a supervisor"):
            check_own_or_supervisor(me(role), AGENT)


@pytest.mark.parametrize("role", Role)
def test_a_reader_acts_as_themselves(role: Role) -> None:
    actor = me(role).actor

    assert (actor.kind, actor.id, actor.role, actor.is_desk) == ("person", ME, role, role is not Role.REQUESTER)


def test_figures_are_of_everything_for_supervisors_of_their_teams_for_agents_and_of_nothing_for_requesters() -> None:
    assert teams_with_figures(me(Role.SUPERVISOR)) is None
    assert teams_with_figures(me(Role.ADMIN)) is None
    assert teams_with_figures(me(Role.AGENT)) == frozenset({"support"})
    with pytest.raises(ForbiddenError, match="Only the desk"):
        teams_with_figures(me(Role.REQUESTER))


@pytest.mark.parametrize("role", Role)
def test_who_is_there_is_the_desks_own_affair(role: Role) -> None:
    assert may_see_presence(me(role)) == (role is not Role.REQUESTER)


@pytest.mark.parametrize("role", Role)
def test_agents_say_what_they_are_and_supervisors_what_anybody_is(role: Role) -> None:
    if role is Role.REQUESTER:
        with pytest.raises(ForbiddenError, match="Only the desk"):
            check_presence(me(role), ME)
        return
    check_presence(me(role), ME)
    if role is Role.AGENT:
        with pytest.raises(ForbiddenError, match="Only a supervisor"):
            check_presence(me(role), OTHER_AGENT)
    else:
        check_presence(me(role), OTHER_AGENT)
