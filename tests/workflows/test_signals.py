"""Commands from integrations, which arrive as signals."""

import asyncio
import json
import os
from typing import Any

from domain.ids import command_id_for_signal
from domain.ticket import Status, Ticket
from domain.ticket_commands import AddReply, ChangeStatus, EscalateTicket
from stack.temporal import installed_program
from tests import factories
from tests.workflows.engine_desk import EngineDesk, add_text, eventually
from workflows.ticket_client import workflow_id


async def submit(desk: EngineDesk, ticket: Ticket, message: Any) -> None:
    await desk.handle(ticket).signal("submit", message)


async def revision(desk: EngineDesk, ticket: Ticket, wanted: int) -> Ticket:
    """The ticket once it is at that revision."""
    return await eventually(lambda: desk.row(ticket.number), lambda row: row.revision >= wanted)


async def refusals(desk: EngineDesk, ticket: Ticket) -> list[tuple[str, str, str, bool]]:
    """Command, code, kind of actor and whether internal of every refusal on the timeline."""
    rows = await desk.pool.fetch(
        "select data, actor_kind, internal from events where ticket_number = $1 and type = 'ticket.command_refused' "
        "order by revision",
        ticket.number,
    )
    found = [(json.loads(row["data"]), row["actor_kind"], row["internal"]) for row in rows]
    return [(data["command"], data["code"], kind, internal) for data, kind, internal in found]


async def test_a_legal_command_changes_the_ticket(desk: EngineDesk, ticket: Ticket) -> None:
    await submit(desk, ticket, {"type": "escalate", "level": 2})

    assert (await revision(desk, ticket, 2)).escalation_level == 2
    actor = await desk.pool.fetchval(
        "select actor_kind from events where ticket_number = $1 and revision = 2", ticket.number
    )
    assert actor == "integration"


async def test_a_reply_may_come_as_a_signal(desk: EngineDesk, ticket: Ticket) -> None:
    text = await add_text(desk.pool, ticket)

    await submit(desk, ticket, {"type": "reply", "text_id": str(text)})

    await revision(desk, ticket, 2)
    assert (2, "ticket.replied") in await desk.timeline(ticket)


async def test_an_illegal_command_becomes_a_refusal_on_the_timeline(desk: EngineDesk, ticket: Ticket) -> None:
    await submit(desk, ticket, {"type": "change_status", "status": "closed"})
    await revision(desk, ticket, 2)
    await submit(desk, ticket, {"type": "assign", "assignee_id": str(factories.REQUESTER)})
    await revision(desk, ticket, 3)
    await submit(desk, ticket, {"type": "claim"})
    row = await revision(desk, ticket, 4)

    assert row.status is Status.NEW
    assert await refusals(desk, ticket) == [
        ("change_status", "illegal_transition", "integration", True),
        ("assign", "assignee_unavailable", "integration", True),
        ("claim", "forbidden", "integration", True),
    ]
    assert await desk.state(ticket) == row


async def test_what_is_not_for_signals_is_refused_and_not_done(desk: EngineDesk, ticket: Ticket) -> None:
    moment = "sla_breach.customer.resolution.1"
    for message in (
        {"type": "assign", "assignee_id": str(factories.AGENT), "override": True},
        {"type": "cancel_moment", "moment": moment},
        {"type": "advance_moment", "moment": moment},
        {"type": "offer", "to": [str(factories.AGENT)], "expires_at": "2100-01-01T00:00:00Z"},
        {"type": "auto_close"},
        {"type": "breach_target", "audience": "customer", "target": "resolution", "cycle": 1},
    ):
        await submit(desk, ticket, message)
    await submit(desk, ticket, {"type": "escalate"})
    row = await revision(desk, ticket, 8)

    assert [(command, code) for command, code, *_ in await refusals(desk, ticket)] == [
        ("assign", "forbidden"),
        ("cancel_moment", "forbidden"),
        ("advance_moment", "forbidden"),
        ("offer", "forbidden"),
        ("unknown", "forbidden"),
        ("unknown", "forbidden"),
    ]
    assert (row.assignee_id, row.status, row.escalation_level) == (None, Status.NEW, 1)


