"""Texts that people send."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints


def storable(text: str) -> str:
    """The text as it is. Raises ValueError for what PostgreSQL does not store: NUL, and half a surrogate pair."""
    if "\0" in text:
        raise ValueError("a text may not contain the NUL character")
    text.encode()  # UnicodeEncodeError is a ValueError
    return text


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(storable)]
"""A text that says something."""
Text = Annotated[str, AfterValidator(storable)]
