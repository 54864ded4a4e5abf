"""The figures of satisfaction: what requesters said of how their tickets were handled, and how many said anything.

A ticket has one rating, the last; it counts when it was given, for whoever resolved the ticket that it judges and the
team that had it then.
"""

from database.report_figure import Figure, Population, count, mean, share
from database.ticket_figures import RESOLVED
from domain.report import Dimension

SCORES = range(1, 6)
RATED = Population(
    "rated",
    "ticket_facts",
    {
        Dimension.TEAM: "rated_team",
        Dimension.PRIORITY: "priority",
        Dimension.CATEGORY: "category",
        Dimension.CHANNEL: "channel",
        Dimension.AGENT: "rated_resolver_id",
        Dimension.SCORE: "rating",
    },
    at="rated_at",
)
"""Tickets, at their last rating."""
_OF_THIS_RESOLUTION = "rated_at >= resolved_at"
"""A rating from before a reopening says nothing of the resolution that stands."""

SATISFACTION_FIGURES: tuple[Figure, ...] = (
    count("ratings", RATED, "Tickets rated; each by its last rating.")._replace(value="rating"),
    mean("mean_score", RATED, "The mean of these scores, from 1 to 5.", "rating"),
    share(
        "csat", RATED, "Of the rated: satisfied, which is a 4 or a 5 (top-two-box).", "rating >= 4"
    )._replace(value="rating"),
    *(count(f"score_{score}", RATED, f"Tickets rated with {score}.", f"rating = {score}") for score in SCORES),
    count(
        "resolved_and_rated", RESOLVED, "Of the tickets resolved in the period: rated since.", _OF_THIS_RESOLUTION
    )._replace(value="rating"),
    share("response_rate", RESOLVED, "Of the tickets resolved in the period: rated since.", _OF_THIS_RESOLUTION),
)  # fmt: skip
