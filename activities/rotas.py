"""Rotas are laid out further as the days go by."""

from datetime import UTC, datetime
from typing import Protocol

from temporalio import activity


class Rotas(Protocol):
    """Where rotas are remembered."""

    async def extend(self, now: datetime) -> int: ...


class RotaActivities:
    """What keeps the shifts of rotas laid out."""

    def __init__(self, rotas: Rotas) -> None:
        self._rotas = rotas

    @activity.defn(name="lay_out_rotas")
    async def lay_out(self) -> int:
        """Lay out the days that have come within the horizon. Returns how many rotas that concerned.

        Harmless to repeat: what is laid out is not laid out again.
        """
        return await self._rotas.extend(datetime.now(UTC))
