"""The audit trail, for admins: who changed what of people, rights, policies and keys, and what was refused."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, Field

from api.http.area_router import AreaRouter
from api.http.texts import Text
from api.requests import AsReader, InDesk
from database.audit import AuditEntry, AuditFilter
from domain.access import check_admin
from domain.ids import PersonId

router = AreaRouter(prefix="/audit", tags=["audit"])
MAX_NUMBER = 2**63 - 1
Word = Annotated[Text, Field(min_length=1, max_length=200)]


class AuditPersonalOut(BaseModel):
    """What of an entry is about a person. It goes when they are erased, or too old."""

    person: PersonId | None = Field(description="Null: nobody whom we know.")
    data: dict[str, Any]


class AuditEntryOut(BaseModel):
    """An entry of the trail."""

    number: int = Field(description="From 1, without a gap.")
    at: datetime
    author: PersonId | None = Field(description="Null: nobody who was signed in; `credential` may tell which program.")
    author_role: str | None
    credential: str | None = Field(description="By what they acted: a kind, and an id where it has one.")
    action: str = Field(examples=["person.changed", "access.refused"])
    subject_kind: str
    subject_id: str | None
    before: dict[str, Any] | None = Field(description="What was changed, as it was; null when there was nothing.")
    after: dict[str, Any] | None = Field(description="The same, as it is since; or what else there is to tell.")
    personal: list[AuditPersonalOut]
    erased: int = Field(description="How many personal parts it had that are gone.")
    hash: str = Field(description="Of this entry and, through the one before it, of all before it. In hexadecimal.")


class AuditPageOut(BaseModel):
    items: list[AuditEntryOut]
    next_cursor: str | None


@router.get("")
async def list_audit_entries(
    desk: InDesk,
    reader: AsReader,
    author: Annotated[UUID | None, Query(description="Whose doings.")] = None,
    subject_kind: Annotated[Word | None, Query(examples=["person"])] = None,
    subject_id: Annotated[Word | None, Query()] = None,
    action: Annotated[Word | None, Query(examples=["person.changed"])] = None,
    since: Annotated[AwareDatetime | None, Query(alias="from", description="From this moment on.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this moment.")] = None,
    q: Annotated[Word | None, Query(description="A part of the action.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=MAX_NUMBER)] = None,
) -> AuditPageOut:
    """The entries, the newest first; for admins."""
    check_admin(reader)
    wanted = AuditFilter(
        None if author is None else PersonId(author), subject_kind, subject_id, action, since, until, q
    )
    found = await desk.audit.page(wanted, limit + 1, cursor)
    next_cursor = str(found[limit - 1].number) if len(found) > limit else None
    return AuditPageOut(items=[_spoken(entry) for entry in found[:limit]], next_cursor=next_cursor)


def _spoken(entry: AuditEntry) -> AuditEntryOut:
    return AuditEntryOut(
        number=entry.number,
        at=entry.at,
        author=entry.author_id,
        author_role=entry.author_role,
        credential=entry.credential,
        action=entry.action,
        subject_kind=entry.subject_kind,
        subject_id=entry.subject_id,
        before=entry.before,
        after=entry.after,
        personal=[AuditPersonalOut(person=part.person, data=part.data) for part in entry.personal],
        erased=entry.erased,
        hash=entry.hash.hex(),
    )
