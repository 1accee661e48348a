"""A customer whose matter is done tells us something else from the status page."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from redress.base.languages import LANGUAGES
from redress.base.people import CUSTOMER
from redress.clocks.rules.clocks import ClockName
from redress.customers.rules.profile import MergedInto, Revised
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.steps.table import MOST_LINKS
from redress.tickets.rules.ticket import EventType, LinkKind, State, Ticket, TicketLink
from redress.wiring import customer as customer_wiring
from redress.wiring import stores as wired_stores
from tests.builders import START
from tests.customers.builders import LI_NA, WANG_WEI, new, profile
from tests.functions.conftest import MEMBERS, altered
from tests.world import Act, Context, Opener, Stores, load, read_sample

pytestmark = pytest.mark.usefixtures("table")

Site = Callable[..., dict[str, Any]]

WORDS = {"subject": "The second cup", "description": "It is missing.", "consent": "yes"}


@pytest.fixture
def site() -> Site:
    """Calls the function with `events/customer-{name}.json`, with a form, a query and a path."""

    def call(
        name: str,
        form: dict[str, str] | None = None,
        /,
        query: dict[str, str] | None = None,
        **path: str,
    ) -> dict[str, Any]:
        raw = urlencode(form) if form is not None else None
        event = altered(read_sample(f"customer-{name}"), body=raw, query=query, path=path)
        found: dict[str, Any] = load("customer").handler(event, Context())
        return found

    return call


@pytest.fixture
def done(open_ticket: Opener, act: Act) -> Ticket:
    """A resolved ticket of Li Na."""
    ticket = open_ticket()
    return act(ticket, by_staff.resolve, MEMBERS["mei"].actor, "Replaced.", "upheld", "new", "seal")


def token_of(ticket: Ticket) -> str:
    return customer_wiring.links().status_token(ticket.number)


def send(site: Site, ticket: Ticket, nonce: str = "n-1", **changed: str) -> dict[str, Any]:
    fields = {"nonce": nonce, "language": "en"} | WORDS | changed
    return site("another-submission", fields, token=token_of(ticket))


def the_new_one(stores: Stores, ticket: Ticket) -> Ticket:
    [link] = stores.tickets.get(ticket.number).links
    assert link.kind is LinkKind.FOLLOWED_BY
    return stores.tickets.get(link.number)


def test_something_else_opens_a_linked_ticket_and_both_sides_say_so(
    site: Site, stores: Stores, done: Ticket
) -> None:
    answer = send(site, done)
    assert answer["statusCode"] == 201
    new = the_new_one(stores, done)
    assert new.number in answer["body"]
    assert new.links == (TicketLink(LinkKind.FOLLOW_UP_OF, done.number),)
    assert (new.contact, new.language) == (done.contact, done.language)
    assert (new.state, new.subject) == (State.NEW, "The second cup")
    last = stores.tickets.history(done.number)[-1]
    assert (last.type, last.by) == (EventType.LINKED, CUSTOMER)
    assert stores.tickets.get(done.number).state is State.RESOLVED
    assert new.number in site("status", token=token_of(done))["body"]
    assert done.number in site("status", token=token_of(new))["body"]


def test_second_press_of_the_button_opens_no_second_ticket(
    site: Site, stores: Stores, done: Ticket
) -> None:
    first, again = send(site, done), send(site, done)
    assert (again["statusCode"], again["body"]) == (201, first["body"])
    other = send(site, done, description="Something else again.")
    assert other["statusCode"] == 409
    assert len(stores.tickets.get(done.number).links) == 1


def test_words_are_shown_if_the_old_ticket_was_reopened_meanwhile(
    site: Site, act: Act, done: Ticket
) -> None:
    """The customer had disputed in another tab, and everything that they had typed was gone."""
    act(done, by_customer.dispute, CUSTOMER, "It leaks again.")
    for changed in ({}, {"subject": ""}):
        answer = send(site, done, **changed)
        assert answer["statusCode"] == 409
        assert WORDS["description"] in answer["body"]
        assert (WORDS["subject"] in answer["body"]) is not bool(changed)


def test_wrong_fields_are_named_and_what_was_typed_stays(
    site: Site, stores: Stores, done: Ticket
) -> None:
    answer = send(site, done, subject="", consent="", kind="gift")
    assert answer["statusCode"] == 422
    for name in ("subject", "consent", "kind"):
        assert f'id="{name}-fault"' in answer["body"]
    assert "It is missing." in answer["body"]
    assert stores.tickets.get(done.number).links == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_form_is_offered_after_the_confirmation_in_three_languages(
    site: Site, act: Act, done: Ticket, language: str
) -> None:
    asked = {"lang": language}
    before = site("status", token=token_of(done), query=asked)["body"]
    assert "/another" not in before  # the page first asks whether the problem is solved
    act(done, by_customer.confirm, CUSTOMER)
    page = site("status", token=token_of(done), query=asked)["body"]
    assert f"/another?lang={language}" in page
    form = site("another", token=token_of(done), query=asked)
    assert (form["statusCode"], f'<html lang="{language}"' in form["body"]) == (200, True)
    assert "<script" not in form["body"]
    for known in (done.contact.email, done.contact.phone, done.contact.name):
        assert not known or known not in form["body"]


@pytest.mark.parametrize("name", ["another", "another-submission"])
def test_ticket_that_is_worked_on_offers_its_message_instead(
    site: Site, open_ticket: Opener, stores: Stores, name: str
) -> None:
    ticket = open_ticket()
    answer = site(name, token=token_of(ticket))
    assert answer["statusCode"] == 409
    assert stores.tickets.get(ticket.number) == ticket
    assert "/another" not in site("status", token=token_of(ticket))["body"]


@pytest.mark.parametrize("name", ["another", "another-submission"])
def test_unknown_link_opens_nothing(site: Site, done: Ticket, name: str) -> None:
    assert site(name, token="R-7K3M9-QW0X2.forged")["statusCode"] == 404


def test_new_ticket_belongs_to_the_customer_of_the_old_one(
    site: Site, stores: Stores, act: Act, done: Ticket
) -> None:
    """Staff may have corrected whose ticket it is; the address alone would say otherwise."""
    act(
        done,
        lambda t, p, at: match(
            t, p, LI_NA, "staff", at, by=MEMBERS["lin"].actor, customer_type="vip"
        ),
    )
    before = stores.tickets.get(done.number)
    send(site, done)
    opened = the_new_one(stores, done)
    # There is no such profile, so the type is that of the old ticket.
    assert (opened.customer, opened.customer_type) == (LI_NA, before.customer_type)


def test_new_ticket_has_the_promises_of_the_type_that_its_customer_has_now(
    site: Site, stores: Stores, act: Act, done: Ticket
) -> None:
    customers = wired_stores.customers()
    customers.write([new(profile(LI_NA))])
    act(done, lambda t, p, at: match(t, p, LI_NA, "email", at))
    assert stores.tickets.get(done.number).customer_type == "standard"
    known = customers.get(LI_NA)
    customers.write([Revised(known, replace(known, revision=2, type="vip"))])
    send(site, done, kind="inquiry")
    opened = the_new_one(stores, done)
    assert (opened.customer, opened.customer_type) == (LI_NA, "vip")
    assert opened.clocks[ClockName.FIRST_RESPONSE].target_s == 4 * 3600


def test_new_ticket_has_the_type_of_the_profile_into_which_its_customer_was_merged(
    site: Site, stores: Stores, act: Act, done: Ticket
) -> None:
    customers = wired_stores.customers()
    customers.write([new(profile(LI_NA)), new(profile(WANG_WEI, type="vip"))])
    act(done, lambda t, p, at: match(t, p, LI_NA, "email", at))
    gone = customers.get(LI_NA)
    into = MergedInto(WANG_WEI, 2, START)
    customers.write([Revised(gone, replace(gone, revision=2, merged_into=into))])
    send(site, done)
    opened = the_new_one(stores, done)
    assert (opened.customer, opened.customer_type) == (LI_NA, "vip")


def test_words_are_taken_even_if_the_old_ticket_can_have_no_more_links(
    site: Site, stores: Stores, act: Act, done: Ticket
) -> None:
    from redress.tickets.rules.steps import linking

    for index in range(MOST_LINKS):
        other = f"R-00000-{index:05}"
        act(
            done,
            lambda t, p, at, o=other: linking.linked(t, p, CUSTOMER, LinkKind.RELATED, o, "", at),
        )
    answer = send(site, done)
    assert answer["statusCode"] == 201
    assert len(stores.tickets.get(done.number).links) == MOST_LINKS
