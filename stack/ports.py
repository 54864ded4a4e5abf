"""Is a port free, and if not, who has it?"""

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from stack.errors import StackError


@dataclass(frozen=True)
class Port:
    """A port that a part will listen on, and the setting that chooses it."""

    part: str
    setting: str
    host: str
    number: int
    host_setting: str | None = None


def require_free(ports: Sequence[Port]) -> None:
    """Raises `StackError` that names the first port that is taken, who has it, and the setting to change."""
    seen: dict[int, Port] = {}
    for port in ports:
        twin = seen.setdefault(port.number, port)
        if twin is not port:
            raise StackError(f"{twin.setting} and {port.setting} are both {port.number}: give each its own port.")
        _require_free(port)


def _require_free(port: Port) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            port.host, port.number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: a port whose last connections still fade away is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise StackError(_sentence(port, error)) from error


def _sentence(port: Port, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port.number} for {port.part} is taken{_by_whom(port.number)}: "
            f"stop that, or set {port.setting} to another port."
        )
    if error.errno == errno.EACCES:
        return f"This user may not listen on port {port.number} for {port.part}: set {port.setting} to one above 1023."
    setting = port.host_setting or port.setting
    return (
        f"{port.part} cannot listen on {port.host}:{port.number} ({error.strerror}): set {setting} to one that works."
    )


def _by_whom(number: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return ""
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (number,) and connection.pid:
            try:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                return f" by pid {connection.pid}"
    return ""
