"""How an incoming mail is handled, for every kind of sender, clue and ticket."""

from __future__ import annotations

from copy import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base.people import Member
from redress.mail.incoming.rules.answers import NoAnswer
from redress.mail.incoming.rules.attachments import LARGEST_ATTACHMENT, refused, served_as
from redress.mail.incoming.rules.autoreplies import Wording
from redress.mail.incoming.rules.decision import (
    MOST_HELD_NOTED,
    AddNote,
    AddReply,
    Clue,
    LogNotice,
    MailFacts,
    Named,
    Notice,
    OpenTicket,
    Quarantine,
    Reason,
    decide,
    doors,
    joined_beside,
    noted_beside,
)
from redress.plans.rules.plan import MailPlan
from redress.tickets.rules.ticket import State, Ticket
from tests.builders import BY_PHONE, LIN, NUMBER, life_at

OTHER = "R-00000-00000"
RULES = MailPlan({"complaints": "complaint", "service": "inquiry"})


def facts(**given: Any) -> MailFacts:
    usual: dict[str, Any] = {
        "sender": "li.na@example.com",
        "recipients": ("service@in.example.org",),
    }
    return MailFacts(**(usual | given))


def ticket(state: State = State.OPEN, **fields: Any) -> dict[str, Ticket]:
    found = life_at(state, **fields).ticket
    return {found.number: found}


LIN_OF_COMPLAINTS = Member(
    LIN.id, "Lin", "lin@example.org", LIN.role, "complaints", ("zh-CN",), capacity=5
)
ANSWERED = Named(NUMBER, Clue.ADDRESS)
QUOTED = Named(NUMBER, Clue.CONVERSATION)
TYPED = Named(NUMBER, Clue.SUBJECT)


@pytest.mark.parametrize("named", [ANSWERED, QUOTED, TYPED])
@pytest.mark.parametrize("state", [state for state in State if state is not State.CLOSED])
def test_adds_the_customers_mail_to_their_ticket_by_any_clue(named: Named, state: State) -> None:
    proven = named is not TYPED
    mail = facts(named=(named,))
    assert decide(mail, ticket(state), RULES) == AddReply(NUMBER, proven=proven)
    authentic = replace(mail, authentic=True)
    assert decide(authentic, ticket(state), RULES) == AddReply(NUMBER)


@pytest.mark.parametrize("named", [ANSWERED, QUOTED, TYPED])
def test_opens_a_following_ticket_for_mail_to_a_closed_one(named: Named) -> None:
    assert decide(facts(named=(named,)), ticket(State.CLOSED), RULES) == OpenTicket(
        "inquiry", NUMBER
    )


@pytest.mark.parametrize(
    ("named", "follows"), [(ANSWERED, NUMBER), (QUOTED, NUMBER), (TYPED, None)]
)
def test_opens_a_ticket_for_a_stranger_and_links_it_only_by_a_signed_clue(
    named: Named, follows: str | None
) -> None:
    """A signed clue shows that the stranger has a mail of the ticket, so they may know of it.

    A stranger may have guessed a number.
    """
    mail = facts(sender="neighbour@example.net", named=(named,))
    assert decide(mail, ticket(), RULES) == OpenTicket("inquiry", follows)


def test_quarantines_a_disowned_mail_that_names_the_customers_ticket() -> None:
    typed = facts(named=(TYPED,), disowned=True)
    assert decide(typed, ticket(), RULES) == Quarantine(Reason.DISOWNED, NUMBER)
    assert decide(typed, ticket(), RULES, released=True) == OpenTicket("inquiry")


def test_quarantines_a_disowned_mail_in_a_strangers_name() -> None:
    forged = facts(sender="x@example.net", disowned=True)
    assert decide(forged, {}, RULES) == Quarantine(Reason.DISOWNED)
    follows = replace(forged, named=(ANSWERED,))
    assert decide(follows, ticket(), RULES) == Quarantine(Reason.DISOWNED, NUMBER)


