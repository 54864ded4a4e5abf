"""The audit tells known faults from a source that does not answer. Programs stand in for pip-audit."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from operations.audit_dependencies import audit

SOUND: dict[str, Any] = {"name": "sound", "version": "1.0", "vulns": []}
FAULTY: dict[str, Any] = {
    "name": "faulty",
    "version": "1.0",
    "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"], "aliases": [], "description": "bad"}],
}


def saying(text: str, code: int) -> list[str]:
    return [sys.executable, "-c", f"import sys; print({text!r}); sys.exit({code})"]


def report(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


@pytest.mark.parametrize(
    ("text", "ends", "code", "said"),
    [
        (report(SOUND), 0, 0, "No known faults in 1 dependencies."),
        (report(SOUND, FAULTY), 1, 1, "faulty 1.0: CVE-1, fixed in 1.1"),
        ("", 1, 2, "not audited"),
        (report(SOUND), 1, 2, "not audited"),
        (report(), 0, 2, "not audited"),
        (report(SOUND, {"name": "odd", "skip_reason": "not found"}), 0, 2, "odd: not found"),
        (report({"name": "odd", "skip_reason": "not found"}), 0, 2, "not audited"),
    ],
    ids=[
        "fine",
        "a fault",
        "no answer",
        "half an answer",
        "nothing was asked about",
        "one was left out",
        "all were left out",
    ],
)
def test_the_exit_code_says_what_came_of_it(text: str, ends: int, code: int, said: str, tmp_path: Path) -> None:
    found = audit(tmp_path / "requirements.txt", saying(text, ends))

    assert found.code == code
    assert said in " ".join(found.lines)
