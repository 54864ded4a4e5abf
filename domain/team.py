"""Teams, and how their tickets find an owner."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from domain.assignment_score import ScoreWeights

USUAL_MINUTES = 15
"""How long a ticket is expected to take of which nobody has said so, in a team that has not said otherwise."""
MAX_MINUTES = 60 * 24 * 30


class Strategy(StrEnum):
    AUTOMATIC = "automatic"
    """The dispatcher assigns."""
    OFFER = "offer"
    """The dispatcher asks; whoever accepts first has the ticket."""
    MANUAL = "manual"
    """People assign and claim."""


OfferTo = Annotated[int, Field(ge=1, le=50, description="How many agents are asked at once.")]
OfferSeconds = Annotated[int, Field(ge=5, le=86_400, description="How long an offer stands.")]
TakeBackMinutes = Annotated[
    int,
    Field(
        ge=1,
        le=MAX_MINUTES,
        description="After how much working time without a word from its assignee a ticket is taken back; null: never.",
    ),
]
UsualMinutes = Annotated[
    int, Field(ge=1, le=MAX_MINUTES, description="How long a ticket without an estimate is expected to take.")
]
HandOverMinutes = Annotated[
    int, Field(ge=0, le=1_440, description="How long before the end of a shift its hand-over begins.")
]


class TeamSettings(BaseModel):
    """How a team's tickets are dispatched."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: Strategy = Strategy.AUTOMATIC
    offer_to: OfferTo = 1
    offer_seconds: OfferSeconds = 120
    take_back_minutes: TakeBackMinutes | None = None
    usual_minutes: UsualMinutes = USUAL_MINUTES
    hand_over_minutes: HandOverMinutes = 30
    score: ScoreWeights = Field(default=ScoreWeights(), description="What the dispatcher weighs, in points.")
    approves_swaps: bool = Field(default=False, description="Whether a supervisor has to approve swaps of shifts.")