def test_adds_no_mail_to_the_ticket_of_a_customer_without_address() -> None:
    tickets = ticket(contact=BY_PHONE)
    assert decide(facts(named=(TYPED,)), tickets, RULES) == OpenTicket("inquiry")


def test_ignores_a_number_that_names_no_ticket() -> None:
    assert decide(facts(named=(Named(OTHER, Clue.SUBJECT),)), {}, RULES) == OpenTicket("inquiry")


def test_the_most_reliable_clue_wins_in_any_order() -> None:
    both = ticket() | {OTHER: life_at(State.OPEN, number=OTHER).ticket}
    mail = facts(named=(Named(OTHER, Clue.SUBJECT), ANSWERED))
    assert decide(mail, both, RULES) == AddReply(NUMBER)


def test_finds_the_senders_ticket_next_to_a_clue_to_somebody_elses() -> None:
    other = life_at(State.OPEN, number=OTHER, contact={"name": "X", "email": "x@example.com"})
    both = ticket() | {OTHER: other.ticket}
    mail = facts(named=(Named(OTHER, Clue.CONVERSATION), TYPED), authentic=True)
    assert decide(mail, both, RULES) == AddReply(NUMBER)


@pytest.mark.parametrize(
    ("recipients", "kind"),
    [
        (("complaints@in.example.org",), "complaint"),
        (("service@in.example.org",), "inquiry"),
        (("anything@in.example.org", "complaints@in.example.org"), "complaint"),
        (("anything@in.example.org",), "inquiry"),
        ((), "inquiry"),
    ],
)
def test_the_recipient_address_presets_the_kind(recipients: tuple[str, ...], kind: str) -> None:
    assert decide(facts(recipients=recipients), {}, RULES) == OpenTicket(kind)


HELLO, COMPLAINTS = "hello@in.example.org", "complaints@in.example.org"


@pytest.mark.parametrize(
    ("envelope", "headers", "kind"),
    [
        ((HELLO,), (COMPLAINTS,), "inquiry"),
        ((HELLO, COMPLAINTS), (COMPLAINTS,), "complaint"),
        ((), (COMPLAINTS,), "complaint"),
        ((HELLO,), ("complaints@shop.example",), "complaint"),
        (("relay@host.example",), (COMPLAINTS,), "complaint"),
    ],
    ids=["not taken", "taken", "not known", "forwarded", "none of the house"],
)
def test_an_address_that_is_not_in_the_envelope_of_its_domain_presets_no_kind(
    envelope: tuple[str, ...], headers: tuple[str, ...], kind: str
) -> None:
    plan = MailPlan(RULES.kind_by_address, domains=("shop.example", "in.example.org"))
    mail = facts(recipients=(*envelope, *headers), envelope=envelope)
    assert decide(mail, {}, plan) == OpenTicket(kind)


@pytest.mark.parametrize("named", [ANSWERED, QUOTED, TYPED])
def test_words_of_an_auto_reply_make_a_notice_only_if_they_repeat_the_tickets_subject(
    named: Named,
) -> None:
    tickets = ticket()
    [ours] = (one.subject for one in tickets.values())
    said = facts(named=(named,), machine=Notice.AUTOMATIC, wording=Wording(repeated=ours))
    assert decide(said, tickets, RULES) == LogNotice(NUMBER, Notice.AUTOMATIC)
    for wording, noticed in (
        (Wording(repeated="colis non livré"), False),
        (Wording(repeated="", asks=True), False),
        (Wording(repeated="", asks=False), True),
        (Wording(repeated="", ordinary=True), False),
        (Wording(repeated=ours, ordinary=True), True),
        (Wording(repeated=ours, answered=True), False),
        (Wording(repeated=ours, subject=ours), False),
        (Wording(repeated="x", numbered=True), True),
        (Wording(text=True), True),
    ):
        decision = decide(replace(said, wording=wording), tickets, RULES)
        assert isinstance(decision, LogNotice if noticed else AddReply)


