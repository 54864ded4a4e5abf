"""The policy of the tickets that come due, written straight into the throw-away database of the run."""

from datetime import UTC, datetime, timedelta

from domain.business_calendar import ALWAYS_OPEN, MINUTES_A_DAY, BusinessCalendar, Span, SpecialDay
from domain.sla_ladder import Ladder, LadderStep, NotifyRole, RaiseLevel
from domain.sla_policy import Conditions, Goal, Goals, SlaPolicy
from domain.ticket import Priority
from operations.bench.ground import Pool
from operations.bench_sla.cases import STEP_AFTER, Case

TAG = "due-soon"
"""The tickets that the policy is for."""
MINUTE = timedelta(minutes=1)
_HOURS_OPEN = 10
_INSERT = """
with calendar as (
    insert into sla_calendars (name) values ('Of the measurement') returning id
), its_version as (
    insert into sla_calendar_versions (calendar_id, version, calendar) select id, 1, $1 from calendar
), policy as (
    insert into sla_policies (name, place) values ('Of the measurement', 0) returning id
), the_policys as (
    insert into sla_policy_versions (policy_id, version, calendar_id, policy)
    select policy.id, 1, calendar.id, $2 from policy, calendar
)
update sla_edition set number = number + 1
"""


async def offer_policy(pool: Pool, case: Case, now: datetime) -> datetime:
    """Put the case's policy before all others. Returns when its clocks begin to count: now, or, where all are to be due
    at one second, when the desk opens."""
    opens_at = _full_minute_after(now + case.opening_time) if case.is_sudden else now
    calendar = _opening_at(opens_at) if case.is_sudden else ALWAYS_OPEN
    await pool.execute(_INSERT, calendar.model_dump_json(), policy_of(case).model_dump_json())
    return opens_at


def policy_of(case: Case) -> SlaPolicy:
    """An answer within the goal, one warning, and two steps of a ladder: with the breach and after it."""
    hear = NotifyRole(role="supervisor")
    first = LadderStep(after_minutes=case.goal // MINUTE, since="start", actions=(RaiseLevel(level=1), hear))
    second = LadderStep(
        after_minutes=STEP_AFTER // MINUTE, since="last_step", time="wall", actions=(RaiseLevel(level=2), hear)
    )
    return SlaPolicy(
        conditions=Conditions(tags=(TAG,)),
        goals={Priority.NORMAL: Goals(first_response=Goal(minutes=case.goal // MINUTE))},
        warnings=(case.warning_percent,),
        ladders={Priority.NORMAL: Ladder(target="first_response", steps=(first, second))},
    )


def _full_minute_after(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0) + MINUTE


def _opening_at(moment: datetime) -> BusinessCalendar:
    """Closed until then, and open for hours from then on."""
    since = (moment - moment.replace(hour=0, minute=0)) // MINUTE
    hours = Span(since=since, until=(since + _HOURS_OPEN * 60) % MINUTES_A_DAY)
    day = SpecialDay(on=moment.astimezone(UTC).date(), spans=(hours,))
    return BusinessCalendar(zone="UTC", week=((),) * 7, special_days=(day,))
