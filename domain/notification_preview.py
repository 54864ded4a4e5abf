"""What would become of one notification if nothing else came, nobody read it and nothing changed."""

from datetime import datetime
from typing import NamedTuple

from domain.notification import Channel
from domain.notification_decision import Decision, Outcome, Reason
from domain.notification_plan import Facts, Unsettled, plan


class Step(NamedTuple):
    """A decision, and when it would be made."""

    at: datetime
    channel: Channel
    decision: Decision


def preview(facts: Facts, one: Unsettled) -> list[Step]:
    """Every decision on the way, the inbox's first."""
    muted = not facts.preferences.choices[one.type].in_app
    inbox = Decision(Outcome.SKIPS, Reason.MUTED) if muted else Decision(Outcome.SENDS, Reason.NOW)
    steps, now = [Step(one.at, Channel.IN_APP, inbox)], one.at
    while True:
        planned = plan(facts._replace(unsettled=[one]), now)
        steps += [Step(now, new.channel, new.decision) for new in planned.decisions]
        one = one._replace(decided={**one.decided, **{new.channel: new.decision for new in planned.decisions}})
        if planned.next_at is None:
            return steps
        now = planned.next_at
