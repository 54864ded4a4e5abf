"""Why a ticket went to somebody, and why another one waits."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from activities.matching import solve
from domain.agent import Capacity, Presence
from domain.assignment_reasons import MOST_NAMED, Decision, decision, explain
from domain.assignment_round import match
from domain.assignment_score import ScoreWeights, score
from tests.domain.staffing import HOUR, MINUTE, MONDAY_NINE, candidate, person, waiting

WEIGHTS = ScoreWeights()
VPN = waiting(required_skills=("vpn",))
TO_NOON = MONDAY_NINE + 3 * HOUR
OFF: dict[str, Any] = {"on_shift": False, "presence": Presence.OFFLINE}


@pytest.mark.parametrize(
    ("ticket", "candidates", "sentence"),
    [
        (VPN, [], "the team has no agents"),
        (VPN, [candidate(skills={"mail": 5})], "nobody of the team has skill vpn"),
        (
            waiting(required_skills=("vpn:4", "mail")),
            [candidate(skills={"mail": 5, "vpn": 3})],
            "nobody of the team has all of skill vpn at level 4, skill mail",
        ),
        (
            VPN,
            [candidate(1), candidate(2, skills={"vpn": 1}, **OFF, next_on_at=TO_NOON)],
            "nobody of the team on shift has skill vpn until 12:00",
        ),
        (
            VPN,
            [candidate(2, skills={"vpn": 1}, **OFF, next_on_at=MONDAY_NINE + 23 * HOUR)],
            "nobody of the team on shift has skill vpn until Tuesday 08:00",
        ),
        (
            waiting(),
            [candidate(1, **OFF, next_on_at=MONDAY_NINE + timedelta(days=14)), candidate(2, **OFF)],
            "nobody of the team is on shift until 2026-03-16 09:00",
        ),
        (waiting(), [candidate(1, **OFF)], "nobody of the team is on shift"),
        (
            VPN,
            [
                candidate(1, skills={"vpn": 1}, presence=Presence.ON_BREAK, next_on_at=MONDAY_NINE + 10 * MINUTE),
                candidate(2, skills={"vpn": 1}, presence=Presence.ON_BREAK, next_on_at=MONDAY_NINE + 30 * MINUTE),
                candidate(3, skills={"vpn": 1}, **OFF, next_on_at=TO_NOON),
            ],
            "nobody of the team with skill vpn is there until 09:10: 2 on a break, 1 not on shift",
        ),
        (
            waiting(),
            [
                candidate(1, load=5.0),
                candidate(2, load=5.0),
                candidate(3, free_until=MONDAY_NINE + 5 * MINUTE),
                candidate(4, presence=Presence.BUSY),
            ],
            (
                "nobody of the team is free: 2 carrying all that they can, "
                "1 without enough time before a break or the end of the shift, 1 taking nothing new"
            ),
        ),
        (
            waiting(),
            [candidate(1), candidate(2, load=5.0)],
            "those who can take it were given more urgent tickets, or its turn comes in the next round",
        ),
    ],
)
def test_a_ticket_that_nobody_takes_says_why(ticket: Any, candidates: Any, sentence: str) -> None:
    assert explain(ticket, candidates, MONDAY_NINE).sentence == sentence


def test_moments_are_told_by_the_clock_of_the_team() -> None:
    told = explain(waiting(), [candidate(**OFF, next_on_at=TO_NOON)], MONDAY_NINE, ZoneInfo("Europe/Berlin"))

    assert told.sentence == "nobody of the team is on shift until 13:00"


def test_who_declined_is_not_waited_for() -> None:
    told = explain(
        waiting(passed_by=frozenset({person(1)})),
        [candidate(1, **OFF, next_on_at=MONDAY_NINE + HOUR), candidate(2, **OFF, next_on_at=TO_NOON)],
        MONDAY_NINE,
    )

    assert told.sentence == "nobody of the team is on shift until 12:00"


def test_an_explanation_counts_the_rules() -> None:
    told = explain(VPN, [candidate(1), candidate(2), candidate(3, skills={"vpn": 2}, load=5.0)], MONDAY_NINE)

    assert told.counts == {"lacks_skill": 2, "at_capacity": 1}


def test_a_decision_names_the_candidates_the_best_first_and_who_was_excluded() -> None:
    candidates = [candidate(1, load=1.0), candidate(2), candidate(3, load=2.0), candidate(4, presence=Presence.AWAY)]
    pair = match([waiting()], candidates, MONDAY_NINE, WEIGHTS, solve).pairs[0]

    record = decision(waiting(), candidates, MONDAY_NINE, WEIGHTS, chosen_id=pair.candidate_id, chosen_score=pair.score)

    assert record.chosen_id == person(2)
    assert record.sentence == "the best of 3 who could take it"
    assert [weighed.id for weighed in record.candidates] == [person(2), person(1), person(3)]
    assert [(one.id, one.rule, one.sentence) for one in record.excluded] == [(person(4), "away", "is away")]
    assert record.counts == {"away": 1}
    best = score(waiting(), candidates[1], MONDAY_NINE, WEIGHTS)
    assert record.candidates[0].total == pytest.approx(best.total)
    assert sum(record.candidates[0].parts.values()) == pytest.approx(best.total)
    assert Decision.model_validate_json(record.model_dump_json()) == record


def test_the_only_one_is_named_so() -> None:
    record = decision(waiting(), [candidate(1)], MONDAY_NINE, WEIGHTS, chosen_id=person(1))

    assert record.sentence == "the only one who could take it"


def test_a_decision_tells_when_a_better_one_was_given_something_else() -> None:
    candidates = [candidate(1, load=1.0), candidate(2)]
    record = decision(waiting(), candidates, MONDAY_NINE, WEIGHTS, chosen_id=person(1))

    assert record.sentence == "one of 2 who could take it; better ones were given other tickets"
    assert record.candidates[0].id == person(1)


def test_that_nobody_could_have_it_is_a_decision_too() -> None:
    record = decision(VPN, [candidate(1)], MONDAY_NINE, WEIGHTS, chosen_id=None)

    assert (record.chosen_id, record.sentence, record.candidates) == (None, "nobody of the team has skill vpn", ())


def test_of_a_big_team_a_decision_names_some_and_counts_all() -> None:
    away = [candidate(number, presence=Presence.AWAY) for number in range(100, 300)]
    there = [candidate(number, capacity=Capacity(tickets=number)) for number in range(1, 80)]

    record = decision(waiting(), [*away, *there], MONDAY_NINE, WEIGHTS, chosen_id=person(1))

    assert len(record.candidates) == len(record.excluded) == MOST_NAMED
    assert record.candidates[0].id == person(1)
    assert record.counts == {"away": 200}
