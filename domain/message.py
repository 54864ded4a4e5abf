"""A message: what goes out to one person by one channel, for one notification or for many."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.ids import MessageId

MessageKind = Literal["ticket", "bundle", "digest"]
"""About one ticket, about several, or the daily one."""


class MessageStart(BaseModel):
    """Which message a workflow `message-<id>` sends. Its history knows the id and what became of it, nobody's name."""

    model_config = ConfigDict(frozen=True)

    message: MessageId
