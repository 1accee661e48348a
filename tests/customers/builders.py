"""Profiles for tests of customers."""

from __future__ import annotations

from typing import Any

from redress.customers.rules.profile import ContactPoint, Profile, Revised
from tests.builders import START

LI_NA = "aaaaaaaaaaaaaaaaaaaaaaaa"
WANG_WEI = "bbbbbbbbbbbbbbbbbbbbbbbb"
EMAIL = ("email", "li.na@example.com")
PHONE = ("phone", "+861055550100")


def point(key: tuple[str, str] = EMAIL, **fields: Any) -> ContactPoint:
    kind, value = key
    return ContactPoint(kind, value, START, **fields)


def profile(customer: str = LI_NA, *points: tuple[str, str], **fields: Any) -> Profile:
    """The first revision of a profile with these contact points; `fields` replace its fields."""
    good: dict[str, Any] = {
        "id": customer,
        "revision": 1,
        "created_at": START,
        "name": "Li Na",
        "languages": ("zh-CN",),
        "contacts": tuple(point(key) for key in points),
    }
    return Profile(**(good | fields))


def new(made: Profile) -> Revised:
    return Revised(None, made)
