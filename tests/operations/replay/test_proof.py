import re
from dataclasses import replace

import pytest

from operations.replay.desk import Json
from operations.replay.proof import Evidence, Expected, HeardEvent, LoggedEvent, Row, Run, prove

STORY: list[tuple[str, Json]] = [
    ("ticket.opened", {"status": "new", "priority": "normal", "category": "general", "team": "group-70"}),
    ("ticket.assigned", {"assignee_id": "ann"}),
    ("ticket.status_changed", {"status": "resolved", "previous": "new"}),
    ("ticket.status_changed", {"status": "closed", "previous": "resolved"}),
]
EVENTS = [
    LoggedEvent((100 + revision, revision), 1001, revision, kind, data)
    for revision, (kind, data) in enumerate(STORY, start=1)
]
HEARD = [HeardEvent(event.place, event.ticket, event.revision, event.type) for event in EVENTS]
ROW = Row(4, "closed", "normal", "general", "group-70", "ann")
EXPECTED = Expected("A1", "closed", "normal", "general", "group-70", "ann", tuple(kind for kind, _ in STORY))
STATE: Json = {"revision": 4, "status": "closed", "team": "group-70", "assignee_id": "ann"}
SOUND = Evidence(
    expected={1001: EXPECTED},
    opened=[1001],
    tagged=[1001],
    rows={1001: ROW},
    events=EVENTS,
    unstarted=0,
    runs={1001: Run(1, "closed", STATE)},
    heard=HEARD,
    already_before=(100, 0),
    resets=0,
)


def problems(evidence: Evidence) -> list[str]:
    return [problem for verdict in prove(evidence) for problem in verdict.problems]


def test_sound_evidence_proves_every_claim() -> None:
    assert problems(SOUND) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (replace(SOUND, tagged=[1001, 1002]), "opened twice"),
        (replace(SOUND, tagged=[]), "not in the database"),
        (replace(SOUND, opened=[1001, 1001]), "given to 2 incidents"),
        (replace(SOUND, rows={}), "has no row"),
        (replace(SOUND, rows={1001: replace(ROW, status="open")}), "status is open, the log says closed"),
        (replace(SOUND, rows={1001: replace(ROW, assignee="bob")}), "assignee is bob, the log says ann"),
        (replace(SOUND, rows={1001: replace(ROW, revision=5)}), "at revision 5, its events are 4"),
        (replace(SOUND, events=EVENTS[:-1]), "are 3, the log says 4"),
        (replace(SOUND, events=EVENTS[:1] + EVENTS[2:]), r"event revisions are \[1, 3, 4\]"),
        (replace(SOUND, events=[EVENTS[0], EVENTS[2], EVENTS[3]]), "by its events"),
        (replace(SOUND, unstarted=1), "1 tickets still wait"),
        (replace(SOUND, runs={1001: Run(2, "closed", STATE)}), "2 workflows run"),
        (replace(SOUND, runs={}), "0 workflows run"),
        (replace(SOUND, runs={1001: Run(1, "open", STATE)}), "lists it as open"),
        (replace(SOUND, runs={1001: Run(1, "closed", STATE | {"revision": 3})}), "revision is 3 in its workflow"),
        (replace(SOUND, runs={1001: Run(1, "closed", None)}), "does not tell its state"),
        (replace(SOUND, resets=1), "reset 1 times"),
        (replace(SOUND, heard=HEARD[:-1]), "never streamed"),
        (replace(SOUND, heard=[*HEARD, HEARD[-1]]), "streamed 2 times"),
        (replace(SOUND, heard=[HEARD[1], HEARD[0], *HEARD[2:]]), "the stream went from"),
        (replace(SOUND, heard=[*HEARD, HeardEvent((900, 9), 1001, 5, "ticket.replied")]), "not in the log"),
        (replace(SOUND, heard=[replace(HEARD[0], type="ticket.edited"), *HEARD[1:]]), "streamed as ticket.edited"),
    ],
)
def test_a_fault_is_found_and_named(fault: Evidence, said: str) -> None:
    assert any(re.search(said, problem) for problem in problems(fault))


def test_events_of_other_peoples_tickets_are_no_fault() -> None:
    other = HeardEvent((100, 1), 999, 17, "ticket.replied")

    assert problems(replace(SOUND, heard=[other, *HEARD])) == []


def test_events_before_the_reader_began_need_not_be_streamed() -> None:
    assert problems(replace(SOUND, heard=HEARD[2:], already_before=HEARD[1].place)) == []


def test_what_the_desks_own_promises_bring_is_in_no_log() -> None:
    kept = LoggedEvent((105, 5), 1001, 5, "ticket.sla_changed", {})
    heard = HeardEvent(kept.place, kept.ticket, kept.revision, kept.type)
    with_clocks = replace(
        SOUND,
        events=[*EVENTS, kept],
        rows={1001: replace(ROW, revision=5)},
        runs={1001: Run(1, "closed", {**STATE, "revision": 5})},
        heard=[*HEARD, heard],
    )

    assert problems(with_clocks) == []