def test_a_first_mail_with_the_words_of_an_auto_reply_opens_a_ticket() -> None:
    for wording in (Wording(text=True), Wording(repeated="x"), Wording(repeated="")):
        mail = facts(machine=Notice.AUTOMATIC, wording=wording, no_answer=NoAnswer.WORDS)
        assert decide(mail, {}, RULES) == OpenTicket("inquiry", unacknowledged=NoAnswer.WORDS)


@pytest.mark.parametrize(
    ("recipient", "kind"),
    [
        ("complaints+li@in.example.org", "complaint"),
        ("complaints+@in.example.org", "complaint"),
        ("complaints+a+b@in.example.org", "complaint"),
        ("help+li@brand.example", "urgent"),
        ("vip+gold@in.example.org", "urgent"),
        ("vip+tin@in.example.org", "inquiry"),
        ("complaints-li@in.example.org", "inquiry"),
        ("li+complaints@in.example.org", "inquiry"),
        ("complaints+li@other.example", "inquiry"),
        ("complaints+li@group.example", "complaint"),
    ],
)
def test_the_part_after_a_plus_counts_only_if_the_plan_names_it(recipient: str, kind: str) -> None:
    named = {"complaints": "complaint", "help@brand.example": "urgent", "vip+gold": "urgent"}
    plan = MailPlan(named, groups=("complaints@group.example",))
    mail = facts(recipients=(recipient,), own_domains=("in.example.org",))
    assert decide(mail, {}, plan) == OpenTicket(kind)


def test_without_a_known_domain_of_the_house_every_domain_counts() -> None:
    mail = facts(recipients=("complaints@shop.example",))
    assert decide(mail, {}, RULES) == OpenTicket("complaint")
    ours = replace(mail, own_domains=("in.example.org",))
    assert decide(ours, {}, RULES) == OpenTicket("inquiry")
    plan = MailPlan(RULES.kind_by_address, domains=("shop.example",))
    assert decide(ours, {}, plan) == OpenTicket("complaint")


def test_the_address_of_a_group_of_the_house_counts() -> None:
    plan = MailPlan(RULES.kind_by_address, groups=("complaints@shop.example",))
    mail = facts(recipients=("complaints@shop.example",), own_domains=("in.example.org",))
    assert decide(mail, {}, plan) == OpenTicket("complaint")
    other = facts(recipients=("urgent@shop.example",), own_domains=("in.example.org",))
    assert decide(other, {}, plan) == OpenTicket("inquiry")


def test_an_address_that_the_plan_names_completely_counts_at_any_domain() -> None:
    plan = MailPlan({"help@brand.example": "complaint", "help": "inquiry"})
    mail = facts(recipients=("help@brand.example",), own_domains=("in.example.org",))
    assert decide(mail, {}, plan) == OpenTicket("complaint")
    other = facts(recipients=("help@other.example",), own_domains=("in.example.org",))
    assert decide(other, {}, plan) == OpenTicket("inquiry")


HELD: dict[Reason, dict[str, Any]] = {
    Reason.VIRUS: {"virus": True},
    Reason.SPAM: {"spam": True},
    Reason.AUTOMATIC: {"automatic": True},
    Reason.NO_SENDER: {"sender": ""},
    Reason.FROM_STAFF: {"staff": LIN_OF_COMPLAINTS},
    Reason.TOO_MANY: {"recent": RULES.most_of_a_sender},
    Reason.OWN: {"own": True},
}


@pytest.mark.parametrize("reason", HELD)
def test_quarantines_unwanted_mail_with_its_reason(reason: Reason) -> None:
    assert decide(facts(**HELD[reason]), {}, RULES) == Quarantine(reason)
    held = decide(facts(named=(TYPED,), **HELD[reason]), ticket(), RULES)
    assert held == Quarantine(reason, NUMBER)


@pytest.mark.parametrize("reason", [r for r in HELD if r is not Reason.NO_SENDER])
def test_accepts_what_staff_release_from_quarantine(reason: Reason) -> None:
    mail = facts(named=(ANSWERED,), **HELD[reason])
    assert decide(mail, ticket(), RULES, released=True) == AddReply(NUMBER)


