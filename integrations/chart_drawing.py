"""How a chart looks. Loads matplotlib: `report_charts` is the door.

Drawn by the library's objects, without `pyplot`, whose state all threads share. The colours are those of Okabe and Ito,
which everybody can tell apart; lines differ in their marks as well. A heat map is of `cividis`, made for the same.
"""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Literal, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font
from matplotlib.ticker import FuncFormatter, MaxNLocator

from domain.forecast import HOURS_A_DAY

mpl.rcParams["text.parse_math"] = False  # a dollar sign in a name is no formula
SIZE_INCHES, DPI = (6.0, 3.0), 200
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#000000", "#F0E442")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
GREY, PALE, MISSING = "#555555", "#DDDDDD", "#EEEEEE"
SMALL = 8
MARKED_POINTS = 31
"""With more points than these a line has no marks but where it is a lone point."""
LYING_BARS = 12
"""As many groups of bars as lie beneath each other, when their names do not fit side by side."""
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


class Scale(NamedTuple):
    """How values are written: divided by `by`, with `after` behind them."""

    by: float
    after: str
    is_whole: bool = False
    decimals: int = 2

    def written(self, value: float) -> str:
        """A value that was divided already."""
        text = f"{value:,.{0 if self.is_whole or abs(value) >= 1_000 else self.decimals}f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) + self.after


def draw(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    kind: Literal["line", "bar", "heat", "band"],
    unit: str,
) -> bytes:
    """Raises ValueError; see `chart_png`."""
    if any(len(values) != len(labels) for values in series.values()):
        raise ValueError("each of the series has a value for each label")
    if kind != "heat" and len(series) > len(COLOURS):
        raise ValueError(f"a chart has at most {len(COLOURS)} series")
    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    figure.suptitle(_fitting(title, 72), x=0.012, ha="left", fontsize=10, fontweight="bold")
    known = [value for values in series.values() for value in values if math.isfinite(value)]
    if known:
        scale = scale_of(unit, max(abs(value) for value in known))
        shown = {name: [value / scale.by for value in values] for name, values in _cut_names(series).items()}
        _KINDS[kind](axes, [_drawable(label) for label in labels], shown, scale)
    else:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "No data", ha="center", va="center", color=GREY, transform=axes.transAxes)
    out = io.BytesIO()
    figure.savefig(out, format="png", pil_kwargs={"compress_level": 9})
    return out.getvalue()


def scale_of(unit: str, largest: float) -> Scale:
    """How values of a unit are written, the largest of which is this one."""
    if unit == "seconds":
        for by, after in ((_DAY, " d"), (_HOUR, " h"), (_MINUTE, " min")):
            if largest >= 2 * by:
                return Scale(by, after)
        return Scale(1, " s")
    if unit == "share":
        return Scale(0.01, " %", decimals=1)
    if unit == "count":
        return Scale(1, "", is_whole=True)
    return Scale(1, "" if unit == "number" else f" {_fitting(unit, 12)}")


def _cut_names(series: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """Names that are the same once they are cut get a number."""
    named: dict[str, Sequence[float]] = {}
    for name, values in series.items():
        cut = _fitting(name, 20)
        named[cut if cut not in named else f"{cut[:16]} {len(named) + 1}"] = values
    return named


def _line(axes: Axes, labels: Sequence[str], series: Mapping[str, Sequence[float]], scale: Scale) -> None:
    _draw_lines(axes, series)
    axes.set_xlim(-0.5, max(len(labels) - 0.5, 0.5))
    _values_upwards(axes, series, scale)
    _legend(axes, series)
    _name_places(axes, labels)


def _draw_lines(axes: Axes, series: Mapping[str, Sequence[float]]) -> None:
    for place, (name, values) in enumerate(series.items()):
        every = range(len(values))
        marked = every if len(values) <= MARKED_POINTS else [one for one in every if _is_alone(values, one)]
        axes.plot(
            every, values, color=COLOURS[place], marker=MARKS[place], markevery=list(marked), markersize=3.5,
            linewidth=1.6, label=name, clip_on=False, zorder=3,
        )  # fmt: skip


def _band(axes: Axes, labels: Sequence[str], series: Mapping[str, Sequence[float]], scale: Scale) -> None:
    """An area from the first of the series to the second, with lines for the others, over the hours of the week."""
    (low, bottom), (high, top), *lines = series.items()
    axes.fill_between(
        range(len(labels)), bottom, top, color=COLOURS[4], alpha=0.45, linewidth=0, label=f"{low} to {high.lower()}"
    )  # fmt: skip
    _draw_lines(axes, dict(lines))
    axes.set_xlim(-0.5, len(labels) - 0.5)
    _values_upwards(axes, series, scale)
    _legend(axes, series)
    _name_places(axes, labels, step=HOURS_A_DAY)


def _is_alone(values: Sequence[float], place: int) -> bool:
    beside = [values[one] for one in (place - 1, place + 1) if 0 <= one < len(values)]
    return not any(math.isfinite(value) for value in beside)


def _bar(axes: Axes, labels: Sequence[str], series: Mapping[str, Sequence[float]], scale: Scale) -> None:
    lies = len(labels) <= LYING_BARS and not _fit_side_by_side(axes, labels)
    thick = 0.8 / len(series)
    for place, (name, values) in enumerate(series.items()):
        at = [one - 0.4 + thick * (place + 0.5) for one in range(len(labels))]
        draw_bars = axes.barh if lies else axes.bar
        bars = draw_bars(at, values, thick * 0.92, color=COLOURS[place], label=name, zorder=3)
        if len(series) == 1 and len(labels) <= LYING_BARS:
            written = [scale.written(value) if math.isfinite(value) else "" for value in values]
            axes.bar_label(bars, written, fontsize=SMALL - 1, padding=2, color=GREY)
    if lies:
        axes.set_yticks(range(len(labels)), [_fitting(label, 24) for label in labels], fontsize=SMALL)
        axes.invert_yaxis()
        axes.margins(x=0.12)
    else:
        axes.set_xlim(-0.6, len(labels) - 0.4)
        axes.margins(y=0.12)
    _values_upwards(axes, series, scale, lies=lies)
    _legend(axes, series)
    if not lies:
        _name_places(axes, labels)


def _heat(axes: Axes, labels: Sequence[str], series: Mapping[str, Sequence[float]], scale: Scale) -> None:
    colours = mpl.colormaps["cividis"].with_extremes(bad=MISSING)
    rows = [list(values) for values in series.values()]
    known = [value for row in rows for value in row if math.isfinite(value)]
    mesh = axes.pcolormesh(
        rows, cmap=colours, vmin=min(0.0, *known), vmax=max(*known, 1e-9), edgecolors="white", linewidth=0.6
    )  # fmt: skip
    axes.set_facecolor(MISSING)
    axes.invert_yaxis()
    axes.set_yticks([row + 0.5 for row in range(len(rows))], list(series), fontsize=SMALL)
    axes.tick_params(length=0, colors=GREY)
    axes.spines[:].set_visible(False)
    bar = _figure(axes).colorbar(mesh, ax=axes, format=_writer(scale), aspect=30, pad=0.01, ticks=_ticks(scale, 4))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL, length=0, colors=GREY)
    _name_places(axes, labels, offset=0.5)


