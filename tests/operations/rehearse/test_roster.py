"""Who works when: the rows of a roster, and wishes for one agent more."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from operations.rehearse.log import LogError
from operations.rehearse.roster import Agent, Shifts, read_roster, wished
from tests.operations.rehearse.rehearsing import MONDAY, at, roster, row


def shifts(agent: Agent) -> Shifts:
    return agent.shifts(MONDAY, MONDAY + timedelta(days=7))


def told(agent: Agent) -> list[str]:
    return [f"{shift.start:%a %H:%M}-{shift.end:%H:%M}" for shift in shifts(agent).all]


def test_the_first_skill_is_the_agent_s_own() -> None:
    (ada,) = roster(row("ada", "vpn|mail|sap:1"))

    assert ada.skills == {"vpn": 5, "mail": 3, "sap": 1}


@pytest.mark.parametrize(
    ("start", "length", "days", "expected"),
    [
        ("08:00", "7h30", "Mon,Wed", ["Mon 08:00-15:30", "Wed 08:00-15:30"]),
        ("8:00", "8h", "sat-mon", ["Mon 08:00-16:00", "Sat 08:00-16:00", "Sun 08:00-16:00"]),
        ("16:00", "8h00", "Tue", ["Tue 16:00-00:00"]),
        ("22:00", "8h00", "Tue", ["Tue 22:00-06:00"]),
    ],
)
def test_a_row_is_a_week_of_shifts(start: str, length: str, days: str, expected: list[str]) -> None:
    assert told(roster(row("ada", "vpn", start, length, days))[0]) == expected


def test_shifts_tell_when_they_end_and_when_the_next_begins() -> None:
    week = shifts(roster(row("ada", days="Mon,Tue"))[0])

    assert week.end_of(at("08:00")) == at("16:00")
    assert week.end_of(at("16:00")) is None
    assert week.end_of(at("07:59")) is None
    assert week.next_start(at("08:00")) == at("08:00", 1)
    assert week.next_start(at("08:00", 1)) is None
    assert week.within(at("12:00"), at("09:00", 1)) == timedelta(hours=5)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"shift_start": "25:00"}, "'25:00' is no time of the day"),
        ({"shift_length": "eight"}, "'eight' is no length"),
        ({"shift_length": "0h00"}, "a shift ends after it began, within a day"),
        ({"shift_length": "24h00"}, "a shift ends after it began, within a day"),
        ({"days": "Mon-Someday"}, "'Mon-Someday' are no days"),
        ({"skills": ""}, "'' is no skill"),
        ({"skills": "vpn:6"}, "'vpn:6' is no skill"),
        ({"agent": "bob"}, "bob is there twice"),
    ],
)
def test_a_bad_row_is_named(changes: dict[str, str], why: str) -> None:
    with pytest.raises(LogError, match=re.escape(f"roster, line 3: {why}")):
        roster(row("bob"), {**row("ada"), **changes})


def test_a_roster_without_a_column_or_without_anybody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="line 2: 'days'"):
        roster({key: text for key, text in row("ada").items() if key != "days"})
    with pytest.raises(LogError, match="no agents"):
        roster()
    with pytest.raises(LogError, match="cannot be read"):
        read_roster(tmp_path / "none.csv")


def test_a_roster_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("agent,skills,shift_start,shift_length,days\nada,vpn|mail,08:00,7h30,Mon-Fri\n")

    assert [agent.name for agent in read_roster(path)] == ["ada"]


def test_one_agent_more_may_be_wished_for() -> None:
    added = wished("vpn+mail:2@Mon-Tue 22:00-06:00", "added1")

    assert added.skills == {"vpn": 5, "mail": 2}
    assert told(added) == ["Mon 22:00-06:00", "Tue 22:00-06:00"]


@pytest.mark.parametrize(
    "wish", ["", "vpn", "vpn@Mon", "vpn@Mon 9-17", "vpn@Moon 09:00-17:00", "@Mon 09:00-17:00", "vpn@Mon 09:00-09:00"]
)
def test_a_wish_that_makes_no_sense_is_refused(wish: str) -> None:
    with pytest.raises(ValueError, match=r"read as|is no|are no|a shift ends"):
        wished(wish, "added1")