def test_opens_no_ticket_without_a_sender_even_when_released() -> None:
    assert decide(facts(sender=""), {}, RULES, released=True) == Quarantine(Reason.NO_SENDER)


def test_a_mail_without_sender_that_can_be_answered_opens_a_ticket() -> None:
    mail = facts(sender="", reachable=True, no_answer=NoAnswer.REPLY_TO)
    assert decide(mail, {}, RULES) == OpenTicket("inquiry", unacknowledged=NoAnswer.REPLY_TO)


@pytest.mark.parametrize("named", [QUOTED, ANSWERED, TYPED])
def test_being_reachable_gives_no_rights_on_a_ticket(named: Named) -> None:
    mail = facts(sender="", reachable=True, named=(named,))
    assert not isinstance(decide(mail, ticket(), RULES), AddReply)


@pytest.mark.parametrize(
    "note", [Notice.RETURNED, Notice.DELAYED, Notice.COMPLAINED, Notice.AUTOMATIC]
)
def test_logs_a_notice_of_a_machine_on_the_ticket(note: Notice) -> None:
    mail = facts(sender="", named=(QUOTED,), machine=note, automatic=True)
    assert decide(mail, ticket(), RULES) == LogNotice(NUMBER, note)


def test_adds_a_reply_to_a_signed_address_even_if_it_looks_automatic() -> None:
    assert decide(facts(named=(ANSWERED,), automatic=True), ticket(), RULES) == AddReply(NUMBER)
    typed = facts(named=(TYPED,), automatic=True)
    assert decide(typed, ticket(), RULES) == Quarantine(Reason.AUTOMATIC, NUMBER)
    stranger = facts(sender="x@example.net", named=(ANSWERED,), automatic=True)
    assert decide(stranger, ticket(), RULES) == Quarantine(Reason.AUTOMATIC, NUMBER)
    assert decide(of_staff(named=(ANSWERED,), automatic=True), ticket(), RULES) == AddNote(
        NUMBER, LIN
    )


@pytest.mark.parametrize("why", NoAnswer)
def test_a_mail_that_must_not_be_answered_opens_a_ticket_without_acknowledgement(
    why: NoAnswer,
) -> None:
    mail = facts(no_answer=why)
    opened = OpenTicket("inquiry", unacknowledged=why)
    assert decide(mail, {}, RULES) == opened
    stranger = facts(sender="x@example.net", named=(ANSWERED,), no_answer=why)
    assert decide(stranger, ticket(), RULES) == replace(opened, follows=NUMBER)
    assert decide(facts(named=(TYPED,), no_answer=why), ticket(), RULES) == AddReply(
        NUMBER, proven=False
    )


def test_a_released_mail_of_a_machine_opens_a_ticket_without_acknowledgement() -> None:
    mail = facts(automatic=True, no_answer=NoAnswer.MACHINE)
    assert decide(mail, {}, RULES) == Quarantine(Reason.AUTOMATIC)
    opened = OpenTicket("inquiry", unacknowledged=NoAnswer.MACHINE)
    assert decide(mail, {}, RULES, released=True) == opened


@pytest.mark.parametrize("named", [ANSWERED, QUOTED, TYPED])
def test_logs_an_auto_reply_without_machine_headers_if_it_answers_a_ticket(named: Named) -> None:
    mail = facts(named=(named,), machine=Notice.AUTOMATIC, no_answer=NoAnswer.WORDS)
    assert decide(mail, ticket(), RULES) == LogNotice(NUMBER, Notice.AUTOMATIC)


def test_words_of_an_auto_reply_open_a_ticket_if_the_mail_answers_no_ticket() -> None:
    mail = facts(machine=Notice.AUTOMATIC, no_answer=NoAnswer.WORDS)
    opened = OpenTicket("inquiry", unacknowledged=NoAnswer.WORDS)
    assert decide(mail, {}, RULES) == opened
    stranger = replace(mail, sender="x@example.net", named=(TYPED,))
    assert decide(stranger, ticket(), RULES) == opened


