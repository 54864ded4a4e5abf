"""The ticket as the rules see it."""

import pytest
from pydantic import ValidationError

from domain.ticket import Status, Ticket
from tests.factories import NOW, ticket


@pytest.mark.parametrize("status", Status)
def test_a_ticket_is_finished_when_it_is_resolved_or_closed(status: Status) -> None:
    assert ticket(status=status).is_finished is (status in (Status.RESOLVED, Status.CLOSED))


def test_a_ticket_survives_the_way_into_another_run() -> None:
    given = ticket(status="closed", team="support", tags=("vip",), due_at=NOW, snoozed_until=NOW)

    assert Ticket.model_validate_json(given.model_dump_json()) == given


def test_a_ticket_is_never_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ticket().status = Status.OPEN  # type: ignore[misc]
