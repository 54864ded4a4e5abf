"""What is replaced where somebody is erased: their address and their full name, wherever others wrote them."""

import re
from typing import NamedTuple

SHORTEST_NAME = 5
"""A name shorter than this, or of one word, is replaced on the person's own tickets only: elsewhere it is anybody's."""


class Mentions(NamedTuple):
    """How a person is written about."""

    email: str
    name: str

    @property
    def is_telling(self) -> bool:
        """Whether the name alone tells who is meant."""
        name = self.name.strip()
        return len(name) >= SHORTEST_NAME and " " in name

    def replaced(self, text: str, by: str, *, with_name: bool) -> str:
        """The text without the address, and without the name where that is wanted. Upper and lower case are alike."""
        words = [self.email, self.name.strip()] if with_name else [self.email]
        for word in words:
            if word:
                text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", by, text, flags=re.IGNORECASE)
        return text
