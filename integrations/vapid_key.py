"""The key by which push services know this desk (VAPID, RFC 8292). Browsers subscribe for this key and no other, so
with another one all subscriptions are worth nothing."""

import contextlib
import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)


def load_or_make_vapid_key(path: Path) -> EllipticCurvePrivateKey:
    """The key in the file (PEM); made there, readable by its owner only, when there is none.

    Raises ValueError for a file that holds no private key on P-256.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, for another process may look at the same moment; the quicker one's key counts.
        with tempfile.NamedTemporaryFile("wb", dir=path.parent) as file:
            file.write(_pem(generate_private_key(SECP256R1())))
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} holds no private key (PEM)") from error
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    raise ValueError(f"the key in {path} is not on the curve P-256")


def public_point(key: EllipticCurvePrivateKey) -> bytes:
    """What browsers want as `applicationServerKey`: the point, uncompressed."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
