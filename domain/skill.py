"""Skills as tickets ask for them."""

from typing import Annotated

from pydantic import Field

SkillNeed = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}(:[1-5])?$")]
"""A skill that a ticket needs: `vpn`, or `vpn:3` for at least level 3."""


def needed(skill: SkillNeed) -> tuple[str, int]:
    """The skill's name and the least level that will do."""
    name, _, level = skill.partition(":")
    return name, int(level or 1)
