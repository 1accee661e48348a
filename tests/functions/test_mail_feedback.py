"""Events of SES about sent mails are logged on the ticket once and stop mail to bad addresses."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from redress.base.people import Member, Role
from redress.db import keys
from redress.mail.outgoing.cases.clearing import ReturnedAddresses
from redress.mail.outgoing.cases.feedback import OF_SES
from redress.mail.outgoing.cases.posting import LEASE
from redress.mail.outgoing.messages import HeldDigest, MailJob, encode, tags_of, tags_of_digest
from redress.staff.rules.availability import Presence
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import EventType
from redress.tickets.store.mail_records import Claim
from redress.wiring import mailer as mailer_wiring
from redress.wiring import stores as wired_stores
from tests.functions.conftest import MEMBERS
from tests.functions.test_mailer import OPERATOR, Mailer, Post, _let_in, mailer, metrics_of, post
from tests.wired import TABLE, set_environment
from tests.world import Opener, Stores, aws, merge

__all__ = ["mailer", "post"]  # the fixtures

AT = datetime(2026, 11, 23, 1, tzinfo=UTC)
RECIPIENT = {
    "emailAddress": "li.na@example.com",
    "action": "failed",
    "status": "5.1.1",
    "diagnosticCode": "smtp; 550 5.1.1 user unknown",
}
"""A recipient as in the examples of the SES Developer Guide."""


def event(kind: str, number: str, audience: str = "customer", **about: Any) -> str:
    return event_about(MailJob(number, 1, "reply", audience), kind, **about)


def event_about(job: MailJob, kind: str, **about: Any) -> str:
    tags = {one["Name"]: [one["Value"]] for one in tags_of(job)}
    part = kind[0].lower() + kind[1:]
    mail = {
        "timestamp": "2026-11-23T00:40:02.012Z",
        "messageId": "EXAMPLE7c191be45",
        "destination": ["li.na@example.com"],
        "tags": tags | {"ses:configuration-set": ["redress"]},
    }
    return json.dumps({"eventType": kind, "mail": mail, part: about})


def bounce(number: str, kind: str = "Permanent", audience: str = "customer", **more: Any) -> str:
    return bounce_of(MailJob(number, 1, "reply", audience), kind, **more)


def bounce_of(job: MailJob, kind: str = "Permanent", **more: Any) -> str:
    about = {"bounceType": kind, "bouncedRecipients": [RECIPIENT], "feedbackId": "f-1"}
    about["timestamp"] = "2026-11-23T00:41:02.669Z"
    return event_about(job, "Bounce", **(about | more))


def noted(stores: Stores, number: str) -> list[dict[str, Any]]:
    history = stores.tickets.history(number)
    return [one.data for one in history if one.type is EventType.MAIL_NOTED]


def test_a_bounce_is_logged_once_and_ends_mail_to_the_address(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: Any
) -> None:
    number = open_ticket(agent="a-mei").number
    before = stores.tickets.get(number)
    assert mailer(bounce(number), bounce(number)) == []
    [said] = noted(stores, number)
    assert (said["why"], said["mail"]["about"]) == ("returned", "000001.reply.customer")
    assert said["text"] == "li.na@example.com 5.1.1 smtp; 550 5.1.1 user unknown"
    after = stores.tickets.get(number)
    assert (after.state, after.clocks, after.last_person_version) == (
        before.state,
        before.clocks,
        before.last_person_version,
    )
    mailer.act(number, lambda t, p, at: by_staff.tell_progress(t, p, staff_actor(), "Soon", at))
    assert mailer(mailer.job(number, "progress")) == []
    assert post.sent == []
    record = mailer.records(number)[f"{after.version + 1:06d}.progress.customer"]
    assert (record.state, record.fault) == ("refused", "the address returned mail")
    # The agent is notified, without the customer's text or address.
    assert mailer(mailer.job(number, "mail_returned")) == []
    assert post.only["To"] == "mei@example.com"
    assert "li.na@example.com" not in str(post.only)


@pytest.mark.parametrize(
    ("agent", "told"), [("a-jun", "jun@example.com"), (None, "mei@example.com")]
)
def test_bounce_of_an_answer_in_a_merged_ticket_is_told_where_it_goes_on(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    stores: Stores,
    staff: Any,
    agent: str | None,
    told: str,
) -> None:
    source, target = open_ticket(agent="a-mei").number, open_ticket(agent=agent).number
    merge(stores, source, target)
    assert mailer(bounce(source)) == []
    assert mailer(mailer.job(source, "mail_returned")) == []
    assert post.only["To"] == told


def staff_actor() -> Any:
    from redress.base.people import Actor, Role

    return Actor(Role.AGENT, "a-mei")


def by_mail(identity: str) -> dict[str, Any]:
    return {"id": identity, "key": f"inbound/{identity}"}


SENT = datetime(2026, 11, 23, 0, 40, 2, tzinfo=UTC)
"""When the mail was sent that `bounce` is about."""


@pytest.mark.parametrize(("minutes", "marked"), [(-1, True), (1, False)])
def test_a_late_bounce_does_not_end_mail_to_an_address_that_wrote_after_the_returned_mail(
    mailer: Mailer, open_ticket: Opener, stores: Stores, minutes: int, marked: bool
) -> None:
    mailer.clock.moment = SENT - timedelta(hours=1)
    number = open_ticket().number
    mailer.clock.moment = SENT + timedelta(minutes=minutes)
    mailer.act(number, lambda t, p, at: by_customer.write(t, p, "I am here.", at, by_mail("b")))
    mailer.clock.moment = SENT + timedelta(hours=1)
    assert mailer(bounce(number)) == []
    assert [one["why"] for one in noted(stores, number)] == ["returned"]
    assert (wired_stores.addresses().returned("li.na@example.com") is not None) == marked


@pytest.mark.parametrize("on_another_ticket", [False, True])
@pytest.mark.parametrize(("minutes", "marked"), [(-1, False), (1, True)])
def test_a_late_bounce_does_not_undo_that_staff_cleared_the_address_since(
    mailer: Mailer,
    open_ticket: Opener,
    stores: Stores,
    staff: Any,
    minutes: int,
    marked: bool,
    on_another_ticket: bool,
) -> None:
    """`minutes` is when the second mail was sent, after the address was cleared."""
    number, other = open_ticket().number, open_ticket().number
    mailer.clock.moment = SENT + timedelta(minutes=5)
    assert mailer(bounce(number)) == []
    addresses = wired_stores.addresses()
    mailer.clock.advance(hours=2)
    cleared = mailer.clock.now()
    ReturnedAddresses(stores.changes, addresses).clear(
        MEMBERS["wei"], number, lambda: ("li.na@example.com", "She called.")
    )
    assert not addresses.has_written("li.na@example.com")

    mailer.clock.advance(hours=1)
    late = json.loads(bounce(other if on_another_ticket else number, feedbackId="f-2"))
    late["mail"]["timestamp"] = (cleared + timedelta(minutes=minutes)).isoformat()
    assert mailer(json.dumps(late)) == []
    assert (addresses.returned("li.na@example.com") is not None) == marked


def test_a_message_on_the_page_does_not_show_that_the_address_works(
    mailer: Mailer, open_ticket: Opener
) -> None:
    number = open_ticket().number
    mailer.act(number, lambda t, p, at: by_customer.write(t, p, "I am here.", at))
    assert mailer(bounce(number)) == []
    assert wired_stores.addresses().returned("li.na@example.com") is not None


def test_a_message_of_a_participant_shows_nothing_about_the_customers_address(
    mailer: Mailer, open_ticket: Opener
) -> None:
    number = open_ticket().number
    mailer.act(
        number,
        lambda t, p, at: by_customer.write(t, p, "I am here.", at, by_mail("b"), "bo@example.com"),
    )
    other = RECIPIENT | {"emailAddress": "bo@example.com"}
    assert mailer(bounce(number, bouncedRecipients=[RECIPIENT, other])) == []
    assert wired_stores.addresses().returned("li.na@example.com") is not None
    assert wired_stores.addresses().returned("bo@example.com") is None


def test_a_complaint_ends_mail_to_the_address_too(
    mailer: Mailer, open_ticket: Opener, stores: Stores
) -> None:
    number = open_ticket().number
    told = event(
        "Complaint",
        number,
        complainedRecipients=[{"emailAddress": "Li Na <Li.Na@example.com>"}],
        complaintFeedbackType="abuse",
        feedbackId="f-2",
    )
    assert mailer(told) == []
    assert [one["why"] for one in noted(stores, number)] == ["complained"]
    known = wired_stores.addresses().returned("li.na@example.com")
    assert known is not None
    assert known.status == "complaint"


def test_a_bounce_ends_mail_to_an_address_however_the_customer_typed_it(
    mailer: Mailer, open_ticket: Opener, post: Post
) -> None:
    """SES reports the ASCII form that the mail was sent to."""
    number = open_ticket(contact={"name": "王伟", "email": "Wang@Bücher.example"}).number
    returned = RECIPIENT | {"emailAddress": "Wang@xn--bcher-kva.example"}
    assert mailer(bounce(number, bouncedRecipients=[returned])) == []
    assert wired_stores.addresses().returned("Wang@Bücher.example") is not None
    assert mailer(mailer.job(number, "acknowledgement")) == []
    assert post.sent == []


def test_a_refusal_of_surveys_under_the_key_of_version_1_counts_until_it_is_changed(
    mailer: Mailer,
) -> None:
    row = {
        "pk": {"S": keys.earlier_address_pk("wang@Bücher.example")},
        "sk": {"S": keys.SURVEYS},
        "refused_at": {"S": "2026-10-01T09:00:00+00:00"},
    }
    aws("dynamodb").put_item(TableName=TABLE, Item=row)
    found = wired_stores.addresses()
    assert found.refuses_surveys("wang@bücher.example")
    assert not found.refuses_surveys("wang@example.org")
    found.set_surveys("wang@xn--bcher-kva.example", AT, refused=False)
    assert not found.refuses_surveys("wang@bücher.example")


def test_a_complaint_about_a_mail_to_several_marks_no_address(
    mailer: Mailer, open_ticket: Opener, stores: Stores
) -> None:
    """SES names all recipients who may have complained."""
    number = open_ticket().number
    several = [{"emailAddress": "bo@example.com"}, {"emailAddress": "wang@example.com"}]
    told = event(
        "Complaint",
        number,
        audience="participants",
        complainedRecipients=several,
        complaintFeedbackType="abuse",
        feedbackId="f-3",
    )
    assert mailer(told) == []
    assert [one["why"] for one in noted(stores, number)] == ["complained"]
    for one in several:
        assert wired_stores.addresses().returned(one["emailAddress"]) is None


@pytest.mark.parametrize(
    ("kind", "about", "why"),
    [
        ("Bounce", {"bounceType": "Transient", "bouncedRecipients": [RECIPIENT]}, "returned"),
        (
            "DeliveryDelay",
            {"delayType": "MailboxFull", "delayedRecipients": [RECIPIENT]},
            "delayed",
        ),
        ("Reject", {"reason": "Bad content"}, "returned"),
    ],
)
def test_a_temporary_failure_is_logged_and_marks_no_address(
    mailer: Mailer,
    open_ticket: Opener,
    stores: Stores,
    kind: str,
    about: dict[str, Any],
    why: str,
) -> None:
    number = open_ticket().number
    assert mailer(event(kind, number, **about)) == []
    [said] = noted(stores, number)
    assert said["why"] == why
    assert said["mail"]["returned"][0]["address"] == "li.na@example.com"
    assert wired_stores.addresses().returned("li.na@example.com") is None


def test_a_bounced_mail_to_staff_marks_no_address_and_notifies_no_agent(
    mailer: Mailer, open_ticket: Opener, stores: Stores
) -> None:
    number = open_ticket().number
    wrong = RECIPIENT | {"emailAddress": "mei@example.com"}
    assert mailer(bounce(number, audience="agent", bouncedRecipients=[wrong])) == []
    assert len(noted(stores, number)) == 1
    assert wired_stores.addresses().returned("mei@example.com") is None
    assert mailer.jobs(number, "mail_returned") == []


def of_staff(kind: str, number: str, role: str, email: str, template: str = "breach") -> str:
    """An event about a notice for staff that returned, was called spam or is late."""
    kinds: dict[str, dict[str, Any]] = {
        "Bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": email}]},
        "Complaint": {"complainedRecipients": [{"emailAddress": email}]},
        "DeliveryDelay": {"delayedRecipients": [{"emailAddress": email}]},
    }
    body = event(kind, number, role, timestamp="2026-11-23T00:41:02.669Z", **kinds[kind])
    return body.replace('"reply"', f'"{template}"')


@pytest.mark.parametrize("kind", ["Bounce", "Complaint"])
@pytest.mark.parametrize(
    ("role", "email", "told"),
    [
        ("agent", "mei@example.com", "lin@example.com"),
        ("supervisor", "lin@example.com", "garcia@example.com"),
        ("manager", "garcia@example.com", OPERATOR),
    ],
)
def test_a_notice_that_does_not_reach_a_member_of_staff_goes_to_the_next_person(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    stores: Stores,
    capsys: pytest.CaptureFixture[str],
    staff: Any,
    kind: str,
    role: str,
    email: str,
    told: str,
) -> None:
    manager = Member("garcia", "Garcia", "garcia@example.com", Role.MANAGER, "service", ("en",), 5)
    for person in [one for one in stores.staff.members() if one.role is Role.MANAGER]:
        stores.staff.depart(person, mailer.clock.now())
    stores.staff.record(manager, Presence.AWAY, mailer.clock.now())
    number = open_ticket(agent="a-mei", kind="complaint").number
    reported = of_staff(kind, number, role, email)
    assert mailer(reported, reported) == []

    [said] = noted(stores, number)
    assert said["mail"]["returned"][0]["address"] == email
    assert said["mail"]["to"] == role
    assert metrics_of(capsys) == {"MailNotSent": 1}, "operations are told once"
    assert mailer(*mailer.jobs(number)[1:]) == []
    assert post.only["To"] == told
    assert email not in str(post.only)


def test_a_supervisor_who_called_a_notice_spam_still_gets_the_next_escalation(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: Any
) -> None:
    number = open_ticket(agent="a-mei").number
    assert mailer(of_staff("Complaint", number, "supervisor", "lin@example.com")) == []
    assert wired_stores.addresses().returned("lin@example.com") is None
    mailer.fire(number, minutes=5)
    assert mailer(mailer.job(number, "breach")) == []
    assert post.only["To"] == "lin@example.com"


def test_a_notification_of_a_missed_notice_causes_no_other_one(
    mailer: Mailer, open_ticket: Opener, capsys: pytest.CaptureFixture[str], staff: Any
) -> None:
    """Two addresses that return everything would keep each other busy for ever."""
    number = open_ticket().number
    body = of_staff("Bounce", number, "manager", "garcia@example.com", "staff_unreached")
    assert mailer(body) == []
    assert mailer.jobs(number, "staff_unreached") == []
    assert metrics_of(capsys) == {"MailNotSent": 1}


def test_a_notice_that_is_late_is_no_notice_that_was_missed(
    mailer: Mailer, open_ticket: Opener, capsys: pytest.CaptureFixture[str], staff: Any
) -> None:
    number = open_ticket().number
    assert mailer(of_staff("DeliveryDelay", number, "agent", "mei@example.com")) == []
    assert mailer.jobs(number, "staff_unreached") == []
    assert metrics_of(capsys) == {}


@pytest.mark.parametrize(("kind", "told"), [("Bounce", 1), ("Complaint", 1), ("DeliveryDelay", 0)])
def test_operations_are_told_of_a_digest_that_did_not_reach_a_supervisor(
    mailer: Mailer, capsys: pytest.CaptureFixture[str], kind: str, told: int
) -> None:
    tags = {one["Name"]: [one["Value"]] for one in tags_of_digest(HeldDigest("complaints", 3))}
    body = json.loads(of_staff(kind, "R-7K3M9-QW0X2", "supervisor", "lin@example.com"))
    body["mail"]["tags"] = tags
    assert mailer(json.dumps(body)) == []
    assert metrics_of(capsys) == ({"MailNotSent": told} if told else {})


def test_a_participant_whose_address_returned_mail_gets_no_copies_any_more(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: Any
) -> None:
    number = open_ticket(agent="a-mei").number
    mailer.act(number, _let_in("bo@example.net"))
    wrong = RECIPIENT | {"emailAddress": "bo@example.net"}
    assert mailer(bounce(number, audience="participants", bouncedRecipients=[wrong])) == []
    mailer.act(number, lambda t, p, at: by_staff.tell_progress(t, p, staff_actor(), "Soon", at))
    assert mailer(*mailer.jobs(number, "copy"), *mailer.jobs(number, "progress")) == []
    assert post.only["To"] == "li.na@example.com"


def accepted(number: str, audience: str = "customer") -> str:
    return event("Send", number, audience)


def test_the_event_of_an_accepted_mail_prevents_a_second_copy_after_a_lost_answer(
    mailer: Mailer, open_ticket: Opener, post: Post
) -> None:
    number = open_ticket().number
    job = MailJob(number, 1, "acknowledgement", "customer")
    post.answer_lost = ReadTimeoutError(endpoint_url="https://email.us-east-1.amazonaws.com")
    assert mailer(encode(job)) == [encode(job)]
    assert 45 < mailer.put_off["handle-m-0"] < 60, "not before the claim expires"
    post.answer_lost = None
    told = accepted(number).replace('"reply"', '"acknowledgement"')
    assert mailer(told, told) == []
    [record] = mailer.records(number).values()
    assert (record.state, record.message_id) == ("sent", "EXAMPLE7c191be45")

    mailer.clock.advance(minutes=1)
    assert mailer(encode(job), tried=2) == []
    assert post.accepted == 1
    assert mailer.stores.tickets.get(number).acknowledged_at == mailer.clock.now()


def test_the_event_of_a_mail_that_is_recorded_as_sent_changes_nothing(
    mailer: Mailer, open_ticket: Opener, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    number = open_ticket().number
    job = MailJob(number, 1, "acknowledgement", "customer")
    assert mailer(encode(job)) == []
    before = mailer.records(number)
    mailer.clock.advance(seconds=1)
    capsys.readouterr()
    assert mailer(accepted(number).replace('"reply"', '"acknowledgement"')) == []
    assert mailer.records(number) == before
    assert capsys.readouterr().out == "", "one log line for each mail would cost money"


def test_the_events_of_a_digest_concern_its_own_record(mailer: Mailer, stores: Stores) -> None:
    tags = {one["Name"]: [one["Value"]] for one in tags_of_digest(HeldDigest("complaints", 3))}
    for kind in ("Send", "Bounce"):
        told = json.loads(event(kind, "R-7K3M9-QW0X2"))
        told["mail"]["tags"] = tags
        assert mailer(json.dumps(told)) == []
    found = wired_stores.digest_records()
    assert found.claim("complaints", "000003.held_mail.supervisor", AT, LEASE) is Claim.SENT
    assert mailer.set_aside() == []


@pytest.mark.parametrize("body", [OF_SES, event("Delivery", "R-7K3M9-QW0X2")])
def test_an_event_that_changes_nothing_leaves_the_queue(mailer: Mailer, body: str) -> None:
    assert mailer(body) == []
    assert mailer.set_aside() == []


def test_a_not_spam_report_changes_nothing(
    mailer: Mailer, open_ticket: Opener, stores: Stores
) -> None:
    number = open_ticket().number
    assert mailer(event("Complaint", number, complaintFeedbackType="not-spam")) == []
    assert noted(stores, number) == []


def test_an_event_about_a_missing_ticket_leaves_the_queue(mailer: Mailer) -> None:
    assert mailer(bounce("R-00000-00000")) == []
    assert mailer.set_aside() == []


@pytest.mark.parametrize(
    "body",
    [
        '{"eventType": "Bounce"}',
        '{"eventType": 3',
        bounce("R-7K3M9-QW0X2").replace('"ticket"', '"other"'),
        bounce("R-7K3M9-QW0X2").replace('["1"]', '["one"]'),
        re.sub(r'"template": \["[a-z]*"\]', '"template": []', bounce("R-7K3M9-QW0X2")),
    ],
)
def test_an_event_that_names_no_sent_mail_goes_to_the_dead_letter_queue(
    mailer: Mailer, body: str
) -> None:
    assert mailer(body) == []
    assert mailer.set_aside() == [body]


def test_a_mail_is_sent_with_tags_and_configuration_set_for_feedback(
    mailer: Mailer, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, CONFIGURATION_SET="redress")
    asked: list[dict[str, Any]] = []

    def keep(params: dict[str, Any], **_: Any) -> None:
        asked.append(json.loads(params["body"]))

    mailer_wiring.ses().meta.events.register("before-call.sesv2.SendEmail", keep)
    number = open_ticket().number
    mailer(mailer.job(number, "acknowledgement"))
    [sent] = asked
    assert sent["ConfigurationSetName"] == "redress"
    assert {one["Name"]: one["Value"] for one in sent["EmailTags"]} == {
        "ticket": number,
        "event": "1",
        "template": "acknowledgement",
        "audience": "customer",
    }
    # The characters that the API accepts in a tag (reference of MessageTag).
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,256}", one["Value"]) for one in sent["EmailTags"])


def test_returned_mails_raise_no_alarm(
    mailer: Mailer, open_ticket: Opener, capsys: pytest.CaptureFixture[str]
) -> None:
    """SES counts bounces itself, and the ticket has each of them."""
    number = open_ticket().number
    capsys.readouterr()
    mailer(bounce(number), bounce(number))
    assert metrics_of(capsys) == {}


def test_each_sample_event_is_accepted(mailer: Mailer, sample: Any, open_ticket: Opener) -> None:
    for name in ("mailer-bounce", "mailer-complaint", "mailer-send"):
        assert mailer.deliver(sample(name)) == []
    assert mailer.set_aside() == []
