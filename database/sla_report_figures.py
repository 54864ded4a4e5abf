"""The figures of the promises: how they were kept, target by target, and for all targets together.

The rows are those of `/api/sla/metrics`, in the same words (`DECIDED_CLOCKS`, `COUNTED_AS`), so both always agree: a
clock counts once, at the moment of its breach or else of its end, where its ticket was then. The promise to the
customer and the teams' own goals are figures of two reports, never added together.
"""

from collections.abc import Mapping
from types import MappingProxyType

from database.report_figure import Figure, Population, count, share, spread
from database.sla_figures import COUNTED_AS, DECIDED_CLOCKS
from domain.report import Dimension
from domain.sla_clock import TARGETS, Audience, Target

_PLACES: Mapping[Dimension, str] = MappingProxyType(
    {
        Dimension.TEAM: "team",
        Dimension.PRIORITY: "priority",
        Dimension.CATEGORY: "category",
        Dimension.AGENT: "assignee_id",
        Dimension.POLICY: "policy_id",
    }
)
_ROWS = f"""(
    select clock.*, v.policy_id
    from ({DECIDED_CLOCKS}) clock left join sla_policy_versions v on v.id = clock.policy_version
)"""
_MET_IN_TIME, _BREACHED = COUNTED_AS["met_in_time"], COUNTED_AS["breached"]
_DECIDED = f"({_MET_IN_TIME}) or ({_BREACHED})"
_COUNTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "decided": (_DECIDED, "met in time or breached"),
        "met_in_time": (_MET_IN_TIME, "ended as met and never breached"),
        "breached": (_BREACHED, "all of the goal was used up first"),
        "met_late": (COUNTED_AS["met_late"], "breached, and met since"),
        "still_open": (COUNTED_AS["still_open"], "breached, and not met yet"),
        "cancelled": (COUNTED_AS["cancelled"], "ended with nothing kept or broken; in no other count"),
    }
)
_TIMES: Mapping[str, str] = MappingProxyType(
    {
        "used": "what the clock had counted when it was met, in time or late",
        "wall": "from the clock's beginning to when it was met, wall-clock, pauses included",
        "past_due": "of the breached, wall-clock: until they ended, or until now",
    }
)
_WHOSE: Mapping[Audience, str] = MappingProxyType({"customer": "", "team": "team_"})
"""What the names of a promise's figures begin with."""
_SAID: Mapping[Audience, str] = MappingProxyType({"customer": "Promise to the customer", "team": "The team's own goal"})


def _clocks(audience: Audience, target: Target | None) -> Population:
    """Decided clocks, when and where they were decided; those of a ticket's reopening are clocks of their own."""
    condition = f"audience = '{audience}'" + ("" if target is None else f" and target = '{target}'")
    return Population(
        f"{_WHOSE[audience]}{target or 'sla'}_clocks", _ROWS, _PLACES, "decided_at", "ticket_number", condition
    )


def _figures(audience: Audience, target: Target | None) -> list[Figure]:
    """Of one target, or the counts of all of them: times of different targets are not mixed."""
    clocks, what = _clocks(audience, target), f"{_WHOSE[audience]}{target or 'sla'}"
    said = f"{_SAID[audience]}, {(target or 'all targets').replace('_', ' ')}:"
    counts = [count(f"{what}_{name}", clocks, f"{said} {means}.", of) for name, (of, means) in _COUNTS.items()]
    compliance = share(
        f"{what}_compliance", clocks, f"{said} met in time, of the decided.", part=_MET_IN_TIME, whole=_DECIDED
    )
    times = [spread(f"{what}_{column}", clocks, f"{said} {means}.", column) for column, means in _TIMES.items()]
    return [*counts, compliance, *(times if target else ())]


def sla_figures(audience: Audience) -> tuple[Figure, ...]:
    """The figures of one promise: of all targets together, and of each."""
    return tuple(figure for target in (None, *TARGETS) for figure in _figures(audience, target))


SLA_FIGURES = sla_figures("customer")
TEAM_SLA_FIGURES = sla_figures("team")
