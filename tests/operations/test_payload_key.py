"""Adding a key to the ring."""

import os
import stat
from pathlib import Path

import pytest

from operations.payload_key import add_key
from workflows.payload_keys import PayloadKeysError, read_ring


def test_the_first_key_makes_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "keys.json"

    add_key(file, "one")

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (read_ring(file).current, list(read_ring(file).keys)) == ("one", ["one"])
    assert os.listdir(file.parent) == ["keys.json"]  # noqa: PTH208  the whole folder


def test_a_fresh_key_is_current_and_the_old_one_stays(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    old = add_key(file, "one").keys["one"]
    file.chmod(0o640)

    add_key(file, "two")

    ring = read_ring(file)
    assert (ring.current, ring.keys["one"]) == ("two", old)
    assert ring.keys["two"] != old
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize(("id", "sentence"), [("one", "already"), ("no id", "is no id"), ("", "is no id")])
def test_an_id_that_is_taken_or_none_changes_nothing(tmp_path: Path, id: str, sentence: str) -> None:
    file = tmp_path / "keys.json"
    add_key(file, "one")
    before = file.read_text()

    with pytest.raises(PayloadKeysError, match=sentence):
        add_key(file, id)

    assert file.read_text() == before


def test_a_file_that_cannot_be_used_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text("{}")
    file.chmod(0o600)

    with pytest.raises(PayloadKeysError, match="no ring of keys"):
        add_key(file, "one")

    assert file.read_text() == "{}"
