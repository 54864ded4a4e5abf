"""What is plainly no address for a webhook is refused when it is written down. Whether a call may be made is judged at
each call (`integrations.outgoing`), for what a name leads to changes."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from domain.errors import InvalidError
from integrations.outgoing import LIKE_A_NUMBER, PORTS, Allowed, is_public

LONGEST = 2000
VISIBLE = re.compile(r"[\x21-\x7e]+")
_OURS = ("localhost", ".localhost", ".local", ".internal")


def check_address(url: str, allowed: Allowed) -> str:
    """The address as it is. Raises InvalidError for what no call could be made to."""
    parts, port = _parts(url)
    host = (parts.hostname or "").rstrip(".")
    if host in allowed.hosts or _is_allowed_number(host, allowed):
        return url
    if host.endswith(_OURS) or not ("." in host or ":" in host):
        raise InvalidError("This host is not on the public internet.")
    if parts.scheme != "https" or (port or 443) not in PORTS:
        raise InvalidError("A webhook is called by https, at port 443 or 8443.")
    return url


def _parts(url: str) -> tuple[SplitResult, int | None]:
    """The address in parts, with its port if it names one. Raises InvalidError for what is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidError("This is no address of a webhook.") from error
    if not VISIBLE.fullmatch(url) or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidError("This is no address of a webhook, as https://example.org/hook is one.")
    if "@" in parts.netloc:
        raise InvalidError("A webhook's address has no user and no password in it; its signature proves who calls.")
    if "#" in url:
        raise InvalidError("A webhook's address has nothing behind a #.")
    return parts, port


def _is_allowed_number(host: str, allowed: Allowed) -> bool:
    """Whether the host is an address in digits that the operator allows. Raises InvalidError for one that is no
    address, or not a public one."""
    if ":" not in host and not LIKE_A_NUMBER.fullmatch(host):
        return False
    try:
        address = ip_address(host)
    except ValueError as error:
        raise InvalidError("This is no address as addresses are written.") from error
    if allowed.has(address):
        return True
    if not is_public(address):
        raise InvalidError("This address is not on the public internet.")
    return False
