"""What would become of one notification, told beforehand: the same that becomes of it."""

from datetime import time
from typing import Any

import pytest

from domain.ids import NotificationId
from domain.notification import Channel, Choice, Mode, NotificationType
from domain.notification_plan import Unsettled
from domain.notification_preview import preview
from domain.ticket import Priority
from tests.domain.telling import HOUR, NOON, Told

T = NotificationType


@pytest.mark.parametrize("email", Mode)
@pytest.mark.parametrize("push", [Mode.OFF, Mode.NOW, Mode.IF_UNREAD])
@pytest.mark.parametrize("priority", [Priority.NORMAL, Priority.URGENT])
@pytest.mark.parametrize("quiet", [{}, {"quiet_from": time(11), "quiet_until": time(15)}], ids=["loud", "quiet"])
def test_it_tells_what_becomes_of_it(email: Mode, push: Mode, priority: Priority, quiet: dict[str, Any]) -> None:
    one = Told(choices={T.REPLIED: Choice(email=email, push=push)}, **quiet)
    told = preview(one.facts, Unsettled(NotificationId(0), T.REPLIED, NOON, priority=priority))

    one.hears(T.REPLIED, priority=priority)
    one.passes(48 * HOUR)

    assert [(step.at, step.channel, step.decision) for step in told if step.channel is not Channel.IN_APP] == [
        (at, channel, decision) for at, _, channel, decision in one.decisions
    ]
    assert {step.channel for step in told if step.decision.is_final} == set(Channel)
