"""The cost of encryption, as the bench tells it."""

from operations.bench.payloads import SIZES, measure_size


async def test_both_ways_are_measured_beside_the_bare_cipher() -> None:
    figures = await measure_size(SIZES[0])

    assert [figure.unit for figure in figures] == ["us encrypted", "us decrypted"]
    assert all(figure.ours > floor.value > 0 for figure in figures for floor in figure.floors)