async def test_the_same_forbidden_signal_id_twice_is_one_refusal(desk: EngineDesk, ticket: Ticket) -> None:
    for _ in range(2):
        await submit(desk, ticket, {"type": "auto_close", "id": "alarm-1"})
    await submit(desk, ticket, {"type": "escalate"})

    await revision(desk, ticket, 3)
    assert len(await refusals(desk, ticket)) == 1


async def test_a_malformed_command_becomes_a_refusal_without_its_words(desk: EngineDesk, ticket: Ticket) -> None:
    await submit(desk, ticket, {"type": "Mrs Planted, 12 Planted Street"})
    await submit(desk, ticket, {"type": "escalate", "level": "Planted"})
    await submit(desk, ticket, "Planted")
    await desk.handle(ticket).signal("planted")
    await revision(desk, ticket, 5)

    assert await refusals(desk, ticket) == [
        ("unknown", "malformed_command", "integration", True),
        ("escalate", "malformed_command", "integration", True),
        ("unknown", "malformed_command", "integration", True),
        ("unknown", "unknown_signal", "integration", True),
    ]


async def test_the_same_signal_id_twice_acts_once(desk: EngineDesk, ticket: Ticket) -> None:
    for _ in range(3):
        await submit(desk, ticket, {"type": "escalate", "id": "alarm-1"})
    await submit(desk, ticket, {"type": "escalate", "id": "alarm-2"})

    row = await revision(desk, ticket, 3)
    assert await desk.answers(ticket, factories.envelope(ChangeStatus(status=Status.OPEN)))
    assert row.escalation_level == 2


async def test_the_same_refused_signal_id_twice_is_one_refusal(desk: EngineDesk, ticket: Ticket) -> None:
    for _ in range(2):
        await submit(desk, ticket, {"type": "change_status", "status": "closed", "id": "alarm-1"})
    await submit(desk, ticket, {"type": "escalate"})

    await revision(desk, ticket, 3)
    assert len(await refusals(desk, ticket)) == 1


async def test_signals_without_an_id_are_each_a_command(desk: EngineDesk, ticket: Ticket) -> None:
    await submit(desk, ticket, {"type": "escalate"})
    await submit(desk, ticket, {"type": "escalate"})

    assert (await revision(desk, ticket, 3)).escalation_level == 2


async def test_a_signals_id_lives_on_in_the_database(desk: EngineDesk, ticket: Ticket) -> None:
    await submit(desk, ticket, {"type": "escalate", "id": "alarm-1"})
    await revision(desk, ticket, 2)
    await desk.tickets.reload(ticket)

    await submit(desk, ticket, {"type": "escalate", "id": "alarm-1"})

    await desk.send(ticket, ChangeStatus(status=Status.OPEN))
    assert (await desk.row(ticket.number)).escalation_level == 1
    stored = await desk.pool.fetch(
        "select revision from ticket_commands where id = $1", command_id_for_signal(ticket.number, "id:alarm-1")
    )
    assert [row["revision"] for row in stored] == [2]


async def test_a_note_cannot_be_made_the_tickets_wording(desk: EngineDesk, ticket: Ticket) -> None:
    note = await add_text(desk.pool, ticket)
    await desk.send(ticket, AddReply(text_id=note, internal=True))

    await submit(desk, ticket, {"type": "edit", "wording_id": str(note)})

    await revision(desk, ticket, 3)
    assert [(command, code) for command, code, *_ in await refusals(desk, ticket)] == [("edit", "unknown_reference")]


async def test_wake_up_changes_nothing(desk: EngineDesk, ticket: Ticket) -> None:
    await desk.handle(ticket).signal("wake_up")

    await desk.send(ticket, EscalateTicket())
    assert await desk.timeline(ticket) == [(1, "ticket.opened"), (2, "ticket.escalated")]


async def test_the_command_line_client_can_send_a_command(desk: EngineDesk, ticket: Ticket) -> None:
    process = await asyncio.create_subprocess_exec(
        str(installed_program("temporal")),
        *("workflow", "signal", "--workflow-id", workflow_id(ticket.number), "--name", "submit"),
        *("--input", '{"type":"escalate"}'),
        *("--address", desk.client.service_client.config.target_host, "--namespace", desk.client.namespace),
        *("--disable-config-env", "--disable-config-file"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")},
    )
    output, _ = await process.communicate()

    assert process.returncode == 0, output.decode()
    assert (await revision(desk, ticket, 2)).escalation_level == 1
