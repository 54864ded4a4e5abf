"""`make rotate-token-key`, as an operator runs it."""

import os
import subprocess
import sys
from pathlib import Path

from api.credentials.token_keys import load_or_make_key
from settings import ROOT


def rotate(data_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "operations.rotate_token_key"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_new_key_signs_and_the_old_one_verifies(data_dir: Path) -> None:
    file = data_dir / "token-key.json"
    old = load_or_make_key(file)

    done = rotate(data_dir)

    new = load_or_make_key(file)
    assert done.returncode == 0, done.stderr
    assert new.kid != old.kid
    assert f"{new.kid} signs now; 1 older keys still verify." in done.stdout


def test_a_file_that_holds_no_keys_is_left_alone(data_dir: Path) -> None:
    file = data_dir / "token-key.json"
    file.write_text("{}")

    done = rotate(data_dir)

    assert done.returncode == 2
    assert "Nothing was changed" in done.stdout
    assert file.read_text() == "{}"
