"""Becomes the given program, after arranging that it ends with its parent.

Run as a file by a bare interpreter (`python -IS launch.py ...`), not imported: what is set here must be set in the
child itself, after its user has changed (a change of user forgets the wish to end with the parent), and code between
fork and exec in a process with threads is not safe.

Arguments: parent's pid, signal to get when the parent dies, niceness to add, uid and gid to become (-1: stay), program.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
AUTOGROUP = Path("/proc/self/autogroup")


def main() -> None:
    parent, death_signal, nice, uid, gid = (int(argument) for argument in sys.argv[1:6])
    program = sys.argv[6:]
    os.nice(nice)
    if nice and AUTOGROUP.exists():
        # Each part has a session of its own, and where the kernel groups by session only the groups are weighed.
        AUTOGROUP.write_text(str(nice))
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before the wish was heard
        signal.raise_signal(signal.SIGKILL)
    try:
        os.execv(program[0], program)  # noqa: S606 - a shell is the last thing wanted here
    except OSError as error:
        sys.exit(f"{program[0]} does not start: {error.strerror}")


main()
