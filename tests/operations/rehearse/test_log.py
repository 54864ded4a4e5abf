"""The arrivals of a log: read, cut to a period, made more or fewer."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.ticket import Priority
from operations.rehearse.log import DEFAULT_START, LogError, parse, read_arrivals, scaled, within
from tests.operations.rehearse.rehearsing import arrivals, at

HEADER = "ticket,arrival_offset_s,opened_at,priority,skill,handling_s,sim_priority"
ROW = {"arrival_offset_s": "60", "priority": "2", "skill": "vpn", "handling_s": "600"}


def test_a_row_becomes_an_arrival() -> None:
    (arrival,) = parse([ROW])

    assert arrival.at == DEFAULT_START + timedelta(minutes=1)
    assert (arrival.priority, arrival.skill, arrival.work) == (Priority.HIGH, "vpn", timedelta(minutes=10))


def test_the_first_row_tells_the_dates_of_the_log() -> None:
    later = {**ROW, "arrival_offset_s": "93600"}
    first, second = parse([{**ROW, "opened_at": "2024-05-06 00:01"}, {**later, "opened_at": "whenever"}])

    assert first.at == datetime(2024, 5, 6, 0, 1, tzinfo=UTC)
    assert second.at == datetime(2024, 5, 7, 2, 0, tzinfo=UTC)


def test_a_priority_for_rehearsals_goes_before_the_log_s_own() -> None:
    assert parse([{**ROW, "sim_priority": "1"}])[0].priority is Priority.URGENT
    assert parse([{**ROW, "sim_priority": ""}])[0].priority is Priority.HIGH


def test_arrivals_are_in_order_of_time() -> None:
    rows = [{**ROW, "arrival_offset_s": offset} for offset in ("50", "10", "30")]

    assert [arrival.number for arrival in parse(rows)] == [2, 3, 1]


@pytest.mark.parametrize("column", ["arrival_offset_s", "priority", "skill", "handling_s"])
@pytest.mark.parametrize("text", ["", "-1", "-inf", "no such thing"])
def test_a_bad_row_is_named(column: str, text: str) -> None:
    with pytest.raises(LogError, match=rf"line 3, column {column}"):
        parse([ROW, {**ROW, column: text}])


def test_a_bad_date_and_an_empty_log_are_refused() -> None:
    with pytest.raises(LogError, match="line 2, column opened_at"):
        parse([{**ROW, "opened_at": "yesterday"}])
    with pytest.raises(LogError, match="no arrivals"):
        parse([])


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_a_log_is_read_plain_or_packed(tmp_path: Path, name: str) -> None:
    text = f"{HEADER}\nT1,0,2024-05-06 00:00,3,70.0,300,4\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())

    (arrival,) = read_arrivals(path)

    assert (arrival.skill, arrival.priority) == ("70", Priority.LOW)


def test_a_log_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="cannot be read"):
        read_arrivals(tmp_path / "none.csv")
    (tmp_path / "no.csv.gz").write_bytes(b"not packed")
    with pytest.raises(LogError, match="cannot be read"):
        read_arrivals(tmp_path / "no.csv.gz")


def test_a_period_is_cut_out() -> None:
    next_day = arrivals(("09:00", 10))[0]._replace(number=3, at=at("00:00", 1))
    coming = [*arrivals(("09:00", 10), ("23:59", 10)), next_day]

    assert len(within(coming, None, None)) == 3
    assert [arrival.number for arrival in within(coming, None, 1)] == [1, 2]
    assert [arrival.number for arrival in within(coming, at("00:00", 1), None)] == [3]
    with pytest.raises(LogError, match="nothing came"):
        within(coming, at("00:00", 5), 2)


def test_a_busier_time_has_so_many_more_of_the_same_kind() -> None:
    coming = arrivals(*[("09:00", 10)] * 1000)

    busier, calmer = scaled(coming, 1.3, seed=1), scaled(coming, 0.5, seed=1)

    assert 1250 < len(busier) < 1350
    assert 450 < len(calmer) < 550
    assert sorted({arrival.number for arrival in busier}) == list(range(1, len(busier) + 1))
    assert all(at("09:00") <= arrival.at <= at("09:30") for arrival in busier)
    assert scaled(coming, 1.3, seed=1) == busier != scaled(coming, 1.3, seed=2)
    assert scaled(coming, 1.0, seed=1) == coming