_KINDS: Mapping[str, Callable[[Axes, Sequence[str], Mapping[str, Sequence[float]], Scale], None]] = {
    "line": _line,
    "bar": _bar,
    "heat": _heat,
    "band": _band,
}


def _values_upwards(axes: Axes, series: Mapping[str, Sequence[float]], scale: Scale, *, lies: bool = False) -> None:
    """The axis of the values, from 0 on unless some are less."""
    axis = axes.xaxis if lies else axes.yaxis
    axis.set_major_locator(_ticks(scale, 6))
    axis.set_major_formatter(_writer(scale))
    least = min((value for values in series.values() for value in values if math.isfinite(value)), default=0)
    most = max((value for values in series.values() for value in values if math.isfinite(value)), default=0)
    if least >= 0:
        (axes.set_xlim if lies else axes.set_ylim)(0, most * 1.12 or 1)
    axes.grid(visible=True, axis="x" if lies else "y", color=PALE, linewidth=0.6, zorder=0)
    axes.tick_params(labelsize=SMALL, length=0, colors=GREY)
    axes.spines[["top", "right", "bottom" if lies else "left"]].set_visible(False)
    axes.spines[["left" if lies else "bottom"]].set_color(GREY)


def _ticks(scale: Scale, most: int) -> MaxNLocator:
    return MaxNLocator(most, integer=scale.is_whole, min_n_ticks=1, steps=[1, 2, 2.5, 5, 10])


def _writer(scale: Scale) -> FuncFormatter:
    return FuncFormatter(lambda value, _: scale.written(value))


def _legend(axes: Axes, series: Mapping[str, Sequence[float]]) -> None:
    if len(series) > 1:
        wide = max(_width(name) for name in series) + 0.6 * DPI  # the sign before it, and what is between two
        columns = max(1, min(4, int(SIZE_INCHES[0] * DPI / wide)))
        _figure(axes).legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=SMALL, labelcolor=GREY)


def _name_places(axes: Axes, labels: Sequence[str], offset: float = 0, step: int = 1) -> None:
    """As many of the labels below the axis as have room, evenly: every one, or a multiple of so many places."""
    cut = [_fitting(label, 24) for label in labels]
    every = next((one for one in range(step, len(cut), step) if _fit_side_by_side(axes, cut, one)), max(len(cut), 1))
    places = range(0, len(cut), every)
    axes.tick_params(axis="x", pad=5)
    axes.set_xticks([place + offset for place in places], [cut[place] for place in places], fontsize=SMALL)


def _fit_side_by_side(axes: Axes, labels: Sequence[str], every: int = 1) -> bool:
    _figure(axes).draw_without_rendering()
    room = axes.get_window_extent().width / max(len(labels), 1) * every
    return all(_width(label) * 1.2 < room for label in labels[::every])


def _figure(axes: Axes) -> Figure:
    assert isinstance(axes.figure, Figure)
    return axes.figure


@cache
def _font() -> FT2Font:
    return FT2Font(findfont(FontProperties(family="DejaVu Sans")))  # comes with the library


def _width(text: str) -> float:
    """In pixels, as a label."""
    font = _font()
    font.set_size(SMALL, DPI)
    font.set_text(text)
    return font.get_width_height()[0] / 64


@cache
def _known_characters() -> frozenset[int]:
    return frozenset(_font().get_charmap())


def _drawable(text: str) -> str:
    """With a box for each character that the font lacks."""
    line = " ".join(text.split())
    return "".join(one if ord(one) in _known_characters() else "\N{WHITE SQUARE}" for one in line)


def _fitting(text: str, most: int) -> str:
    drawn = _drawable(text)
    return drawn if len(drawn) <= most else f"{drawn[: most - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"
