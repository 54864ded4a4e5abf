"""Organisations: the companies that requesters belong to."""

from typing import Annotated

from fastapi import Path, status
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from api.auth import Name
from api.http.area_router import AreaRouter
from api.requests import AsAuthor, AsReader, InDesk, Key
from database.organisations import OrganisationRecord
from domain.ticket import Slug

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = rf"^{_LABEL}(\.{_LABEL})+$"
Domain = Annotated[str, StringConstraints(pattern=DOMAIN, max_length=253, to_lower=True)]


def _each_once(domains: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(domains)))


Domains = Annotated[
    tuple[Domain, ...],
    Field(max_length=50, description="Whoever proves an e-mail address of these domains belongs to it."),
    AfterValidator(_each_once),
]
router = AreaRouter(prefix="/organisations", tags=["organisations"])


class NewOrganisation(BaseModel):
    model_config = ConfigDict(extra="forbid")
    slug: Slug
    name: Name
    domains: Domains = ()


class OrganisationEdit(BaseModel):
    """What to change; what is not named stays."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    domains: Domains | None = None


class OrganisationOut(BaseModel):
    slug: Slug
    name: str
    domains: tuple[str, ...]


class OrganisationsOut(BaseModel):
    items: list[OrganisationOut]


@router.get("")
async def list_organisations(desk: InDesk, reader: AsReader) -> OrganisationsOut:
    """All organisations; for the desk."""
    return OrganisationsOut(items=[_out(one) for one in await desk.organisations.all()])


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_organisation(body: NewOrganisation, desk: InDesk, key: Key, author: AsAuthor) -> OrganisationOut:
    """Add an organisation; for admins."""
    return _out(await desk.organisations.add(body.slug, body.name, body.domains, author, key.request_key))


@router.patch("/{organisation}")
async def edit_organisation(
    organisation: Annotated[Slug, Path()], body: OrganisationEdit, desk: InDesk, author: AsAuthor
) -> OrganisationOut:
    """Change what is named; for admins. People who belong to it stay in it, whatever their address."""
    return _out(await desk.organisations.change(organisation, body.name, body.domains, author))


def _out(organisation: OrganisationRecord) -> OrganisationOut:
    return OrganisationOut(slug=organisation.slug, name=organisation.name, domains=organisation.domains)
