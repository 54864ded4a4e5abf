"""What the API process holds: its stores, the engine's client, and the parts of sign-in. Built once, by `app.py`."""

from dataclasses import dataclass

from api.attendance import Attendance
from api.feed import Feed
from api.passwords import Passwords
from api.tokens import AccessTokens
from database.agent_lives import AgentLifeStore
from database.bell import Bell
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
from domain.lifecycle import LifecycleRules
from settings import Settings
from workflows.agent_client import AgentClient
from workflows.client import RolloutClient, TicketClient


@dataclass(frozen=True)
class Desk:
    """The parts that routes work with."""

    settings: Settings
    pool: Pool
    tickets: TicketStore
    skills: SkillStore
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
    agent_workflows: AgentClient
    agent_lives: AgentLifeStore
    attendance: Attendance
    feed: Feed
    bell: Bell
    tokens: AccessTokens
    passwords: Passwords
    rules: LifecycleRules
