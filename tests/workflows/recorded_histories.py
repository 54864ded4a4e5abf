"""Recorded histories: where they are, how they are recorded, and what replays them in today's code.

To record one anew, remove its file and run the test that leads the life. After a change that `workflow.patched` guards
keep the old one beside it, under another name: running workflows have such histories.
"""

import base64
import json
import socket
from pathlib import Path
from typing import Any

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.worker import Interceptor, Replayer

from settings import ROOT
from worker import WORKFLOWS, sandbox
from workflows.guard import Guard
from workflows.payloads import DATA_CONVERTER

HISTORIES = ROOT / "tests" / "replay_histories"
ABOUT_MACHINES = (socket.gethostname(), str(ROOT), "@")
"""Words of where and by whom a history was recorded."""


def replayer(*others: Interceptor) -> Replayer:
    """What replays histories of all workflows as the worker that ships would go on with them."""
    return Replayer(
        workflows=WORKFLOWS,
        data_converter=DATA_CONVERTER,
        interceptors=[Guard(), *others],
        workflow_runner=sandbox(),
    )


def recorded(file: Path) -> WorkflowHistory:
    """The history that the file keeps."""
    return WorkflowHistory.from_json(f"recorded-{file.stem}", file.read_text())


def workflow_type(history: WorkflowHistory) -> str:
    """The name of the workflow whose history it is."""
    return history.events[0].workflow_execution_started_event_attributes.workflow_type.name


def readable(history: WorkflowHistory) -> str:
    """All that the history says, its payloads included: in the JSON of a history they are not text but base64."""
    return json.dumps(_decoded(json.loads(history.to_json())))


def summary(event: HistoryEvent) -> str:
    """What a timer or an activity says it is for."""
    data = event.user_metadata.summary.data
    return str(json.loads(data)) if data else ""


def record(history: WorkflowHistory, file: Path) -> None:
    """Write the history without the names and paths of the processes that made it."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(_anonymous(json.loads(history.to_json())), indent=1, sort_keys=True) + "\n")


def _anonymous(part: Any) -> Any:
    if isinstance(part, list):
        return [_anonymous(item) for item in part]
    if not isinstance(part, dict):
        return part
    if part.get("kind") == "TASK_QUEUE_KIND_STICKY":
        return {**part, "name": "sticky"}
    return {
        name: "someone" if name == "identity" else _anonymous(value)
        for name, value in part.items()
        if name not in ("workerVersion", "stickyAttributes", "stackTrace")
    }


def _decoded(part: Any) -> Any:
    if isinstance(part, list):
        return [_decoded(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        name: base64.b64decode(value).decode() if name == "data" and isinstance(value, str) else _decoded(value)
        for name, value in part.items()
    }
