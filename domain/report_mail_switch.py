"""Whoever gets a mailed report may end that, and have it again: it is theirs to say, and no list of receivers undoes
it."""

from enum import StrEnum
from typing import NamedTuple

from domain.ids import PersonId, ReportMailId


class Receiving(StrEnum):
    """How somebody stands to a mailed report. Who never got it, or was taken off its list, does not stand to it."""

    GETS = "gets"
    LEFT = "left"


class ReportMailSwitch(NamedTuple):
    """What a link does once its button is pressed: whether this person gets this mailed report from then on."""

    person: PersonId
    mail: ReportMailId
    gets: bool = False

    @property
    def way_back(self) -> "ReportMailSwitch":
        """What undoes it."""
        return self._replace(gets=not self.gets)

    def changes(self, standing: Receiving | None) -> bool:
        """Whether there is anything to do. A link brings nobody onto a list from which others took them."""
        return standing is (Receiving.LEFT if self.gets else Receiving.GETS)
