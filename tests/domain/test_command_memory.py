"""What a ticket remembers of the commands that it saw."""

from datetime import datetime, timedelta

import pytest

from domain.command_memory import KEPT_AT_LEAST, KEPT_AT_MOST, KEPT_COUNT, CommandMemory
from domain.ticket_commands import Receipt
from tests.factories import NOW, command_id


def receipt(name: str, at: datetime = NOW, revision: int = 2) -> Receipt:
    return Receipt(command_id=command_id(name), first_revision=revision, revision=revision, at=at)


def memory(*receipts: Receipt) -> CommandMemory:
    """A memory that saw these one after the other."""
    made = CommandMemory()
    for one in receipts:
        made = made.remember(one)
    return made


def test_an_empty_memory_knows_nothing() -> None:
    assert CommandMemory().find(command_id("claim")) is None


def test_a_command_that_was_seen_has_its_receipt() -> None:
    known = memory(receipt("claim", revision=2), receipt("reply", revision=4))

    assert known.find(command_id("claim")) == receipt("claim", revision=2)
    assert known.find(command_id("reply")) == receipt("reply", revision=4)
    assert known.find(command_id("snooze")) is None


def test_remembering_leaves_the_earlier_memory_as_it_was() -> None:
    """A workflow assigns the new one last: what fails before leaves no trace."""
    before = memory(receipt("claim"))

    before.remember(receipt("reply"))

    assert before.find(command_id("reply")) is None


@pytest.mark.parametrize("count", [KEPT_COUNT, KEPT_COUNT + 1, 3 * KEPT_COUNT])
def test_of_old_commands_the_last_hundred_stay(count: int) -> None:
    old = [receipt(f"command {place}", NOW + place * KEPT_AT_LEAST) for place in range(count)]

    known = memory(*old)

    assert known.receipts == tuple(old[-KEPT_COUNT:])


def test_whatever_is_younger_than_a_day_stays_however_much_it_is() -> None:
    busy = [receipt(f"command {place}", NOW + timedelta(seconds=place)) for place in range(KEPT_COUNT + 50)]

    assert memory(*busy).receipts == tuple(busy)


def test_a_command_is_forgotten_when_it_is_a_day_old_and_a_hundred_came_after_it() -> None:
    first = receipt("first")
    rest = [receipt(f"command {place}", NOW + timedelta(hours=1)) for place in range(KEPT_COUNT)]

    nearly = memory(first, *rest)
    then = nearly.remember(receipt("a day later", NOW + KEPT_AT_LEAST))

    assert nearly.find(first.command_id) == first
    assert then.find(first.command_id) is None
    assert len(then.receipts) == KEPT_COUNT + 1


def test_no_storm_makes_it_longer_than_a_thousand() -> None:
    storm = [receipt(f"command {place}") for place in range(KEPT_AT_MOST + 5)]

    assert memory(*storm).receipts == tuple(storm[-KEPT_AT_MOST:])


def test_it_survives_the_way_into_another_run() -> None:
    known = memory(receipt("claim"), receipt("reply"))

    assert CommandMemory.model_validate_json(known.model_dump_json()) == known
