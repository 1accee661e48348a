"""What a customer's profile says about the callback of their ticket."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from redress.customers.rules.calling import preference_of
from redress.customers.rules.profile import ContactPoint, Doubt
from redress.tickets.rules.preference import Preference
from tests.builders import BY_MAIL, BY_PHONE, NUMBER, START, Life
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, point, profile

NEWER = ContactPoint("phone", "+861055550199", START + timedelta(days=1))


@pytest.mark.parametrize(
    ("fields", "contact", "wanted"),
    [
        ({}, BY_MAIL, None),
        ({"channel": "email"}, BY_MAIL, Preference("email")),
        ({"hours": "18:00-20:00"}, BY_MAIL, Preference(None, "18:00-20:00")),
        ({"channel": "phone"}, BY_MAIL | BY_PHONE, Preference("phone")),
        ({"channel": "phone"}, BY_MAIL, Preference("phone", None, "+861055550199")),
        ({"channel": "phone", "contacts": (point(EMAIL),)}, BY_MAIL, Preference("phone")),
        (
            {"channel": "phone", "doubts": (Doubt(WANG_WEI, START, NUMBER, "complaints"),)},
            BY_MAIL,
            Preference("phone"),
        ),
    ],
)
def test_a_call_goes_to_the_number_of_the_ticket_or_the_newest_of_a_certain_profile(
    fields: dict[str, Any], contact: dict[str, str], wanted: Preference | None
) -> None:
    usual = {"contacts": (point(EMAIL), NEWER, point(PHONE))}
    found = profile(LI_NA, **(usual | fields))
    assert preference_of(found, Life().open(contact=contact).ticket) == wanted
