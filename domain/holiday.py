"""Holidays by name, and where a calendar has them from. Counting needs their dates alone: see `business_calendar`."""

from datetime import date

from pydantic import BaseModel, ConfigDict


class Holiday(BaseModel):
    """A date on which no span begins. `country` and `subdivision` say whose it is; a desk's own has neither."""

    model_config = ConfigDict(frozen=True)

    on: date
    name: str = ""
    country: str | None = None
    subdivision: str | None = None


class HolidayCountry(BaseModel):
    """A country, or a part of one, whose public holidays a version of a calendar took over: those of the years from
    `first_year` to `last_year`, as `package_version` of the `holidays` package knew them."""

    model_config = ConfigDict(frozen=True)

    country: str
    subdivision: str | None = None
    first_year: int
    last_year: int
    package_version: str
