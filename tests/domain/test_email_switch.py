"""A link in a mail ends mails like it, and the way back brings them as they came before."""

import pytest

from domain.email_switch import ABOUT, EmailSwitch, switched_off, way_back
from domain.notification import Mode, NotificationType, default_choices
from domain.people import Role
from tests.factories import REQUESTER

T = NotificationType


def test_the_link_of_a_mail_ends_its_types_and_no_others() -> None:
    switch = switched_off(REQUESTER, (T.REPLIED, T.SLA_BREACH))
    assert switch == EmailSwitch(REQUESTER, {T.REPLIED: Mode.OFF, T.SLA_BREACH: Mode.OFF})
    assert switch.is_off


@pytest.mark.parametrize(
    ("type", "before", "role", "after"),
    [
        (T.REPLIED, Mode.DAILY, Role.AGENT, Mode.DAILY),
        (T.REPLIED, Mode.NOW, Role.AGENT, Mode.NOW),
        (T.REPLIED, Mode.OFF, Role.AGENT, Mode.IF_UNREAD),
        (T.REPLIED, Mode.OFF, Role.REQUESTER, Mode.NOW),
        (T.OFFERED, Mode.OFF, Role.AGENT, Mode.NOW),
        (T.DIGEST, Mode.OFF, Role.AGENT, Mode.DAILY),
    ],
)
def test_the_way_back_is_to_what_was_or_to_what_is_usual(type: T, before: Mode, role: Role, after: Mode) -> None:
    back = way_back(switched_off(REQUESTER, (type,)), {type: before}, role)
    assert back == EmailSwitch(REQUESTER, {type: after})
    assert not back.is_off


@pytest.mark.parametrize("role", Role)
def test_every_type_has_a_name_and_a_way_back(role: Role) -> None:
    assert ABOUT.keys() == set(T) == default_choices(role).keys()
    back = way_back(switched_off(REQUESTER, tuple(T)), {}, role)
    assert Mode.OFF not in back.modes.values()
