"""An answer as tables: each figure a column, each group and each piece a row, and what is missing an empty cell."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from database.report_figure import Population, count, mean, share, spread
from database.report_tables import answer_tables, flat_table
from database.reports import Answer, Group, PieceValues, Values
from domain.period import Period, Piece
from domain.report import Dimension, Question, ReportFilter, Spread, change
from domain.report_table import Table
from domain.ticket import Priority

JUNE, JULY, AUGUST = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 7, 8))
ALL = Population("all", "ticket_facts", {}, at="opened_at")
FIGURES = (
    count("opened", ALL, "Tickets opened."),
    share("one_touch", ALL, "Of the resolved.", "one_touch"),
    mean("moves", ALL, "Moves.", "moves"),
    spread("first_response", ALL, "How soon.", "response_seconds"),
)
MANY: Values = {"opened": 4, "one_touch": 0.5, "moves": 1.5, "first_response": Spread(3, 20.0, 10.0, 40.0)}
FEW: Values = {"opened": 2, "one_touch": 0.0, "moves": None, "first_response": Spread(1, 5.0, 5.0, 5.0)}
NOTHING: Values = {"opened": 0, "one_touch": None, "moves": None, "first_response": None}


def answer(**asked: Any) -> Answer:
    """Of July, grouped by team and day by day, as far as it is asked for."""
    question = Question(Period(JULY, AUGUST), AUGUST, zone="Europe/Berlin", **asked)
    compared = question.compare
    return Answer(
        question,
        MANY,
        Period(JUNE, JULY) if compared else None,
        FEW if compared else None,
        [
            Group("support", "Support", MANY, FEW if compared else None),
            Group(None, None, NOTHING, FEW if compared else None),
        ]
        if question.group_by
        else [],
        [PieceValues(piece, values) for piece, values in zip(question.pieces, (MANY, NOTHING), strict=False)],
    )


def rows(table: Table) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def test_a_spread_is_four_columns() -> None:
    total, about = answer_tables("tickets", FIGURES, answer())

    assert [(column.name, column.kind) for column in total.columns] == [
        ("from", "moment"), ("to", "moment"), ("opened", "integer"), ("one_touch", "share"), ("moves", "number"),
        ("first_response_mean", "seconds"), ("first_response_median", "seconds"), ("first_response_p90", "seconds"),
        ("first_response_size", "integer"),
    ]  # fmt: skip
    assert list(total.rows) == [[JULY, AUGUST, 4, 0.5, 1.5, 20.0, 10.0, 40.0, 3]]
    assert total.zone == "Europe/Berlin"
    assert about.name == "about"


def test_groups_and_pieces_have_tables_of_their_own() -> None:
    pieces = [Piece(date(2026, 7, day), JULY + timedelta(day - 1), JULY + timedelta(day)) for day in (1, 2)]

    tables = answer_tables("tickets", FIGURES, answer(group_by=Dimension.HOUR_OF_WEEK, pieces=pieces))

    assert [table.title for table in tables] == ["Total", "By hour of week", "Piece by piece", "About"]
    support, nobody = rows(tables[1])
    assert support.items() >= {"key": "support", "name": "Support", "opened": 4, "first_response_size": 3}.items()
    assert nobody.items() >= {"key": "none", "name": "(none)", "opened": 0, "one_touch": None}.items()
    assert nobody.items() >= {"first_response_median": None, "first_response_size": 0}.items()
    first, second = rows(tables[2])
    assert first.items() >= {"date": date(2026, 7, 1), "from": JULY, "opened": 4}.items()
    assert second.items() >= {"date": date(2026, 7, 2), "to": JULY + timedelta(2), "opened": 0}.items()
    assert not {"part", "key"} & second.keys()


def test_what_is_compared_has_two_more_columns() -> None:
    piece = Piece(date(2026, 7, 1), JULY, AUGUST)
    total, groups, pieces, _ = answer_tables(
        "tickets", FIGURES, answer(group_by=Dimension.TEAM, pieces=[piece], compare=True)
    )

    (whole,), (support, nobody) = rows(total), rows(groups)
    assert whole.items() >= {"opened": 4, "opened_previous": 2, "opened_change": 1.0}.items()
    assert whole.items() >= {"one_touch_previous": 0.0, "one_touch_change": None, "moves_previous": None}.items()
    assert whole.items() >= {"first_response_previous": 5.0, "first_response_change": 1.0}.items()
    assert support["opened_previous"] == 2
    assert (nobody["opened_change"], nobody["first_response_change"]) == (-1.0, None)
    assert not [column.name for column in pieces.columns if column.name.endswith(("_previous", "_change"))]


def test_one_table_holds_all_parts() -> None:
    piece = Piece(date(2026, 7, 1), JULY, AUGUST)
    asked = answer(group_by=Dimension.TEAM, pieces=[piece], compare=True)

    flat = flat_table("tickets", FIGURES, asked)

    found = rows(flat)
    assert [(row["part"], row["key"], row["date"], row["opened"]) for row in found] == [
        ("total", None, None, 4), ("group", "support", None, 4), ("group", "none", None, 0),
        ("piece", None, date(2026, 7, 1), 4),
    ]  # fmt: skip
    assert all(row["from"] == JULY and row["to"] == AUGUST for row in found)
    assert "opened_previous" in found[-1]
    assert found[-1]["opened_previous"] is None


def test_about_tells_what_was_asked_and_what_figures_mean() -> None:
    wanted = ReportFilter(priority=[Priority.HIGH], no_agent=True, within=frozenset({"support", "billing"}))

    about = answer_tables("tickets", FIGURES, answer(compare=True, wanted=wanted))[-1]

    said = {row[0]: row[1] for row in about.rows}
    assert said["Period"] == "2026-07-01 02:00+02:00 to 2026-08-01 02:00+02:00"
    assert said["Compared with"] == "2026-06-01 02:00+02:00 to 2026-07-01 02:00+02:00"
    assert (said["Team"], said["Priority"], said["Agent"]) == ("billing, support", "high", "none")
    assert said["First response"] == "How soon."


def test_a_change_is_of_the_previous_value() -> None:
    assert change(3, 2) == 0.5
    assert change(Spread(1, 9.0, 1.0, 9.0), Spread(1, 9.0, 4.0, 9.0)) == -0.75
    assert change(3, 0) is None
    assert change(None, 2) is None
    assert change(2, None) is None
