"""What the documents promise: links lead somewhere, the glossary has every word, the tutorial's changes fit the code.

`python -m tests.test_documentation` prints the tutorial's changes, for `git apply`.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from domain.agent import BreakKind, Presence
from domain.agent_commands import AgentCommand
from domain.agent_events import AgentEvent
from domain.agent_timers import AgentTimerKind
from domain.people import Role
from domain.presence import PresenceCause
from domain.team import Strategy
from domain.ticket import Priority, Status
from domain.ticket_commands import TicketCommand
from domain.ticket_events import StatusReason, TicketEvent, WakeReason
from domain.ticket_timers import TimerKind
from settings import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
PARTS = ("activities", "api", "database", "domain", "integrations", "operations", "stack", "tests", "workflows")


def changes_of_the_tutorial() -> list[str]:
    """Its diff blocks, one for each file."""
    text = (ROOT / "docs" / "first-change.md").read_text()
    return re.findall(r"^```diff\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def types_of(union: object) -> list[str]:
    """The `type` of every member of a tagged union."""
    members: tuple[type[BaseModel], ...] = get_args(get_args(union)[0])
    return [str(member.model_fields["type"].default) for member in members]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    links = LINK.findall(document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize(
    "word",
    [
        *Status,
        *Priority,
        *Role,
        *Presence,
        *Strategy,
        *types_of(TicketCommand),
        *types_of(TicketEvent),
        *get_args(StatusReason),
        *get_args(WakeReason),
        *get_args(TimerKind),
        *BreakKind,
        *types_of(AgentCommand),
        *types_of(AgentEvent),
        *get_args(PresenceCause),
        *get_args(AgentTimerKind),
    ],
)
def test_the_glossary_has_the_word(word: str) -> None:
    assert f"`{word}`" in (ROOT / "docs" / "glossary.md").read_text()


@pytest.mark.parametrize(
    "decision", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda path: str(path.stem)
)
def test_a_decision_fits_on_a_page(decision: Path) -> None:
    text = decision.read_text()
    assert len(text.split()) < 500
    assert text.startswith(f"# {int(decision.name[:4])}. ")


def test_the_changes_of_the_tutorial_fit_the_code_and_work(tmp_path: Path) -> None:
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for file in ("senders.py", "settings.py", "worker.py", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path / file)

    apply_changes(tmp_path)

    tests = ("tests/domain/test_spam.py", "tests/domain/test_ticket_events.py")
    run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    run(
        tmp_path,
        "-c",
        "from api.app import create_app; from settings import Settings; create_app(Settings()).openapi()",
    )


def apply_changes(folder: Path) -> None:
    """What `git apply` would do, on a machine that may have no git. Each place must be found exactly once."""
    for change in changes_of_the_tutorial():
        header, *hunks = re.split(r"^@@.*\n", change, flags=re.MULTILINE)
        file = folder / header.split("+++ b/")[1].strip()
        for hunk in hunks:
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            after = "".join(line[1:] for line in lines if line[0] in " +")
            text = file.read_text() if before else ""
            assert not before or text.count(before) == 1, f"docs/first-change.md does not fit {file.name} at:\n{before}"
            file.write_text(text.replace(before, after) if before else after)


def run(folder: Path, *arguments: str) -> None:
    ended = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


if __name__ == "__main__":
    sys.stdout.writelines(changes_of_the_tutorial())
