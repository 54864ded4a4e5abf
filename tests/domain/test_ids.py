"""Ids that are the same whenever the same thing is meant."""

from domain.ids import (
    CommandId,
    TicketNumber,
    command_id_for_agent,
    command_id_for_key,
    command_id_for_return,
    command_id_for_signal,
    command_id_for_timer,
)
from tests.factories import AGENT, OTHER_AGENT

ONE, TWO = TicketNumber(1), TicketNumber(2)

DIFFERENT: list[CommandId] = [
    command_id_for_key(AGENT, "a"),
    command_id_for_key(AGENT, "b"),
    command_id_for_key(OTHER_AGENT, "a"),
    command_id_for_timer(ONE, 2, "wake"),
    command_id_for_timer(ONE, 2, "auto_close"),
    command_id_for_timer(ONE, 3, "wake"),
    command_id_for_timer(TWO, 2, "wake"),
    command_id_for_timer(TicketNumber(12), 3, "wake"),
    command_id_for_signal(ONE, "id:a"),
    command_id_for_signal(ONE, "id:b"),
    command_id_for_signal(TWO, "id:a"),
    command_id_for_return(ONE, 2, AGENT),
    command_id_for_return(ONE, 3, AGENT),
    command_id_for_return(TWO, 2, AGENT),
    command_id_for_return(ONE, 2, OTHER_AGENT),
    command_id_for_agent(AGENT, 2, "missed"),
    command_id_for_agent(AGENT, 3, "missed"),
    command_id_for_agent(AGENT, 2, "shift_ends.12"),
]


def test_a_callers_key_names_the_same_command_for_ever() -> None:
    """These ids are stored: were they computed otherwise, a repeated request would act twice."""
    assert str(command_id_for_key(AGENT, "a")) == "3ac351bb-999b-55b3-829d-0c29633f84b8"
    assert str(command_id_for_timer(ONE, 2, "wake")) == "924a217d-8ee0-5061-a962-606c6f16f4b6"
    assert str(command_id_for_signal(ONE, "id:a")) == "033b7466-541e-50e8-96ae-0c2a7d230530"


def test_different_commands_have_different_ids() -> None:
    assert len(set(DIFFERENT)) == len(DIFFERENT)
