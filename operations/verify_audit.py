"""Looks whether the audit trail is as it was written: `make verify-audit`, or `make verify-audit HEAD=<number>:<hash>`.

Every entry's hash is counted anew from what it says and from the hash before it, and compared; the numbers must have no
gap, the last entry must be the one that the head names, and each personal part must fit the hash that its entry keeps.
Personal parts that are gone were erased: that is told, and no fault.

Whoever owns the database could write the whole trail anew, and its head with it. Against that helps a head that was
noted elsewhere: it is printed at the end of each run, and `HEAD=` looks whether it is still part of the trail.
"""

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from database.audit import AuditStore
from database.pool import UNAVAILABLE, open_pool
from domain.audit import FIRST_HASH, ChainedEntry, ChainedPart, Head, hash_of, hash_of_part
from settings import Settings

BATCH = 1000
BEGINNING = Head(0, FIRST_HASH)
MAX_FAULTS = 20
"""After so many faults there is no more to learn."""


@dataclass
class Verification:
    """What was found."""

    head: Head = BEGINNING
    """Where the entries end, and what the hash there must be."""
    parts: int = 0
    erased: int = 0
    faults: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """The report."""
        told = [
            f"{self.head.number} entries, {self.parts} personal parts, {self.erased} more were erased.",
            *self.faults[:MAX_FAULTS],
        ]
        if self.faults:
            return [*told, "The audit trail was changed."]
        return [*told, f"The audit trail is whole. Its head: {self.head.number}:{self.head.hash.hex()}"]


async def verify(audit: AuditStore, noted: Head | None = None, batch: int = BATCH) -> Verification:
    """Go through the trail from its beginning to the head that it has now, `batch` entries at a time. `noted` is a head
    from earlier. Stops after MAX_FAULTS faults."""
    head, found = await audit.head(), Verification()
    while len(found.faults) < MAX_FAULTS:
        entries = [one for one in await audit.chain(found.head.number, batch) if one.number <= head.number]
        if not entries:
            break
        parts: dict[int, list[ChainedPart]] = defaultdict(list)
        for part in await audit.parts(found.head.number, entries[-1].number):
            parts[part.number].append(part)
        for entry in entries:
            _look(entry, parts.pop(entry.number, []), noted, found)
        found.faults += [f"Entry {number} has personal parts, but is gone." for number in parts]
    if not found.faults:
        _look_at_end(head, noted, found)
    return found


def _look(entry: ChainedEntry, parts: Iterable[ChainedPart], noted: Head | None, found: Verification) -> None:
    last, number = found.head, entry.number
    if number != last.number + 1:
        found.faults.append(f"Entry {last.number + 1} is gone; the next one is {number}.")
    elif entry.previous_hash != last.hash:
        found.faults.append(f"Entry {number} does not follow the one before it.")
    if hash_of(entry) != entry.hash:
        found.faults.append(f"Entry {number} is not as it was written.")
    if noted is not None and noted.number == number and noted.hash != entry.hash:
        found.faults.append(f"Entry {number} is not the one that was noted as head.")
    present = 0
    for part in parts:
        present += 1
        if not 1 <= part.place <= len(entry.personal_hashes):
            found.faults.append(f"Entry {number} has a personal part that does not belong to it.")
        elif hash_of_part(part) != entry.personal_hashes[part.place - 1]:
            found.faults.append(f"Entry {number}: personal part {part.place} is not as it was written.")
    found.parts += present
    found.erased += max(len(entry.personal_hashes) - present, 0)
    found.head = Head(number, entry.hash)


def _look_at_end(head: Head, noted: Head | None, found: Verification) -> None:
    if found.head.number != head.number:
        found.faults.append(f"Entry {found.head.number + 1} is gone; the last one was {head.number}.")
    elif found.head.hash != head.hash:
        found.faults.append(f"Entry {head.number} is not the one that the head names.")
    if noted is not None and noted.number > head.number:
        found.faults.append(f"Entry {head.number + 1} is gone; entry {noted.number} was noted as head.")


def head_of(text: str) -> Head:
    """A head as it was printed. Raises ValueError for anything else."""
    number, colon, digits = text.partition(":")
    if not colon or len(bytes.fromhex(digits)) != len(FIRST_HASH):
        raise ValueError(f"{text!r} is no head: it is a number, a colon and 64 hexadecimal digits.")
    return Head(int(number), bytes.fromhex(digits))


async def run(settings: Settings, noted: Head | None) -> Verification:
    """Verify the trail of the database that the settings name."""
    pool = await open_pool(settings.database_dsn, 1)
    async with pool:
        return await verify(AuditStore(pool), noted)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make verify-audit", description=__doc__)
    parser.add_argument("--head", type=head_of, help="a head that was printed earlier: must still be part of the trail")
    arguments = parser.parse_args()
    try:
        found = asyncio.run(run(Settings(), arguments.head))
    except UNAVAILABLE as error:
        print(f"PostgreSQL does not answer: {error}. Is the system running (make up)?")
        return 2
    print("\n".join(found.sentences()))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
