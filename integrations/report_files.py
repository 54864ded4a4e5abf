"""Tables as files: CSV by RFC 4180, and workbooks for spreadsheet programs. Both are written row by row, whatever there
is of them.

A text is never a formula. A workbook says of each cell what it is; CSV cannot, so a text that a spreadsheet program
would take for a formula gets an apostrophe before it, as OWASP advises ("CSV injection"). Numbers are left as they are.

| Kind | CSV | workbook |
|---|---|---|
| share | from 0 to 1 | percent |
| seconds | seconds | a duration, `[h]:mm:ss` |
| moment | RFC 3339, with the offset of the table's zone | what the zone's clocks show; the title names the zone |
| date | ISO 8601 | a date |
"""

import csv
import io
import itertools
import math
import re
import tempfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import IO, Any, Self
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook

from domain.business_calendar import time_zone
from domain.report_table import Cell, Column, Kind, Row, Table

CSV_TYPE = "text/csv; charset=utf-8; header=present"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_CELL = 32_767
"""Characters that a workbook's cell holds."""
_STARTS_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  wide ones are taken for formulas too
_SECONDS_A_DAY = 86_400
_FORMATS: dict[Kind, str] = {
    "text": "@",
    "integer": "0",
    "number": "#,##0.00",
    "share": "0.0%",
    "seconds": "[h]:mm:ss",
    "moment": "yyyy-mm-dd hh:mm:ss",
    "date": "yyyy-mm-dd",
}
_WIDTHS: dict[Kind, int] = {
    "text": 24,
    "integer": 12,
    "number": 12,
    "share": 12,
    "seconds": 12,
    "moment": 20,
    "date": 12,
}
_UNFIT_FOR_SHEET = re.compile(r"[\[\]:*?/\\']")


class CsvLines:
    """Rows of a table as lines of a file. The first line are the columns' names."""

    def __init__(self, columns: Sequence[Column], zone: str = "UTC") -> None:
        self._columns = columns
        self._zone = time_zone(zone)

    def header(self) -> bytes:
        return _lines([[_harmless(column.name) for column in self._columns]])

    def of(self, rows: Iterable[Row]) -> bytes:
        return _lines([_csv_cell(cell, self._zone) for cell in row] for row in rows)


class XlsxFile:
    """A workbook, a sheet after the other and row by row. Nothing is written to the binary file `out` before `finish`.

    What waits for that waits in temporary files, which the end of the block removes.
    """

    def __init__(self, out: IO[bytes], title: str = "") -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="workbook-")
        options = {"constant_memory": True, "strings_to_formulas": False, "tmpdir": self._folder.name}
        self._book = Workbook(out, options)
        self._book.set_properties({"title": title})
        self._header = self._book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        self._formats = {kind: self._book.add_format({"num_format": shown}) for kind, shown in _FORMATS.items()}
        self._sheet: Any = None
        self._columns: Sequence[Column] = ()
        self._zone = time_zone("UTC")
        self._row = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sheet in self._book.worksheets():
            sheet._opt_close()  # noqa: SLF001  a sheet that is not finished keeps its file open
        self._folder.cleanup()

    def begin(self, title: str, columns: Sequence[Column], zone: str = "UTC") -> None:
        """The next sheet, with the columns' titles in a row that stays in sight."""
        self._sheet = self._book.add_worksheet(self._sheet_name(title))
        self._columns, self._zone, self._row = columns, time_zone(zone), 1
        self._sheet.freeze_panes(1, 0)
        for place, column in enumerate(columns):
            self._sheet.set_column(place, place, _WIDTHS[column.kind], self._formats[column.kind])
            self._sheet.write_string(0, place, _sheet_title(column, zone), self._header)

    def add(self, rows: Iterable[Row]) -> None:
        """More rows of the sheet. A sheet has 1,048,575 of them at most; xlsxwriter leaves out those after."""
        for row in rows:
            for place, (column, cell) in enumerate(zip(self._columns, row, strict=True)):
                self._write(place, column.kind, cell)
            self._row += 1

    def _sheet_name(self, title: str) -> str:
        """Of the title, as far as it fits: no two sheets have the same."""
        name = _UNFIT_FOR_SHEET.sub(" ", title)[:31].strip() or "Sheet"
        names = itertools.chain([name], (f"{name[:27]} {place}" for place in itertools.count(2)))
        taken = {sheet.get_name().lower() for sheet in self._book.worksheets()}
        return next(one for one in names if one.lower() not in taken)

    def _write(self, place: int, kind: Kind, cell: Cell) -> None:
        written = self._formats[kind]
        if cell is None or _is_empty(cell):
            return
        if isinstance(cell, str):
            self._sheet.write_string(self._row, place, cell[:MAX_CELL], written)
        elif isinstance(cell, date):
            self._sheet.write_datetime(self._row, place, _on_clocks(cell, self._zone), written)
        else:
            self._sheet.write_number(self._row, place, cell / _SECONDS_A_DAY if kind == "seconds" else cell, written)

    def finish(self) -> None:
        """Write the file. Takes its time, and raises ValueError as soon as somebody closes `out`."""
        self._book.close()


def csv_bytes(table: Table) -> bytes:
    """A small table as a CSV file."""
    lines = CsvLines(table.columns, table.zone)
    return lines.header() + lines.of(table.rows)


def xlsx_bytes(tables: Iterable[Table], title: str = "") -> bytes:
    """Small tables as a workbook with a sheet for each."""
    out = io.BytesIO()
    with XlsxFile(out, title) as file:
        for table in tables:
            file.begin(table.title, table.columns, table.zone)
            file.add(table.rows)
        file.finish()
    return out.getvalue()


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


def _csv_cell(cell: Cell, zone: ZoneInfo) -> str:
    if _is_empty(cell):
        return ""
    if isinstance(cell, str):
        return _harmless(cell)
    if isinstance(cell, datetime):
        return cell.astimezone(zone).isoformat()
    return cell.isoformat() if isinstance(cell, date) else repr(cell)


def _is_empty(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, float) and not math.isfinite(cell))


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_STARTS_FORMULA) else text


def _on_clocks(cell: date, zone: ZoneInfo) -> date:
    """What the zone's clocks show: a workbook knows no zones."""
    return cell.astimezone(zone).replace(tzinfo=None) if isinstance(cell, datetime) else cell


def _sheet_title(column: Column, zone: str) -> str:
    notes = {"moment": f" ({zone})", "seconds": " (h:mm:ss)"}
    return column.title + notes.get(column.kind, "")
