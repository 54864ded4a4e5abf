"""The life of one ticket, as a durable workflow.

It holds the ticket's state, decides every command under a lock, has each change recorded in one database transaction,
and waits for the earliest moment at which the ticket acts by itself.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue, TypedSearchAttributes

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

    from activities.tickets import Loaded, Recorded, TicketActivities
    from domain.access import check_signal
    from domain.command_memory import CommandMemory
    from domain.errors import DomainError, InvalidError, RevisionMismatchError, TicketNotFoundError
    from domain.ids import CommandId, TicketNumber, command_id_for_signal, command_id_for_timer
    from domain.lifecycle import apply
    from domain.people import INTEGRATION, TIMER
    from domain.ticket import Ticket
    from domain.ticket_commands import CommandEnvelope, Receipt, TicketCommand
    from domain.ticket_events import CommandRefused, TicketChange, TicketLadderClimbed
    from domain.ticket_rules import decide
    from domain.ticket_timers import PendingMoment, describe_wait, next_moment, pending_moments
    from workflows.recording import quickly_or_patiently
    from workflows.search_attributes import SearchedFields, search_attributes, searched_fields

SHORTEST_WAIT = timedelta(milliseconds=1)
"""A moment that has passed already still gets its timer."""

SIGNALS_ASK = "signals-ask-access"
"""Runs that took a signal before signals were asked whether they may go on as they began."""
MAX_HISTORY_EVENTS = 1_000
MAX_HISTORY_BYTES = 1_000_000

_COMMAND: TypeAdapter[TicketCommand] = TypeAdapter(TicketCommand)


class TicketStart(BaseModel):
    """What a run begins with: only the number, or all that the run before carries over."""

    model_config = ConfigDict(frozen=True)

    number: TicketNumber
    ticket: Ticket | None = None
    memory: CommandMemory = CommandMemory()


@workflow.defn(name="TicketWorkflow")
class TicketWorkflow:
    """One ticket from its opening to the end of its reopen window."""

    @workflow.init
    def __init__(self, start: TicketStart) -> None:
        self._number = start.number
        self._ticket = start.ticket
        self._memory = start.memory
        self._is_loaded = start.ticket is not None
        self._lock = asyncio.Lock()
        self._signals_seen = 0
        self._stuck_at_revision: int | None = None
        self._searched: SearchedFields | None = None
        self._earliest: tuple[Ticket, PendingMoment | None] | None = None

    @workflow.run
    async def run(self, start: TicketStart) -> str:
        if not self._is_loaded:
            await self._load()
        self._show()
        while self._ticket is not None:
            rung = await self._wait()
            if self._is_long:
                await self._continue_as_new()
            if rung is None:
                continue
            if self._is_over(rung):
                await workflow.wait_condition(workflow.all_handlers_finished)
                if self._is_over(rung):  # unless a reopening was being recorded
                    break
            await self._do_what_is_due(rung)
            await workflow.sleep(SHORTEST_WAIT, summary="look at the clock")
        await workflow.wait_condition(workflow.all_handlers_finished)
        return "no such ticket" if self._ticket is None else f"over at revision {self._ticket.revision}"

    # What others may ask.

    @workflow.update(name="apply", description="Do a command; answers with its receipt.")
    async def apply(self, envelope: CommandEnvelope) -> Receipt:
        return await self._apply(envelope)

    @apply.validator
    def refuse_early(self, envelope: CommandEnvelope) -> None:
        """Refuse without a trace in the history what the present state forbids.

        While a change is being recorded the state is about to move: then the handler decides.
        """
        is_sure = not self._lock.locked() and not self._is_behind(envelope)
        if self._ticket is not None and is_sure and self._memory.find(envelope.id) is None:
            decide(self._ticket, envelope, self._moment_of(envelope, self._ticket))

    @workflow.signal(name="submit", description="A command from an integration: one JSON object with `type`.")
    async def submit(self, message: Any) -> None:
        """An illegal or malformed command becomes a CommandRefused event; it never fails the workflow."""
        command_id = self._signal_id(message)
        try:
            command = _COMMAND.validate_python(message, strict=False)
        except ValidationError:
            await self._refuse(command_id, message, "malformed_command")
            return
        try:
            if workflow.patched(SIGNALS_ASK):
                check_signal(command)
            await self._apply(CommandEnvelope(id=command_id, actor=INTEGRATION, command=command))
        except DomainError as error:
            await self._refuse(command_id, message, error.code)

    @workflow.update(name="reload", description="Take over the database's state; answers with its revision.")
    async def reload(self) -> int:
        await self._loaded()
        async with self._lock:
            await self._load()
        return 0 if self._ticket is None else self._ticket.revision

    @workflow.signal(name="wake_up", description="Do nothing but look around, e.g. after a deploy.")
    def wake_up(self) -> None: ...

    @workflow.query(name="state", description="The ticket as the workflow holds it.")
    def state(self) -> Ticket | None:
        return self._ticket

    @workflow.query(name="pending_timers", description="The moments that the ticket waits for.")
    def pending_timers(self) -> list[PendingMoment]:
        return [] if self._ticket is None else pending_moments(self._ticket)

    @workflow.signal(dynamic=True)
    async def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:
        await self._refuse(self._signal_id(None), {}, "unknown_signal")

    @workflow.update(dynamic=True)
    async def unknown_update(self, name: str, args: Sequence[RawValue]) -> None:
        raise InvalidError("A ticket knows the updates `apply` and `reload`.")

    @workflow.query(dynamic=True)
    def unknown_query(self, name: str, args: Sequence[RawValue]) -> str:
        return "A ticket answers the queries `state` and `pending_timers`."

    # Changing.

    async def _apply(self, envelope: CommandEnvelope) -> Receipt:
        """Decide, have it recorded, then take it over. What was seen before is answered with its receipt."""
        await self._loaded()
        async with self._lock:
            known = self._memory.find(envelope.id)
            if known is not None:
                return known
            if self._is_behind(envelope):
                await self._load()
            await self._do_what_came_before(envelope)
            return await self._carry_out_and_take_over(envelope)

    async def _do_what_came_before(self, envelope: CommandEnvelope) -> None:
        """A moment that lies before the command comes before it, also when its timer has yet to ring."""
        while (ticket := self._ticket) is not None:
            moment = self._next_moment()
            if moment is None or moment.at >= self._moment_of(envelope, ticket):
                return
            earlier = _envelope_at(moment, ticket)
            if earlier is None:
                return
            try:
                receipt = await self._carry_out_and_take_over(earlier)
            except DomainError as refusal:
                workflow.logger.error("timer refused", extra={"timer": moment.kind, "fault": refusal.code})
                return
            if receipt.revision == ticket.revision:
                return

    async def _carry_out_and_take_over(self, envelope: CommandEnvelope) -> Receipt:
        try:
            receipt, ticket = await self._carry_out(envelope)
        except RevisionMismatchError:
            await self._load()
            receipt, ticket = await self._carry_out(envelope)
        self._take_over(ticket, receipt)
        return receipt

    async def _carry_out(self, envelope: CommandEnvelope) -> tuple[Receipt, Ticket]:
        if self._ticket is None:
            raise TicketNotFoundError(f"There is no ticket {self._number}.")
        change = decide(self._ticket, envelope, self._moment_of(envelope, self._ticket))
        return await self._record(self._ticket, change)

    @staticmethod
    def _moment_of(envelope: CommandEnvelope, ticket: Ticket) -> datetime:
        """When the command happens: never before what has happened already.

        It decides what is legal, so it must be the same in a replay. `workflow.now()` is not, see `_wait`.
        """
        return max(envelope.at or workflow.now(), ticket.updated_at)

    async def _record(self, ticket: Ticket, change: TicketChange) -> tuple[Receipt, Ticket]:
        if not change.events:
            unchanged = Receipt(
                command_id=change.command_id,
                first_revision=ticket.revision,
                revision=ticket.revision,
                fingerprint=change.fingerprint,
                at=change.at,
            )
            return unchanged, ticket
        (first, *_) = change.events
        activity = TicketActivities.escalate if isinstance(first, TicketLadderClimbed) else TicketActivities.record
        recorded: Recorded = await quickly_or_patiently(
            activity, [change, ticket], f"revision {change.last_revision}: {first.type}"
        )
        receipt = recorded.receipt
        if not receipt.is_repeat:
            done = change if recorded.instead is None else change.model_copy(update={"events": recorded.instead})
            return receipt, apply(ticket, done.followed_by(*recorded.entailed))
        await self._load()  # an attempt whose worker or engine died had stored it: the row says what it came to
        return receipt, self._ticket or ticket

    async def _refuse(self, command_id: CommandId, message: Any, code: str) -> None:
        """Put a refused signal on the timeline."""
        await self._loaded()
        async with self._lock:
            if self._ticket is None or self._memory.find(command_id) is not None:
                return
            refused = CommandRefused(command=_known_type(message), code=code)
            try:
                receipt, ticket = await self._put_down(command_id, refused)
            except RevisionMismatchError:
                await self._load()
                receipt, ticket = await self._put_down(command_id, refused)
            self._take_over(ticket, receipt)

    async def _put_down(self, command_id: CommandId, refused: CommandRefused) -> tuple[Receipt, Ticket]:
        if self._ticket is None:
            raise TicketNotFoundError(f"There is no ticket {self._number}.")
        change = TicketChange(
            command_id=command_id,
            number=self._number,
            actor=INTEGRATION,
            at=max(workflow.now(), self._ticket.updated_at),
            first_revision=self._ticket.revision + 1,
            events=(refused,),
        )
        return await self._record(self._ticket, change)

    def _take_over(self, ticket: Ticket, receipt: Receipt) -> None:
        before, self._ticket = self._ticket, ticket
        self._memory = self._memory.remember(receipt)
        if before is None or ticket.revision != before.revision:
            self._show()

    async def _load(self) -> None:
        loaded: Loaded | None = await quickly_or_patiently(
            TicketActivities.load_ticket, [self._number], "load the ticket"
        )
        self._ticket = None if loaded is None else loaded.ticket
        self._memory = CommandMemory(receipts=() if loaded is None else loaded.receipts)  # the database knows the rest
        self._is_loaded = True
        self._show()

    async def _loaded(self) -> None:
        """A condition costs another round of the loop, which asks all of them: so only while it has to load."""
        if not self._is_loaded:
            await workflow.wait_condition(lambda: self._is_loaded)

    def _is_behind(self, envelope: CommandEnvelope) -> bool:
        """Whether the sender has seen a row that this workflow has not: the change was stored, but worker or engine
        died before it became history."""
        return self._ticket is not None and self._ticket.revision < envelope.row_revision

    # Waiting.

    async def _wait(self) -> PendingMoment | None:
        """Sleep until the earliest pending moment, or until an earlier one appears, or the history grew long.

        Returns the moment whose timer rang. That a timer rang is in the history, and from it follows what is due: not
        from `workflow.now()`. Its clock can stand still in the first task of a worker that took over another's ticket,
        and go right when the same task is replayed; whatever road it decides would then not be found again. For the
        same reason a moment that has passed gets a timer too, and after a ring the clock is looked at anew.

        A moment that moved later keeps the old timer: when that rings nothing is due, and the wait begins again.
        """
        moment = self._next_moment()
        if moment is None:
            await workflow.wait_condition(
                lambda: self._ticket is None or self._next_moment() is not None or self._is_long
            )
            return None
        try:
            await workflow.wait_condition(
                lambda: self._is_earlier(moment) or self._is_long,
                timeout=max(moment.at - workflow.now(), SHORTEST_WAIT),
                timeout_summary=f"{moment.kind} at {moment.at:%Y-%m-%d %H:%M:%SZ}",
            )
        except TimeoutError:
            return moment
        return None

    def _next_moment(self) -> PendingMoment | None:
        """The earliest pending moment, looked for once for each state of the ticket: conditions ask for it often."""
        ticket, known = self._ticket, self._earliest
        if ticket is None or ticket.revision == self._stuck_at_revision:
            return None
        if known is None or known[0] is not ticket:
            known = self._earliest = ticket, next_moment(ticket)
        return known[1]

    def _is_earlier(self, armed: PendingMoment) -> bool:
        moment = self._next_moment()
        return moment is not None and moment.at < armed.at

    def _due(self, rung: PendingMoment) -> PendingMoment | None:
        """The pending moment that came with the ring, if it has not moved later meanwhile."""
        moment = self._next_moment()
        return moment if moment is not None and moment.at <= rung.at else None

    async def _do_what_is_due(self, rung: PendingMoment) -> None:
        """Turn the moments that have come into their commands. Time and people use one path.

        Those that come together need one ring: an engine may take a second for a timer, however short.
        """
        while (moment := self._due(rung)) is not None and (ticket := self._ticket) is not None:
            envelope = _envelope_at(moment, ticket)
            if envelope is None:
                return
            try:
                await self._apply(envelope)
            except Exception as error:  # noqa: BLE001  a fault in a timer must not wedge the ticket
                workflow.logger.error("timer failed", extra={"timer": moment.kind, "fault": type(error).__name__})
            if self._ticket is not None and self._ticket.revision == ticket.revision:
                self._stuck_at_revision = ticket.revision  # wait for a change instead of ringing for ever

    def _is_over(self, rung: PendingMoment) -> bool:
        """Whether the ring was the end of the reopen window."""
        moment = self._due(rung)
        return moment is not None and moment.command is None

    # Housekeeping.

    @property
    def _is_long(self) -> bool:
        info = workflow.info()
        return (
            info.is_continue_as_new_suggested()
            or info.get_current_history_length() > MAX_HISTORY_EVENTS
            or info.get_current_history_size() > MAX_HISTORY_BYTES
            or info.is_target_worker_deployment_version_changed()
        )

    async def _continue_as_new(self) -> None:
        """Begin a fresh history with everything that this one knows, once no handler is under way."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(
            TicketStart(number=self._number, ticket=self._ticket, memory=self._memory),
            initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
            if workflow.info().is_target_worker_deployment_version_changed()
            else None,
        )

    def _show(self) -> None:
        """Tell operators: search attributes where they changed, and one line on what the ticket waits for."""
        if self._ticket is None:
            return
        searched = searched_fields(self._ticket)
        if searched != self._searched:  # a reply changes none of them
            self._searched = searched
            self._show_attributes(search_attributes(self._ticket))
        workflow.set_current_details(describe_wait(self._ticket, self._next_moment()))

    @staticmethod
    def _show_attributes(wanted: TypedSearchAttributes) -> None:
        present = workflow.info().typed_search_attributes
        updates = [pair.key.value_set(pair.value) for pair in wanted if present.get(pair.key) != pair.value]
        updates += [
            pair.key.value_unset() for pair in present if pair.key.name in _OURS and wanted.get(pair.key) is None
        ]
        if updates:
            workflow.upsert_search_attributes(updates)

    def _signal_id(self, message: Any) -> CommandId:
        """A signal's own `id` names its command; without one, its place in this run's order of signals does."""
        self._signals_seen += 1
        given = message.get("id") if isinstance(message, dict) else None
        source = f"id:{given}" if isinstance(given, str) else f"{workflow.info().run_id}:{self._signals_seen}"
        return command_id_for_signal(self._number, source)


def _envelope_at(moment: PendingMoment, ticket: Ticket) -> CommandEnvelope | None:
    """What a moment brings when it comes. Time and people use one path."""
    if moment.command is None:
        return None
    timer = command_id_for_timer(ticket.number, ticket.revision, moment.id)
    return CommandEnvelope(id=timer, actor=TIMER, command=moment.command, at=moment.at)


_OURS = {"NextDueAt"}
_TYPES = {
    "edit", "reply", "add_attachment", "remove_attachment", "change_status", "assign", "unassign", "claim", "offer",
    "escalate", "acknowledge", "de_escalate", "rate",
    "snooze", "wake", "cancel_moment", "advance_moment",
}  # fmt: skip


def _known_type(message: Any) -> str:
    """The command's type when it is one of ours: foreign words stay out of the timeline."""
    given = message.get("type") if isinstance(message, dict) else None
    return given if isinstance(given, str) and given in _TYPES else "unknown"
