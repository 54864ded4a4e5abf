"""The life of one agent, as a durable workflow: are they there, which shift and which break is on.

It decides every command under a lock, has each change recorded in one database transaction, and waits for the earliest
moment at which the plan, or an absence that lasts, changes something. It lives for ever.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, ConfigDict

    from activities.agents import AgentActivities, LoadedAgent
    from domain.access import check_signal
    from domain.agent_commands import PLANNED, AgentEnvelope, StreamsChanged
    from domain.agent_events import AgentChange
    from domain.agent_life import apply, follow
    from domain.agent_rules import decide
    from domain.agent_timers import AgentMoment, describe_agent, pending_moments
    from domain.command_memory import CommandMemory
    from domain.errors import DomainError, InvalidError, NotFoundError, RevisionMismatchError
    from domain.ids import CommandId, PersonId, command_id_for_agent
    from domain.people import INTEGRATION, TIMER
    from domain.presence import AgentState, Plan
    from domain.ticket_commands import Receipt
    from workflows.recording import quickly_or_patiently

SHORTEST_WAIT = timedelta(milliseconds=1)
"""A moment that has passed already still gets its timer."""
MAX_HISTORY_EVENTS = 1_000
MAX_HISTORY_BYTES = 1_000_000


class AgentStart(BaseModel):
    """What a run begins with: only who, or all that the run before carries over."""

    model_config = ConfigDict(frozen=True)

    agent_id: PersonId
    state: AgentState | None = None
    plan: Plan | None = None
    memory: CommandMemory = CommandMemory()


class StreamsTold(BaseModel):
    """Whether any stream of the agent's is open, and since when that is so (None: now)."""

    model_config = ConfigDict(frozen=True)

    connected: bool
    at: datetime | None = None


class _Held(BaseModel):
    """What the workflow knows of its agent: replaced as a whole, so that a wait can tell that something is new."""

    model_config = ConfigDict(frozen=True)

    state: AgentState
    plan: Plan


