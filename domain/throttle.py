"""How often somebody may try: some tries are free, then each costs a longer wait.

An attempt is counted before it is known whether it succeeds, so that a thousand at once get no further than one after
the other, and is taken back when it did. Three tallies stand behind a sign-in:

- **account and address together** is the tight one: whoever guesses at an account from somewhere waits there, twice
  as long each time, and keeps nobody out who comes from elsewhere;
- **the address alone** finds whoever tries many accounts;
- **the account alone** finds whoever tries from many addresses. Its waits are a minute at most, and it does not count
  for an address from which the owner signed in of late: nobody can lock out the true owner for good.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple


class Attempt(StrEnum):
    LOGIN = "login"
    FACTOR = "factor"
    REFRESH = "refresh"
    REGISTER = "register"
    MAIL = "mail"
    """Asking for a mail: a forgotten password, or the link of a registration once more."""
    LINK = "link"
    """Using the link of a mail about notifications."""


class Limit(NamedTuple):
    free: int
    """Tries without a wait."""
    first_wait: timedelta
    """After the first try beyond; it doubles with each."""
    longest_wait: timedelta
    forget_after: timedelta
    """Without a try for so long, the tally begins anew."""


class Tally(NamedTuple):
    tries: int
    last_at: datetime
    blocked_until: datetime | None


class Counted(NamedTuple):
    """What an attempt counts for, and how strictly."""

    names: tuple[str, ...]
    limit: Limit


SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
PAIR_LIMITS = {
    Attempt.LOGIN: Limit(5, SECOND, 15 * MINUTE, HOUR),
    Attempt.FACTOR: Limit(5, SECOND, 15 * MINUTE, HOUR),
    Attempt.MAIL: Limit(5, MINUTE, HOUR, HOUR),
    Attempt.REGISTER: Limit(5, MINUTE, HOUR, HOUR),
}
ADDRESS_LIMITS = {
    Attempt.LOGIN: Limit(100, SECOND, 15 * MINUTE, HOUR),
    Attempt.FACTOR: Limit(50, SECOND, 15 * MINUTE, HOUR),
    Attempt.REFRESH: Limit(50, SECOND, 15 * MINUTE, HOUR),
    Attempt.MAIL: Limit(30, 10 * SECOND, HOUR, HOUR),
    Attempt.REGISTER: Limit(30, 10 * SECOND, HOUR, HOUR),
    Attempt.LINK: Limit(100, SECOND, 15 * MINUTE, HOUR),
}
ACCOUNT_LIMITS = {
    Attempt.LOGIN: Limit(30, SECOND, MINUTE, HOUR),
    Attempt.FACTOR: Limit(20, SECOND, HOUR, 24 * HOUR),
}
"""Guessing a second factor takes the password: who gets that far is slowed down for the account as a whole."""
TRIAL_LIMIT = Limit(10, 10 * SECOND, 15 * MINUTE, HOUR)
"""Trial pushes of a person."""
MAILBOX_LIMIT = Limit(5, HOUR, HOUR, HOUR)
"""Mails that anybody may have sent to an account. Beyond it none goes out, which nobody is told: the last link is in
the mailbox already."""


def counted_for(
    attempt: Attempt, address: str, account: str | None = None, *, is_trusted: bool = False
) -> list[Counted]:
    """What an attempt from an address counts for; `is_trusted`: the account's owner signed in from there of late."""
    counted = [Counted((attempt, "address", address), ADDRESS_LIMITS[attempt])]
    if account is not None:
        if attempt in PAIR_LIMITS:
            counted.append(Counted((attempt, "pair", account, address), PAIR_LIMITS[attempt]))
        if attempt in ACCOUNT_LIMITS and not (is_trusted and attempt is Attempt.LOGIN):
            counted.append(Counted((attempt, "account", account), ACCOUNT_LIMITS[attempt]))
    return counted


def wait_of(tally: Tally | None, now: datetime) -> timedelta:
    """How long the next try has to wait; zero when it may come now."""
    if tally is None or tally.blocked_until is None:
        return timedelta()
    return max(tally.blocked_until - now, timedelta())


def after_attempt(tally: Tally | None, limit: Limit, now: datetime) -> Tally:
    """The tally with one more try, which was allowed."""
    is_fresh = tally is None or now - tally.last_at >= limit.forget_after
    tries = 1 if tally is None or is_fresh else tally.tries + 1
    beyond = tries - limit.free
    if beyond < 0:
        return Tally(tries, now, None)
    doublings = min(beyond, 30)  # a wait is never longer than the longest; beyond that the product means nothing
    return Tally(tries, now, now + min(limit.first_wait * 2**doublings, limit.longest_wait))


def longest_wait(tallies: Iterable[Tally | None], now: datetime) -> timedelta:
    return max((wait_of(tally, now) for tally in tallies), default=timedelta())
