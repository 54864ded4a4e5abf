"""Offers: a ticket that somebody may take, until a moment; the first one gets it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from domain.ids import DecisionId, PersonId


class Offer(BaseModel):
    """Who may take the ticket, and until when. `decision_id` names why it was them.

    `is_hand_over`: its owner still has it, and gives it away at the end of their shift.
    """

    model_config = ConfigDict(frozen=True)

    to: tuple[PersonId, ...]
    expires_at: datetime
    decision_id: DecisionId | None = None
    is_hand_over: bool = False
