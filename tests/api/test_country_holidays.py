"""The public holidays that calendars take over."""

from datetime import date
from importlib.metadata import version

import pytest

from api.country_holidays import check_country, check_subdivision, country_holidays
from domain.holiday import Holiday, HolidayCountry


def test_they_are_those_of_the_years_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "de")

    source, days = country_holidays("DE", "BY", 2026)

    assert source == HolidayCountry(
        country="DE", subdivision="BY", first_year=2025, last_year=2036, package_version=version("holidays")
    )
    assert list(days) == sorted(days, key=lambda day: day.on)
    assert {day.on.year for day in days} == set(range(2025, 2037))
    assert Holiday(on=date(2026, 4, 3), name="Good Friday", country="DE", subdivision="BY") in days


def test_a_part_of_a_country_has_holidays_of_its_own() -> None:
    bavarian, german = ({day.on for day in country_holidays("DE", part, 2026)[1]} for part in ("BY", None))

    assert german < bavarian
    assert date(2026, 1, 6) in bavarian - german


def test_the_years_end_where_the_knowledge_does() -> None:
    source, days = country_holidays("AT", None, 2095)
    assert (source.first_year, source.last_year) == (2094, 2100)
    assert {day.on.year for day in days} == set(range(2094, 2101))

    with pytest.raises(ValueError, match="no holidays of AT are known from 2101 on"):
        country_holidays("AT", None, 2102)


@pytest.mark.parametrize("country", ["XX", "de", "DEU", "", "Germany", "NYSE", "__doc__"])
def test_a_country_is_known_by_its_code(country: str) -> None:
    check_country("DE")
    with pytest.raises(ValueError, match="no holidays are known of a country"):
        check_country(country)


def test_a_part_belongs_to_its_country() -> None:
    check_subdivision("DE", "BY")
    with pytest.raises(ValueError, match=r"of DE holidays are known of BB, .*, not of 'CA'"):
        check_subdivision("DE", "CA")
    with pytest.raises(ValueError, match="of VA holidays are known of none of its parts, not of 'CA'"):
        check_subdivision("VA", "CA")
