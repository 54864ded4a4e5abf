"""Why a ticket went to somebody, and why another one waits: for people, and for the record."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from domain.assignment import Candidate, Exclusion, Rule, WaitingTicket, absence, exclusion, lacking
from domain.assignment_score import Score, ScoreWeights, score
from domain.ids import PersonId, TicketNumber
from domain.skill import needed

MOST_NAMED = 50
"""How many candidates and how many excluded agents a record names; the rest is only counted."""
_WEEK = timedelta(days=6)
_SPOKEN: Mapping[Rule, str] = {
    "lacks_skill": "cannot do it",
    "off_shift": "not on shift",
    "offline": "offline",
    "away": "away",
    "on_break": "on a break",
    "busy": "taking nothing new",
    "declined": "declined it or let its offer pass",
    "at_capacity": "carrying all that they can",
    "no_time_left": "without enough time before a break or the end of the shift",
}


class Weighed(BaseModel):
    """A candidate who could have it, with what that was worth."""

    model_config = ConfigDict(frozen=True)

    id: PersonId
    total: float
    parts: dict[str, float]


class Excluded(BaseModel):
    """Somebody who could not have it."""

    model_config = ConfigDict(frozen=True)

    id: PersonId
    rule: Rule
    sentence: str


class Decision(BaseModel):
    """The record of why a ticket went to somebody, or to nobody.

    Candidates stand as they were before the round, the best first, but the one who was chosen has the score of the
    moment. `counts` says how many were excluded by each rule, also those who are not named.
    """

    model_config = ConfigDict(frozen=True)

    ticket: TicketNumber
    at: datetime
    chosen_id: PersonId | None
    sentence: str
    candidates: tuple[Weighed, ...]
    excluded: tuple[Excluded, ...]
    counts: dict[Rule, int]


class Explanation(NamedTuple):
    """Why nobody takes a ticket: in a sentence, and how many are kept from it by which rule."""

    sentence: str
    counts: Mapping[Rule, int]


def explain(ticket: WaitingTicket, candidates: Sequence[Candidate], now: datetime, zone: tzinfo = UTC) -> Explanation:
    """Why nobody of the team takes this ticket now, or that it only waits for its turn. Moments are told in `zone`."""
    rules = {candidate.id: reason.rule for candidate in candidates if (reason := exclusion(ticket, candidate, now))}
    counts: Counter[Rule] = Counter(rules.values())
    skilled = [candidate for candidate in candidates if lacking(ticket.required_skills, candidate) is None]
    who = _those_who_can(ticket)
    if not candidates:
        sentence = "the team has no agents"
    elif not skilled:
        sentence = f"nobody of the team {_has_what(ticket)}"
    elif len(rules) < len(candidates):
        sentence = "those who can take it were given more urgent tickets, or its turn comes in the next round"
    elif all(absence(candidate) for candidate in skilled):
        sentence = _nobody_there(ticket, skilled, now, zone)
    else:
        told = ", ".join(f"{count} {_SPOKEN[rule]}" for rule, count in counts.most_common() if rule != "lacks_skill")
        sentence = f"nobody {who} is free: {told}"
    return Explanation(sentence, dict(counts))


def decision(
    ticket: WaitingTicket,
    candidates: Sequence[Candidate],
    now: datetime,
    weights: ScoreWeights,
    *,
    chosen_id: PersonId | None,
    chosen_score: Score | None = None,
    zone: tzinfo = UTC,
) -> Decision:
    """The record of a round's answer for this ticket; `chosen_score` is the pair's."""
    able: list[tuple[PersonId, Score]] = []
    unable: list[tuple[PersonId, Exclusion]] = []
    for candidate in candidates:
        if candidate.id == chosen_id and chosen_score is not None:
            able.append((candidate.id, chosen_score))
        elif reason := exclusion(ticket, candidate, now):
            unable.append((candidate.id, reason))
        else:
            able.append((candidate.id, score(ticket, candidate, now, weights)))
    able.sort(key=lambda one: (one[0] != chosen_id, -round(one[1].total, 3)))
    counts = Counter(reason.rule for _, reason in unable)
    return Decision(
        ticket=ticket.number,
        at=now,
        chosen_id=chosen_id,
        sentence=explain(ticket, candidates, now, zone).sentence if chosen_id is None else _chosen(able),
        candidates=tuple(_weighed(id, points) for id, points in able[:MOST_NAMED]),
        excluded=tuple(
            Excluded(id=id, rule=reason.rule, sentence=reason.sentence) for id, reason in unable[:MOST_NAMED]
        ),
        counts=dict(counts),
    )


def _weighed(id: PersonId, points: Score) -> Weighed:
    parts = {part: round(value, 3) for part, value in points._asdict().items()}
    return Weighed(id=id, total=round(points.total, 3), parts=parts)


def _chosen(able: Sequence[tuple[PersonId, Score]]) -> str:
    if len(able) == 1:
        return "the only one who could take it"
    better = round(able[0][1].total, 3) - round(able[1][1].total, 3)
    if better >= 0:
        return f"the best of {len(able)} who could take it"
    return f"one of {len(able)} who could take it; better ones were given other tickets"


def _has_what(ticket: WaitingTicket) -> str:
    needs = [_spoken_need(*needed(need)) for need in ticket.required_skills]
    if len(needs) == 1:
        return f"has {needs[0]}"
    return f"has all of {', '.join(needs)}"


def _those_who_can(ticket: WaitingTicket) -> str:
    if not ticket.required_skills:
        return "of the team"
    return "of the team with " + " and ".join(_spoken_need(*needed(need)) for need in ticket.required_skills)


def _spoken_need(skill: str, level: int) -> str:
    return f"skill {skill}" if level == 1 else f"skill {skill} at level {level}"


def _nobody_there(ticket: WaitingTicket, skilled: Sequence[Candidate], now: datetime, zone: tzinfo) -> str:
    back = [candidate.next_on_at for candidate in skilled if candidate.id not in ticket.passed_by]
    soonest = min((moment for moment in back if moment is not None and moment > now), default=None)
    until = "" if soonest is None else f" until {_spoken(soonest, now, zone)}"
    absent: Counter[Rule] = Counter(reason.rule for candidate in skilled if (reason := absence(candidate)))
    if set(absent) <= {"off_shift", "offline"}:
        if ticket.required_skills:
            return f"nobody of the team on shift {_has_what(ticket)}{until}"
        return f"nobody of the team is on shift{until}"
    told = ", ".join(f"{count} {_SPOKEN[rule]}" for rule, count in absent.most_common())
    return f"nobody {_those_who_can(ticket)} is there{until}: {told}"


def _spoken(moment: datetime, now: datetime, zone: tzinfo) -> str:
    there, here = moment.astimezone(zone), now.astimezone(zone)
    if there.date() == here.date():
        return f"{there:%H:%M}"
    return f"{there:%A %H:%M}" if moment - now < _WEEK else f"{there:%Y-%m-%d %H:%M}"
