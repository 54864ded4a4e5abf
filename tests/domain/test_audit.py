"""The chain of the audit trail: what a hash is made of."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.audit import FIRST_HASH, ChainedEntry, ChainedPart, hash_of, hash_of_part
from tests.factories import ADMIN, AGENT

ENTRY = ChainedEntry(
    number=1,
    at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
    author_id=ADMIN,
    author_role="admin",
    credential=None,
    action="person.changed",
    subject_kind="person",
    subject_id="ö",
    before='{"role": "agent"}',
    after=None,
    personal_hashes=(b"\x01\x02", b"\xff"),
    previous_hash=FIRST_HASH,
    hash=b"",
)
PART = ChainedPart(1, 1, AGENT, b"salt", '{"name": "Ä"}')


def test_the_hash_is_of_the_one_before_and_of_all_fields_with_their_lengths() -> None:
    fields = [
        "1:1", "16:1767323045678901", f"36:{ADMIN}", "5:admin", "-", "14:person.changed", "6:person", "2:ö",
        '17:{"role": "agent"}', "-", "7:0102,ff",
    ]  # fmt: skip
    assert hash_of(ENTRY) == hashlib.sha256(FIRST_HASH + "".join(fields).encode()).digest()


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2},
        {"at": ENTRY.at + timedelta(microseconds=1)},
        {"author_id": None},
        {"author_role": None},
        {"credential": ""},
        {"action": "person.change", "subject_kind": "dperson"},
        {"subject_id": "o"},
        {"before": None, "after": ENTRY.before},
        {"personal_hashes": ()},
        {"personal_hashes": (b"\x01\x02",)},
        {"previous_hash": bytes([1] * 32)},
    ],
    ids=str,
)
def test_whatever_is_changed_changes_the_hash(change: dict[str, Any]) -> None:
    assert hash_of(ENTRY._replace(**change)) != hash_of(ENTRY)


def test_a_personal_part_is_hashed_with_its_salt_and_its_person() -> None:
    written = f'36:{AGENT}14:{{"name": "Ä"}}'
    assert hash_of_part(PART) == hashlib.sha256(b"salt" + written.encode()).digest()
    others = [PART._replace(person=None), PART._replace(salt=b"other"), PART._replace(data="{}")]
    assert len({hash_of_part(one) for one in (PART, *others)}) == 4
