"""A log of the real one's shape, from a seed: for whoever has no log at hand.

The constants are fitted by eye to summary figures of a real service desk (arrivals per hour of week, shares,
quantiles); no row of it is here.
"""

import math
from random import Random

from operations.replay.log import UNKNOWN_GROUP, Incident, in_order

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
WEEK_S = 7 * DAY_S
INCIDENTS_PER_WEEK = 1700

DAY_WEIGHTS = (24, 21, 23, 13, 14, 3, 2)
"""Monday to Sunday."""
WORKDAY_HOURS = (10, 10, 7, 3, 4, 4, 5, 22, 85, 115, 97, 86, 53, 72, 89, 90, 84, 46, 21, 13, 8, 7, 5, 4)
WEEKEND_HOURS = (4, 8, 4, 4, 3, 3, 2, 3, 7, 5, 2, 1, 2, 4, 4, 1, 4, 1, 3, 3, 1, 2, 2, 2)

STORMS_PER_WEEK = 3
STORM_INCIDENTS = (15, 40)
STORM_LASTS_S = (300.0, 1200.0)

PRIORITY_SHARES = {1: 0.013, 2: 0.03, 3: 0.939, 4: 0.018}
FRONT_GROUP_SHARE = 0.58
BACK_GROUPS = 50
NO_FIRST_GROUP_SHARE = 0.02
NO_FINAL_GROUP_SHARE = 0.09
HOP_SHARES = {0: 0.593, 1: 0.236, 2: 0.075, 3: 0.045}
"""The rest hops four times or more, each further time with `FURTHER_HOP`."""
FURTHER_HOP = 0.6
MAX_HOPS = 22
RETURNS_TO_FIRST_GROUP = 0.1
WAITS_SHARE = 0.19
REOPENED_SHARE = 0.0125
REOPENED_AGAIN = 0.1
MAX_REOPENS = 8
UNRESOLVED_SHARE = 0.054
UNTOUCHED_SHARE = 0.063
RESOLVERS = 146

ASSIGNED_AFTER = (300.0, 2.0)
"""Median in seconds and sigma of a lognormal; so are the next two."""
RESOLVED_AFTER = (15_000.0, 2.6)
WAITS_FOR = (150_000.0, 1.5)
CLOSED_AFTER_S = 5 * DAY_S
"""Resolved incidents close by themselves after five days and a bit."""
LONGEST_S = 300 * DAY_S


def make_log(count: int, seed: int) -> list[Incident]:
    """`count` incidents in the order of their arrival; the same seed gives the same log."""
    random = Random(f"log:{seed}")
    arrivals = _arrivals(count, random)
    return in_order(_incident(number, *arrival, random) for number, arrival in enumerate(arrivals, start=1))


def _arrivals(count: int, random: Random) -> list[tuple[float, int | None]]:
    """Moments (to the minute, as desks log them) and, for those of a storm, the category that failed."""
    weeks = max(1, math.ceil(count / INCIDENTS_PER_WEEK))
    arrivals: list[tuple[float, int | None]] = []
    for _ in range(STORMS_PER_WEEK * weeks):
        start, lasts, category = _calm_moment(weeks, random), random.uniform(*STORM_LASTS_S), _category(random)
        room = min(random.randint(*STORM_INCIDENTS), max(count // 20, 1), count - len(arrivals))
        arrivals.extend((_minute(start + random.uniform(0, lasts)), category) for _ in range(room))
    arrivals.extend((_minute(_calm_moment(weeks, random)), None) for _ in range(count - len(arrivals)))
    return sorted(arrivals, key=lambda arrival: arrival[0])


def _calm_moment(weeks: int, random: Random) -> float:
    day = random.choices(range(7), DAY_WEIGHTS)[0]
    hour = random.choices(range(24), WORKDAY_HOURS if day < 5 else WEEKEND_HOURS)[0]
    return random.randrange(weeks) * WEEK_S + day * DAY_S + hour * HOUR_S + random.uniform(0, HOUR_S)


def _minute(moment: float) -> float:
    return moment // 60 * 60


def _incident(number: int, arrival_s: float, storm_category: int | None, random: Random) -> Incident:
    first = UNKNOWN_GROUP if random.random() < NO_FIRST_GROUP_SHARE else _front_or_back(random)
    hops = _hops(random)
    final = first
    if hops and not (hops > 1 and random.random() < RETURNS_TO_FIRST_GROUP):
        final = _other_group(first, random)
    waits_s = _lognormal(*WAITS_FOR, random) if random.random() < WAITS_SHARE else 0.0
    assigned_s = min(_lognormal(*ASSIGNED_AFTER, random), LONGEST_S / 2)
    resolved_s = min(assigned_s + _lognormal(*RESOLVED_AFTER, random) + waits_s, LONGEST_S)
    closed_s = resolved_s + CLOSED_AFTER_S + random.randrange(60) * 60
    return Incident(
        ticket=f"M{number:06}",
        arrival_offset_s=arrival_s,
        priority=random.choices(list(PRIORITY_SHARES), list(PRIORITY_SHARES.values()))[0],
        category=str(storm_category or _category(random)),
        subcategory=str(random.randint(1, 130)),
        contact_type="Phone",
        first_group=first,
        final_group=final,
        resolver=str(random.randint(1, RESOLVERS)),
        reassignments=hops,
        reopens=_count_on(REOPENED_SHARE, REOPENED_AGAIN, MAX_REOPENS, random),
        log_steps=0 if random.random() < UNTOUCHED_SHARE else 1 + hops,
        pending_s=waits_s,
        first_assigned_s=assigned_s,
        resolution_s=None if random.random() < UNRESOLVED_SHARE else resolved_s,
        closed_s=closed_s,
    )


def _category(random: Random) -> int:
    """A few categories take most of it: the weight halves about every four."""
    return 20 + min(int(random.expovariate(1 / 6)), 27)


def _front_or_back(random: Random) -> str:
    return "70" if random.random() < FRONT_GROUP_SHARE else _back_group(random)


def _back_group(random: Random) -> str:
    return str(1 + min(int(random.expovariate(1 / 12)), BACK_GROUPS - 1))


def _other_group(first: str, random: Random) -> str:
    """Where an incident that moved ends: behind the front desk, or nowhere that the log names."""
    if first != UNKNOWN_GROUP and random.random() < NO_FINAL_GROUP_SHARE / (1 - HOP_SHARES[0]):
        return UNKNOWN_GROUP
    while (group := _back_group(random)) == first:
        pass
    return group


def _hops(random: Random) -> int:
    drawn = random.random()
    for hops, share in HOP_SHARES.items():
        if drawn < share:
            return hops
        drawn -= share
    return 4 + _count_on(FURTHER_HOP, FURTHER_HOP, MAX_HOPS - 4, random)


def _count_on(first: float, again: float, most: int, random: Random) -> int:
    """How often something happens that happens with chance `first` and then each time with chance `again`."""
    count, chance = 0, first
    while count < most and random.random() < chance:
        count, chance = count + 1, again
    return count


def _lognormal(median: float, sigma: float, random: Random) -> float:
    return _minute(random.lognormvariate(math.log(median), sigma))
