"""One run of the generator as one person, and what came of it."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from settings import ROOT

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
"""No fault of ours, and no answer that the document does not know: neither its status, nor its type, nor its shape."""
LEFT_OUT = ("stream_events", "logout", "logout_everywhere", "revoke_session", "edit_user", "edit_agent")
"""An answer that does not end, and what may end the very sign-in that the run lives on: the generator sends ids that it
was answered with, its own too."""
PROGRAM = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"


class Fuzzed(NamedTuple):
    """What came of a run as somebody."""

    who: str
    operations: int
    requests: int
    failures: int
    seconds: float
    told: str
    """What the generator said; each failure in it has a curl command."""


class FuzzError(Exception):
    """The run could not be made; the message says why."""


async def fuzz(
    address: str,
    who: str,
    token: str | None,
    *,
    phases: Sequence[str],
    examples: int,
    seed: int,
    tickets: Sequence[int],
) -> Fuzzed:
    """Ask every operation what the generator makes up. Raises FuzzError when it did not come to its end."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            *("run", f"{address}/openapi.json", "--phases", ",".join(phases), "--checks", ",".join(CHECKS)),
            *("--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure", "--no-color"),
            *("--request-timeout", "30", "--workers", "2", "--report", "json", "--report-dir", folder),
            *("--warnings", "off", "--suppress-health-check", "all"),
            *(word for name in LEFT_OUT for word in ("--exclude-operation-id", name)),
            *(() if token is None else ("--header", f"Authorization: Bearer {token}")),
        ]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, *arguments),
            cwd=folder,
            env=os.environ
            | {
                "FUZZ_TICKETS": ",".join(map(str, tickets)),
                "PYTHONPATH": str(ROOT),
                "SCHEMATHESIS_HOOKS": "operations.fuzz.hooks",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        told = said.decode(errors="replace")
        return _fuzzed(who, told, Path(folder))


def _fuzzed(who: str, told: str, folder: Path) -> Fuzzed:
    reports = [path.read_text() for path in folder.glob("json-*.json")]
    if len(reports) != 1:
        raise FuzzError(f"the generator wrote no report:\n{told[-2000:]}")
    report = json.loads(reports[0])
    if not report["complete"] or report["errors"] or report["operations"]["errored"]:
        raise FuzzError(f"the run as {who} did not come to its end:\n{told[-4000:]}")
    return Fuzzed(
        who,
        report["operations"]["tested"],
        report["test_cases"]["generated"],
        report["test_cases"]["unique_failures"],
        report["running_time"],
        told,
    )
