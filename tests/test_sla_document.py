"""The worked examples of docs/sla.md are what the rules come to.

An example is a block marked `sla`: first the terms, then what happens and how the clocks stand right after it, in
columns that at least two spaces part. A line that is not understood fails.
"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any, NamedTuple

import pytest

from domain.business_calendar import BusinessCalendar
from domain.sla_clock import TARGETS, Audience, Target
from domain.sla_policy import SlaPolicy, Terms
from domain.sla_sentences import duration_words
from domain.ticket_commands import AcknowledgeTicket, EditTicket
from settings import ROOT
from tests.domain.sla_story import Story, moment

TEXT = (ROOT / "docs" / "sla.md").read_text()
DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
PRIORITIES = ("low", "normal", "high", "urgent")
TARGET_OF: dict[str, Target] = {target: target for target in TARGETS}
UNITS = {"h": timedelta(hours=1), "min": timedelta(minutes=1)}


class Example(NamedTuple):
    heading: str
    lines: list[str]


def examples() -> Iterator[Example]:
    heading = ""
    for part in re.split(r"^(#+ .*)$", TEXT, flags=re.MULTILINE):
        if part.startswith("#"):
            heading = part.strip("# ")
        for block in re.findall(r"^```sla\n(.*?)^```$", part, re.MULTILINE | re.DOTALL):
            yield Example(heading, [line for line in block.splitlines() if line])


EXAMPLES = list(examples())


def minutes(text: str) -> int:
    hours, minute = text.split(":")
    return int(hours) * 60 + int(minute)


def spans(text: str) -> list[dict[str, int]]:
    """`09:00-12:00 13:00-17:00`."""
    pairs = [span.split("-") for span in text.split()]
    return [{"since": minutes(since), "until": minutes(until)} for since, until in pairs]


def duration(text: str) -> timedelta:
    """`1 h 15 min`."""
    words = text.split()
    return sum((int(count) * UNITS[unit] for count, unit in zip(words[::2], words[1::2], strict=True)), timedelta())


class TermsReader:
    """Reads the upper part of an example."""

    def __init__(self) -> None:
        self.policies: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._lines: dict[str, Callable[[str], None]] = {
            "calendar": self._calendar,
            "holiday": self._holiday,
            "special": self._special,
            "goals": lambda text: self._goals("goals", text),
            "team goals": lambda text: self._goals("team_goals", text),
            "pauses": self._pauses,
            "carry": lambda text: self._policy.update(carry=text),
            "warnings": lambda text: self._policy.update(warnings=[int(share) for share in text.split()]),
            "ladder": self._step,
            "repeats": self._repeats,
            "policy": self._next_policy,
        }

    def read(self, line: str) -> None:
        word, text = re.split(r"\s{2,}", line, maxsplit=1)
        if not self.policies and word != "policy":
            self._begin({})
        self._lines[word](text)

    def terms(self) -> list[Terms]:
        return [
            Terms(
                number,
                number,
                SlaPolicy.model_validate(policy),
                number,
                BusinessCalendar.model_validate(calendar),
                "test",
            )
            for number, (policy, calendar) in enumerate(self.policies, start=1)
        ]

    @property
    def zone(self) -> str:
        zone: str = self._calendars["zone"]
        return zone

    @property
    def _policy(self) -> dict[str, Any]:
        return self.policies[-1][0]

    @property
    def _calendars(self) -> dict[str, Any]:
        return self.policies[-1][1]

    def _begin(self, conditions: dict[str, Any]) -> None:
        nothing: dict[str, list[str]] = {"first_response": [], "next_response": [], "resolution": []}
        self.policies.append(({"conditions": conditions, "pauses": nothing}, {"holidays": [], "special_days": []}))

    def _next_policy(self, text: str) -> None:
        match = re.fullmatch(r"\w+ for (\w+) (\w+)", text)
        assert match, text
        self._begin({match[1]: [match[2]]})

    def _calendar(self, text: str) -> None:
        zone, days, hours = text.split(maxsplit=2)
        first, last = (DAYS.index(day) for day in days.split("-"))
        week = [spans(hours) if first <= day <= last else [] for day in range(7)]
        self._calendars.update(zone=zone, week=week)

    def _holiday(self, text: str) -> None:
        self._calendars["holidays"].append(text)

    def _special(self, text: str) -> None:
        on, hours = text.split(maxsplit=1)
        self._calendars["special_days"].append({"on": on, "spans": spans(hours)})

    def _goals(self, kind: str, text: str) -> None:
        for goal in text.split(", "):
            match = re.fullmatch(r"(?:(\w+) )?(\w+_response|resolution) ((?:\d+ (?:h|min) ?)+)(wall)?", goal)
            assert match, goal
            time = "wall" if match[4] else "business"
            one = {"minutes": duration(match[3]) // UNITS["min"], "time": time}
            for priority in [match[1]] if match[1] else PRIORITIES:
                self._policy.setdefault(kind, {}).setdefault(priority, {})[match[2]] = one

    def _pauses(self, text: str) -> None:
        target, *statuses = text.split()
        self._policy["pauses"][target] = statuses

    def _step(self, text: str) -> None:
        match = re.fullmatch(r"(\d+) min (wall )?since (\w+): level (\d)", text)
        assert match, text
        time, actions = "wall" if match[2] else "business", [{"type": "raise_level", "level": int(match[4])}]
        step = {"after_minutes": int(match[1]), "since": match[3], "time": time, "actions": actions}
        ladders = self._policy.setdefault("ladders", {})
        for priority in PRIORITIES:
            ladders.setdefault(priority, {"steps": []})["steps"].append(step)

    def _repeats(self, text: str) -> None:
        for ladder in self._policy["ladders"].values():
            ladder["repeats"] = int(text)


EDITS: dict[str, Callable[[str], EditTicket]] = {
    "priority": lambda word: EditTicket.model_validate({"priority": word}),
    "category": lambda word: EditTicket(category=word),
    "team": lambda word: EditTicket(team=word),
    "tags": lambda word: EditTicket(tags=() if word == "none" else (word,)),
}


class Teller:
    """Lets happen what the lower part of an example says, and compares."""

    def __init__(self, terms: TermsReader) -> None:
        self._terms = terms.terms()
        self._zone = terms.zone
        self._story: Story | None = None
        self._at = ""
        self.compared = 0

    @property
    def story(self) -> Story:
        assert self._story is not None, "it must be opened first"
        return self._story

    def tell(self, line: str) -> None:
        self._at, what, *expected = re.split(r"\s{2,}", line)
        self._at = self._at.replace(" ", "T")
        if what.startswith("opened"):
            words = what.split()[1:]
            fields = dict(zip(words[::2], words[1::2], strict=True))
            self._story = Story(self._at, *self._terms, zone=self._zone, **fields)
        else:
            self._happens(what)
        for text in expected[0].split("; "):
            self._stands(text)
            self.compared += 1

    def says(self, text: str) -> None:
        target = TARGET_OF[text.split(" is ", maxsplit=1)[0].lower().replace(" ", "_")]
        assert self.story.says(self._at, target) == text
        self.compared += 1

    def _happens(self, what: str) -> None:
        word, _, rest = what.partition(" ")
        if what == "nothing":
            self.story.waits(self._at)
        elif what == "the desk answers":
            self.story.answers(self._at)
        elif what == "the requester writes":
            self.story.asks(self._at)
        elif what == "acknowledged":
            self.story.does(self._at, AcknowledgeTicket())
        elif word == "status":
            self.story.becomes(self._at, rest)
        else:
            self.story.does(self._at, EDITS[word](rest))

    def _stands(self, text: str) -> None:
        match = re.fullmatch(r"(the team's )?(first_response|next_response|resolution)(?: cycle (\d+))? (.+)", text)
        if match is None:
            assert self._escalation(text) == text
            return
        audience: Audience = "team" if match[1] else "customer"
        prefix = text.removesuffix(match[4])
        state = self._state(TARGET_OF[match[2]], audience, int(match[3] or 1), match[4])
        assert f"{prefix}{state}" == text

    def _state(self, target: Target, audience: Audience, cycle: int, expected: str) -> str:
        """How the clock stands, in the words in which it is asked."""
        sla = self.story.ticket.sla
        clock = None if sla is None else sla.clock(audience, target)
        if clock is None:
            return "none"
        assert clock.cycle == cycle
        page = self.story.page(self._at, target, cycle, audience)
        used = duration_words(page.used)
        if expected.startswith("warned"):
            return f"warned at {' '.join(str(given.percent) for given in page.warnings)} %"
        if not clock.is_open:
            late = " late" if clock.breached_at else ""
            return f"met{late}, {used} used" if clock.phase == "met" else "cancelled"
        if clock.breached_at is not None:
            return f"breached, was due {self._spoken(clock.breached_at)}"
        if clock.phase == "paused":
            assert clock.due_at is None
            return f"paused, {used} used"
        return f"runs, {used} used" if expected.startswith("runs") else f"due {self._spoken(clock.due_at)}"

    def _escalation(self, expected: str) -> str:
        ticket = self.story.ticket
        if expected.startswith("level"):
            return f"level {ticket.escalation_level}"
        run = None if ticket.sla is None else ticket.sla.ladder
        if run is None or run.next_at is None:
            return "no step"
        return f"step {run.step + 1} at {self._spoken(run.next_at)}"

    def _spoken(self, at: Any) -> str:
        spoken = self.story.local(at)
        is_second = moment(f"{spoken.replace(' ', 'T')}+", self._zone) == at != moment(spoken, self._zone)
        return f"{spoken}+" if is_second else spoken


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.heading)
def test_the_example_is_what_the_rules_come_to(example: Example) -> None:
    terms = TermsReader()
    begins = next(place for place, line in enumerate(example.lines) if re.match(r"\d{4}-", line))
    for line in example.lines[:begins]:
        terms.read(line)
    teller = Teller(terms)
    for line in example.lines[begins:]:
        if line.startswith("says"):
            teller.says(line.removeprefix("says").strip())
        else:
            teller.tell(line)

    assert teller.compared
    assert teller.story.recount().differences == ()


def test_the_document_has_its_examples() -> None:
    assert len(EXAMPLES) >= 20


def test_the_shipped_defaults_are_those_of_the_migration() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in TEXT.splitlines()
        if line.startswith(("| Urgent matters", "| Standard"))
    ]
    shipped: dict[str, Any] = dict(import_module("database.migrations.versions.0002_sla").DEFAULT_POLICIES)

    told = {(name.split(" (")[0], priority): cells for name, priority, *cells in rows}

    assert told == {
        (name, priority): _row(SlaPolicy.model_validate(policy), priority)
        for name, policy in shipped.items()
        for priority in PRIORITIES
    }
    assert SlaPolicy.model_validate(shipped["Urgent matters"]).conditions.categories == ("urgent",)
    assert {SlaPolicy.model_validate(policy).warnings for policy in shipped.values()} == {(50, 75, 90)}


def _row(policy: SlaPolicy, priority: Any) -> list[str]:
    goals, ladder = policy.goals[priority], policy.ladders.get(priority)
    assert goals.first_response
    assert goals.resolution
    steps = [] if ladder is None else [f"{step.after_minutes} min" for step in ladder.steps]
    levels = (*steps, "-", "-")[:2]
    return [f"{goals.first_response.minutes} min", f"{goals.resolution.minutes} min", *levels]
