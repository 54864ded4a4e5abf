"""Slows down whoever tries too often (`domain/throttle.py`)."""

import ipaddress
import math
from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import Request

from api.state import Desk
from domain.email_address import email_key
from domain.errors import TooManyAttemptsError
from domain.throttle import MAILBOX_LIMIT, Counted


def client_address(request: Request) -> str:
    """Where a request comes from: an IPv4 address, or the /64 of an IPv6 one, which is what one household has."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((address, 64), strict=False))
    return host


async def count_attempt(desk: Desk, counted: Sequence[Counted]) -> datetime:
    """Count an attempt; its moment. Raises TooManyAttemptsError when it comes too soon."""
    now = datetime.now(UTC)
    wait = await desk.throttles.take(counted, now)
    if wait:
        seconds = math.ceil(wait.total_seconds())
        raise TooManyAttemptsError(f"Too many attempts; try again in {seconds} seconds.", seconds)
    return now


async def may_send_mail(desk: Desk, kind: str, email: str) -> bool:
    """Whether one more mail of this kind may go to the address; also counts it."""
    counted = [Counted(("mailbox", kind, email_key(email)), MAILBOX_LIMIT)]
    return not await desk.throttles.take(counted, datetime.now(UTC))
