"""Whom a reply or a note mentions: by id, or by `@` and their address in its text.

Nobody learns by a mention which people or addresses there are: an id of nobody, of somebody who is gone and of
somebody whom the writer may not mention is refused in the same words, and such an address is a word like any other.
"""

from api.requests import Asked
from api.state import Desk
from api.ticket_models import NewReply
from database.people import PersonRecord
from domain.access import check_mention, may_see_internal
from domain.errors import ForbiddenError, MentionRefusedError
from domain.ids import PersonId
from domain.mention import MOST_MENTIONS, addresses_mentioned


async def mentioned(desk: Desk, asked: Asked, body: NewReply) -> list[PersonRecord]:
    """The people whom it mentions, without its writer; those by id first. Raises MentionRefusedError."""
    given = [PersonId(id) for id in dict.fromkeys(body.mentions) if id != asked.reader.id]
    found = {person.id: person for person in await desk.people.read_all(given)} if given else {}
    for id in given:
        if id not in found or not _may_mention(asked, found[id], internal=body.internal):
            raise MentionRefusedError(_refusal(asked, id, internal=body.internal))
    people = {id: found[id] for id in given}
    addresses = addresses_mentioned(body.body)
    for person in await desk.people.find_by_emails(addresses) if addresses else []:
        if person.id != asked.reader.id and _may_mention(asked, person, internal=body.internal):
            people.setdefault(person.id, person)
    return list(people.values())[:MOST_MENTIONS]


def _may_mention(asked: Asked, person: PersonRecord, *, internal: bool) -> bool:
    if not person.is_active or person.kind != "person":
        return False
    try:
        check_mention(asked.reader, asked.audience(), person.reader, person.organisation, internal=internal)
    except ForbiddenError:
        return False
    return True


def _refusal(asked: Asked, id: PersonId, *, internal: bool) -> str:
    if internal:
        return f"Nobody of the desk who could read this note has the id {id}."
    if may_see_internal(asked.reader, asked.audience()):
        return f"Nobody who could be mentioned has the id {id}."
    return f"Nobody whom you may mention has the id {id}: to your own tickets, that is people of your organisation."
