"""A link is good for one purpose and one state of the account."""

import pytest

from domain.account_mail import (
    LINK_LIFETIME,
    LINK_OF,
    AccountMailKind,
    LinkPurpose,
    SignedLink,
    account_mark,
    check_mark,
)
from domain.errors import LinkInvalidError
from tests.factories import REQUESTER

VERIFY, RESET = LinkPurpose.VERIFY_EMAIL, LinkPurpose.RESET_PASSWORD


def link(purpose: LinkPurpose) -> SignedLink:
    return SignedLink(REQUESTER, account_mark(purpose, "rita@example.com", 3))


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_a_link_opens_the_account_that_it_was_made_for(purpose: LinkPurpose) -> None:
    check_mark(link(purpose), purpose, "Rita@Example.com", 3)


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_a_link_ends_when_the_address_changes(purpose: LinkPurpose) -> None:
    with pytest.raises(LinkInvalidError):
        check_mark(link(purpose), purpose, "rita@example.org", 3)


@pytest.mark.parametrize("purpose", LinkPurpose)
def test_a_link_ends_with_the_password(purpose: LinkPurpose) -> None:
    with pytest.raises(LinkInvalidError):
        check_mark(link(purpose), purpose, "rita@example.com", 4)


def test_a_mark_is_good_for_its_purpose_only() -> None:
    with pytest.raises(LinkInvalidError):
        check_mark(link(VERIFY), RESET, "rita@example.com", 3)


def test_every_kind_says_which_link_it_carries_and_every_link_ends() -> None:
    assert LINK_OF.keys() == set(AccountMailKind)
    assert LINK_LIFETIME.keys() == set(LinkPurpose)
    assert {purpose for purpose in LINK_OF.values() if purpose} == set(LinkPurpose)
