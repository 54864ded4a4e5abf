"""The worked examples of docs/shifts.md are what the rules come to.

An example is a block marked `rota`, `plan` or `coverage`: what is given, then what it comes to, in columns that at
least two spaces part. A line that is not understood fails.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest

from domain.agent import BreakKind
from domain.coverage import NeedSpan, coverage_of
from domain.ids import BreakId, PersonId, ShiftId
from domain.rota import Rota, check_rota, minutes_between, occurrences
from domain.shift import Break, Shift
from domain.shift_rules import without
from settings import ROOT
from tests.factories import AGENT, person_id

TEXT = (ROOT / "docs" / "shifts.md").read_text()
DAY = datetime(2030, 1, 7, tzinfo=UTC)
Lines = list[list[str]]


def examples(kind: str) -> list[Lines]:
    blocks = re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return [[re.split(r"\s{2,}", line.strip()) for line in block.splitlines()] for block in blocks]


def at(text: str) -> datetime:
    hours, minutes = text.split(":")
    return DAY + timedelta(hours=int(hours), minutes=int(minutes))


def span(text: str) -> tuple[datetime, datetime]:
    since, until = text.split("-")
    return at(since), at(until)


def shift(agent: PersonId, times: str, *breaks: str) -> Shift:
    starts_at, ends_at = span(times)
    return Shift(
        id=ShiftId(1),
        agent_id=agent,
        team=None,
        starts_at=starts_at,
        ends_at=ends_at,
        breaks=tuple(
            Break(id=BreakId(place), kind=BreakKind.LUNCH, starts_at=begin, ends_at=end)
            for place, (begin, end) in enumerate(map(span, breaks))
        ),
    )


def spoken(starts_at: datetime, ends_at: datetime) -> str:
    return f"{starts_at:%H:%M}-{ends_at:%H:%M}"


@pytest.mark.parametrize("lines", examples("rota"), ids=lambda lines: lines[0][1])
def test_a_rota_is_laid_out_as_its_example_says(lines: Lines) -> None:
    given = {line[0]: line[1] for line in lines if not line[0][0].isdigit()}
    said = [line for line in lines if line[0][0].isdigit()]
    assert given.keys() <= {"rule", "zone", "begins_on", "times", "exdates"}
    starts, ends = map(time.fromisoformat, given["times"].split("-"))
    rota = Rota(
        agent_id=AGENT,
        team=None,
        rule=given["rule"],
        zone=given["zone"],
        begins_on=date.fromisoformat(given["begins_on"]),
        starts=starts,
        minutes=minutes_between(starts, ends),
        exdates=frozenset(map(date.fromisoformat, given.get("exdates", "").split())),
    )
    check_rota(rota)

    found = {one.on: one for one in occurrences(rota, date(2030, 1, 1), date(2031, 1, 1))}

    for day, begin, end, length in said:
        one = found[date.fromisoformat(day)]
        hours = (one.ends_at - one.starts_at) / timedelta(hours=1)
        assert (f"{one.starts_at:%H:%MZ}", f"{one.ends_at:%H:%MZ}", f"{hours:g} h") == (begin, end, length), day
    if "COUNT" in given["rule"]:
        assert [day.isoformat() for day in found] == [line[0] for line in said]


@pytest.mark.parametrize("lines", examples("plan"), ids=lambda lines: lines[1][1])
def test_what_is_taken_out_of_a_shift_leaves_what_its_example_says(lines: Lines) -> None:
    (_, times, *breaks), (off, taken), *left = lines
    assert (off, {line[0] for line in left}) == ("off", {"left"})

    pieces = without(shift(AGENT, times, *breaks), *span(taken))

    assert [
        [spoken(piece.starts_at, piece.ends_at), *(spoken(one.starts_at, one.ends_at) for one in piece.breaks)]
        for piece in pieces
    ] == [line[1:] for line in left]


def coverage_lines(lines: Lines) -> Iterator[list[str]]:
    """What the givens of the example come to, as it is written."""
    needs = [NeedSpan(*span(line[1]), int(line[2])) for line in lines if line[0] == "need"]
    shifts = [shift(person_id(line[1]), *line[2:]) for line in lines if line[0] == "shift"]
    found = coverage_of(shifts, needs, needs[0].starts_at, needs[-1].ends_at)
    for gap in found.gaps:
        yield ["gap", spoken(gap.starts_at, gap.ends_at), str(gap.missing), f"{gap.missing_minutes:g}"]
    yield ["score", f"{found.score}"]


@pytest.mark.parametrize("lines", examples("coverage"), ids=lambda lines: lines[0][1])
def test_coverage_is_what_its_example_says(lines: Lines) -> None:
    assert list(coverage_lines(lines)) == [line for line in lines if line[0] not in ("need", "shift")]


def test_there_are_examples_of_each_kind() -> None:
    assert [len(examples(kind)) for kind in ("rota", "plan", "coverage")] == [3, 3, 1]
