import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client

from settings import Settings
from stack.errors import StackError
from stack.supervisor import BackOff, Supervisor
from stack.system import System
from stack.temporal import Temporal


async def test_a_killed_server_comes_back_with_its_workflows_and_search_attributes(
    data_dir: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    server = Temporal(
        data_dir / "temporal.db", port=port, ui_port=free_port(), search_attributes={"NextDueAt": "Datetime"}
    )
    said: list[str] = []
    async with Supervisor(data_dir / "logs", say=said.append, back_off=BackOff(first=0.05)) as supervisor:
        await supervisor.start(server.part())
        client = await Client.connect(f"127.0.0.1:{port}")
        await client.start_workflow("TicketWorkflow", id="ticket-1", task_queue="tickets")

        os.kill(supervisor.pid("temporal"), signal.SIGKILL)
        async with asyncio.timeout(60):
            while "Temporal is ready again." not in said:
                await asyncio.sleep(0.05)

        client = await Client.connect(f"127.0.0.1:{port}")
        assert (await client.get_workflow_handle("ticket-1").describe()).id == "ticket-1"
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        assert dict(known.custom_attributes) == {"NextDueAt": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME}


def test_the_web_ui_knows_where_payloads_are_decrypted(data_dir: Path, free_port: Callable[[], int]) -> None:
    def command(codec_endpoint: str | None) -> list[str]:
        server = Temporal(
            data_dir / "temporal.db",
            port=free_port(),
            ui_port=free_port(),
            search_attributes={},
            codec_endpoint=codec_endpoint,
        )
        return list(server.part().command)

    assert "--ui-codec-endpoint=http://127.0.0.1:8000/api/codec" in command("http://127.0.0.1:8000/api/codec")
    assert not [word for word in command(None) if "ui-codec-endpoint" in word]


def test_keys_that_everybody_may_read_keep_the_stack_from_starting(data_dir: Path) -> None:
    keys = data_dir / "keys.json"
    keys.write_text("{}")
    keys.chmod(0o644)

    with pytest.raises(StackError, match=r"PAYLOAD_KEYS_FILE.*chmod 600"):
        System(Settings(data_dir=data_dir, payload_keys_file=keys), Supervisor(data_dir / "logs"))
