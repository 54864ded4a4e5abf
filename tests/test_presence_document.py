"""The examples of `docs/presence.md`, told to the rules line by line."""

import re
from datetime import time

import pytest

from domain.agent import Presence
from domain.agent_commands import AgentCommand, EndShift, SetPresence, StartBreak, StartShift, StreamsChanged
from domain.shift import Shift
from settings import ROOT
from tests import agent_factories
from tests.agent_factories import LUNCH, NEXT_SHIFT, SHIFT
from tests.domain.living import Day

TEXT = (ROOT / "docs" / "presence.md").read_text()
EXAMPLES = re.findall(r"^```presence\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
LINE = re.compile(r"(?P<at>\d\d:\d\d(?::\d\d)?)\s*(?P<what>[a-z_]+(?: [a-z_]+)*)?(?:\s{2,}(?P<told>\w+ \(\w+\)))?")
SPAN = r"(\d\d:\d\d)-(\d\d:\d\d)"
WHAT: dict[str, AgentCommand] = {
    **{f"set {presence}": SetPresence(presence=presence) for presence in Presence},
    "app connects": StreamsChanged(connected=True),
    "app gone": StreamsChanged(connected=False),
    "start shift": StartShift(shift_id=SHIFT),
    "end shift": EndShift(shift_id=SHIFT),
    "start overtime": StartShift(shift_id=NEXT_SHIFT),
    "start lunch": StartBreak(break_id=LUNCH),
}


def planned(example: str) -> list[Shift]:
    """The shifts that the head of the example tells of."""
    breaks = [agent_factories.lunch(since, until) for since, until in re.findall(rf"lunch {SPAN}", example)]
    shifts = [
        agent_factories.shift(since, until, breaks) for since, until in re.findall(rf"(?m)^shift {SPAN}", example)
    ]
    overtime = [
        agent_factories.shift(since, until, id=NEXT_SHIFT, kind="overtime")
        for since, until in re.findall(rf"(?m)^overtime {SPAN}", example)
    ]
    return [*shifts, *overtime]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_example_is_what_the_rules_come_to(example: str) -> None:
    day = Day(agent_factories.agent(updated_at=agent_factories.at("0:00")), agent_factories.plan(*planned(example)))
    lines = [line for line in example.splitlines() if line[:1].isdigit()]

    for line in lines:
        match = LINE.fullmatch(line.rstrip())
        assert match, line
        before = len(day.told)
        day.until(match["at"])
        if match["what"]:
            day.at(match["at"], WHAT[match["what"]])
        told = [f"{presence} ({cause})" for _, presence, cause in day.told[before:]]
        assert told == ([match["told"]] if match["told"] else []), line
        if told:
            assert day.state.since.time() == time.fromisoformat(match["at"])


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 6
