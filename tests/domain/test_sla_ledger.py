"""What the ledger tells of clocks: every stretch of their lives, and a sentence on what it comes to."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from domain.business_calendar import BusinessCalendar, Span
from domain.sla_clock import PlannedWarning, breached, warned
from domain.sla_ledger import GivenWarning, ledger
from domain.sla_policy import Conditions, Goal, Goals, SlaPolicy
from domain.sla_sentences import duration_words, moment_words, public_reason, ticket_sentence
from domain.ticket import Priority
from domain.ticket_commands import EditTicket
from domain.ticket_events import PastChange, TicketOpened, TicketSlaBreached, TicketSlaChanged, TicketSlaWarned
from tests.domain.sla_story import NAMES, OFFICE, Story, moment, same_goals, terms

FOUR_HOURS = same_goals(240, 24 * 60, pauses={"first_response": ["pending"]})
MONDAY, TUESDAY = "2030-01-07", "2030-01-08"


def story(at: str = f"{MONDAY}T09:52", policy: SlaPolicy = FOUR_HOURS, **changes: Any) -> Story:
    return Story(at, terms(policy), **changes)


# The sentences.


def test_a_clock_that_runs_since_its_beginning_says_when_it_is_due_and_why() -> None:
    assert story().says(f"{MONDAY}T11:00", "first_response") == (
        "First response is due 2030-01-07 13:52 Europe/Berlin (12:52Z) because 4 h of working time of calendar Office "
        "(version 1) began 09:52."
    )


def test_at_its_very_beginning_it_says_so_too() -> None:
    assert story().says(f"{MONDAY}T09:52", "first_response").endswith("(version 1) began 09:52.")


def test_a_goal_that_spans_days_names_the_day_on_which_it_began() -> None:
    assert story().says(f"{MONDAY}T11:00", "resolution") == (
        "Resolution is due 2030-01-10 09:52 Europe/Berlin (08:52Z) because 24 h of working time of calendar Office "
        "(version 1) began 2030-01-07 09:52."
    )


def test_after_a_pause_it_says_what_was_used_before() -> None:
    life = story().becomes(f"{MONDAY}T11:07", "pending").becomes(f"{MONDAY}T11:30", "open")

    assert life.says(f"{MONDAY}T12:00", "first_response") == (
        "First response is due 2030-01-07 14:15 Europe/Berlin (13:15Z) because 4 h of working time of calendar Office "
        "(version 1) began 09:52; 1 h 15 min were used before it paused (status became pending), and it goes on since "
        "11:30."
    )


def test_of_several_pauses_it_names_the_last() -> None:
    life = story(policy=same_goals(240, 480, pauses={"first_response": ["pending", "on_hold"]}))
    life.becomes(f"{MONDAY}T10:52", "pending").becomes(f"{MONDAY}T11:00", "open")
    life.becomes(f"{MONDAY}T12:00", "on_hold").becomes(f"{MONDAY}T12:30", "open")

    assert life.says(f"{MONDAY}T13:00", "first_response").endswith(
        "began 09:52; 2 h were used before it paused (status became on_hold), and it goes on since 12:30."
    )


def test_a_pause_during_which_the_terms_changed_is_one_pause() -> None:
    life = story().becomes(f"{MONDAY}T10:52", "pending")
    newer = same_goals(120, 480, pauses={"first_response": ["pending"]})
    life.takes(f"{MONDAY}T11:00", terms(newer, version=2)).becomes(f"{MONDAY}T11:30", "open")

    assert life.says(f"{MONDAY}T12:00", "first_response") == (
        "First response is due 2030-01-07 12:30 Europe/Berlin (11:30Z) because 2 h of working time of calendar Office "
        "(version 2) began 09:52; 1 h was used before it paused (status became pending), and it goes on since 11:30."
    )


def test_while_it_is_paused_it_has_no_due_time_and_says_for_whom_it_waits() -> None:
    life = story().becomes(f"{MONDAY}T11:07", "pending")

    assert life.says(f"{TUESDAY}T12:00", "first_response") == (
        "First response is paused and has no due time while it waits for the requester (status became pending); "
        "1 h 15 min of its 4 h are used."
    )


def test_a_change_of_priority_keeps_what_was_used() -> None:
    life = story(policy=same_goals(240, 480, Priority.NORMAL, Priority.HIGH))
    life.does(f"{MONDAY}T10:52", EditTicket(priority=Priority.HIGH))

    assert life.says(f"{MONDAY}T11:00", "first_response") == (
        "First response is due 2030-01-07 13:52 Europe/Berlin (12:52Z) because 4 h of working time of calendar Office "
        "(version 1) began 09:52."
    ), "the goal is the same, so nothing changed"

    life.takes(f"{MONDAY}T11:52", terms(same_goals(180, 480, Priority.HIGH), version=2))
    assert life.says(f"{MONDAY}T12:00", "first_response") == (
        "First response is due 2030-01-07 12:52 Europe/Berlin (11:52Z) because 3 h of working time of calendar Office "
        "(version 2) began 09:52; 2 h were used before 11:52 (another policy fits), and that counts."
    )


def test_what_began_anew_says_when() -> None:
    life = story().takes(f"{MONDAY}T10:52", terms(same_goals(120, 480, carry="restart"), version=2))

    assert life.says(f"{MONDAY}T11:00", "first_response") == (
        "First response is due 2030-01-07 12:52 Europe/Berlin (11:52Z) because 2 h of working time of calendar Office "
        "(version 2) began anew 10:52 (another policy fits)."
    )


def test_an_answer_in_time_is_met() -> None:
    assert story().answers(f"{MONDAY}T10:30").says(f"{TUESDAY}T12:00", "first_response") == (
        "First response was met in time at 2030-01-07 10:30 Europe/Berlin (09:30Z) (the desk answered); 38 min of its "
        "4 h were used."
    )


def test_a_late_answer_is_met_late_and_says_when_it_was_due() -> None:
    assert story().answers(f"{MONDAY}T14:52").says(f"{TUESDAY}T12:00", "first_response") == (
        "First response was met late at 2030-01-07 14:52 Europe/Berlin (13:52Z) (the desk answered); it was due "
        "2030-01-07 13:52 Europe/Berlin (12:52Z), and 5 h of its 4 h were used."
    )


def test_a_breached_clock_runs_on() -> None:
    life = story().waits(f"{MONDAY}T15:00")

    assert life.says(f"{MONDAY}T15:00", "first_response") == (
        "First response was due 2030-01-07 13:52 Europe/Berlin (12:52Z) and is breached; 5 h 8 min of its 4 h are used "
        "by now, and it runs on until it is met late."
    )


def test_a_breached_clock_may_be_paused() -> None:
    life = story().becomes(f"{MONDAY}T14:52", "pending")

    assert life.says(f"{MONDAY}T16:00", "first_response").endswith(
        "5 h of its 4 h are used by now, and it is paused while it waits for the requester (status became pending)."
    )


def test_a_cancelled_clock_says_why() -> None:
    life = story().becomes(f"{MONDAY}T10:52", "resolved")

    assert life.says(f"{MONDAY}T16:00", "first_response") == (
        "First response was cancelled at 2030-01-07 10:52 Europe/Berlin (09:52Z) (finished without an answer); 1 h of "
        "its 4 h was used."
    )


def test_a_clock_that_was_cancelled_after_its_breach_says_both() -> None:
    life = story().becomes(f"{MONDAY}T14:52", "resolved")

    assert life.says(f"{MONDAY}T16:00", "first_response").endswith(
        "5 h of its 4 h were used; it was due 2030-01-07 13:52 Europe/Berlin (12:52Z) and breached."
    )


def test_a_calendar_without_hours_ahead_promises_nothing() -> None:
    special = [{"on": "2030-01-07", "spans": [{"since": 540, "until": 600}]}]
    once = BusinessCalendar.model_validate({"zone": "Europe/Berlin", "week": [[]] * 7, "special_days": special})

    life = Story(f"{MONDAY}T09:52", terms(FOUR_HOURS, once))

    assert life.says(f"{MONDAY}T11:00", "first_response") == (
        "First response has no due time, for there is not enough working time of calendar Office (version 1) ahead; "
        "8 min of its 4 h are used."
    )


def test_wall_clock_time_is_called_so() -> None:
    goal = Goals(resolution=Goal(minutes=90, time="wall"))

    assert story(policy=SlaPolicy(goals={Priority.NORMAL: goal})).says(f"{MONDAY}T10:00", "resolution") == (
        "Resolution is due 2030-01-07 11:22 Europe/Berlin (10:22Z) because 1 h 30 min of wall-clock time began 09:52."
    )


def test_a_ticket_that_no_policy_fits_says_so() -> None:
    told = story(priority=Priority.LOW, policy=same_goals(60, 60, conditions={"priorities": ["normal"]})).ledger(
        f"{MONDAY}T11:00"
    )

    assert told.clocks == ()
    assert ticket_sentence(told, NAMES) == "No SLA policy fits this ticket, so it has no clock."


def test_a_policy_without_a_goal_for_the_ticket_gives_it_no_clock() -> None:
    told = story(priority=Priority.LOW).ledger(f"{MONDAY}T11:00")

    assert ticket_sentence(told, NAMES) == (
        "This ticket runs on policy Standard (version 1) with calendar Office (version 1), which has no goal for it, "
        "so it has no clock."
    )


def test_a_ticket_that_a_policy_fitted_once_says_that_none_does_any_more() -> None:
    life = story(policy=same_goals(240, 480, conditions=Conditions(categories=("general",))))
    life.does(f"{MONDAY}T11:00", EditTicket(category="billing"))

    assert ticket_sentence(life.ledger(f"{MONDAY}T12:00"), NAMES) == (
        "No SLA policy fits this ticket any more, so no clock begins."
    )
    assert "cancelled" in life.says(f"{MONDAY}T12:00", "first_response")


def test_a_ticket_from_before_there_were_policies_says_so() -> None:
    (opening,) = story().past
    bare = PastChange(opening.at, 1, (opening.events[0].model_copy(update={"sla": None}),))

    told = ledger([bare], {1: OFFICE}.__getitem__, opening.at)

    assert ticket_sentence(told, NAMES).startswith("This ticket was opened before there were SLA policies")


def test_the_requester_hears_no_names_and_no_inner_reasons() -> None:
    life = story().takes(f"{MONDAY}T10:52", terms(same_goals(180, 480), version=2))

    assert life.says(f"{MONDAY}T11:00", "first_response", names=None) == (
        "First response is due 2030-01-07 12:52 Europe/Berlin (11:52Z) because 3 h of working time began 09:52; 1 h "
        "was used before 10:52 (the terms changed), and that counts."
    )
    assert ticket_sentence(life.ledger(f"{MONDAY}T11:00"), None) == "This ticket runs on an SLA policy."


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("opened", "opened"),
        ("status became on_hold", "status became on_hold"),
        ("the calendar closed", "the calendar closed"),
        ("policy Difficult customers fits", "the terms changed"),
        ("priority became high, policy Difficult customers fits", "the terms changed"),
    ],
)
def test_which_reasons_a_requester_hears(why: str, told: str) -> None:
    assert public_reason(why) == told


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "nothing"), (0.9, "nothing"), (59, "59 s"), (60, "1 min"), (3_661, "1 h 1 min 1 s"), (360_000, "100 h")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration_words(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("at", "zone", "words"),
    [
        ("2030-01-07T14:07", "Europe/Berlin", "2030-01-07 14:07 Europe/Berlin (13:07Z)"),
        ("2030-01-07T00:07:30", "Europe/Berlin", "2030-01-07 00:07:30 Europe/Berlin (2030-01-06 23:07:30Z)"),
        ("2030-10-27T02:30", "Europe/Berlin", "2030-10-27 02:30 Europe/Berlin (00:30Z)"),
        ("2030-10-27T02:30+", "Europe/Berlin", "2030-10-27 02:30 Europe/Berlin (01:30Z)"),
        ("2030-01-07T14:07", "UTC", "2030-01-07 14:07 UTC"),
    ],
)
def test_moments_in_words(at: str, zone: str, words: str) -> None:
    assert moment_words(moment(at, zone), zone) == words


# The entries.


def test_a_stretch_of_working_time_is_split_where_the_desk_closes() -> None:
    life = story(f"{MONDAY}T16:00").becomes(f"{TUESDAY}T10:00", "pending")

    assert life.entries(f"{TUESDAY}T12:00", "first_response") == [
        ("2030-01-07 16:00", "2030-01-07 17:00", "running", "opened", 60),
        ("2030-01-07 17:00", "2030-01-08 09:00", "closed", "the calendar closed", 0),
        ("2030-01-08 09:00", "2030-01-08 10:00", "running", "the calendar opened", 60),
        ("2030-01-08 10:00", "2030-01-08 12:00", "paused", "status became pending", 0),
    ]


def test_what_begins_while_the_desk_is_closed_begins_with_why_it_began() -> None:
    assert story("2030-01-06T12:00").entries(f"{MONDAY}T09:30", "first_response") == [
        ("2030-01-06 12:00", "2030-01-07 09:00", "closed", "opened", 0),
        ("2030-01-07 09:00", "2030-01-07 09:30", "running", "the calendar opened", 30),
    ]


def test_a_night_on_which_clocks_are_put_forward_counts_an_hour_less() -> None:
    night = BusinessCalendar(zone="Europe/Berlin", week=((Span(since=0, until=6 * 60),),) * 7)
    life = Story("2030-03-31T00:00", terms(same_goals(240, 600), night))

    (only,) = life.entries("2030-03-31T05:00", "first_response")
    assert only == ("2030-03-31 00:00", "2030-03-31 05:00", "running", "opened", 240)


def test_each_cycle_has_its_page_and_they_stand_by_their_beginnings() -> None:
    life = story().answers(f"{MONDAY}T10:00").asks(f"{MONDAY}T11:00").answers(f"{MONDAY}T11:30")
    life.asks(f"{MONDAY}T12:00").becomes(f"{MONDAY}T13:00", "resolved").becomes(f"{MONDAY}T14:00", "open")

    told = life.ledger(f"{MONDAY}T15:00")

    assert [(page.clock.target, page.clock.cycle, page.clock.state) for page in told.clocks] == [
        ("first_response", 1, "met"),
        ("resolution", 1, "met"),
        ("next_response", 1, "met"),
        ("next_response", 2, "cancelled"),
        ("resolution", 2, "running"),
    ]
    assert [page.used for page in told.clocks] == [timedelta(minutes=count) for count in (8, 188, 30, 60, 60)]


def test_warnings_and_the_breach_stand_with_their_moments() -> None:
    page = story().waits(f"{MONDAY}T16:00").page(f"{MONDAY}T16:00", "first_response")

    assert page.warnings == (
        GivenWarning(50, moment(f"{MONDAY}T11:52")),
        GivenWarning(75, moment(f"{MONDAY}T12:52")),
        GivenWarning(90, moment(f"{MONDAY}T13:28")),
    )
    assert page.clock.breached_at == moment(f"{MONDAY}T13:52")
    assert [(entry.kind, entry.counted) for entry in page.entries] == [("running", timedelta(hours=6, minutes=8))]


def test_another_team_ends_the_cycle_of_the_team_before() -> None:
    policy = SlaPolicy(team_goals={Priority.NORMAL: Goals(resolution=Goal(minutes=60))})
    life = story(policy=policy, team="support").does(f"{MONDAY}T10:12", EditTicket(team="network"))

    first = life.page(f"{MONDAY}T10:30", "resolution", audience="team")
    assert (first.clock.state, first.clock.why, first.used) == (
        "cancelled", "went to another team", timedelta(minutes=20),
    )  # fmt: skip
    assert life.entries(f"{MONDAY}T10:30", "resolution", 2, audience="team") == [
        ("2030-01-07 10:12", "2030-01-07 10:30", "running", "came to the team", 18)
    ]
    assert life.says(f"{MONDAY}T10:30", "resolution", 2, audience="team").startswith(
        "The team's resolution (cycle 2) is due 2030-01-07 11:12 "
    )


def test_a_long_ledger_is_cut_and_says_so() -> None:
    past, now = story(f"{MONDAY}T16:00").past, moment(f"{TUESDAY}T12:00")

    cut, whole = (ledger(past, {1: OFFICE}.__getitem__, now, limit) for limit in (5, 6))

    assert ([len(page.entries) for page in cut.clocks], cut.is_cut) == ([3, 2], True)
    assert ([len(page.entries) for page in whole.clocks], whole.is_cut) == ([3, 3], False)
    assert [page.used for page in cut.clocks] == [page.used for page in whole.clocks]


def test_a_year_is_about_seven_hundred_entries_and_still_adds_up() -> None:
    page = story(policy=same_goals(240, 60 * 24 * 300)).page("2031-01-07T09:52", "resolution")

    assert 500 < len(page.entries) < 750
    assert all(one.until == other.since for one, other in pairwise(page.entries))
    assert sum((entry.counted for entry in page.entries), timedelta()) == page.used


def test_a_reader_whose_clock_is_behind_sees_no_time_that_runs_backwards() -> None:
    life = story().becomes(f"{MONDAY}T11:07", "pending")

    assert life.ledger(f"{MONDAY}T10:00").at == moment(f"{MONDAY}T11:07")


# The recount.


def test_what_the_rules_kept_is_what_a_recount_comes_to() -> None:
    life = story(policy=same_goals(60, 600, *Priority, pauses={"first_response": ["pending"]}))
    life.becomes(f"{MONDAY}T10:07", "pending").becomes(f"{MONDAY}T15:00", "open").answers(f"{TUESDAY}T11:00")
    life.does(f"{TUESDAY}T11:30", EditTicket(priority=Priority.HIGH, team="network"))
    life.asks(f"{TUESDAY}T12:00").becomes("2030-01-09T12:00", "resolved").asks("2030-01-09T13:00")

    recount = life.recount()

    assert recount.differences == ()
    assert recount.sla is not None
    assert life.ticket.sla is not None
    assert recount.sla.clocks == life.ticket.sla.clocks


def test_a_breach_before_its_time_is_found() -> None:
    life = story().waits(f"{MONDAY}T15:00")
    breach = life.past[-1]
    life.past[-1] = breach._replace(at=moment(f"{MONDAY}T13:51"))

    assert any("breached_at is stored as" in text for text in life.recount().differences)


def test_a_moment_that_somebody_brought_forward_is_no_difference() -> None:
    early = moment(f"{MONDAY}T10:52")
    life = story()
    sla = life.ticket.sla
    assert sla is not None
    warning = PlannedWarning(percent=75, at=early), PlannedWarning(percent=90, at=moment(f"{MONDAY}T13:28"))
    clock = life.clock("first_response").model_copy(update={"warnings": warning})
    after_warning = warned(sla.replacing(clock), clock.key, 75, early)
    assert after_warning is not None
    clock = life.clock("first_response").model_copy(update={"due_at": early, "warned": 75})
    after_breach = breached(after_warning.replacing(clock), clock.key, early)
    assert after_breach is not None
    told = {"audience": "customer", "target": "first_response", "cycle": 1, "clock_due_at": early}
    life.past += [
        PastChange(early, 2, (TicketSlaWarned.model_validate({**told, "percent": 75, "sla": after_warning}),)),
        PastChange(early, 3, (TicketSlaBreached.model_validate({**told, "sla": after_breach}),)),
    ]
    life.ticket = life.ticket.model_copy(update={"sla": after_breach})

    assert life.recount().differences == ()

    life.past[1:] = [change._replace(by_timer=True) for change in life.past[1:]]
    assert life.recount().differences != (), "a timer waits for its moment"


def test_a_change_whose_clocks_were_not_kept_is_found() -> None:
    life = story().becomes(f"{MONDAY}T11:07", "pending")
    change = life.past[-1]
    life.past[-1] = change._replace(events=change.events[:1])

    assert "revision 2: the clocks changed and were not recorded" in life.recount().differences


def test_other_time_zone_data_explains_a_difference_first() -> None:
    life = story().waits(f"{MONDAY}T15:00")
    opening = life.past[0].events[0]
    assert isinstance(opening, TicketOpened)
    assert opening.sla is not None
    older = opening.model_copy(update={"sla": opening.sla.model_copy(update={"zone_data": "2020.1"})})
    life.past[0] = life.past[0]._replace(events=(older,))
    assert life.recount().differences == ()

    life.past[-1] = life.past[-1]._replace(at=moment(f"{MONDAY}T13:51"))
    assert life.recount().differences[0] == "stored by time-zone data 2020.1, counted anew by test"


def test_a_ticket_without_clocks_may_be_counted_anew_too() -> None:
    life = story()
    opening = life.past[0].events[0]
    assert isinstance(opening, TicketOpened)
    life.past[0] = life.past[0]._replace(events=(opening.model_copy(update={"sla": None}),))
    life.ticket = life.ticket.model_copy(update={"sla": None})

    recount = life.becomes(f"{MONDAY}T11:00", "pending").recount()

    assert recount == (None, ())


def test_a_clock_too_many_or_too_few_is_found() -> None:
    life = story()
    assert life.ticket.sla is not None
    response, resolution = life.ticket.sla.clocks
    team = resolution.model_copy(update={"audience": "team"})
    life.ticket = life.ticket.model_copy(
        update={"sla": life.ticket.sla.model_copy(update={"clocks": (response, team)})}
    )

    assert life.recount().differences == (
        "the ticket: the team's resolution is stored and should not be",
        "the ticket: resolution is not stored",
    )


def test_segments_that_leave_a_gap_are_found() -> None:
    life = story().becomes(f"{MONDAY}T11:07", "pending").becomes(f"{MONDAY}T12:00", "open")
    change = life.past[-1]
    told = change.events[-1]
    assert isinstance(told, TicketSlaChanged)
    late = told.segments[0].model_copy(update={"since": moment(f"{MONDAY}T11:08")})
    event = told.model_copy(update={"segments": (late, *told.segments[1:])})
    life.past[-1] = change._replace(events=(*change.events[:-1], event))

    assert any("does not begin where the one before it ended" in text for text in life.recount().differences)
