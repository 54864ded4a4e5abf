"""The ledger of a ticket's clocks, and the proof that it holds."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.requests import AsReader, InDesk, Number
from api.tickets import visible
from domain.access import may_see_internal
from domain.errors import ForbiddenError
from domain.ids import TicketNumber
from domain.sla_clock import Audience, ClockState, Target, TimeKind
from domain.sla_counting import Calendars
from domain.sla_ledger import (
    MAX_ENTRIES,
    ClockLedger,
    EntryKind,
    Ledger,
    LedgerEntry,
    calendar_versions,
    ledger,
    policy_versions,
)
from domain.sla_recount import recounted, terms_wanted
from domain.sla_sentences import VersionName, VersionNames, clock_sentence, public_reason, ticket_sentence

router = AreaRouter(tags=["sla"])


class VersionRef(BaseModel):
    """A version of a policy or of a calendar, as people call it."""

    name: str
    version: int


class LedgerEntryOut(BaseModel):
    """A stretch of a clock's life. A clock's entries follow each other without a gap."""

    since: datetime
    until: datetime
    kind: EntryKind = Field(description="`closed`: it runs in working time, and there was none.")
    counted_seconds: int
    used_seconds: int = Field(description="All that the clock had used when the stretch was over.")
    why: str = Field(description="Why it began.")
    policy: VersionRef | None = Field(description="For the desk only.")
    calendar: VersionRef | None = Field(description="For the desk only.")
    zone_data: str = Field(description="The version of the time-zone data that it was computed with.")


class LedgerWarningOut(BaseModel):
    percent: int
    at: datetime


class ClockLedgerOut(BaseModel):
    """One cycle of one clock. Seconds are those that count: of working time, where `time` says so."""

    target: Target
    audience: Audience
    cycle: int
    state: ClockState
    sentence: str = Field(description="When it is due and why, or how it ended.")
    time: TimeKind
    zone: str = Field(description="Of its calendar: the sentence tells moments by it.")
    goal_seconds: int
    used_seconds: int
    remaining_seconds: int | None = Field(description="Below zero when it is late; None when it is over.")
    started_at: datetime
    due_at: datetime | None
    met_at: datetime | None
    breached_at: datetime | None
    ended_at: datetime | None
    warnings: list[LedgerWarningOut]
    entries: list[LedgerEntryOut]


class TicketLedgerOut(BaseModel):
    """Every cycle of every clock of a ticket, by their beginnings."""

    number: TicketNumber
    at: datetime = Field(description="What has not ended is told up to this moment.")
    sentence: str
    policy: VersionRef | None = Field(description="For the desk only.")
    calendar: VersionRef | None = Field(description="For the desk only.")
    zone_data: str | None
    clocks: list[ClockLedgerOut]
    is_cut: bool = Field(description=f"Whether entries beyond the first {MAX_ENTRIES} were left out.")


class SlaCheckOut(BaseModel):
    """Whether the clocks that are stored are what the ticket's events come to when they are counted anew."""

    number: TicketNumber
    agrees: bool
    differences: list[str] = Field(description="Where they do not, in sentences; 100 at most.")


@router.get("/tickets/{number}/sla")
async def get_sla_ledger(number: Number, desk: InDesk, reader: AsReader) -> TicketLedgerOut:
    """Every stretch of every clock: what it counted, why it began, on which versions, and what that comes to."""
    record = await visible(desk, reader, number)
    past = await desk.events.changes(number)
    calendars = await desk.terms.calendars_by(calendar_versions(past))
    names = None
    if may_see_internal(reader, record):
        names = await desk.terms.names_of(policy_versions(past), calendar_versions(past))
    return _Page(ledger(past, calendars, datetime.now(UTC)), calendars, names).spoken(number)


@router.get("/sla/check/{number}")
async def check_sla(number: Number, desk: InDesk, reader: AsReader) -> SlaCheckOut:
    """Count the ticket's clocks anew from its events, and compare with what is stored. For the desk."""
    record = await visible(desk, reader, number)
    if not may_see_internal(reader, record):
        raise ForbiddenError("Only the desk may see this.")
    past = [change for change in await desk.events.changes(number) if change.first_revision <= record.revision]
    terms = {versions: await desk.terms.terms_of(sla) for versions, sla in terms_wanted(past).items()}
    known = {versions: found for versions, found in terms.items() if found is not None}
    differences = recounted(number, past, known, record.sla).differences
    return SlaCheckOut(number=number, agrees=not differences, differences=list(differences))


class _Page(NamedTuple):
    """A ledger on its way to a reader. Without names: to the requester, who hears of the promises to them only."""

    told: Ledger
    calendars: Calendars
    names: VersionNames | None

    def spoken(self, number: TicketNumber) -> TicketLedgerOut:
        told, names, sla = self.told, self.names, self.told.sla
        shown = [page for page in told.clocks if names or page.clock.audience == "customer"]
        return TicketLedgerOut(
            number=number,
            at=told.at,
            sentence=ticket_sentence(told, names),
            policy=_ref(names and names.policies, None if sla is None else sla.policy_version),
            calendar=_ref(names and names.calendars, None if sla is None else sla.calendar_version),
            zone_data=None if sla is None else sla.zone_data,
            clocks=[self._clock(page) for page in shown],
            is_cut=told.is_cut,
        )

    def _clock(self, page: ClockLedger) -> ClockLedgerOut:
        clock = page.clock
        return ClockLedgerOut(
            target=clock.target,
            audience=clock.audience,
            cycle=clock.cycle,
            state=clock.state,
            sentence=clock_sentence(page, self.told, self.calendars, self.names),
            time=clock.time,
            zone=self.calendars(clock.calendar_version).zone,
            goal_seconds=_seconds(clock.goal),
            used_seconds=_seconds(page.used),
            remaining_seconds=_seconds(clock.goal - page.used) if clock.is_open else None,
            started_at=clock.started_at,
            due_at=clock.due_at,
            met_at=clock.met_at,
            breached_at=clock.breached_at,
            ended_at=clock.ended_at,
            warnings=[LedgerWarningOut(percent=given.percent, at=given.at) for given in page.warnings],
            entries=[self._entry(entry) for entry in page.entries],
        )

    def _entry(self, entry: LedgerEntry) -> LedgerEntryOut:
        names = self.names
        return LedgerEntryOut(
            since=entry.since,
            until=entry.until,
            kind=entry.kind,
            # By whole seconds of what is used, so that the entries of a clock add up to the second.
            counted_seconds=_seconds(entry.used) - _seconds(entry.used - entry.counted),
            used_seconds=_seconds(entry.used),
            why=entry.why if names else public_reason(entry.why),
            policy=_ref(names and names.policies, entry.policy_version),
            calendar=_ref(names and names.calendars, entry.calendar_version),
            zone_data=entry.zone_data,
        )


def _ref(names: Mapping[int, VersionName] | None, version: int | None) -> VersionRef | None:
    return None if names is None or version is None else VersionRef(**names[version]._asdict())


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
