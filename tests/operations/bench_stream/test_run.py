"""The whole measurement, tiny: a stack, two API processes, the floor, and every event heard once."""

import json
from pathlib import Path

from operations.bench_stream.__main__ import main


def test_every_event_is_heard_once_and_has_its_figures(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    small = ["--clients", "25", "--processes", "2", "--seconds", "1", "--rate", "10"]

    assert main([*small, "--json", str(file)]) == 0

    document = json.loads(file.read_text())
    assert document["faults"] == []
    figures = {(figure["name"], figure["unit"]): figure for figure in document["figures"]}
    assert {name for name, _ in figures} == {"25 clients, targeted, 2 processes", "25 clients, broadcast, 2 processes"}
    assert figures["25 clients, broadcast, 2 processes", "messages"]["ours"] == 25 * 10
    # Ten events go to the audiences in turns: five to the 20 of the first, five to the 5 of the second.
    assert figures["25 clients, targeted, 2 processes", "messages"]["ours"] == 5 * 20 + 5 * 5
    assert all(figure["ours"] >= 0 and len(figure["floors"]) == 1 for figure in document["figures"])
