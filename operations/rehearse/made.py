"""A log and a roster of a real desk's shape, from a seed: for whoever has none at hand.

The arrivals are those of the made log of `operations.replay`; the constants here are fitted by eye to summary figures
of the same desk.
"""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from random import Random

from domain.agent import MAX_LEVEL
from domain.business_calendar import BusinessCalendar, Span
from operations.rehearse.log import DEFAULT_START, PRIORITIES, Arrival
from operations.rehearse.roster import SECOND_LEVEL, Agent
from operations.replay.made_log import INCIDENTS_PER_WEEK, make_log

PRIORITY_SHARES = {1: 0.03, 2: 0.12, 3: 0.5, 4: 0.35}
FRONT = "front"
FRONT_GROUP = "70"
BACK_SKILLS = 12
FRONT_WORK = (14.0, 1.0)
"""Median in minutes and sigma of a lognormal; so is the next."""
BACK_WORK = (36.0, 0.75)
SHORTEST, LONGEST = timedelta(minutes=2), timedelta(hours=8)
SHIFT_MINUTES = 450
SHIFT_STARTS = (480, 480, 540, 480, 540, 630)
"""Minutes of the day at which shifts begin, in turn."""
WEEK_MINUTES = 5 * SHIFT_MINUTES
_MINUTE = timedelta(minutes=1)


def make_arrivals(weeks: int, seed: int) -> list[Arrival]:
    """The arrivals of so many weeks; the same seed gives the same ones."""
    random = Random(f"rehearsal:{seed}")
    return [
        _arrival(number, incident.arrival_offset_s, incident.first_group, random)
        for number, incident in enumerate(make_log(weeks * INCIDENTS_PER_WEEK, seed), start=1)
    ]


def make_roster(arrivals: Sequence[Arrival], weeks: int, utilisation: float = 0.86) -> list[Agent]:
    """As many agents as these arrivals keep busy for this share of their shifts, each with a second skill.

    Every skill has somebody whose own it is; the others have it by the work that it brings.
    """
    work: Counter[str] = Counter()
    for arrival in arrivals:
        work[arrival.skill] += round(arrival.work / _MINUTE)
    skills = [skill for skill, _ in work.most_common()]
    heads = max(len(skills), round(work.total() / (utilisation * WEEK_MINUTES * weeks)))
    own = dict.fromkeys(skills, 1)
    for _ in range(heads - len(skills)):
        own[max(skills, key=lambda skill: work[skill] / own[skill])] += 1
    seconds = dict.fromkeys(skills, 0)
    agents: list[Agent] = []
    for skill in skills:
        for _ in range(own[skill]):
            others = [other for other in skills if other != skill] or [skill]
            second = max(others, key=lambda other: work[other] / (own[other] + seconds[other]))
            seconds[second] += 1
            agents.append(_agent(len(agents), skill, second))
    return agents


def _agent(place: int, own: str, second: str) -> Agent:
    since = SHIFT_STARTS[place % len(SHIFT_STARTS)]
    span = Span(since=since, until=since + SHIFT_MINUTES)
    week = BusinessCalendar(zone="UTC", week=((span,),) * 5 + ((),) * 2)
    return Agent(f"agent{place + 1:02}", {second: SECOND_LEVEL, own: MAX_LEVEL}, week)


def _arrival(number: int, offset_s: float, group: str, random: Random) -> Arrival:
    is_front = group == FRONT_GROUP
    median, sigma = FRONT_WORK if is_front else BACK_WORK
    work = timedelta(minutes=random.lognormvariate(math.log(median), sigma))
    return Arrival(
        number=number,
        at=DEFAULT_START + timedelta(seconds=offset_s),
        priority=PRIORITIES[random.choices(list(PRIORITY_SHARES), list(PRIORITY_SHARES.values()))[0]],
        skill=FRONT if is_front else f"back-{_back(group)}",
        work=min(max(work, SHORTEST), LONGEST),
    )


def _back(group: str) -> int:
    """Small groups share a skill."""
    return min(sum(map(ord, group)) % BACK_SKILLS, BACK_SKILLS - 1)
