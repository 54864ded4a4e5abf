"""Arrivals of teams, hour by hour, and the forecasts made of them."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from database.pool import PATIENT_SECONDS, Pool
from domain.errors import UnknownReferenceError
from domain.forecast import HISTORY_WEEKS, HOUR, Forecast, HandlingTime, History
from domain.stored_forecast import StoredForecast
from domain.ticket import Slug

_TEAM = """
select m.usual_minutes, (select min(t.created_at) from tickets t where t.team = m.slug) as first_at
from teams m where m.slug = $1
"""
_ZONE = """
select v.calendar ->> 'zone' as zone
from (select number from tickets where team = $1 order by created_at desc, number desc limit 1000) t
    join sla_clocks c on c.ticket_number = t.number join sla_calendar_versions v on v.id = c.calendar_version
group by 1 order by count(*) desc, 1 limit 1
"""
_ARRIVALS = """
select date_trunc('hour', created_at, 'UTC') as hour, count(*) as tickets, count(estimated_minutes) as estimated,
    sum(coalesce(estimated_minutes, $4::int)) as minutes
from tickets where team = $1 and created_at >= $2 and created_at < $3 group by 1
"""
_SAVE = """
insert into forecasts (team, at, handling_minutes, estimated_share, forecast)
select slug, $2, $3, $4, $5 from teams where slug = $1
on conflict (team) do update set at = excluded.at, computed_at = excluded.computed_at,
    handling_minutes = excluded.handling_minutes, estimated_share = excluded.estimated_share,
    forecast = excluded.forecast
where forecasts.at <= excluded.at
"""
_READ = """
select m.slug, f.computed_at, f.handling_minutes, f.estimated_share, f.forecast
from teams m left join forecasts f on f.team = m.slug
where case when $1::text[] is null then m.is_active else m.slug = any($1) end order by m.name, m.slug
"""
_PEOPLE = """sum(extract(epoch from least(s.ends_at, hour + interval '1 hour') - greatest(s.starts_at, hour))) / 3600
    as people"""
_ITS_HOURS = """cross join lateral generate_series(
        date_trunc('hour', greatest(s.starts_at, $2), 'UTC'), least(s.ends_at, $3) - interval '1 microsecond',
        interval '1 hour') hour"""
_PLANNED = f"""
select w.team, hour, {_PEOPLE}
from unnest($1::text[]) w (team)
    join shifts s on s.status = 'published' and s.starts_at < $3 and s.ends_at > $2
        and (s.team = w.team or s.team is null and exists (
            select from team_members m where m.team = w.team and m.person_id = s.agent_id))
    {_ITS_HOURS}
where s.ends_at > hour and s.starts_at < hour + interval '1 hour'
group by 1, 2
"""
_PLANNED_TOGETHER = f"""
select hour, {_PEOPLE}
from shifts s {_ITS_HOURS}
where s.status = 'published' and s.starts_at < $3 and s.ends_at > $2
    and (s.team = any($1::text[]) or s.team is null and exists (
        select from team_members m where m.team = any($1) and m.person_id = s.agent_id))
    and s.ends_at > hour and s.starts_at < hour + interval '1 hour'
group by 1
"""
Planned = dict[tuple[Slug, datetime], float]
"""Team and hour -> people on shift by plan, on the average over the hour. An hour in which nobody is has no entry."""


class ForecastStore:
    """A ticket is an arrival of the team that has it now, in the hour in which it was opened: where a ticket was moved
    to is where its work is."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def teams(self) -> list[Slug]:
        """The active teams."""
        return [row["slug"] for row in await self._pool.fetch("select slug from teams where is_active order by slug")]

    async def history(self, team: Slug, at: datetime) -> tuple[History, HandlingTime] | None:
        """What came before the day of `at` (UTC), from the first whole day with the team on, at most HISTORY_WEEKS.

        Hours are told in the zone by which most clocks of its latest tickets count. None: there is no such team.
        """
        row = await self._pool.fetchrow(_TEAM, team)
        if row is None:
            return None
        until = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        since = until if row["first_at"] is None else _midnight_from(row["first_at"])
        since = min(max(since, until - timedelta(weeks=HISTORY_WEEKS)), until)
        zone = await self._pool.fetchval(_ZONE, team)
        found = await self._pool.fetch(_ARRIVALS, team, since, until, row["usual_minutes"], timeout=PATIENT_SECONDS)
        counts = [0] * ((until - since) // HOUR)
        for arrivals in found:
            counts[(arrivals["hour"] - since) // HOUR] = arrivals["tickets"]
        tickets = sum(counts)
        handling = HandlingTime(float(row["usual_minutes"]), 0.0)
        if tickets:
            minutes, estimated = (sum(one[name] for one in found) for name in ("minutes", "estimated"))
            handling = HandlingTime(minutes / tickets, estimated / tickets)
        return History(since, tuple(counts), zone or "UTC"), handling

    async def save(self, team: Slug, at: datetime, forecast: Forecast, handling: HandlingTime) -> None:
        """Keep the forecast that was made as of `at`, unless there is a later one. Harmless to repeat."""
        await self._pool.execute(_SAVE, team, at, *handling, forecast.model_dump_json())

    async def read(self, teams: Collection[Slug] | None) -> dict[Slug, StoredForecast | None]:
        """The last forecast of these teams (None: of all that are active), or None for a team that has none. Teams
        that do not exist are left out."""
        rows = await self._pool.fetch(_READ, None if teams is None else sorted(teams))
        return {
            row["slug"]: None
            if row["forecast"] is None
            else StoredForecast(
                row["computed_at"],
                HandlingTime(row["handling_minutes"], row["estimated_share"]),
                Forecast.model_validate_json(row["forecast"]),
            )
            for row in rows
        }

    async def planned(self, teams: Collection[Slug], since: datetime, until: datetime) -> Planned:
        """Whom the published shifts have on duty in each hour of [`since`, `until`), whole hours. A shift for no one
        team counts in each team of its agent."""
        rows = await self._pool.fetch(_PLANNED, sorted(teams), since, until, timeout=PATIENT_SECONDS)
        return {(row["team"], row["hour"]): float(row["people"]) for row in rows}

    async def planned_together(
        self, teams: Collection[Slug], since: datetime, until: datetime
    ) -> dict[datetime, float]:  # fmt: skip
        """The same of all these teams together: whoever is of several of them counts once."""
        rows = await self._pool.fetch(_PLANNED_TOGETHER, sorted(teams), since, until, timeout=PATIENT_SECONDS)
        return {row["hour"]: float(row["people"]) for row in rows}

    async def check_known(self, team: Slug) -> None:
        """Raises UnknownReferenceError for a team that does not exist."""
        if not await self._pool.fetchval("select exists (select from teams where slug = $1)", team):
            raise UnknownReferenceError(f"There is no team {team}.")


def _midnight_from(at: datetime) -> datetime:
    """Where a history begins whose first ticket came then: at the next midnight (UTC), since the day before is not a
    whole one; at its own, when it came in the first hour of the day."""
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if hour.hour == 0 else hour.replace(hour=0) + timedelta(days=1)
