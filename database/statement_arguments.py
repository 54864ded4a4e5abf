"""The values of a statement that is put together."""

from typing import Any


class Arguments:
    """Collects the values of a statement and hands out their places."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, value: Any) -> str:
        """The place of one more value, as SQL names it."""
        self.values.append(value)
        return f"${len(self.values)}"