def test_quarantines_an_auto_reply_of_staff_without_machine_headers() -> None:
    mail = of_staff(named=(QUOTED,), machine=Notice.AUTOMATIC)
    assert decide(mail, ticket(), RULES) == Quarantine(Reason.AUTOMATIC, NUMBER)


def test_the_first_sender_and_the_contact_both_write_as_the_customer() -> None:
    tickets = {NUMBER: replace(life_at(State.OPEN).ticket, first_sender="li@private.example")}
    for sender in ("li@private.example", "li.na@example.com"):
        found = decide(facts(sender=sender, named=(ANSWERED,)), tickets, RULES)
        assert found == AddReply(NUMBER)
    stranger = decide(facts(sender="x@example.net", named=(ANSWERED,)), tickets, RULES)
    assert stranger == OpenTicket("inquiry", NUMBER)


def test_quarantines_a_notice_that_has_only_a_number() -> None:
    mail = facts(named=(TYPED,), machine=Notice.RETURNED, automatic=True)
    assert decide(mail, ticket(), RULES) == Quarantine(Reason.AUTOMATIC, NUMBER)


def test_quarantines_an_auto_reply_of_staff() -> None:
    mail = facts(named=(QUOTED,), machine=Notice.AUTOMATIC, automatic=True, staff=LIN_OF_COMPLAINTS)
    assert decide(mail, ticket(), RULES) == Quarantine(Reason.AUTOMATIC, NUMBER)


def test_quarantines_too_many_mails_about_one_ticket() -> None:
    many = {NUMBER: RULES.most_on_a_ticket}
    mail = facts(named=(ANSWERED,), recent_on=many)
    assert decide(mail, ticket(), RULES) == Quarantine(Reason.TOO_MANY, NUMBER)
    machine = facts(named=(ANSWERED,), recent_on=many, machine=Notice.AUTOMATIC, automatic=True)
    assert decide(machine, ticket(), RULES) == Quarantine(Reason.TOO_MANY, NUMBER)


def test_logs_a_disowned_mail_in_the_customers_name_as_a_notice() -> None:
    mail = facts(named=(ANSWERED,), disowned=True)
    assert decide(mail, ticket(), RULES) == LogNotice(NUMBER, Notice.DISOWNED)


@pytest.mark.parametrize("named", [ANSWERED, QUOTED])
def test_logs_a_mail_that_a_group_passed_on_without_proof_of_its_sender_as_a_notice(
    named: Named,
) -> None:
    mail = facts(named=(named,), relayed=True)
    assert decide(mail, ticket(), RULES) == LogNotice(NUMBER, Notice.DISOWNED)


@pytest.mark.parametrize("state", State)
def test_a_number_in_a_mail_that_a_group_passed_on_without_proof_only_links_a_new_ticket(
    state: State,
) -> None:
    mail = facts(named=(TYPED,), relayed=True)
    assert decide(mail, ticket(state), RULES) == OpenTicket("inquiry", NUMBER)
    stranger = replace(mail, sender="x@example.net")
    assert decide(stranger, ticket(State.OPEN), RULES) == OpenTicket("inquiry")


FRIEND = "wang.wei@example.com"


@pytest.mark.parametrize("state", State)
def test_a_mail_to_two_signed_addresses_is_a_message_on_each_open_ticket_of_its_sender(
    state: State,
) -> None:
    other = replace(life_at(state).ticket, number=OTHER)
    both = ticket() | {OTHER: other}
    mail = facts(named=(ANSWERED, Named(OTHER, Clue.ADDRESS)))
    found = decide(mail, both, RULES)
    assert found == AddReply(NUMBER)
    assert joined_beside(mail, both, found) == (() if state is State.CLOSED else (OTHER,))
    quoted = replace(mail, named=(ANSWERED, Named(OTHER, Clue.CONVERSATION)))
    assert joined_beside(quoted, both, found) == (), "the mail was not sent to that ticket"
    theirs = replace(other, contact=replace(other.contact, email="x@example.net"))
    assert joined_beside(mail, ticket() | {OTHER: theirs}, found) == ()


