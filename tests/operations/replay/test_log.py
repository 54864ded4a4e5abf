import csv
import gzip
from pathlib import Path

import pytest

from operations.replay.log import UNKNOWN_GROUP, LogError, in_order, parse, read_log
from tests.operations.replay.incidents import ORDINARY, incident

ROW = {name: str(value) for name, value in ORDINARY.items()}


def test_a_spreadsheets_decimals_and_blanks_are_read_as_what_they_mean() -> None:
    row = ROW | {"first_group": "70.0", "final_group": "", "resolver": "11.0", "resolution_s": "", "sim_priority": "1"}

    (read,) = parse([row])

    assert (read.first_group, read.final_group, read.resolver) == ("70", UNKNOWN_GROUP, "11")
    assert read.resolution_s is None


@pytest.mark.parametrize(
    ("column", "value"),
    [("priority", "5"), ("reassignments", "-1"), ("closed_s", "soon"), ("closed_s", "nan"), ("ticket", "")],
)
def test_a_bad_cell_is_named_by_line_and_column(column: str, value: str) -> None:
    with pytest.raises(LogError, match=f"line 3, column {column}"):
        list(parse([ROW, ROW | {column: value}]))


def test_incidents_come_in_the_order_of_their_arrival() -> None:
    later, sooner = incident(ticket="A1", arrival_offset_s=120), incident(ticket="A2", arrival_offset_s=60)

    assert in_order([later, sooner]) == [sooner, later]


def test_a_ticket_that_comes_twice_is_refused() -> None:
    with pytest.raises(LogError, match="A1 is in the log twice"):
        in_order([incident(), incident()])


def test_plain_and_packed_files_are_read_alike(tmp_path: Path) -> None:
    plain, packed = tmp_path / "log.csv", tmp_path / "log.csv.gz"
    with plain.open("w", newline="") as lines:
        table = csv.DictWriter(lines, list(ROW))
        table.writeheader()
        table.writerow(ROW)
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    assert read_log(plain) == read_log(packed) == [incident()]


def test_a_file_that_is_not_there_or_not_packed_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="cannot be read"):
        read_log(tmp_path / "none.csv")
    (tmp_path / "torn.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(LogError, match="cannot be read"):
        read_log(tmp_path / "torn.csv.gz")
