"""Charts: a picture of the right size, that tells different figures apart, whatever names and gaps there are."""

import io
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import pytest
from matplotlib.image import imread

from integrations.chart_drawing import COLOURS, scale_of
from integrations.report_charts import chart_png

DAYS = ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05")
HOURS = [str(hour) for hour in range(24)]
WEEK = {day: [float(hour + place) for hour in range(24)] for place, day in enumerate(("Mon", "Tue", "Wed"))}
Kind = Literal["line", "bar", "heat", "band"]


def picture(png: bytes) -> Any:
    """Its pixels: rows of columns of red, green, blue and opacity, from 0 to 1."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return imread(io.BytesIO(png), format="png")


def has_colour(png: bytes, colour: str) -> bool:
    wanted = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return bool(np.any(np.all(np.abs(picture(png)[:, :, :3] - wanted) < 0.01, axis=2)))


def ink_by_column(png: bytes) -> list[int]:
    """How many pixels of each column have the first colour."""
    wanted = [int(COLOURS[0][place : place + 2], 16) / 255 for place in (1, 3, 5)]
    found: list[int] = np.all(np.abs(picture(png)[:, :, :3] - wanted) < 0.01, axis=2).sum(axis=0).tolist()
    return found


@pytest.mark.parametrize(
    ("kind", "labels", "series"),
    [
        ("line", DAYS, {"Opened": [1, 2, 3, 4, 5], "Resolved": [5, 4, 3, 2, 1]}),
        ("bar", DAYS, {"Opened": [1, 2, 3, 4, 5]}),
        ("heat", HOURS, WEEK),
    ],
)
def test_a_chart_is_a_picture_that_shows_its_figures(
    kind: Kind, labels: Sequence[str], series: Mapping[str, Sequence[float]]
) -> None:
    drawn = chart_png("Tickets", labels, series, kind, "count")
    others = {name: [*values[:-1], values[-1] + 1] for name, values in series.items()}

    assert picture(drawn).shape == (600, 1200, 4)
    assert len(drawn) < 150_000
    assert chart_png("Tickets", labels, series, kind, "count") == drawn
    assert chart_png("Tickets", labels, others, kind, "count") != drawn
    assert chart_png("Incidents", labels, series, kind, "count") != drawn


def test_a_band_lies_between_its_ends_and_is_open_where_they_are_not_known() -> None:
    places, wide = [str(hour) for hour in range(168)], [9.0] * 84 + [math.nan] * 84
    series = {"Low": [1.0] * 168, "High": wide, "Expected": [5.0] * 168, "Came": [math.nan] * 84 + [2.0] * 84}

    drawn = picture(chart_png("Tickets", places, series, "band", "number"))[:, :, :3]

    assert drawn.shape == (600, 1200, 3)
    pale = np.all(np.abs(drawn - drawn[300, 300]) < 0.02, axis=2)
    assert not np.all(drawn[300, 300] > 0.99), "it has a colour of its own"
    assert pale[200:400, 200:500].mean() > 0.8
    assert pale[100:450, 700:1100].mean() < 0.01


def test_every_series_has_a_colour_of_its_own() -> None:
    series = {f"Team {place}": [float(place)] * 5 for place in range(1, 9)}

    drawn = chart_png("Teams", DAYS, series, "line", "count")

    assert all(has_colour(drawn, colour) for colour in COLOURS)


def test_what_is_missing_is_a_gap_and_not_a_zero() -> None:
    many = [str(place) for place in range(60)]
    whole, gap = [5.0] * 60, [5.0] * 25 + [math.nan] * 10 + [5.0] * 25

    drawn, broken = (ink_by_column(chart_png("x", many, {"x": one}, "line", "count")) for one in (whole, gap))

    assert all(drawn[100:1100])
    assert not any(broken[560:680])
    assert broken[150:500] == drawn[150:500]


def test_a_value_between_gaps_is_seen() -> None:
    many, values = [str(place) for place in range(60)], [math.nan] * 60
    values[30] = 5.0

    assert any(ink_by_column(chart_png("x", many, {"x": values}, "line", "count")))


@pytest.mark.parametrize("kind", ["line", "bar", "heat"])
@pytest.mark.parametrize(
    ("labels", "values"),
    [([], []), (["a"], [math.nan]), (["a"], [7.0]), (["a", "b"], [0.0, 0.0]), (["a", "b"], [-0.5, 0.5])],
)
def test_whatever_there_is_is_drawn(kind: Kind, labels: list[str], values: list[float]) -> None:
    assert picture(chart_png("x", labels, {"x": values}, kind, "share")).shape == (600, 1200, 4)


@pytest.mark.parametrize("kind", ["line", "bar", "heat"])
def test_names_are_texts_and_nothing_else(kind: Kind) -> None:
    """No formula, no character that the font lacks, no line that runs out of the picture ends in a fault or a warning
    (which is a fault in tests)."""
    names = [r"$\frac{1}$", "$x$", "王小明", "Zoë\nÅngström\x00", "a" * 300, "_hidden", ""]
    series = {name: [float(place)] * 7 for place, name in enumerate(names)}

    assert picture(chart_png("$\\bad$ 王" * 40, names, series, kind, "tickets per agent and day")).shape[0] == 600


def test_many_names_do_not_overlap() -> None:
    """Below the axis there is white between any two of them."""
    names = [f"Agent {place:02}" for place in range(40)]

    drawn = picture(chart_png("Agents", names, {"Opened": [1.0] * 40}, "bar", "count"))

    below = drawn[570:600, :, :3].min(axis=2) < 0.6
    inked = np.flatnonzero(below.any(axis=0))
    words = 1 + int(np.sum(np.diff(inked) > 14))
    assert 4 <= words <= 14


def test_series_have_the_length_of_the_labels() -> None:
    with pytest.raises(ValueError, match="each label"):
        chart_png("x", ["a"], {"x": [1, 2]}, "bar", "count")
    with pytest.raises(ValueError, match="at most 8"):
        chart_png("x", ["a"], {str(one): [1] for one in range(9)}, "line", "count")


def test_pictures_may_be_asked_for_in_many_threads() -> None:
    values = [[float(place), 2.0, 3.0, 4.0, 5.0] for place in range(4)]
    alone = [chart_png("x", DAYS, {"x": one}, "line", "count") for one in values]

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda one: chart_png("x", DAYS, {"x": one}, "line", "count"), values))

    assert together == alone


def test_the_library_writes_to_a_folder_of_its_own() -> None:
    chart_png("x", DAYS, {"x": [1, 2, 3, 4, 5]}, "line", "count")

    assert os.environ["MPLCONFIGDIR"]


@pytest.mark.parametrize(
    ("unit", "largest", "value", "written"),
    [
        ("seconds", 90, 45, "45 s"),
        ("seconds", 3_600, 1_800, "30 min"),
        ("seconds", 86_400, 5_400, "1.5 h"),
        ("seconds", 864_000, 86_400, "1 d"),
        ("share", 1, 0.975, "97.5 %"),
        ("count", 12_000, 12_000, "12,000"),
        ("number", 3, 2.5, "2.5"),
        ("tickets", 3, 2, "2 tickets"),
    ],
)
def test_values_are_written_in_their_unit(unit: str, largest: float, value: float, written: str) -> None:
    scale = scale_of(unit, largest)

    assert scale.written(value / scale.by) == written
