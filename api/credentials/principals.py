"""Who stands behind a credential, remembered for a few seconds.

What is remembered is forgotten as soon as the database rings that the person changed, in every process; should the
bell be silent, after `REMEMBERED_SECONDS`. So a revoked credential is refused everywhere within that time, and most
requests ask the database nothing about who is asking.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from database.credentials import CredentialId, Principal
from domain.ids import PersonId

REMEMBERED_SECONDS = 4.0
REMEMBERED = 10_000


class Credentials(Protocol):
    async def read(self, credential: CredentialId) -> Principal | None: ...


class Principals:
    """The process's memory of who is who."""

    def __init__(self, credentials: Credentials, clock: Callable[[], float] = time.monotonic) -> None:
        self._credentials = credentials
        self._clock = clock
        self._known: OrderedDict[CredentialId, tuple[float, Principal]] = OrderedDict()
        self._changes = 0

    async def find(self, credential: CredentialId) -> Principal | None:
        """Whom the credential makes known, as of a few seconds ago at most."""
        known = self._known.get(credential)
        if known is not None and known[0] > self._clock():
            return known[1]
        return await self.read(credential)

    async def read(self, credential: CredentialId) -> Principal | None:
        """Whom the credential makes known, as of now."""
        changes, until = self._changes, self._clock() + REMEMBERED_SECONDS
        principal = await self._credentials.read(credential)
        self._known.pop(credential, None)
        # What changed while the answer was on its way may not be in it.
        if principal is not None and changes == self._changes:
            self._known[credential] = (until, principal)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return principal

    def forget(self, person: PersonId) -> None:
        """Somebody's rights or credentials changed."""
        self._changes += 1
        for credential in [one for one, (_, known) in self._known.items() if known.person.id == person]:
            del self._known[credential]

    def ring(self, changed: str) -> None:
        """The bell: it carries who changed, or nothing when any might have."""
        if changed:
            self.forget(PersonId(UUID(changed)))
        else:
            self._changes += 1
            self._known.clear()