@workflow.defn(name="AgentWorkflow")
class AgentWorkflow:
    """One agent, for as long as they are one."""

    @workflow.init
    def __init__(self, start: AgentStart) -> None:
        self._agent = start.agent_id
        self._held = None if start.state is None or start.plan is None else _Held(state=start.state, plan=start.plan)
        self._memory = start.memory
        self._is_loaded = self._held is not None
        self._lock = asyncio.Lock()
        self._stuck_at_revision: int | None = None
        self._moments: tuple[_Held, list[AgentMoment]] | None = None

    @workflow.run
    async def run(self, start: AgentStart) -> str:
        if not self._is_loaded:
            await self._load()
        self._show()
        while self._held is not None:
            rung = await self._wait()
            if self._is_long:
                await self._continue_as_new()
            if rung is None:
                continue
            await self._do_what_is_due(rung)
            await workflow.sleep(SHORTEST_WAIT, summary="look at the clock")
        await workflow.wait_condition(workflow.all_handlers_finished)
        return "no such agent"

    # What others may ask.

    @workflow.update(name="apply", description="Do a command; answers with its receipt.")
    async def apply(self, envelope: AgentEnvelope) -> Receipt:
        return await self._apply(envelope)

    @apply.validator
    def refuse_early(self, envelope: AgentEnvelope) -> None:
        """Refuse without a trace in the history what the present state forbids.

        While a change is being recorded the state is about to move, and what is of the plan needs a look at it: then
        the handler decides.
        """
        if self._held is None or self._lock.locked() or self._is_behind(envelope):
            return
        if not isinstance(envelope.command, PLANNED) and self._memory.find(envelope.id) is None:
            decide(self._held.state, self._held.plan, envelope, self._moment_of(envelope, self._held.state))

    @workflow.signal(name="plan_changed", description="The agent's shifts or breaks were planned anew: load them.")
    async def plan_changed(self) -> None:
        await self._loaded()
        async with self._lock:
            await self._load_plan(workflow.now())

    @workflow.signal(name="streams_changed", description="The agent's first stream was opened, or the last is gone.")
    async def streams_changed(self, told: StreamsTold) -> None:
        """Harmless to repeat: what is so already changes nothing."""
        command = StreamsChanged(connected=told.connected)
        check_signal(command)
        id = CommandId(workflow.uuid4())
        await self._apply(AgentEnvelope(id=id, actor=INTEGRATION, command=command, at=told.at))

    @workflow.update(name="reload", description="Take over the database's state; answers with its revision.")
    async def reload(self) -> int:
        await self._loaded()
        async with self._lock:
            await self._load()
        return 0 if self._held is None else self._held.state.revision

    @workflow.signal(name="wake_up", description="Do nothing but look around, e.g. after a deploy.")
    def wake_up(self) -> None: ...

    @workflow.query(name="state", description="The agent as the workflow holds them.")
    def state(self) -> AgentState | None:
        return None if self._held is None else self._held.state

    @workflow.query(name="pending_timers", description="The moments that the agent waits for.")
    def pending_timers(self) -> list[AgentMoment]:
        return [] if self._held is None else pending_moments(self._held.state, self._held.plan)

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:
        workflow.logger.warning("unknown signal")

    @workflow.update(dynamic=True)
    async def unknown_update(self, name: str, args: Sequence[RawValue]) -> None:
        raise InvalidError("An agent knows the updates `apply` and `reload`.")

    @workflow.query(dynamic=True)
    def unknown_query(self, name: str, args: Sequence[RawValue]) -> str:
        return "An agent answers the queries `state` and `pending_timers`."

    # Changing.

    async def _apply(self, envelope: AgentEnvelope) -> Receipt:
        """Decide, have it recorded, then take it over. What was seen before is answered with its receipt."""
        await self._loaded()
        async with self._lock:
            known = self._memory.find(envelope.id)
            if known is not None:
                return known
            if self._is_behind(envelope):
                await self._load()
            elif isinstance(envelope.command, PLANNED):
                await self._load_plan(workflow.now())
            await self._do_what_came_before(envelope)
            return await self._carry_out_and_take_over(envelope)

    async def _do_what_came_before(self, envelope: AgentEnvelope) -> None:
        """A moment that lies before the command comes before it, also when its timer has yet to ring."""
        while (held := self._held) is not None:
            moment = next((one for one in self._pending() if one.command is not None), None)
            if moment is None or moment.at >= self._moment_of(envelope, held.state):
                return
            earlier = self._envelope_at(moment, held.state)
            if earlier is None:
                return
            try:
                receipt = await self._carry_out_and_take_over(earlier)
            except DomainError as refusal:
                workflow.logger.error("timer refused", extra={"timer": moment.kind, "fault": refusal.code})
                return
            if receipt.revision == held.state.revision:
                return

    async def _carry_out_and_take_over(self, envelope: AgentEnvelope) -> Receipt:
        try:
            return await self._carry_out(envelope)
        except RevisionMismatchError:
            await self._load()
            return await self._carry_out(envelope)

    async def _carry_out(self, envelope: AgentEnvelope) -> Receipt:
        if self._held is None:
            raise NotFoundError("There is no such agent.")
        state, plan = self._held.state, self._held.plan
        change = decide(state, plan, envelope, self._moment_of(envelope, state))
        if not change.events:
            return self._remembered(_nothing(change))
        summary = f"revision {change.revision}: {change.events[-1].type}"
        receipt: Receipt = await quickly_or_patiently(AgentActivities.record_agent, [change, state], summary)
        if receipt.is_repeat:  # an attempt whose worker or engine died had stored it: the row says what it came to
            await self._load()
        else:
            self._hold(_Held(state=apply(state, change), plan=follow(plan, change.events, change.at)))
        return self._remembered(receipt)

    @staticmethod
    def _moment_of(envelope: AgentEnvelope, state: AgentState) -> datetime:
        """When the command happens: never before what has happened already.

        It decides what is legal, so it must be the same in a replay. `workflow.now()` is not, see `_wait`.
        """
        return max(envelope.at or workflow.now(), state.updated_at)

    def _remembered(self, receipt: Receipt) -> Receipt:
        if self._memory.find(receipt.command_id) is None:
            self._memory = self._memory.remember(receipt)
        return receipt

    def _hold(self, held: _Held | None) -> None:
        self._held = held
        self._show()

    async def _load(self) -> None:
        loaded: LoadedAgent | None = await quickly_or_patiently(
            AgentActivities.load_agent, [self._agent, workflow.now()], "load the agent"
        )
        self._memory = CommandMemory(receipts=() if loaded is None else loaded.receipts)
        self._is_loaded = True
        self._hold(None if loaded is None else _Held(state=loaded.state, plan=loaded.plan))

    async def _load_plan(self, now: datetime) -> None:
        plan: Plan = await quickly_or_patiently(AgentActivities.load_plan, [self._agent, now], "load the plan")
        if self._held is not None:
            self._hold(_Held(state=self._held.state, plan=plan))

    async def _loaded(self) -> None:
        if not self._is_loaded:
            await workflow.wait_condition(lambda: self._is_loaded)

    def _is_behind(self, envelope: AgentEnvelope) -> bool:
        """Whether the sender has seen a row that this workflow has not."""
        return self._held is not None and self._held.state.revision < envelope.row_revision

    # Waiting.

    async def _wait(self) -> AgentMoment | None:
        """Sleep until the earliest pending moment, or until an earlier one appears, or the history grew long.

        Returns the moment whose timer rang. That a timer rang is in the history, and from it follows what is due: not
        from `workflow.now()`, whose clock can stand still in the first task of a worker that took over. For the same
        reason a moment that has passed gets a timer too, and after a ring the clock is looked at anew.

        A moment that moved later keeps the old timer: when that rings nothing is due, and the wait begins again.
        """
        moment = self._next_moment()
        if moment is None:
            await workflow.wait_condition(lambda: self._held is None or self._next_moment() is not None)
            return None
        try:
            await workflow.wait_condition(
                lambda: self._held is None or self._is_earlier(moment) or self._is_long,
                timeout=max(moment.at - workflow.now(), SHORTEST_WAIT),
                timeout_summary=f"{moment.kind} at {moment.at:%Y-%m-%d %H:%M:%SZ}",
            )
        except TimeoutError:
            return moment
        return None

    def _pending(self) -> list[AgentMoment]:
        """What is to come, looked for once for each state and plan: conditions ask for it often."""
        if self._held is None:
            return []
        if self._moments is None or self._moments[0] is not self._held:
            self._moments = self._held, pending_moments(self._held.state, self._held.plan)
        return self._moments[1]

    def _next_moment(self) -> AgentMoment | None:
        """The earliest pending moment; of an agent who is stuck, that at which the plan is looked at."""
        is_stuck = self._held is not None and self._held.state.revision == self._stuck_at_revision
        return next((one for one in self._pending() if one.command is None or not is_stuck), None)

    def _is_earlier(self, armed: AgentMoment) -> bool:
        moment = self._next_moment()
        return moment is not None and moment.at < armed.at

    async def _do_what_is_due(self, rung: AgentMoment) -> None:
        """Turn the moments that have come into their commands. Time and people use one path."""
        while (held := self._held) is not None:
            moment = self._next_moment()
            if moment is None or moment.at > rung.at:
                return
            if moment.command is None:
                await self._look_at_the_plan(max(workflow.now(), moment.at))
                continue
            envelope = self._envelope_at(moment, held.state)
            try:
                if envelope is not None:
                    await self._apply(envelope)
            except Exception as error:  # noqa: BLE001  a fault in a timer must not wedge the agent
                workflow.logger.error("timer failed", extra={"timer": moment.kind, "fault": type(error).__name__})
            if self._held is not None and self._held.state.revision == held.state.revision:
                self._stuck_at_revision = held.state.revision  # wait for a change instead of ringing for ever

    async def _look_at_the_plan(self, now: datetime) -> None:
        """Load the plan, as is done each day; what fails then is tried again the next."""
        try:
            async with self._lock:
                await self._load_plan(now)
        except Exception as error:  # noqa: BLE001  a fault in a timer must not wedge the agent
            workflow.logger.error("the plan was not loaded", extra={"fault": type(error).__name__})
            if self._held is not None:
                plan = self._held.plan.model_copy(update={"loaded_at": now})
                self._hold(_Held(state=self._held.state, plan=plan))

    def _envelope_at(self, moment: AgentMoment, state: AgentState) -> AgentEnvelope | None:
        """What a moment brings when it comes."""
        if moment.command is None:
            return None
        id = command_id_for_agent(self._agent, state.revision, moment.id)
        return AgentEnvelope(id=id, actor=TIMER, command=moment.command, at=moment.at)

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
        held = self._held
        workflow.continue_as_new(
            AgentStart(
                agent_id=self._agent,
                state=None if held is None else held.state,
                plan=None if held is None else held.plan,
                memory=self._memory,
            ),
            initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
            if workflow.info().is_target_worker_deployment_version_changed()
            else None,
        )

    def _show(self) -> None:
        """Tell operators in one line how the agent is, and what comes next."""
        if self._held is not None:
            workflow.set_current_details(describe_agent(self._held.state, self._held.plan))


def _nothing(change: AgentChange) -> Receipt:
    """The receipt of a command that found nothing to do."""
    return Receipt(
        command_id=change.command_id,
        first_revision=change.revision,
        revision=change.revision,
        fingerprint=change.fingerprint,
        at=change.at,
    )
