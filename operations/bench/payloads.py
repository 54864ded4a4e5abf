"""What it costs to encrypt a payload and to decrypt it, beside the bare cipher."""

import base64
import os
import statistics
import time
from collections.abc import Awaitable, Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload

from operations.bench.figure import Figure, Floor
from operations.bench.ground import Ground
from workflows.encryption import NONCE_BYTES, Encryption
from workflows.payload_keys import KEY_BYTES, KeyRing, PayloadKeys

SIZES = (200, 600, 20_000)
"""Bytes: a receipt; a command with who, what and when; the answer to a dispatcher's round."""
TIMES, ROUNDS = 2000, 5


async def measure_payloads(_ground: Ground) -> list[Figure]:
    """One payload after the other in this process, without the engine."""
    return [figure for size in SIZES for figure in await measure_size(size)]


async def measure_size(size: int) -> list[Figure]:
    """Microseconds at that size, both ways."""
    key, nonce, text = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES), os.urandom(size)
    ring = KeyRing.model_validate({"current": "bench", "keys": {"bench": base64.b64encode(key)}})
    encryption, cipher = Encryption(PayloadKeys(lambda: ring), "ticket-1042"), AESGCM(key)
    clear = [Payload(metadata={"encoding": b"json/plain"}, data=text)]
    sealed, bare = await encryption.encode(clear), cipher.encrypt(nonce, text, None)

    async def encrypt() -> None:
        cipher.encrypt(nonce, text, None)

    async def decrypt() -> None:
        cipher.decrypt(nonce, bare, None)

    name = f"payload of {size:,} bytes"
    return [
        Figure(
            name,
            "us encrypted",
            await _microseconds(lambda: encryption.encode(clear)),
            [Floor("AES-256-GCM alone", await _microseconds(encrypt))],
        ),
        Figure(
            name,
            "us decrypted",
            await _microseconds(lambda: encryption.decode(sealed)),
            [Floor("AES-256-GCM alone", await _microseconds(decrypt))],
        ),
    ]


async def _microseconds(call: Callable[[], Awaitable[object]]) -> float:
    """Of one call: the median of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(TIMES):
            await call()
        rounds.append((time.perf_counter() - began) / TIMES * 1e6)
    return statistics.median(rounds)
