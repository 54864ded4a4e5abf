"""Tells the agents' own workflows that their plans were changed, after the change is stored."""

from collections.abc import Collection

from api.state import Desk
from domain.ids import PersonId


async def tell(desk: Desk, agents: Collection[PersonId]) -> None:
    """Let these agents' workflows look at their plans anew. As yet agents have none, so there is nobody to call: the
    event of the same change, which is in the log, says it to all others."""
