"""Charts of figures as PNG pictures, for mails."""

import atexit
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from typing import Literal

_drawing = threading.Lock()
"""The library makes no promise to those who draw two pictures at a time; one takes a fifth of a second."""


def chart_png(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    kind: Literal["line", "bar", "heat", "band"],
    unit: str,
) -> bytes:
    """A picture of 1200 x 600 pixels, to be shown as 600 x 300. Takes time and no loop: call it in a thread.

    Each of the series has a value for each label; NaN is a gap. Of a `heat` map the labels are its columns and the
    series its rows. Of a `band` the first two series are its ends, the others lines, and the labels the hours of days.
    `unit` is `count`, `share`, `seconds`, `number` (see `domain.report.Unit`), or a word to be written behind the
    values. Texts that are too long are cut. Raises ValueError for series of other lengths than the labels, for more
    than eight of them that are no heat map, and for a band without its ends.
    """
    with _drawing:
        _use_own_folder()
        from integrations.chart_drawing import draw  # noqa: PLC0415  0.3 s and 50 MB, for those who draw

        return draw(title, labels, series, kind, unit)


def _use_own_folder() -> None:
    """Where the library keeps what it found out about fonts: it would write to a home, which a container has not, and
    tell everybody so."""
    if "MPLCONFIGDIR" in os.environ:
        return
    folder = tempfile.mkdtemp(prefix="matplotlib-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["MPLCONFIGDIR"] = folder
    logging.getLogger("matplotlib").setLevel(logging.WARNING)
