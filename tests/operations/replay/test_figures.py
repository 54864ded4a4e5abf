import pytest
from rich.console import Console

from operations.replay.figures import Figures, percentile


@pytest.mark.parametrize(("share", "value"), [(0.01, 1), (0.5, 50), (0.9, 90), (0.99, 99), (0.995, 100), (1, 100)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, value: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == value


def test_of_a_single_value_every_percentile_is_that_value() -> None:
    assert percentile([3.0], 0.5) == percentile([3.0], 0.99) == 3.0


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0), ([1.0], 1.1)])
def test_nonsense_has_no_percentile(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match=r"percentile|share"):
        percentile(values, share)


def test_the_table_tells_each_operation_and_all_of_them() -> None:
    figures = Figures(seconds=2.0)
    for milliseconds in (10, 20, 30):
        figures.took("open", milliseconds / 1000)
    figures.took("reply", 0.5)

    console = Console(record=True, width=100, file=None, quiet=False)
    with console.capture() as shown:
        console.print(figures.table())

    lines = [line.split() for line in shown.get().replace("│", " ").replace("┃", " ").splitlines()]
    assert ["open", "3", "1.5", "20.0", "30.0", "30.0", "30.0"] in lines
    assert ["all", "4", "2.0", "20.0", "500.0", "500.0", "500.0"] in lines
