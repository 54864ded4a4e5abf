"""What it is worth to give a ticket to somebody: named parts that add up."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.agent import Capacity
from domain.assignment_score import ScoreWeights, score, urgency
from domain.ticket import Priority
from tests.domain.staffing import HOUR, MINUTE, MONDAY_NINE, candidate, person, waiting

WEIGHTS = ScoreWeights()


def due(response: timedelta, resolution: timedelta = 100 * HOUR, **changes: Any) -> float:
    """How urgent a ticket is that falls due so far from now."""
    moments: dict[str, Any] = {"response_due_at": MONDAY_NINE + response, "resolution_due_at": MONDAY_NINE + resolution}
    return urgency(waiting(**moments, **changes), MONDAY_NINE, WEIGHTS)


def worth(ticket: Any = None, **agent: Any) -> Any:
    return score(ticket or waiting(), candidate(**agent), MONDAY_NINE, WEIGHTS)


def test_the_parts_add_up() -> None:
    ticket = waiting(required_skills=("vpn",), escalation_level=2, last_contact_id=person(1), category="network")
    points = worth(ticket, skills={"vpn": 4}, specialisations=frozenset({"network"}), seniority=3, minutes_lately=600)

    assert points.total == pytest.approx(sum(points._asdict().values()))
    assert points._asdict() == pytest.approx(
        {
            "urgency": 2 + 2 * 8,
            "skill": 1 + 2 * 4 / 5 + 3,
            "load": 30 + 10,
            "fairness": 20 * 0.8,
            "seniority": 4 * 2 * 0.5,
            "contact": 4,
        }
    )


def test_the_nearer_it_is_due_the_more_urgent_it_is() -> None:
    assert due(5 * MINUTE) > due(30 * MINUTE) > due(4 * HOUR) > due(40 * HOUR)


def test_the_time_to_begin_counts_not_the_time_to_be_done() -> None:
    short, long = due(9 * HOUR, 2 * HOUR, minutes=10), due(9 * HOUR, 2 * HOUR, minutes=100)

    assert long > short


@pytest.mark.parametrize(
    ("more", "less"),
    [(Priority.URGENT, Priority.HIGH), (Priority.HIGH, Priority.NORMAL), (Priority.NORMAL, Priority.LOW)],
)
def test_the_more_important_goes_first_when_both_are_as_near(more: Priority, less: Priority) -> None:
    assert due(HOUR, priority=more) > due(HOUR, priority=less)
    assert urgency(waiting(priority=more), MONDAY_NINE, WEIGHTS) > urgency(waiting(priority=less), MONDAY_NINE, WEIGHTS)


def test_what_is_lost_falls_back_behind_what_can_be_kept() -> None:
    lost = due(-MINUTE, -MINUTE)

    assert lost < due(-MINUTE, 2 * HOUR) < due(MINUTE, 2 * HOUR)


def test_what_is_lost_ages_back_up_to_a_cap() -> None:
    hours = [due(-after * HOUR, -after * HOUR) for after in (1, 10, 40, 80, 800)]

    assert hours[0] < hours[1] < hours[2] == hours[3] == hours[4]
    assert hours[4] > due(40 * HOUR)
    assert hours[4] < due(MINUTE)


def test_an_urgent_ticket_that_is_lost_ages_faster_than_a_low_one() -> None:
    urgent = due(-10 * HOUR, -10 * HOUR, priority=Priority.URGENT) - due(-HOUR, -HOUR, priority=Priority.URGENT)
    low = due(-10 * HOUR, -10 * HOUR, priority=Priority.LOW) - due(-HOUR, -HOUR, priority=Priority.LOW)

    assert urgent == pytest.approx(16 * low)


def test_a_ticket_without_due_times_is_worth_its_importance() -> None:
    assert urgency(waiting(), MONDAY_NINE, WEIGHTS) == 2
    assert urgency(waiting(escalation_level=3), MONDAY_NINE, WEIGHTS) == 2 + 3 * 8


def test_specialists_go_first_so_that_generalists_stay_free() -> None:
    ticket = waiting(required_skills=("vpn",))
    specialist, generalist = {"vpn": 4}, {"vpn": 4, "mail": 4, "sap": 4}

    assert worth(ticket, skills=specialist).skill > worth(ticket, skills=generalist).skill
    assert worth(ticket, skills={"vpn": 5}).skill > worth(ticket, skills={"vpn": 4}).skill


def test_the_freer_goes_first_and_the_idle_before_all() -> None:
    idle, busy, full = worth().load, worth(load=1).load, worth(load=5).load

    assert idle - busy > busy - worth(load=2).load
    assert full == 0


def test_minutes_of_work_fill_somebody_too() -> None:
    capacity = Capacity(tickets=5, minutes=100)

    assert worth(capacity=capacity, load=1, load_minutes=90).load == pytest.approx(30 * 0.1)


def test_nobody_has_all_of_a_capacity_of_nothing() -> None:
    assert worth(capacity=Capacity(tickets=0), load=1).load == 0


def test_who_got_little_work_lately_goes_first() -> None:
    assert worth(minutes_lately=0).fairness > worth(minutes_lately=1000).fairness
    assert worth(minutes_lately=9000).fairness == 0


def test_escalated_tickets_go_to_the_experienced() -> None:
    escalated = waiting(escalation_level=2)

    assert worth(escalated, seniority=5).seniority > worth(escalated, seniority=2).seniority
    assert worth(seniority=5).seniority == 0


def test_who_wrote_last_with_the_requester_goes_first() -> None:
    assert worth(waiting(last_contact_id=person(1))).contact == 4
    assert worth(waiting(last_contact_id=person(2))).contact == 0


@pytest.mark.parametrize(
    "weights", [{"pressure": -1}, {"near_minutes": 0}, {"missed_share": 2}, {"speed": 1}, {"importance": {"low": -1}}]
)
def test_weights_that_make_no_sense_are_refused(weights: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ScoreWeights.model_validate(weights)


def test_weights_are_stored_as_what_differs() -> None:
    assert ScoreWeights.model_validate({}) == WEIGHTS
    assert ScoreWeights.model_validate_json(WEIGHTS.model_dump_json()) == WEIGHTS
