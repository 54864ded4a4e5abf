"""docs/metrics.md defines every figure by its name, and none that does not exist.

A table whose first column is called `Figure` defines those that it names there; `*` stands for any part of a name.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest

from database.report_catalogue import FIGURES
from settings import ROOT

TEXT = (ROOT / "docs" / "metrics.md").read_text()


def defined() -> Iterator[str]:
    """The names, and names with `*`, of all tables of figures."""
    is_of_figures = False
    for line in TEXT.splitlines():
        first, *rest = [cell.strip() for cell in line.strip("|").split("|")]
        if not rest:
            is_of_figures = False
        elif first == "Figure":
            is_of_figures = True
        elif is_of_figures:
            yield from re.findall(r"`([^`]+)`", first)


DEFINED = list(defined())


@pytest.mark.parametrize("figure", FIGURES)
def test_the_figure_is_defined(figure: str) -> None:
    assert any(fnmatchcase(figure, name) for name in DEFINED)


@pytest.mark.parametrize("name", DEFINED)
def test_what_is_defined_exists(name: str) -> None:
    assert any(fnmatchcase(figure, name) for figure in FIGURES)


def test_each_is_defined_once() -> None:
    assert len(set(DEFINED)) == len(DEFINED)
