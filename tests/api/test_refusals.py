"""Refused attempts are bounded, and nothing of them is lost."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from api.refusals import MAX_COUNTS, MAX_SOURCES, MINUTE_SECONDS, PER_MINUTE, PER_SOURCE, Kind, Refusal, Refusals
from domain.audit import Author, PersonalPart

KIND = Kind("GET", "/api/users", "forbidden")


class Entry(NamedTuple):
    author: Author
    action: str
    subject_kind: str
    subject_id: str | None
    detail: dict[str, Any] | None
    personal: Sequence[PersonalPart]


class Trail:
    """Keeps what it was told; `is_down`: takes nothing."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.is_down = False

    async def note(
        self,
        author: Author,
        action: str,
        subject_kind: str,
        subject_id: str | None = None,
        detail: dict[str, Any] | None = None,
        personal: Sequence[PersonalPart] = (),
    ) -> int:
        if self.is_down:
            raise ConnectionError("down")
        self.entries.append(Entry(author, action, subject_kind, subject_id, detail, personal))
        return len(self.entries)

    @property
    def told(self) -> int:
        """How many refusals are told of, one by one or in counts."""
        return sum(1 if one.action == "access.refused" else (one.detail or {})["count"] for one in self.entries)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def trail() -> Trail:
    return Trail()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refusals(trail: Trail, clock: Clock) -> Refusals:
    return Refusals(trail, clock)


def refusal(address: str = "192.0.2.1", **changes: Any) -> Refusal:
    return Refusal(Author(address=address), KIND, "route", KIND.route, "curl")._replace(**changes)


async def test_a_refusal_is_written_whole(trail: Trail, refusals: Refusals) -> None:
    await refusals.tell(refusal())

    assert trail.entries == [
        Entry(
            Author(address="192.0.2.1"),
            "access.refused",
            "route",
            "/api/users",
            {"method": "GET", "route": "/api/users", "code": "forbidden"},
            (PersonalPart(None, {"user_agent": "curl"}),),
        )
    ]


async def test_what_a_source_tries_beyond_its_share_is_counted_and_written_after_the_minute(
    trail: Trail, refusals: Refusals, clock: Clock
) -> None:
    other = KIND._replace(route="/api/teams")
    for _ in range(PER_SOURCE + 3):
        await refusals.tell(refusal())
    await refusals.tell(refusal(kind=other))
    await refusals.tell(refusal("192.0.2.2"))
    assert len(trail.entries) == PER_SOURCE + 1
    clock.now = MINUTE_SECONDS - 1
    await refusals.write_counts()
    assert len(trail.entries) == PER_SOURCE + 1

    clock.now = MINUTE_SECONDS
    await refusals.write_counts()

    (more,) = trail.entries[PER_SOURCE + 1 :]
    assert (more.author, more.action) == (Author(address="192.0.2.1"), "access.refused_more")
    assert more.detail == {"count": 4, "of": [{**KIND._asdict(), "count": 3}, {**other._asdict(), "count": 1}]}
    await refusals.write_counts()
    assert trail.told == PER_SOURCE + 5


async def test_a_new_minute_is_a_new_share(trail: Trail, refusals: Refusals, clock: Clock) -> None:
    for _ in range(2):
        for _ in range(PER_SOURCE + 2):
            await refusals.tell(refusal())
        clock.now += MINUTE_SECONDS
    assert [one.action for one in trail.entries] == ["access.refused"] * 2 * PER_SOURCE
    await refusals.write_counts()
    assert trail.told == 2 * (PER_SOURCE + 2)


async def test_many_sources_share_a_minute(trail: Trail, refusals: Refusals) -> None:
    for place in range(PER_MINUTE + 20):
        await refusals.tell(refusal(f"2001:db8::{place:x}"))
    assert len(trail.entries) == PER_MINUTE

    await refusals.write_counts(all_of_them=True)
    assert trail.told == PER_MINUTE + 20


async def test_too_many_sources_are_counted_together(trail: Trail, refusals: Refusals) -> None:
    for place in range(MAX_SOURCES + 20):
        await refusals.tell(refusal(f"2001:db8::{place:x}"))
    await refusals.write_counts(all_of_them=True)

    assert trail.told == MAX_SOURCES + 20
    assert trail.entries[-1].author == Author()
    assert (trail.entries[-1].detail or {})["count"] == 20


async def test_an_entry_of_counts_is_bounded(trail: Trail, refusals: Refusals) -> None:
    for place in range(PER_SOURCE + MAX_COUNTS + 20):
        await refusals.tell(refusal(kind=KIND._replace(route=f"/{place}")))
    await refusals.write_counts(all_of_them=True)

    detail = trail.entries[-1].detail or {}
    assert (detail["count"], len(detail["of"])) == (MAX_COUNTS + 20, MAX_COUNTS)


async def test_what_the_database_does_not_take_is_written_when_it_does(
    trail: Trail, refusals: Refusals, clock: Clock
) -> None:
    trail.is_down = True
    for _ in range(PER_SOURCE + 5):
        await refusals.tell(refusal())
    clock.now = MINUTE_SECONDS
    await refusals.write_counts()
    await refusals.tell(refusal())
    assert trail.entries == []

    trail.is_down = False
    clock.now = 2 * MINUTE_SECONDS
    await refusals.write_counts()

    assert trail.told == PER_SOURCE + 6
