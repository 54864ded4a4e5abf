"""SLA policies: list, add, read, change, reorder, delete."""

from typing import Annotated

from fastapi import Path, Response, status

from api.http.area_router import AreaRouter
from api.requests import AsAuthor, AsReader, Expected, InDesk, Key
from api.sla_policy_models import (
    NewSlaPolicy,
    SlaPoliciesOut,
    SlaPolicyBody,
    SlaPolicyOrder,
    SlaPolicyOut,
    policies_out,
    policy_draft,
    policy_out,
)
from database.sla_policies import PolicyOrder, PolicyRecord
from domain.access import check_admin, check_desk
from domain.ids import SlaPolicyId

router = AreaRouter(prefix="/sla/policies", tags=["sla"])
PolicyNumber = Annotated[SlaPolicyId, Path(ge=1, le=2**31 - 1, description="The policy's id.")]


@router.get("")
async def list_sla_policies(desk: InDesk, reader: AsReader, response: Response) -> SlaPoliciesOut:
    """The policies from the top, as they are tried; for the desk."""
    check_desk(reader)
    return _ordered(await desk.sla_policies.all(), response)


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_sla_policy(
    body: NewSlaPolicy, desk: InDesk, reader: AsReader, author: AsAuthor, key: Key, response: Response
) -> SlaPolicyOut:
    """Add a policy, for new tickets; for admins."""
    check_admin(reader)
    record = await desk.sla_policies.add(policy_draft(body), body.place, author, key.request_key)
    response.headers["Location"] = f"/api/sla/policies/{record.id}"
    return _answer(record, response)


@router.put("/order")
async def reorder_sla_policies(
    body: SlaPolicyOrder, desk: InDesk, reader: AsReader, author: AsAuthor, expected: Expected, response: Response
) -> SlaPoliciesOut:
    """Put all policies into another order; for admins. `If-Match` takes the edition of the order that was seen."""
    check_admin(reader)
    return _ordered(await desk.sla_policies.reorder(body.policies, author, expected), response)


@router.get("/{policy}")
async def get_sla_policy(policy: PolicyNumber, desk: InDesk, reader: AsReader, response: Response) -> SlaPolicyOut:
    """A policy in its latest version; for the desk."""
    check_desk(reader)
    return _answer(await desk.sla_policies.read(policy), response)


@router.put("/{policy}")
async def replace_sla_policy(
    policy: PolicyNumber,
    body: SlaPolicyBody,
    desk: InDesk,
    reader: AsReader,
    author: AsAuthor,
    expected: Expected,
    response: Response,
) -> SlaPolicyOut:
    """Make a new version of a policy, for new tickets; for admins. Open tickets keep the version that they run on."""
    check_admin(reader)
    return _answer(await desk.sla_policies.change(policy, policy_draft(body), author, expected), response)


@router.delete("/{policy}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_sla_policy(
    policy: PolicyNumber, desk: InDesk, reader: AsReader, author: AsAuthor, expected: Expected
) -> None:
    """Delete a policy; for admins. The tickets that run on it go on."""
    check_admin(reader)
    await desk.sla_policies.delete(policy, author, expected)


def _answer(record: PolicyRecord, response: Response) -> SlaPolicyOut:
    response.headers["ETag"] = f'"{record.version}"'
    return policy_out(record)


def _ordered(order: PolicyOrder, response: Response) -> SlaPoliciesOut:
    response.headers["ETag"] = f'"{order.edition}"'
    return policies_out(order)
