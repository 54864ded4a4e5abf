"""Who acts."""

import pytest

from domain.people import INTEGRATION, TIMER, Actor, Role
from tests.factories import AGENT


@pytest.mark.parametrize(
    ("role", "is_desk"),
    [(Role.REQUESTER, False), (Role.AGENT, True), (Role.SUPERVISOR, True), (Role.ADMIN, True)],
)
def test_everyone_but_requesters_works_at_the_desk(role: Role, is_desk: bool) -> None:
    assert role.is_desk is is_desk
    assert Actor.person(AGENT, role).is_desk is is_desk


@pytest.mark.parametrize("actor", [TIMER, INTEGRATION], ids=lambda actor: str(actor.kind))
def test_timers_and_integrations_speak_for_the_desk_and_are_nobody(actor: Actor) -> None:
    assert actor.is_desk
    assert (actor.id, actor.role) == (None, None)


@pytest.mark.parametrize("role", Role)
def test_a_service_is_an_integration_with_a_name_and_speaks_for_the_desk_as_its_role_does(role: Role) -> None:
    actor = Actor.service(AGENT, role)

    assert (actor.kind, actor.id, actor.role) == ("integration", AGENT, role)
    assert actor.is_desk is role.is_desk
