"""Writes `docs/openapi.json`: `make openapi`. A test fails when the file is stale."""

import json
from typing import Any

from api.app import create_app
from settings import ROOT, Settings

FILE = ROOT / "docs" / "openapi.json"


def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=1, sort_keys=True) + "\n")
    print(f"wrote {FILE.name}")
