"""Removes what its rule says is old, in small steps that tell the engine how far they are."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel
from temporalio import activity

from domain.retention import RetentionKind


class Rule(Protocol):
    @property
    def kind(self) -> RetentionKind: ...
    @property
    def days(self) -> int | None: ...


class Kept(Protocol):
    """Where things are kept."""

    async def rules(self) -> Sequence[Rule]: ...
    async def remove_some(self, kind: RetentionKind, days: int) -> int: ...
    async def note_run(self, kind: RetentionKind, at: datetime, removed: int) -> None: ...


class RetentionRun(BaseModel):
    """Which rule to apply, for the run of which moment."""

    kind: RetentionKind
    at: datetime


class RetentionActivities:
    """What the retention schedule does."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    @property
    def steps(self) -> list[Callable[..., Coroutine[Any, Any, Any]]]:
        """All of them, for the worker."""
        return [self.kinds, self.apply]

    @activity.defn(name="retention_kinds")
    async def kinds(self) -> list[RetentionKind]:
        """What has a rule, in the order in which it is applied. An activity, so that a run which is under way goes on
        with the kinds that it began with, whatever the next version of the worker knows."""
        return [rule.kind for rule in await self._kept.rules()]

    @activity.defn(name="apply_retention")
    async def apply(self, run: RetentionRun) -> int:
        """Returns how many were removed. Harmless to repeat: what is removed is not there any more."""
        days = next(rule.days for rule in await self._kept.rules() if rule.kind == run.kind)
        removed = 0
        while days is not None and (some := await self._kept.remove_some(run.kind, days)):
            removed += some
            activity.heartbeat(removed)
        await self._kept.note_run(run.kind, run.at, removed)
        return removed
