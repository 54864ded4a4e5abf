"""The policies on offer, and the versions of policies and calendars that tickets run on."""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

import asyncpg

from database.pool import Pool
from domain.business_calendar import BusinessCalendar, zone_data_version
from domain.ids import PersonId, TicketNumber
from domain.sla_clock import TicketSla
from domain.sla_policy import SlaPolicy, Terms
from domain.sla_sentences import VersionName, VersionNames
from domain.ticket import Slug

_TERMS = """
select p.id as policy_id, pv.id as policy_version, pv.policy, cv.id as calendar_version, cv.calendar
from sla_policies p join sla_policy_versions pv on pv.policy_id = p.id
join sla_calendar_versions cv on cv.calendar_id = pv.calendar_id
"""
_OFFERED = f"""
{_TERMS} where not p.is_deleted
    and pv.id = case when p.id = (select policy_id from sla_policy_versions where id = $1) then $1 else (
        select id from sla_policy_versions where policy_id = p.id and is_offered order by version desc limit 1) end
    and cv.id = case when pv.calendar_id = (select calendar_id from sla_calendar_versions where id = $2) then $2 else (
        select id from sla_calendar_versions where calendar_id = pv.calendar_id and is_offered
        order by version desc limit 1) end
order by p.place, p.id
"""
"""The newest versions, but of one policy ($1) or one calendar ($2) this version."""
_NAMES = """
select 'policy' as kind, v.id, p.name, v.version
from sla_policy_versions v join sla_policies p on p.id = v.policy_id where v.id = any($1::int[])
union all
select 'calendar', v.id, c.name, v.version
from sla_calendar_versions v join sla_calendars c on c.id = v.calendar_id where v.id = any($2::int[])
"""


_EDITION_AND_TIER = "number, (select tier from people where id = $1) as tier from sla_edition"


class Offer(NamedTuple):
    """What a requester's ticket may run on: their tier, and the terms from the top."""

    tier: Slug
    terms: tuple[Terms, ...]


class SlaTermsStore:
    """Reads terms. Versions never change, so each is read once; whether the offer did is asked each time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._zone_data = zone_data_version()
        self._calendars: dict[int, BusinessCalendar] = {}
        self._policies: dict[int, tuple[int, SlaPolicy]] = {}
        self._offered: tuple[int, tuple[Terms, ...]] | None = None

    @property
    def zone_data(self) -> str:
        """The version of the time-zone data in use."""
        return self._zone_data

    async def offer_to(self, requester: PersonId) -> Offer:
        """The terms on offer now."""
        return await self._offer(await self._edition(f"select {_EDITION_AND_TIER}", requester))

    async def offer_with_number(self, requester: PersonId) -> tuple[TicketNumber, Offer]:
        """What a new ticket begins with, in one trip: a number that no other has, and the terms on offer now."""
        row = await self._edition(f"select nextval('ticket_numbers') as ticket_number, {_EDITION_AND_TIER}", requester)
        return TicketNumber(row["ticket_number"]), await self._offer(row)

    async def _edition(self, statement: str, requester: PersonId) -> asyncpg.Record:
        row = await self._pool.fetchrow(statement, requester)
        if row is None:
            raise RuntimeError("the database has no edition of the SLA policies")
        return row

    async def _offer(self, row: asyncpg.Record) -> Offer:
        if self._offered is None or self._offered[0] != row["number"]:
            self._offered = (
                row["number"],
                tuple([self._terms(found) for found in await self._pool.fetch(_OFFERED, None, None)]),
            )
        return Offer(row["tier"] or "standard", self._offered[1])

    async def offer_with(self, policy_version: int | None, calendar_version: int | None) -> tuple[Terms, ...]:
        """The terms on offer, from the top, if this version of a policy or of a calendar were the newest."""
        rows = await self._pool.fetch(_OFFERED, policy_version, calendar_version)
        return tuple([self._terms(row) for row in rows])

    async def terms_of(self, sla: TicketSla | None) -> Terms | None:
        """The terms that a ticket runs on; None when no policy matched."""
        return None if sla is None else await self.terms_at(sla.policy_version, sla.calendar_version)

    async def terms_at(self, policy_version: int | None, calendar_version: int | None) -> Terms | None:
        """The terms of these versions; None for none."""
        if policy_version is None or calendar_version is None:
            return None
        if policy_version not in self._policies or calendar_version not in self._calendars:
            row = await self._pool.fetchrow(
                f"{_TERMS} where pv.id = $1 and cv.id = $2", policy_version, calendar_version
            )
            if row is None:
                raise RuntimeError(f"version {policy_version} of a policy has no calendar {calendar_version}")
            return self._terms(row)
        policy_id, policy = self._policies[policy_version]
        calendar = self._calendars[calendar_version]
        return Terms(policy_id, policy_version, policy, calendar_version, calendar, self._zone_data)

    async def calendars_of(self, slas: Iterable[TicketSla | None]) -> Callable[[int], BusinessCalendar]:
        """The calendars that the clocks run on, by their versions."""
        return await self.calendars_by({clock.calendar_version for sla in slas if sla for clock in sla.clocks})

    async def calendars_by(self, versions: Collection[int]) -> Callable[[int], BusinessCalendar]:
        """Calendars by their versions."""
        unknown = set(versions) - self._calendars.keys()
        if unknown:
            rows = await self._pool.fetch(
                "select id, calendar from sla_calendar_versions where id = any($1::int[])", list(unknown)
            )
            self._calendars |= {row["id"]: BusinessCalendar.model_validate_json(row["calendar"]) for row in rows}
        return self._calendars.__getitem__

    async def names_of(self, policy_versions: Collection[int], calendar_versions: Collection[int]) -> VersionNames:
        """What people call these versions."""
        rows = await self._pool.fetch(_NAMES, list(policy_versions), list(calendar_versions))
        names: dict[str, dict[int, VersionName]] = {"policy": {}, "calendar": {}}
        for row in rows:
            names[row["kind"]][row["id"]] = VersionName(row["name"], row["version"])
        return VersionNames(names["policy"], names["calendar"])

    def _terms(self, row: asyncpg.Record) -> Terms:
        version = row["calendar_version"]
        calendar = self._calendars.get(version) or BusinessCalendar.model_validate_json(row["calendar"])
        known = self._policies.get(row["policy_version"])
        policy = SlaPolicy.model_validate_json(row["policy"]) if known is None else known[1]
        self._calendars[version] = calendar
        self._policies[row["policy_version"]] = row["policy_id"], policy
        return Terms(row["policy_id"], row["policy_version"], policy, version, calendar, self._zone_data)