def taking_part(state: State = State.OPEN) -> dict[str, Ticket]:
    return {NUMBER: replace(life_at(state).ticket, participants=(FRIEND,))}


@pytest.mark.parametrize("named", [ANSWERED, QUOTED, TYPED])
def test_adds_a_participants_mail_to_the_ticket(named: Named) -> None:
    mail = facts(sender=FRIEND, named=(named,))
    assert decide(mail, taking_part(), RULES) == AddReply(NUMBER, FRIEND, proven=named is not TYPED)
    assert decide(mail, taking_part(State.CLOSED), RULES) == OpenTicket("inquiry", NUMBER)
    assert isinstance(decide(mail, ticket(), RULES), OpenTicket)


def test_logs_a_disowned_mail_in_a_participants_name_as_a_notice() -> None:
    mail = facts(sender=FRIEND, named=(ANSWERED,), disowned=True)
    assert decide(mail, taking_part(), RULES) == LogNotice(NUMBER, Notice.DISOWNED)


def of_staff(**given: Any) -> MailFacts:
    usual = {"sender": "lin@example.org", "staff": LIN_OF_COMPLAINTS, "authentic": True}
    return facts(**(usual | given))


@pytest.mark.parametrize("named", [ANSWERED, QUOTED, TYPED])
@pytest.mark.parametrize("state", State)
def test_adds_mail_of_staff_about_a_ticket_as_an_internal_note(named: Named, state: State) -> None:
    mail = of_staff(named=(named,))
    assert decide(mail, ticket(state), RULES) == AddNote(NUMBER, LIN)


def test_quarantines_unproven_mail_in_the_name_of_staff() -> None:
    mail = of_staff(named=(ANSWERED,), authentic=False)
    assert decide(mail, ticket(), RULES) == Quarantine(Reason.FROM_STAFF, NUMBER)


def test_quarantines_mail_of_staff_about_a_ticket_that_they_may_not_see() -> None:
    mail = of_staff(named=(ANSWERED,), staff=replace(LIN_OF_COMPLAINTS, team="elsewhere"))
    assert decide(mail, ticket(), RULES) == Quarantine(Reason.FROM_STAFF, NUMBER)


@pytest.mark.parametrize("named", [ANSWERED, QUOTED, TYPED])
@pytest.mark.parametrize("sender", ["lin@example.org", FRIEND, "li.na@example.com"])
def test_quarantines_mail_of_the_member_of_staff_whom_the_ticket_is_about(
    named: Named, sender: str
) -> None:
    """As if the ticket did not exist, even if the member takes part in it by mail."""
    about_lin = {NUMBER: replace(taking_part()[NUMBER], about=(LIN.id,))}
    mail = of_staff(named=(named,), sender=sender)
    assert decide(mail, about_lin, RULES) == Quarantine(Reason.FROM_STAFF, NUMBER)
    assert decide(mail, about_lin, RULES).reason == decide(of_staff(), {}, RULES).reason  # type: ignore[union-attr]
    assert noted_beside(mail, about_lin, decide(mail, about_lin, RULES)) == ()


def test_quarantines_mail_of_staff_that_names_no_ticket() -> None:
    assert decide(of_staff(), {}, RULES) == Quarantine(Reason.FROM_STAFF)


def test_a_member_of_staff_writes_on_their_own_ticket_as_its_customer() -> None:
    mail = of_staff(sender="li.na@example.com", named=(ANSWERED,))
    assert decide(mail, ticket(), RULES) == AddReply(NUMBER)
    unproven = of_staff(sender="li.na@example.com", named=(ANSWERED,), authentic=False)
    assert decide(unproven, ticket(), RULES) == Quarantine(Reason.FROM_STAFF, NUMBER)


