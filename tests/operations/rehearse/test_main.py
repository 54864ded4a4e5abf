"""`make rehearse`: the options, and the table."""

import json
from pathlib import Path
from typing import Any

import pytest

from operations.rehearse.__main__ import main, strategies
from operations.rehearse.made import make_arrivals, make_roster

LOG = ["arrival_offset_s,priority,skill,handling_s", "32400,1,vpn,1200", "32460,3,vpn,600", "118800,4,mail,600"]
ROSTER = ["agent,skills,shift_start,shift_length,days", "ada,vpn|mail,08:00,8h00,Mon-Fri", "bob,vpn,08:00,8h00,Mon"]


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    """The options for a small log and roster, with the figures written to a file."""
    (tmp_path / "log.csv").write_text("\n".join(LOG))
    (tmp_path / "roster.csv").write_text("\n".join(ROSTER))
    return [
        *("--log", str(tmp_path / "log.csv"), "--roster", str(tmp_path / "roster.csv")),
        *("--json", str(tmp_path / "figures.json")),
    ]


def rehearsed(given: list[str], *options: str) -> Any:
    assert main([*given, *options]) == 0
    return json.loads(Path(given[-1]).read_text())


def test_every_strategy_is_rehearsed_on_the_same_arrivals(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    figures = rehearsed(given)

    assert len(figures) == 6
    assert {one["tickets"] for one in figures.values()} == {3}
    assert "3 tickets, 2 agents, Mon 2026-01-05 09:00 to Tue 2026-01-06 09:00" in capsys.readouterr().out


def test_a_period_is_chosen(given: list[str]) -> None:
    assert rehearsed(given, "--days", "1")["dispatch"]["tickets"] == 2
    assert rehearsed(given, "--from", "2026-01-06")["dispatch"]["tickets"] == 1


def test_what_if_one_agent_were_there_or_not(given: list[str]) -> None:
    assert rehearsed(given)["dispatch"]["mean_response"] == 0
    assert rehearsed(given, "--without", "bob")["dispatch"]["mean_response"] == pytest.approx(19 / 3)
    added = rehearsed(given, "--without", "bob", "--add-agent", "vpn@Mon 09:00-10:00")
    assert added["dispatch"]["mean_response"] == 0


def test_more_may_come(given: list[str]) -> None:
    assert rehearsed(given, "--scale-arrivals", "2")["dispatch"]["tickets"] == 6


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--without", "eve"], "the roster has no eve"),
        (["--without", "ada", "--without", "bob"], "nobody is left to work"),
        (["--add-agent", "vpn"], "does not read as"),
        (["--from", "2030-01-01"], "nothing came in this period"),
        (["--weight", "speed=3"], "weight speed"),
        (["--weight", "pressure=-3"], "weight pressure"),
        (["--log", "none.csv"], "none.csv cannot be read"),
        (["--roster", "none.csv"], "none.csv cannot be read"),
    ],
)
def test_what_makes_no_sense_is_told(
    given: list[str], options: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*given, *options]) == 2
    assert why in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [["--from", "monday"], ["--days", "0"], ["--scale-arrivals", "-1"], ["--weight", "x"], ["--weight", "x=y"]],
)
def test_options_that_cannot_be_read_are_refused(options: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(options)


def test_weights_may_be_others(given: list[str]) -> None:
    assert rehearsed(given, "--weight", "pressure=4", "--weight", 'importance={"urgent": 9}')["dispatch"]["left"] == 0


def test_a_made_desk_is_of_one_seed_and_its_roster_fits_it() -> None:
    arrivals = make_arrivals(1, seed=4)
    agents = make_roster(arrivals, 1)

    assert make_arrivals(1, seed=4) == arrivals != make_arrivals(1, seed=5)
    assert {arrival.skill for arrival in arrivals} == {skill for agent in agents for skill in agent.skills}
    work = sum(arrival.work.total_seconds() for arrival in arrivals) / 60
    assert 0.75 < work / (len(agents) * 5 * 450) < 0.95


def test_dispatch_keeps_more_than_the_simple_strategies(tmp_path: Path) -> None:
    figures = rehearsed(["--json", str(tmp_path / "figures.json")], "--days", "5", "--seed", "3")
    breached = {name: one["breached"] for name, one in figures.items()}

    simple = [breached[name] for name in breached if not name.startswith("dispatch")]
    assert breached["dispatch"] < min(simple)
    assert figures["dispatch"]["gini"] < figures["round robin, first in first out"]["gini"]
    assert list(figures) == list(strategies(weights=None))  # type: ignore[arg-type]  # only the names are looked at
