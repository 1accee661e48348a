"""Public holidays and make-up working days, from the one library that knows them.

Nothing else imports `holidays`, and nobody needs it but who publishes a plan: the dates are written
into the plan document then, so that a version of the plan never changes with a library. It is
imported late, since it costs a cold start about a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

BY_NOTICE = ("CN",)
"""Countries whose State names each year's days off and make-up working days by a notice (China:
the General Office of the State Council, in November of the year before)."""


def days_of(country: str, subdivision: str | None, years: Iterable[int]) -> dict[date, bool]:
    """The special days of the years, in order: False a public holiday, True a make-up working day.

    `country` is ISO 3166-1 alpha-2 (`CN`), `subdivision` a code of ISO 3166-2 without the country
    (`BY` of `DE`); None is what the whole country keeps. Days off in place of a holiday that falls
    on a weekend are among the holidays. A make-up working day is a day of the weekend that is
    worked for another day off. Days of a weekend are listed only if they are holidays themselves:
    the Sunday amid a golden week is not. Where a month begins by sighting the moon, the library
    gives the expected date.

    Raises ValueError for a country, a subdivision or a year that is not known.
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
    # A new year may be kept, or worked for, in the year before it.
    around = {year + by for year in asked for by in (-1, 0, 1)}
    found = holidays.country_holidays(
        country, subdiv=subdivision, years=around, categories=holidays.PUBLIC
    )
    days = dict.fromkeys(found, False) | dict.fromkeys(found.weekend_workdays, True)
    return {day: days[day] for day in sorted(days) if day.year in asked}


def known_until(country: str) -> int | None:
    """The last year of a country that rules by notice whose notice the library has worked in.

    A later year has the holidays that the law names and neither the days off nor the working days
    that are moved around them. None where holidays follow from the law alone, or where the library
    does not tell.

    Raises ValueError for a country that is not known.
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
