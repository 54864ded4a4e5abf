"""What the API process holds: its stores, the engine's client, and the parts of sign-in. Built once, by `app.py`."""

from dataclasses import dataclass

from api.feed import Feed
from api.passwords import Passwords
from api.tokens import AccessTokens
from database.bell import Bell
from database.dispatch import DispatchStore
from database.events import EventLog
from database.people import DirectoryStore, PeopleStore
from database.pool import Pool
from database.skills import SkillStore
from database.sla_calendars import SlaCalendarStore
from database.sla_figures import SlaFigures
from database.sla_policies import SlaPolicyStore
from database.sla_rollouts import RolloutStore
from database.sla_terms import SlaTermsStore
from database.ticket_lists import TicketLists
from database.tickets import TicketStore
from database.workload import WorkloadStore
from domain.lifecycle import LifecycleRules
from settings import Settings
from workflows.client import RolloutClient, TicketClient


@dataclass(frozen=True)
class Desk:
    """The parts that routes work with."""

    settings: Settings
    pool: Pool
    tickets: TicketStore
    skills: SkillStore
    dispatch: DispatchStore
    workload: WorkloadStore
    terms: SlaTermsStore
    rollouts: RolloutStore
    sla_calendars: SlaCalendarStore
    sla_policies: SlaPolicyStore
    figures: SlaFigures
    lists: TicketLists
    events: EventLog
    people: PeopleStore
    directory: DirectoryStore
    workflows: TicketClient
    rolling: RolloutClient
    feed: Feed
    bell: Bell
    tokens: AccessTokens
    passwords: Passwords
    rules: LifecycleRules