def test_a_plan_can_log_mail_of_strangers_on_the_ticket() -> None:
    plan = MailPlan(RULES.kind_by_address, strangers="message")
    mail = facts(sender="neighbour@example.net", named=(ANSWERED,))
    assert decide(mail, ticket(), plan) == LogNotice(NUMBER, Notice.STRANGER)
    guessed = facts(sender="neighbour@example.net", named=(TYPED,))
    assert decide(guessed, ticket(), plan) == OpenTicket("inquiry")


@pytest.mark.parametrize("named", [ANSWERED, QUOTED])
def test_a_strangers_mail_with_a_signed_clue_is_also_logged_on_that_ticket(named: Named) -> None:
    mail = facts(sender="neighbour@example.net", named=(named,))
    for state in State:
        found = decide(mail, ticket(state), RULES)
        assert noted_beside(mail, ticket(state), found) == (NUMBER,)
    theirs = life_at(State.OPEN, number=OTHER, contact={"name": "N", "email": mail.sender})
    both = ticket() | {OTHER: theirs.ticket}
    also = replace(mail, named=(named, Named(OTHER, Clue.THREAD)))
    assert decide(also, both, RULES) == AddReply(OTHER, proven=False)
    assert noted_beside(also, both, decide(also, both, RULES)) == (NUMBER,)


@pytest.mark.parametrize("named", [ANSWERED, QUOTED])
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"disowned": True}, Reason.DISOWNED),
        ({"sender": ""}, Reason.NO_SENDER),
        ({"recent": 30}, Reason.TOO_MANY),
        ({"recent_on": {NUMBER: 60}}, Reason.TOO_MANY),
    ],
)
def test_a_strangers_held_mail_is_logged_on_the_ticket_that_it_answers(
    named: Named, given: dict[str, Any], reason: Reason
) -> None:
    mail = facts(**({"sender": "neighbour@example.net", "named": (named,)} | given))
    for state in State:
        found = decide(mail, ticket(state), RULES)
        assert found == Quarantine(reason, NUMBER)
        assert noted_beside(mail, ticket(state), found) == (NUMBER,)
        assert noted_beside(replace(mail, noted=(NUMBER,)), ticket(state), found) == ()
        flood = replace(mail, held_on={NUMBER: MOST_HELD_NOTED})
        assert noted_beside(flood, ticket(state), found) == ()
        for nobody in (
            {"automatic": True},
            {"machine": Notice.AUTOMATIC},
            {"staff": LIN_OF_COMPLAINTS},
        ):
            assert noted_beside(replace(mail, **nobody), ticket(state), found) == ()


@pytest.mark.parametrize(
    "reason", sorted(set(Reason) - {Reason.DISOWNED, Reason.NO_SENDER, Reason.TOO_MANY})
)
def test_spam_viruses_and_mail_of_machines_is_not_logged_on_a_ticket(reason: Reason) -> None:
    mail = facts(sender="neighbour@example.net", named=(ANSWERED,))
    assert noted_beside(mail, ticket(), Quarantine(reason, NUMBER)) == ()


@pytest.mark.parametrize(
    "given",
    [
        {"named": (TYPED,)},
        {"named": (TYPED,), "disowned": True},
        {"named": (ANSWERED,), "sender": "li.na@example.com", "recent": 30},
        {"named": (Named(OTHER, Clue.ADDRESS),)},
        {"named": (ANSWERED,), "spam": True},
        {"named": (ANSWERED,), "machine": Notice.AUTOMATIC, "automatic": True},
        {"named": (ANSWERED,), "sender": "li.na@example.com"},
        {"named": (ANSWERED,), "sender": "li.na@example.com", "disowned": True},
        {"named": (ANSWERED,), "staff": LIN_OF_COMPLAINTS, "authentic": True},
    ],
    ids=[
        "unsigned",
        "unsigned and held",
        "customer too often",
        "no ticket",
        "spam",
        "a notice",
        "customer",
        "disowned",
        "staff",
    ],
)
def test_other_mails_are_not_also_logged_on_a_ticket(given: dict[str, Any]) -> None:
    mail = facts(**({"sender": "neighbour@example.net"} | given))
    assert noted_beside(mail, ticket(), decide(mail, ticket(), RULES)) == ()


