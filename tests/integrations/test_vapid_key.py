"""The key of pushes is made once, for whoever comes first, and nobody else may read it."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from integrations.vapid_key import load_or_make_vapid_key, public_point

AS_PEM = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_it_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "vapid-key.pem"
    made = public_point(load_or_make_vapid_key(path))
    assert public_point(load_or_make_vapid_key(path)) == made
    assert (len(made), made[0]) == (65, 4)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_of_many_that_start_at_once_all_have_the_same(tmp_path: Path) -> None:
    path = tmp_path / "vapid-key.pem"
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(load_or_make_vapid_key, [path] * 8))
    assert len({public_point(key) for key in keys}) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"", b"secret", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        generate_private_key(SECP384R1()).private_bytes(*AS_PEM), Ed25519PrivateKey.generate().private_bytes(*AS_PEM),
    ],
    ids=["nothing", "no PEM", "no key", "another curve", "another kind"],
)  # fmt: skip
def test_a_file_with_another_key_stops_the_start(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vapid-key.pem"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"vapid-key\.pem"):
        load_or_make_vapid_key(path)
    assert path.read_bytes() == content
