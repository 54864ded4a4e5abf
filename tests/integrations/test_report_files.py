"""Tables as files: what a program reads back is what was in the table, and no text becomes a formula."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from openpyxl import load_workbook

from domain.report_table import Column, Row, Table
from integrations.report_files import MAX_CELL, csv_bytes, xlsx_bytes

COLUMNS = (
    Column("name", "Name", "text"),
    Column("opened", "Opened", "integer"),
    Column("index", "Index", "number"),
    Column("one_touch", "One touch", "share"),
    Column("resolution_median", "Resolution, median", "seconds"),
    Column("at", "At", "moment"),
    Column("on", "On", "date"),
)
SUMMER = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
ROW: Row = ('Zoë, "the" agent\nof 王小明 🖨', 12, -1.5, 0.25, 93_784.0, SUMMER, date(2026, 7, 2))
EMPTY: Row = ("Nobody", None, None, None, None, None, None)
FORMULAS = [
    "=1+1", '=HYPERLINK("http://evil.example","click")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1",  # noqa: RUF001
]  # fmt: skip


def table(*rows: Row, zone: str = "Europe/Berlin") -> Table:
    return Table("tickets", "Tickets", COLUMNS, rows, zone)


def texts(*values: str) -> Table:
    return Table("texts", "Texts", [Column("text", "Text", "text")], [[value] for value in values])


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def read_xlsx(content: bytes) -> dict[str, list[tuple[Any, ...]]]:
    book = load_workbook(io.BytesIO(content))
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}


def test_csv_has_the_names_and_every_value() -> None:
    header, row, empty = read_csv(csv_bytes(table(ROW, EMPTY)))

    assert header == [column.name for column in COLUMNS]
    assert row == [ROW[0], "12", "-1.5", "0.25", "93784.0", "2026-07-02T00:30:00+02:00", "2026-07-02"]
    assert datetime.fromisoformat(row[5]) == SUMMER
    assert empty == ["Nobody", *[""] * 6]


def test_csv_is_that_of_the_standard() -> None:
    content = csv_bytes(texts("a", 'b "c"', "d\ne", "f,g"))

    assert content == b'text\r\na\r\n"b ""c"""\r\n"d\ne"\r\n"f,g"\r\n'


@pytest.mark.parametrize("formula", FORMULAS)
def test_csv_has_no_text_that_looks_like_a_formula(formula: str) -> None:
    assert read_csv(csv_bytes(texts(formula)))[1] == [f"'{formula}"]


def test_csv_leaves_other_texts_and_numbers_alone() -> None:
    assert read_csv(csv_bytes(texts("1 = 1", "a@example.com", "'quoted"))) == [
        ["text"], ["1 = 1"], ["a@example.com"], ["'quoted"],
    ]  # fmt: skip
    assert b"'" not in csv_bytes(table((None, -5, -0.5, -1.0, None, None, None)))


def test_a_workbook_has_the_titles_and_every_value() -> None:
    header, row, empty = read_xlsx(xlsx_bytes([table(ROW, EMPTY)]))["Tickets"]

    assert header == (
        "Name", "Opened", "Index", "One touch", "Resolution, median (h:mm:ss)", "At (Europe/Berlin)", "On",
    )  # fmt: skip
    assert row[:4] == ROW[:4]
    assert row[4] == timedelta(seconds=93_784)
    assert row[5] == datetime(2026, 7, 2, 0, 30)  # noqa: DTZ001  what Berlin's clocks show
    assert row[6] == datetime(2026, 7, 2)  # noqa: DTZ001  openpyxl reads dates as midnights
    assert empty == EMPTY


def test_a_workbook_shows_each_kind_as_what_it_is() -> None:
    sheet = load_workbook(io.BytesIO(xlsx_bytes([table(ROW)])))["Tickets"]

    assert sheet.freeze_panes == "A2"
    assert [sheet.cell(2, place).number_format for place in range(1, 8)] == [
        "@", "0", "#,##0.00", "0.0%", "[h]:mm:ss", "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd",
    ]  # fmt: skip
    assert [sheet.cell(2, place).data_type for place in range(1, 8)] == ["s", "n", "n", "n", "d", "d", "d"]


def test_a_workbook_has_no_formulas_and_no_links() -> None:
    content = xlsx_bytes([texts(*FORMULAS, "http://evil.example", "{=1+1}")])

    sheet = load_workbook(io.BytesIO(content))["Texts"]
    cells = [sheet.cell(row, 1) for row in range(2, sheet.max_row + 1)]
    assert [cell.data_type for cell in cells] == ["s"] * 12
    assert [cell.hyperlink for cell in cells] == [None] * 12
    assert cells[0].value == "=1+1", "as it is: the cell says that it is a text"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


def test_a_workbook_takes_any_text() -> None:
    odd = ["\x0b\x1f", "_x0041_", "<b>&amp;</b>", "  spaces  ", "\ufffe", "💥" * 10, "x" * 40_000]

    rows = read_xlsx(xlsx_bytes([texts(*odd)]))["Texts"][1:]

    assert [value for (value,) in rows][2:4] == odd[2:4]
    assert len(rows) == len(odd)
    assert len(rows[-1][0]) == MAX_CELL


def test_a_value_that_is_no_number_is_an_empty_cell() -> None:
    nothing = table(("Nobody", None, float("nan"), float("inf"), float("-inf"), None, None))

    assert read_csv(csv_bytes(nothing))[1] == ["Nobody", *[""] * 6]
    assert read_xlsx(xlsx_bytes([nothing]))["Tickets"][1] == EMPTY


def test_each_table_has_a_sheet_of_its_own_whatever_its_title() -> None:
    titles = ["Total", "total", "By team: [all]/?*", "x" * 40, "x" * 40, "'", ""]

    names = list(read_xlsx(xlsx_bytes([table()._replace(title=title) for title in titles])))

    assert len(names) == len(titles)
    assert names[:3] == ["Total", "total 2", "By team   all"]
    assert all(0 < len(name) <= 31 for name in names)


def test_an_empty_table_is_its_header() -> None:
    assert csv_bytes(table()).count(b"\r\n") == 1
    assert len(read_xlsx(xlsx_bytes([table()]))["Tickets"]) == 1
