"""Rings of keys: which are refused, and how a process comes to know a newer one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.workflows.payload_rings import NEW, OLD, ring
from workflows.payload_keys import PayloadKeys, PayloadKeysError, UnknownKeyError, payload_keys, read_ring


def written(file: Path, text: str, mode: int = 0o600) -> Path:
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ring whose current key is the new one."""
    return written(tmp_path / "keys.json", ring(OLD, NEW).model_dump_json())


def test_keys_come_from_a_file_or_from_the_environment(file: Path) -> None:
    from_file, from_text = payload_keys(file, None), payload_keys(None, SecretStr(file.read_text()))

    assert from_file is not None
    assert from_text is not None
    assert from_file.current == from_text.current == NEW
    sealed = from_file.cipher(OLD).encrypt(b"0" * 12, b"the same keys", None)
    assert from_text.cipher(OLD).decrypt(b"0" * 12, sealed, None) == b"the same keys"


def test_without_keys_nothing_is_encrypted() -> None:
    assert payload_keys(None, None) is None


def test_two_places_are_refused(file: Path) -> None:
    with pytest.raises(PayloadKeysError, match="both set"):
        payload_keys(file, SecretStr("{}"))


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o601, 0o666])
def test_a_file_for_everybody_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)

    with pytest.raises(PayloadKeysError, match=f"mode {mode:04o}.*chmod 600"):
        payload_keys(file, None)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640])
def test_a_file_for_its_owner_or_group_is_read(file: Path, mode: int) -> None:
    file.chmod(mode)

    assert payload_keys(file, None) is not None


def _without_current(given: dict[str, Any]) -> None:
    given["current"] = "2027-01"


def _short(given: dict[str, Any]) -> None:
    given["keys"][OLD] = "c2hvcnQ="


def _no_base64(given: dict[str, Any]) -> None:
    given["keys"][OLD] = "*" * 44


def _bad_id(given: dict[str, Any]) -> None:
    given["keys"]["a key\0"] = given["keys"][OLD]


def _more(given: dict[str, Any]) -> None:
    given["note"] = "hello"


@pytest.mark.parametrize("spoil", [_without_current, _short, _no_base64, _bad_id, _more])
def test_a_ring_that_is_none_is_refused_without_telling_a_key(
    file: Path, spoil: Callable[[dict[str, Any]], None]
) -> None:
    given = json.loads(file.read_text())
    spoil(given)
    written(file, json.dumps(given))

    with pytest.raises(PayloadKeysError, match="is no ring of keys") as refused:
        payload_keys(file, None)

    assert not [key for key in given["keys"].values() if key in str(refused.value)]
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', '{"current": "a", "keys": {}}'])
def test_what_is_no_ring_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(PayloadKeysError, match="is no ring of keys"):
        read_ring(written(tmp_path / "keys.json", text))


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PayloadKeysError, match="cannot be read: No such file"):
        read_ring(tmp_path / "keys.json")
    (tmp_path / "keys.json").write_bytes(b"\xff\xfe")
    (tmp_path / "keys.json").chmod(0o600)
    with pytest.raises(PayloadKeysError, match="it is no text"):
        read_ring(tmp_path / "keys.json")


def test_a_key_that_another_process_uses_already_is_found_in_the_file(tmp_path: Path) -> None:
    file = written(tmp_path / "keys.json", ring(OLD).model_dump_json())
    keys = PayloadKeys(lambda: read_ring(file))
    written(file, ring(OLD, NEW).model_dump_json())
    assert keys.current == OLD

    keys.cipher(NEW)

    assert keys.current == NEW


def test_what_was_read_counts_while_the_file_is_unusable(tmp_path: Path) -> None:
    file = written(tmp_path / "keys.json", ring(OLD).model_dump_json())
    keys = PayloadKeys(lambda: read_ring(file))
    file.unlink()

    with pytest.raises(UnknownKeyError, match=f"'{NEW}'"):
        keys.cipher(NEW)

    keys.cipher(OLD)


def test_a_ring_does_not_show_its_keys(file: Path) -> None:
    shown = ring(OLD, NEW)

    assert str(shown) == repr(shown).removeprefix("KeyRing(").removesuffix(")") == f"current='{NEW}'"