def test_the_doors_of_a_plan_are_addresses_at_the_domains_of_the_house() -> None:
    named = {"urgent": "complaint", "care@shop.example": "inquiry"}
    groups = ("help@shop.example", "list.shop.example")
    plan = MailPlan(named, domains=("house.example",), groups=groups)
    assert doors(plan, ("in.example.org", "house.example")) == {
        "urgent@in.example.org",
        "urgent@house.example",
        "care@shop.example",
        "help@shop.example",
    }
    assert doors(MailPlan(named), ()) == {"care@shop.example"}


@pytest.mark.parametrize("stored", ["", "wang..wei@example.com", "wang.@example.com"])
@pytest.mark.parametrize("named", [ANSWERED, QUOTED, TYPED, Named(NUMBER, Clue.THREAD)])
def test_a_mail_without_a_sender_is_nobodys_whatever_participants_are_stored(
    named: Named, stored: str
) -> None:
    """Earlier versions stored any From of an accepted mail as a participant, even an empty one."""
    mail = facts(sender="", reachable=True, named=(named,))
    for known in (ticket(), ticket(contact=BY_PHONE)):
        open_ticket = {NUMBER: replace(known[NUMBER], participants=("bo@example.net", stored))}
        assert isinstance(decide(mail, open_ticket, RULES), OpenTicket)
        released = decide(replace(mail, reachable=False), open_ticket, RULES, released=True)
        assert released == Quarantine(Reason.NO_SENDER, NUMBER)


@pytest.mark.parametrize(
    ("name", "declared", "detected", "served", "why"),
    [
        ("a.png", "image/png", "image/png", "image/png", None),
        ("a.png", "image/png", "text/html", "application/octet-stream", None),
        ("a.pdf", "application/octet-stream", "application/pdf", "application/pdf", None),
        ("a.txt", "text/plain", "", "text/plain", None),
        ("a.docx", "application/msword", "", "application/octet-stream", None),
        ("a.exe", "image/png", "image/png", "image/png", "type"),
        ("A.HTML", "text/plain", "", "text/plain", "type"),
        (
            "a",
            "text/plain",
            "application/vnd.microsoft.portable-executable",
            "application/octet-stream",
            "type",
        ),
    ],
)
def test_attachments_are_served_under_a_safe_type_or_refused(
    name: str, declared: str, detected: str, served: str, why: str | None
) -> None:
    assert served_as(declared, detected) == served
    assert refused(name, declared, detected, 10) == why
    assert refused("a.png", "image/png", "image/png", LARGEST_ATTACHMENT + 1) == "size"


def test_the_most_serious_reason_is_reported() -> None:
    everything: dict[str, Any] = {}
    for fields in HELD.values():
        everything |= fields
    assert decide(facts(**everything), {}, RULES) == Quarantine(Reason.VIRUS)


@given(
    st.builds(
        facts,
        sender=st.sampled_from(["", "li.na@example.com", "x@example.net"]),
        named=st.lists(
            st.builds(Named, st.sampled_from([NUMBER, OTHER]), st.sampled_from(Clue)), max_size=4
        ).map(tuple),
        automatic=st.booleans(),
        spam=st.booleans(),
        virus=st.booleans(),
        disowned=st.booleans(),
        relayed=st.booleans(),
        staff=st.sampled_from([None, LIN_OF_COMPLAINTS]),
        authentic=st.booleans(),
    ),
    st.sampled_from(State),
)
def test_only_the_customer_ever_writes_on_a_ticket(mail: MailFacts, state: State) -> None:
    found = decide(mail, ticket(state), RULES)
    if isinstance(found, AddNote):
        assert mail.authentic
        assert mail.staff is not None
    if isinstance(found, AddReply):
        assert mail.sender == "li.na@example.com"
        assert not mail.disowned
        assert not mail.relayed
        assert not mail.automatic or any(
            one.number == NUMBER and one.by in (Clue.ADDRESS, Clue.CONVERSATION)
            for one in mail.named
        )
        assert state is not State.CLOSED
