"""The commands that a ticket saw lately. Temporal's own de-duplication ends at continue-as-new; this goes on."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from domain.ids import CommandId
from domain.ticket_commands import Receipt

KEPT_AT_LEAST = timedelta(hours=24)
KEPT_COUNT = 100
KEPT_AT_MOST = 1_000


class CommandMemory(BaseModel):
    """Receipts, oldest first: the last 100 and whatever is younger than 24 hours, never more than 1,000.

    What it forgets the database still knows: `record` stores each command id once.
    """

    model_config = ConfigDict(frozen=True)

    receipts: tuple[Receipt, ...] = ()

    def find(self, command: CommandId) -> Receipt | None:
        """The receipt of a command seen before."""
        return next((receipt for receipt in reversed(self.receipts) if receipt.command_id == command), None)

    def remember(self, receipt: Receipt) -> "CommandMemory":
        """The memory with one more receipt, without those too old to keep."""
        receipts = [*self.receipts, receipt]
        young = sum(1 for known in receipts if receipt.at - known.at < KEPT_AT_LEAST)
        return CommandMemory(receipts=tuple(receipts[-min(max(young, KEPT_COUNT), KEPT_AT_MOST) :]))
