"""Are there known faults in what we install? `make audit` asks pip-audit about every version in requirements.txt.

Ends with 0 when none is known, 1 when there are some (each in a line), 2 when nobody could be asked.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from settings import ROOT

SECONDS = 900
PIP_AUDIT = (sys.executable, "-m", "pip_audit")
ARGUMENTS = ("--require-hashes", "--disable-pip", "--format=json", "--progress-spinner=off", "--timeout=15")


class Audit(NamedTuple):
    """What came of it: the exit code, and lines for whoever asked."""

    code: int
    lines: tuple[str, ...]


def audit(requirements: Path, program: Sequence[str] = PIP_AUDIT) -> Audit:
    """pip-audit ends with 1 for faults and for failures alike: only a report that names faults is one of faults."""
    try:
        ended = subprocess.run(
            [*program, *ARGUMENTS, f"--requirement={requirements}"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        dependencies = json.loads(ended.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return _unreachable()
    faults = tuple(
        f"{each['name']} {each['version']}: {fault['id']}, fixed in {', '.join(fault['fix_versions']) or 'no version'}"
        for each in dependencies
        for fault in each.get("vulns", ())
    )
    if faults:
        return Audit(1, faults)
    skipped = tuple(f"{each['name']}: {each['skip_reason']}" for each in dependencies if "skip_reason" in each)
    if len(skipped) == len(dependencies):  # nobody knows any of them: whoever was asked is not the source
        return _unreachable()
    if ended.returncode != 0 or skipped:
        return _unreachable(skipped)
    return Audit(0, (f"No known faults in {len(dependencies)} dependencies.",))


def _unreachable(lines: tuple[str, ...] = ()) -> Audit:
    sentence = (
        "The dependencies were not audited: the source of known faults cannot be reached or did not answer in full."
    )
    return Audit(2, (*lines, sentence))


def main() -> int:
    code, lines = audit(ROOT / "requirements.txt")
    print(*lines, sep="\n", file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
