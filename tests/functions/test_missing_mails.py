"""The daily comparison of events with mail records finds each mail that was lost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from redress.base.errors import RedressError
from redress.base.people import CUSTOMER
from redress.mail.outgoing.cases.posting import LEASE
from redress.mail.outgoing.messages import job_of
from redress.mail.outgoing.rules.relevance import GRACE
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.store.mail_records import Claim
from redress.wiring import repair as wiring
from redress.wiring import stores as wired_stores
from redress.workflow.cases import mails
from redress.workflow.store import MailComparison, ReconciliationReport
from tests import rights
from tests.builders import MEI
from tests.functions.test_mailer import Mailer, Post, _reply, _resolve, give, mailer, post
from tests.wired import set_environment
from tests.world import Opener, aws, merge

__all__ = ["mailer", "post"]  # the fixtures


@dataclass
class Night:
    """One comparison, with what it found."""

    mailer: Mailer
    sent: list[str] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def run(self, enter: Any = lambda at: None) -> MailComparison | None:
        """Compare the open tickets and those that were closed, and store the report."""
        case, began = wiring.mail_comparison(), self.mailer.clock.moment
        changed = case.begin()
        for shard in range(4):
            numbers = self.mailer.stores.lists.open_in_shard("complaints", shard).numbers
            pairs = wired_stores.timers().side_by_side(numbers)
            for number, (ticket, _) in zip(numbers, pairs, strict=True):
                changed.see(number, ticket)
        report = ReconciliationReport(began, "d", began, ())
        try:
            done = case.run(
                changed, self.sent.append, self.explained.append, self.broken.append, enter
            )
            report = replace(report, mails=done)
        finally:
            wired_stores.reports().save(replace(report, mails_next=changed.next))
        return done

    def delivered(self) -> list[str]:
        """Deliver what the comparison has enqueued. Return the jobs."""
        answer = aws("sqs").receive_message(QueueUrl=self.mailer.queue, MaxNumberOfMessages=10)
        bodies = [message["Body"] for message in answer.get("Messages", [])]
        assert self.mailer(*bodies) == []
        return bodies


@pytest.fixture
def night(mailer: Mailer, monkeypatch: pytest.MonkeyPatch) -> Night:
    set_environment(monkeypatch, MAIL_QUEUE_URL=mailer.queue)
    return Night(mailer)


def later(mailer: Mailer, **by: float) -> None:
    mailer.clock.advance(**by)


def test_a_mail_without_a_record_is_sent_again_once(
    night: Night, mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    number = open_ticket().number
    later(mailer, hours=1)
    done = night.run()
    assert night.sent == [f"{number}/000001.acknowledgement.customer"]
    assert night.delivered() == mailer.jobs(number)
    assert post.accepted == 1
    assert mailer.stores.tickets.get(number).acknowledged_at == mailer.clock.moment
    assert done is not None
    # Half a unit for the ticket, and for each of the eight queries for closed tickets of two days.
    assert (done.tickets, done.read_units) == (1, 4.5)
    assert done.dollars == pytest.approx(4.5 * 0.000_000_125)

    later(mailer, hours=1)
    night.run()
    assert (len(night.sent), night.explained) == (1, [])


def test_mails_of_a_ticket_that_was_closed_since_are_compared(
    night: Night, mailer: Mailer, post: Post, open_ticket: Opener, staff: Any
) -> None:
    number = open_ticket(agent=MEI.id).number
    assert mailer(mailer.job(number, "acknowledgement")) == []
    mailer.act(number, _reply("It is on its way", False), minutes=1)
    mailer.act(number, _resolve(), minutes=1)
    mailer.act(number, lambda t, p, at: by_customer.confirm(t, p, CUSTOMER, at), minutes=1)
    answers = {"overall": 5}
    mailer.act(number, lambda t, p, at: by_customer.answer_survey(t, p, answers, at), minutes=1)
    later(mailer, hours=20)
    assert mailer.stores.lists.open_in_team("complaints") == []
    night.run()
    assert [one.partition(".")[2] for one in night.sent] == [
        "reply.customer",
        "resolution.customer",
    ]
    night.delivered()
    assert post.accepted == 3


def test_a_change_of_a_ticket_that_was_closed_long_ago_is_compared(
    night: Night, mailer: Mailer, open_ticket: Opener
) -> None:
    number = open_ticket().number
    assert mailer(mailer.job(number, "acknowledgement")) == []
    mailer.act(number, lambda t, p, at: by_customer.withdraw(t, p, "Never mind", at), minutes=1)
    later(mailer, days=3)
    night.run()
    first = night.run()
    assert first is not None
    assert first.tickets == 0

    def returned(ticket: Any, plan: Any, at: Any) -> Any:
        return by_system.note_mail(ticket, plan, "returned", "", "", at, {"id": "i", "about": "k"})

    mailer.act(number, returned, minutes=1)
    later(mailer, hours=1)
    second = night.run()
    assert second is not None
    assert second.tickets == 1
    assert night.explained == [
        f"{number}/{mailer.stores.tickets.get(number).version:06d}.mail_returned.agent: "
        "nobody has the ticket"
    ]
    assert night.sent == []


def test_a_mail_that_was_skipped_at_its_time_is_explained(
    night: Night, mailer: Mailer, post: Post, open_ticket: Opener, staff: Any
) -> None:
    """Nobody had the ticket when the customer wrote. An agent who got it later needs no mail."""
    number = open_ticket().number
    assert mailer(mailer.job(number, "acknowledgement")) == []
    mailer.act(number, lambda t, p, at: by_customer.write(t, p, "It leaks", at), minutes=1)
    assert mailer(mailer.job(number, "customer_wrote")) == []
    key = f"{mailer.stores.tickets.get(number).version:06d}.customer_wrote.agent"
    mailer.act(number, lambda t, p, at: by_system.assign(t, p, MEI.id, "for a test", at), hours=2)
    later(mailer, hours=1)
    night.run()
    assert night.sent == []
    assert night.explained == [f"{number}/{key}: nobody has the ticket"]
    assert post.accepted == 1


def test_the_mail_about_a_merge_with_the_ticket_of_somebody_else_is_explained(
    night: Night, mailer: Mailer, post: Post, open_ticket: Opener, staff: Any
) -> None:
    source, target = open_ticket(), open_ticket()
    merge(mailer.stores, source.number, target.number)
    give(mailer.stores, target.number, "wang-wei")
    later(mailer, hours=1)
    with rights.of("RepairFunction"):
        night.run()
    assert "the other ticket is another customer's" in str(night.explained)
    assert not [key for key in night.sent if "merged" in key]


def test_a_mail_that_was_true_at_its_time_is_sent_although_its_ticket_changed(
    night: Night, mailer: Mailer, post: Post, open_ticket: Opener, staff: Any
) -> None:
    number = open_ticket(agent=MEI.id).number
    assert mailer(mailer.job(number, "acknowledgement")) == []
    mailer.act(number, lambda t, p, at: by_customer.write(t, p, "It leaks", at), minutes=1)
    mailer.act(number, lambda t, p, at: by_staff.note(t, p, MEI, "a word", at), hours=1)
    later(mailer, hours=1)
    night.run()
    assert len(night.sent) == 1
    night.delivered()
    assert post.sent[-1]["To"] == "mei@example.com"


def test_a_refused_mail_and_a_young_event_are_not_missing(
    night: Night, mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    refused = open_ticket().number
    post.refuse_with = "BadRequestException"
    assert mailer(mailer.job(refused, "acknowledgement")) == []
    post.refuse_with = None
    later(mailer, hours=1)
    young = open_ticket().number
    later(mailer, minutes=14)
    night.run()
    assert night.sent == []
    later(mailer, minutes=2)
    night.run()
    assert night.sent == [f"{young}/000001.acknowledgement.customer"]


def test_a_claim_that_nobody_continues_is_sent_again(
    night: Night, mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    number = open_ticket().number
    key = "000001.acknowledgement.customer"
    later(mailer, minutes=20)
    at = mailer.clock.moment
    assert mailer.stores.mail_records.claim(number, key, at, LEASE) is Claim.WON
    later(mailer, minutes=59)
    night.run()
    assert night.sent == []
    later(mailer, minutes=2)
    night.run()
    assert night.sent == [f"{number}/{key}"]
    night.delivered()
    assert post.accepted == 1


@pytest.mark.parametrize("old", [timedelta(minutes=1), timedelta(minutes=40), timedelta(hours=23)])
def test_a_claim_of_any_age_is_found_by_the_runs_of_the_following_days(
    night: Night, mailer: Mailer, post: Post, open_ticket: Opener, old: timedelta
) -> None:
    number = open_ticket().number
    key = "000001.acknowledgement.customer"
    later(mailer, minutes=14)
    mailer.stores.mail_records.claim(number, key, mailer.clock.moment, LEASE)
    mailer.clock.moment += old
    for _ in range(4):
        night.run()
        night.delivered()
        later(mailer, days=1)
    assert (night.sent, night.explained) == ([f"{number}/{key}"], [])
    assert post.accepted == 1


def test_a_mail_that_is_lost_after_days_of_attempts_is_sent_again(
    night: Night, mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    number = open_ticket().number
    post.refuse_with = "SendingPausedException"
    job = mailer.job(number, "acknowledgement")
    for _ in range(3):
        later(mailer, hours=23, minutes=45)
        assert mailer(job) == [job]
        later(mailer, minutes=15)
        night.run()
    assert night.sent == []
    post.refuse_with = None
    later(mailer, days=1)
    night.run()
    assert night.delivered() == [job]
    assert post.accepted == 1


def test_an_unfinished_mail_that_became_outdated_is_explained_once(
    night: Night, mailer: Mailer, post: Post, open_ticket: Opener, staff: Any
) -> None:
    """The mailer skips it and leaves its record as it is. Nothing would come of asking for it."""
    number = open_ticket(agent=MEI.id).number
    assert mailer(mailer.job(number, "acknowledgement")) == []
    mailer.fire(number, minutes=15)
    post.refuse_with = "SendingPausedException"
    job = mailer.job(number, "remind")
    key = job_of(job).key
    assert mailer(job) == [job]
    post.refuse_with = None
    mailer.act(number, lambda t, p, at: by_customer.withdraw(t, p, "Never mind", at), minutes=1)
    assert mailer(job, tried=2) == []
    assert mailer.records(number)[key].state == "failed"
    for _ in range(3):
        later(mailer, hours=20)
        night.run()
    assert [one for one in night.sent if key in one] == []
    assert len([one for one in night.explained if key in one]) == 1


def test_a_mail_that_is_lost_again_is_asked_for_again(
    night: Night, mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    job = mailer.job(open_ticket().number, "acknowledgement")
    later(mailer, hours=1)
    night.run()
    aws("sqs").purge_queue(QueueUrl=mailer.queue)
    later(mailer, days=1)
    night.run()
    assert night.delivered() == [job]
    later(mailer, days=1)
    night.run()
    assert (len(night.sent), night.explained, post.accepted) == (2, [], 1)


def test_an_incomplete_comparison_is_repeated(
    night: Night, mailer: Mailer, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = sorted(open_ticket().number for _ in range(3))
    later(mailer, hours=1)

    class NoTime(RedressError):
        pass

    def stop(at: str) -> None:
        raise NoTime

    with pytest.raises(NoTime):
        night.run(stop)
    monkeypatch.setattr(mails, "MOST_SENT", 2)
    assert night.run() is None
    assert len(night.sent) == 2
    night.delivered()
    later(mailer, minutes=1)
    done = night.run()
    assert done is not None
    assert sorted(one.partition("/")[0] for one in night.sent) == numbers


def test_an_unreadable_ticket_is_named_and_the_others_are_compared(
    night: Night, mailer: Mailer, open_ticket: Opener
) -> None:
    numbers = [open_ticket().number for _ in range(2)]
    model = wired_stores.models().event
    pk = f"TICKET#{numbers[0]}"
    model(pk, "EVENT#000001").update(actions=[model.doc.set("{")])
    later(mailer, hours=1)
    night.run()
    assert night.broken == [numbers[0]]
    assert night.sent == [f"{numbers[1]}/000001.acknowledgement.customer"]


@pytest.mark.parametrize("part", ["TICKET", "EVENT#000001"])
def test_the_mails_of_a_ticket_are_compared_when_it_has_been_repaired(
    night: Night, mailer: Mailer, open_ticket: Opener, part: str
) -> None:
    number = open_ticket().number
    item = wired_stores.models().doc(f"TICKET#{number}", part)
    item.refresh()
    right = item.doc
    item.update(actions=[type(item).doc.set("{")])
    later(mailer, hours=1)
    for _ in range(2):
        night.run()
        later(mailer, days=1)
    assert (night.broken, night.sent) == ([number] * 2, [])
    item.update(actions=[type(item).doc.set(right)])
    night.run()
    assert night.sent == [f"{number}/000001.acknowledgement.customer"]


def test_a_mail_is_compared_when_its_record_can_be_read_again(
    night: Night, mailer: Mailer, open_ticket: Opener
) -> None:
    number = open_ticket().number
    key = "000001.acknowledgement.customer"
    mailer.stores.mail_records.claim(number, key, mailer.clock.moment, LEASE)
    record = wired_stores.models().mail(f"TICKET#{number}", f"MAIL#{key}")
    record.update(actions=[type(record).at.set("yesterday")])
    later(mailer, hours=2)
    night.run()
    assert night.sent == []
    record.update(actions=[type(record).at.set(mailer.clock.moment.isoformat())])
    later(mailer, days=1)
    night.run()
    assert night.sent == [f"{number}/{key}"]


def test_incomplete_comparisons_of_any_number_forget_nothing(
    night: Night, mailer: Mailer, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty-two runs in a week could look only at the beginning of the first day."""
    number = open_ticket().number
    later(mailer, hours=1)
    began = wiring.mail_comparison().begin()
    with monkeypatch.context() as patch:
        patch.setattr(mails, "MOST_SENT", 0)
        for _ in range(22):
            assert night.run() is None
            later(mailer, hours=8)
    assert wiring.mail_comparison().begin().since == began.since
    night.run()
    assert night.sent == [f"{number}/000001.acknowledgement.customer"]


def test_more_undecided_mails_than_a_report_can_hold_are_compared_again(
    night: Night, mailer: Mailer, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [open_ticket().number for _ in range(2)]
    later(mailer, hours=1)
    monkeypatch.setattr(mails, "MOST_LEFT", 1)
    began = wiring.mail_comparison().begin()
    assert night.run() is None
    assert sorted(one.partition("/")[0] for one in night.sent) == sorted(numbers)
    assert wiring.mail_comparison().begin().since == began.since


def test_the_first_comparison_after_an_upgrade_looks_back_one_day(
    night: Night, mailer: Mailer
) -> None:
    """Reports of an earlier version do not say what to compare."""
    began = mailer.clock.moment
    wired_stores.reports().save(ReconciliationReport(began, "d", began, ()))
    later(mailer, days=5)
    assert mailer.clock.moment - wiring.mail_comparison().begin().since == mails.FIRST


def test_a_gap_of_months_is_compared_for_the_last_two_weeks(night: Night, mailer: Mailer) -> None:
    night.run()
    later(mailer, days=90)
    changed = wiring.mail_comparison().begin()
    assert mailer.clock.moment - changed.since == timedelta(days=14)
    assert mailer.clock.moment - changed.until == GRACE
