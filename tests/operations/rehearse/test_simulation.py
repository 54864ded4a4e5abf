"""A rehearsal goes from event to event: arrivals, begins of shifts, ends of work."""

from domain.assignment_score import ScoreWeights
from domain.ticket import Priority
from operations.rehearse.strategies import Dispatch, LeastLoaded, Pull, RoundRobin, by_priority, first_in_first_out
from tests.operations.rehearse.rehearsing import arrivals, at, roster, row, run, told

ONE, TWO = roster(row("ada")), roster(row("ada"), row("bob"))


def dispatch(**options: bool) -> Dispatch:
    return Dispatch(ScoreWeights(), **options)


def test_an_agent_works_on_one_ticket_at_a_time_to_its_end() -> None:
    done = run(Pull(first_in_first_out), arrivals(("09:00", 30), ("09:10", 5), ("09:20", 5)), ONE)

    assert told(done) == [(1, "ada", "Mon 09:00"), (2, "ada", "Mon 09:30"), (3, "ada", "Mon 09:35")]


def test_what_comes_at_night_waits_for_the_first_shift() -> None:
    done = run(dispatch(), arrivals(("20:00", 30)), ONE)

    assert told(done) == [(1, "ada", "Tue 08:00")]


def test_what_was_begun_is_finished_after_the_shift() -> None:
    done = run(dispatch(), arrivals(("15:50", 40), ("16:00", 10)), ONE)

    assert told(done) == [(1, "ada", "Mon 15:50"), (2, "ada", "Tue 08:00")]
    assert done.done[0].ended_at == at("16:30")


def test_with_an_eye_on_ends_nothing_is_begun_that_would_run_over() -> None:
    done = run(dispatch(minds_ends=True), arrivals(("15:50", 40)), ONE)

    assert told(done) == [(1, "ada", "Tue 08:00")]


def test_due_moments_count_in_the_hours_of_the_desk() -> None:
    done = run(dispatch(), arrivals(("17:50", 10, "vpn", Priority.HIGH)), ONE)

    assert done.done[0].due == (at("08:20", day=1), at("11:50", day=1))


def test_what_nobody_can_do_is_left() -> None:
    done = run(dispatch(), arrivals(("09:00", 30, "sap"), ("09:00", 30)), ONE)

    assert [ticket.arrival.skill for ticket in done.left] == ["sap"]
    assert len(done.done) == 1


def test_round_robin_gives_to_one_after_the_other_busy_or_not() -> None:
    done = run(RoundRobin(first_in_first_out), arrivals(("09:00", 60), ("09:00", 5), ("09:10", 5)), TWO)

    assert told(done) == [(1, "ada", "Mon 09:00"), (2, "bob", "Mon 09:00"), (3, "ada", "Mon 10:00")]


def test_least_loaded_gives_to_whoever_has_fewer() -> None:
    done = run(LeastLoaded(first_in_first_out), arrivals(("09:00", 60), ("09:00", 5), ("09:10", 5)), TWO)

    assert told(done) == [(1, "ada", "Mon 09:00"), (2, "bob", "Mon 09:00"), (3, "bob", "Mon 09:10")]


def test_of_the_least_loaded_whoever_worked_less_is_first() -> None:
    done = run(LeastLoaded(first_in_first_out), arrivals(("09:00", 20), ("10:00", 5), ("11:00", 5)), TWO)

    assert [agent for _, agent, _ in told(done)] == ["ada", "bob", "bob"]


def test_a_queue_by_priority_lets_the_urgent_pass() -> None:
    coming = arrivals(("09:00", 30), ("09:10", 5), ("09:20", 5, "vpn", Priority.URGENT))

    assert [number for number, _, _ in told(run(Pull(by_priority), coming, ONE))] == [1, 3, 2]
    assert [number for number, _, _ in told(run(LeastLoaded(by_priority), coming, ONE))] == [1, 3, 2]


def test_what_was_pushed_to_somebody_busy_waits_though_another_is_free_and_dispatch_binds_it_late() -> None:
    coming = arrivals(("09:00", 100), ("09:00", 100), ("09:05", 5), ("09:06", 5), ("09:07", 5))
    late_bob = roster(row("ada"), row("bob"), row("cy", start="09:10", length="2h00"))

    pushed = run(LeastLoaded(first_in_first_out), coming, late_bob)
    bound_late = run(dispatch(), coming, late_bob)

    assert [agent for number, agent, _ in told(pushed) if number > 2] == ["ada", "bob", "ada"]
    assert [agent for number, agent, _ in told(bound_late) if number > 2] == ["cy", "cy", "cy"]


def test_dispatch_keeps_what_can_be_kept_before_what_is_lost() -> None:
    busy, lost, kept = ("09:00", 400), ("09:00", 20), ("13:50", 10)  # to be begun by 11:00, 11:00 and 15:50
    coming = arrivals(busy, lost, kept)

    assert [number for number, _, _ in told(run(dispatch(), coming, ONE))] == [1, 3, 2]
    assert [number for number, _, _ in told(run(Pull(by_priority), coming, ONE))] == [1, 2, 3]


def test_dispatch_shares_the_work_by_what_was_done_lately() -> None:
    coming = arrivals(("09:00", 120), ("12:00", 10), ("12:30", 10), ("13:00", 10))

    workers = [agent for _, agent, _ in told(run(dispatch(), coming, TWO))]

    assert len(set(workers[1:])) == 1
    assert workers[0] != workers[1]


def test_the_desk_learns_how_long_a_skill_takes() -> None:
    long = [(f"{hour:02}:00", 50) for hour in range(8, 14)]
    done = run(dispatch(minds_ends=True), arrivals(*long, ("15:30", 10)), ONE)

    assert told(done)[-1] == (7, "ada", "Tue 08:00")
    assert run(dispatch(minds_ends=True), arrivals(("15:30", 10)), ONE).done[0].begun_at == at("15:30")


def test_work_of_more_than_five_days_ago_is_forgotten() -> None:
    worker = run(dispatch(), arrivals(("20:00", 60)), ONE).workers[0]
    worker.worked(at("10:00"), 60)

    assert worker.minutes_lately(at("10:00", day=5)) == 60
    assert worker.minutes_lately(at("10:01", day=5)) == 0
