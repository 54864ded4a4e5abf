"""Tells the agents' own workflows that their plans were changed, after the change is stored."""

from collections.abc import Collection

from api.state import Desk
from domain.ids import PersonId


async def tell(desk: Desk, agents: Collection[PersonId]) -> None:
    """Let these agents' workflows look at their plans anew. Harmless to repeat, and to miss: the event of the same
    change is in the log, and a workflow reads its plan again at each of its boundaries."""
