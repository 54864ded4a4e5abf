"""The order of the policies: tried from the top, so that one may leave nothing to another below it."""

from collections.abc import Sequence
from typing import NamedTuple

from domain.errors import PolicyUnreachableError
from domain.sla_policy import Conditions
from domain.ticket import Priority


class Ranked(NamedTuple):
    """A policy in its place."""

    name: str
    conditions: Conditions


def check_reachable(policies: Sequence[Ranked]) -> None:
    """Raises PolicyUnreachableError, naming who covers whom, when those above a policy leave no ticket to it."""
    for place, policy in enumerate(policies):
        if above := covering(policies[:place], policy.conditions):
            names = " and ".join(f"“{one.name}”" for one in above)
            raise PolicyUnreachableError(
                f"No ticket would reach the policy “{policy.name}”: {names} above it "
                f"{'covers' if len(above) == 1 else 'cover'} all that it is for."
            )


def lowest_place(policies: Sequence[Ranked], conditions: Conditions) -> int:
    """How many of these policies may stand above one with these conditions so that it is still reached."""
    return next((place for place in range(len(policies)) if covering(policies[: place + 1], conditions)), len(policies))


def covering(above: Sequence[Ranked], conditions: Conditions) -> list[Ranked]:
    """The policies that leave nothing to one with these conditions below them; none when some ticket gets by.

    Each priority may be covered by another policy. That several together cover each category, team, tier or tag that is
    named is not looked for.
    """
    found: dict[int, Ranked] = {}
    for priority in conditions.priorities or tuple(Priority):
        narrow = conditions.model_copy(update={"priorities": (priority,)})
        place = next((place for place, one in enumerate(above) if one.conditions.cover(narrow)), None)
        if place is None:
            return []
        found[place] = above[place]
    return [found[place] for place in sorted(found)]
