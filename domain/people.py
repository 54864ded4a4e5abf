"""Who acts: people with a role, and the timers, integrations and the dispatcher that act beside them."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.ids import PersonId


class Role(StrEnum):
    REQUESTER = "requester"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"

    @property
    def is_desk(self) -> bool:
        """Whether the role works at the desk (everyone but requesters)."""
        return self is not Role.REQUESTER


class Actor(BaseModel):
    """Whoever acts on a ticket. A person carries id and role, and so does the account of a service, which is an
    integration that signs in; all others have neither."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["person", "timer", "integration", "dispatcher"]
    id: PersonId | None = None
    role: Role | None = None

    @property
    def is_desk(self) -> bool:
        """Whether the actor speaks for the desk: any person of it, and whatever is no person."""
        return self.role is None or self.role.is_desk

    @classmethod
    def person(cls, person: PersonId, role: Role) -> "Actor":
        return cls(kind="person", id=person, role=role)

    @classmethod
    def service(cls, account: PersonId, role: Role) -> "Actor":
        return cls(kind="integration", id=account, role=role)


TIMER = Actor(kind="timer")
INTEGRATION = Actor(kind="integration")
DISPATCHER = Actor(kind="dispatcher")
