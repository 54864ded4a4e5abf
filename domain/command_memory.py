"""The commands that a ticket saw lately. Temporal's own de-duplication ends at continue-as-new; this goes on."""

from datetime import timedelta
from itertools import takewhile
from operator import attrgetter

from pydantic import BaseModel, ConfigDict

from domain.ids import CommandId
from domain.ticket_commands import Receipt

KEPT_AT_LEAST = timedelta(hours=24)
KEPT_COUNT = 100
KEPT_AT_MOST = 1_000
_NUMBER = attrgetter("command_id.int")


class CommandMemory(BaseModel):
    """Receipts, oldest first: the last 100 and whatever is younger than 24 hours, never more than 1,000.

    What it forgets the database still knows: `record` stores each command id once.
    """

    model_config = ConfigDict(frozen=True)

    receipts: tuple[Receipt, ...] = ()

    def find(self, command: CommandId) -> Receipt | None:
        """The receipt of a command seen before."""
        if command.int not in map(_NUMBER, self.receipts):  # as nearly always, and asked at a fifth of the cost
            return None
        return next(receipt for receipt in self.receipts if receipt.command_id.int == command.int)

    def remember(self, receipt: Receipt) -> "CommandMemory":
        """The memory with one more receipt, without those too old to keep."""
        receipts = (*self.receipts, receipt)[-KEPT_AT_MOST:]
        spare = receipts[: max(0, len(receipts) - KEPT_COUNT)]
        old = sum(1 for _ in takewhile(lambda known: receipt.at - known.at >= KEPT_AT_LEAST, spare))
        return self.model_copy(update={"receipts": receipts[old:]})
