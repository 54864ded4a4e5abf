"""Public holidays of countries, by the pinned `holidays` package.

They are taken over into a version of a calendar as dates, so that a later package moves no promise.
"""

from importlib.metadata import version

import holidays

from domain.holiday import Holiday, HolidayCountry

LANGUAGE = "en_US"
"""Of the names, wherever it is known; said, because the package would ask the machine."""
YEARS_BACK = 1
YEARS_AHEAD = 10
"""Taken over are the holidays of the years around the one in which a calendar is stored."""


def check_country(country: str) -> None:
    """Raises ValueError when the package knows no such country (an ISO 3166 code of two letters)."""
    if country not in holidays.list_supported_countries(include_aliases=False):
        raise ValueError(f"no holidays are known of a country {country!r}")


def check_subdivision(country: str, subdivision: str) -> None:
    """Raises ValueError when the package knows no such part of the country, which it must know."""
    known = holidays.list_supported_countries(include_aliases=False)[country]
    if subdivision not in known:
        parts = f"of {', '.join(known)}" if known else "of none of its parts"
        raise ValueError(f"of {country} holidays are known {parts}, not of {subdivision!r}")


def country_holidays(
    country: str, subdivision: str | None, this_year: int
) -> tuple[HolidayCountry, tuple[Holiday, ...]]:
    """The holidays of a known country or a known part of it, by date; and what was asked for.

    The years end sooner where the package knows of no later ones. Raises ValueError when it knows of none at all.
    """
    first, last = this_year - YEARS_BACK, this_year + YEARS_AHEAD
    known = holidays.country_holidays(country, subdiv=subdivision)
    first, last = max(first, known.start_year), min(last, known.end_year)
    days = holidays.country_holidays(country, subdiv=subdivision, years=range(first, last + 1), language=LANGUAGE)
    if not days:
        raise ValueError(f"no holidays of {country} are known from {this_year - YEARS_BACK} on")
    source = HolidayCountry(
        country=country,
        subdivision=subdivision,
        first_year=first,
        last_year=last,
        package_version=version("holidays"),
    )
    return source, tuple(
        Holiday(on=on, name=name, country=country, subdivision=subdivision)
        for on, name in sorted(days.items())
        if first <= on.year <= last
    )
