"""Public holidays and make-up working days of a country, from the library `holidays`.

Only this module imports the library, and only publishing a plan needs it. Publishing writes the
dates into the plan document, so an update of the library never changes a published version. The
library is imported inside the functions, because the import would add about a tenth of a second to
each cold start.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

BY_NOTICE = ("CN",)
"""Countries whose government announces each year's days off and make-up working days by a notice.
In China the General Office of the State Council does so in November of the year before."""


def days_of(country: str, subdivision: str | None, years: Iterable[int]) -> dict[date, bool]:
    """The holidays and make-up working days of the given years, in the order of their dates.

    The value of a day is True if people work on it, and False if it is a holiday.

    `country` is an ISO 3166-1 alpha-2 code (`CN`). `subdivision` is an ISO 3166-2 code without the
    country (`BY` for Bavaria in `DE`); None means holidays of the entire country.

    Holidays include substitute days off for a holiday that falls on a weekend. A make-up working
    day is a weekend day on which people work in exchange for another day off. Other weekend days
    are listed only if they are holidays themselves. For example, a golden week may contain a Sunday
    that is not a holiday; it is not listed. In some calendars, a month begins when the new moon is
    sighted. The library gives the expected dates of their holidays.

    Raises ValueError for an unknown country, subdivision or year.
    """
    import holidays

    _known_country(country)
    asked = set(years)
    entity = getattr(holidays, country)
    unknown = sorted(year for year in asked if not entity.start_year <= year <= entity.end_year)
    if unknown:
        raise ValueError(
            f"{unknown[0]} is not known: the holidays of {country} are "
            f"from {entity.start_year} to {entity.end_year}"
        )
    if subdivision is not None and subdivision not in entity.subdivisions:
        there = ", ".join(entity.subdivisions) or "none"
        raise ValueError(f"{subdivision!r} is no subdivision of {country}; there are: {there}")
    # The days off for a New Year holiday, or its make-up working day, may be in the year before it.
    # So the neighbouring years are read, too.
    around = {year + by for year in asked for by in (-1, 0, 1)}
    found = holidays.country_holidays(
        country, subdiv=subdivision, years=around, categories=holidays.PUBLIC
    )
    days = dict.fromkeys(found, False) | dict.fromkeys(found.weekend_workdays, True)
    return {day: days[day] for day in sorted(days) if day.year in asked}


def known_until(country: str) -> int | None:
    """The last year whose government notice the library contains, for a country in BY_NOTICE.

    For later years the library has only the statutory holidays, without the days off and make-up
    working days that the notice adds around them. Returns None for other countries.

    Raises ValueError for an unknown country.
    """
    import holidays

    _known_country(country)
    if country not in BY_NOTICE:
        return None
    years: Iterable[int] = holidays.country_holidays(country).special_public_holidays
    return max(years)


def _known_country(country: str) -> None:
    from holidays.registry import EntityLoader

    if country not in EntityLoader.get_country_codes(include_aliases=False):
        raise ValueError(
            f"{country!r} is no country whose holidays are known: two capital letters of "
            "ISO 3166-1 are expected, as CN, DE or US"
        )
