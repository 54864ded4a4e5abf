"""The table at the door."""

import pytest

from domain.access import Reader, check_permission
from domain.errors import ForbiddenError
from domain.people import Role
from domain.permissions import DESK, GRANTABLE, PERMISSIONS, PUBLIC, Scope
from tests.factories import person_id


def reader(role: Role, *scopes: Scope) -> Reader:
    return Reader(id=person_id("me"), role=role, scopes=frozenset(scopes) if scopes else None)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("operation", PERMISSIONS)
def test_a_role_comes_in_where_the_table_has_it(operation: str, role: Role) -> None:
    if role in PERMISSIONS[operation].roles:
        check_permission(reader(role), operation)
    else:
        with pytest.raises(ForbiddenError):
            check_permission(reader(role), operation)


@pytest.mark.parametrize("operation", PERMISSIONS)
def test_a_scope_lets_into_its_own_operations_only(operation: str) -> None:
    asked = PERMISSIONS[operation].scope
    for scope in Scope:
        if asked in (None, scope):
            check_permission(reader(Role.ADMIN, scope), operation)
        else:
            with pytest.raises(ForbiddenError, match=f"no scope {asked}"):
                check_permission(reader(Role.ADMIN, scope), operation)


def test_a_scope_never_widens_a_role() -> None:
    with pytest.raises(ForbiddenError, match="Only an admin"):
        check_permission(reader(Role.AGENT, Scope.PEOPLE_WRITE), "edit_user")


def test_what_is_not_in_the_table_is_open_to_nobody() -> None:
    with pytest.raises(ForbiddenError, match="nobody"):
        check_permission(reader(Role.ADMIN), "launch_missiles")


def test_nothing_is_both_public_and_permitted() -> None:
    assert not PUBLIC & PERMISSIONS.keys()


def test_no_key_reaches_the_account_itself() -> None:
    assert Scope.ACCOUNT not in GRANTABLE
    assert all(permission.roles >= DESK or permission.roles <= DESK for permission in PERMISSIONS.values())
