"""Compares engine and database, reports every difference and mends it: `make reconcile`.

PostgreSQL is the record. A ticket without a workflow gets one, which loads the ticket and goes on from there, so a
lost engine store is rebuilt by the same run; a workflow that holds another state than the row takes over the row's; one
that cannot be replayed begins anew; a workflow without a ticket is ended. Harmless at any time, also while the desk
works: a difference counts only when it is still there at a second look.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from temporalio.client import RPCError

from database.pool import UNAVAILABLE, open_pool
from database.tickets import TicketStore
from domain.ids import TicketNumber
from domain.ticket import Ticket
from operations.ending import leave
from settings import Settings
from workflows.client import (
    EngineUnavailableError,
    WedgedWorkflowError,
    connect,
    tls_config,
)
from workflows.encryption import encryption
from workflows.ticket_client import TicketClient

T = TypeVar("T")
Fault = Literal["missing", "different", "wedged"]
AT_ONCE = 16
SECOND_LOOK_SECONDS = 2.0
MEND_SECONDS = 10.0


@dataclass
class Findings:
    """What was found and done, by kind."""

    tickets: int = 0
    missing: list[TicketNumber] = field(default_factory=list)
    """Tickets without a running workflow: started."""
    different: list[TicketNumber] = field(default_factory=list)
    """Workflows whose state is not the row's: reloaded."""
    wedged: list[TicketNumber] = field(default_factory=list)
    """Workflows that cannot be replayed: begun anew."""
    strays: list[TicketNumber] = field(default_factory=list)
    """Workflows without a ticket: terminated."""
    failing: list[TicketNumber] = field(default_factory=list)
    """Workflows whose tasks keep failing: a fault in the code, which nothing here can mend."""
    unmended: list[TicketNumber] = field(default_factory=list)
    unused_texts: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.missing or self.different or self.wedged or self.strays or self.failing or self.unmended)

    def sentences(self, dry_run: bool) -> list[str]:
        """The report."""
        done = "would be" if dry_run else "was"
        lines = [f"{self.tickets} tickets ought to have a running workflow."]
        for numbers, what, mended in (
            (self.missing, "has no running workflow", f"; it {done} started"),
            (self.different, "differs from its workflow", f"; the workflow {done} reloaded from the database"),
            (self.wedged, "has a workflow that cannot be replayed", f"; it {done} begun anew"),
            (self.strays, "has a workflow but is not in the database", f"; the workflow {done} terminated"),
            (self.failing, "has a workflow whose tasks keep failing; see the worker's log", ""),
            (self.unmended, "could not be mended (is the worker running?)", ""),
        ):
            lines += [f"Ticket {number} {what}{mended}." for number in numbers]
        if self.unused_texts:
            lines.append(f"{self.unused_texts} texts that no command ever used were removed.")
        if self.is_clean:
            lines.append("Engine and database agree.")
        return lines


class Reconciler:
    """One comparison."""

    def __init__(self, store: TicketStore, tickets: TicketClient, *, dry_run: bool = False) -> None:
        self._store = store
        self._tickets = tickets
        self._dry_run = dry_run
        self._findings = Findings()
        self._suspects: list[TicketNumber] = []

    async def run(self) -> Findings:
        """Compare and, unless it is a dry run, mend. Raises EngineUnavailableError, or one of UNAVAILABLE."""
        expected = await self._store.running()
        running = {number async for number in self._tickets.running()}
        self._findings.tickets = len(expected)
        self._findings.failing = await self._tickets.reported_problems()
        await _each(expected.values(), self._look)
        if self._suspects:
            await asyncio.sleep(SECOND_LOOK_SECONDS)
            await _each(self._suspects, self._look_again)
        await _each(running - expected.keys(), self._look_for_stray)
        if not self._dry_run:
            self._findings.unused_texts = await self._store.forget_unused_texts()
        return self._findings

    async def _look(self, ticket: Ticket) -> None:
        if await self._fault_of(ticket) is not None:
            self._suspects.append(ticket.number)

    async def _look_again(self, number: TicketNumber) -> None:
        row = await self._store.state(number)
        fault = None if row is None else await self._fault_of(row)
        if row is None or fault is None:
            return
        found, mending = {
            "missing": (self._findings.missing, self._tickets.start),
            "different": (self._findings.different, self._tickets.reload),
            "wedged": (self._findings.wedged, self._tickets.begin_anew),
        }[fault]
        found.append(number)
        if not self._dry_run:
            await self._mend(row, mending)

    async def _fault_of(self, row: Ticket) -> Fault | None:
        """What is wrong with the row's workflow."""
        try:
            held = await self._tickets.state(row.number)
        except WedgedWorkflowError:
            return "wedged"
        if held is None:
            return "missing"
        return None if held == row else "different"

    async def _mend(self, row: Ticket, mending: Callable[[Ticket], Awaitable[Any]]) -> None:
        try:
            await mending(row)
            async with asyncio.timeout(MEND_SECONDS):
                while await self._tickets.state(row.number) is None:  # it still loads the ticket
                    await asyncio.sleep(0.2)
        except (EngineUnavailableError, WedgedWorkflowError, RPCError, TimeoutError):
            self._findings.unmended.append(row.number)

    async def _look_for_stray(self, number: TicketNumber) -> None:
        if await self._store.state(number) is None:
            self._findings.strays.append(number)
            if not self._dry_run:
                await self._tickets.terminate(number, "no such ticket in the database")


async def _each(items: Iterable[T], act: Callable[[T], Awaitable[None]]) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> None:
        async with places:
            await act(item)

    await asyncio.gather(*(one(item) for item in items))


async def reconcile(settings: Settings, *, dry_run: bool) -> Findings:
    """Compare the engine and the database that the settings name."""
    pool = await open_pool(settings.database_dsn, AT_ONCE)
    try:
        api_key = settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None
        tls = tls_config(settings.temporal_tls_ca_file, settings.temporal_tls_cert_file, settings.temporal_tls_key_file)
        client = await connect(
            settings.temporal_target,
            settings.temporal_namespace,
            api_key=api_key,
            tls=tls,
            encryption=encryption(settings.payload_keys_file, settings.payload_keys),
        )
        tickets = TicketClient(client, settings.command_timeout_seconds)
        return await Reconciler(TicketStore(pool), tickets, dry_run=dry_run).run()
    finally:
        await pool.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make reconcile", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="report only")
    arguments = parser.parse_args()
    settings = Settings()
    try:
        findings = asyncio.run(reconcile(settings, dry_run=arguments.dry_run))
    except UNAVAILABLE as error:
        print(f"PostgreSQL does not answer: {error}. Is the system running (make up)?")
        return 2
    except (EngineUnavailableError, RPCError, RuntimeError) as error:
        print(
            f"Temporal or its worker does not answer at {settings.temporal_target}: {error}. Is it running (make up)?"
        )
        return 2
    print("\n".join(findings.sentences(arguments.dry_run)))
    return 1 if findings.failing or findings.unmended or (arguments.dry_run and not findings.is_clean) else 0


if __name__ == "__main__":
    leave(main())
