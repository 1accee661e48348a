"""Workers of the mailer that die, and answers that are lost, make no acknowledgement late.

A simulated queue delivers messages in simulated time, with the times that the template sets.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from redress.mail.outgoing.messages import job_of, tags_of
from redress.tickets.store.mail_records import MailRecordStore
from tests.functions.test_mailer import Mailer, Post, mailer, post
from tests.template.documents import expanded, functions
from tests.world import Opener

__all__ = ["mailer", "post"]  # the fixtures

HIDDEN_S = expanded()["MailQueue"]["Properties"]["VisibilityTimeout"]
LIFE_S = functions()["MailerFunction"]["Timeout"]
LATEST_S = 2
"""A worker that has lived longer puts a mail off, because SES and the table might be too slow."""
DUE_S = 300
"""Plan 1 promises every acknowledgement within five minutes."""


class Killed(BaseException):
    """The worker ends at once, as when Lambda stops it."""


@dataclass(frozen=True)
class Fault:
    """One attempt that goes wrong.

    `what` is `before` (killed before SES is called), `after` (killed after SES accepted the mail),
    `record` (killed instead of writing the record) or `lost` (the answer of SES is lost). `slow` is
    how many seconds the worker has lived when it gets the mail; after LATEST_S it puts the mail
    off, and the fault does not happen. `told` is how many seconds later
    the event of SES comes, or None if it never comes.
    """

    what: str
    slow: int = 0
    told: int | None = 2

    @property
    def may_double(self) -> bool:
        """Whether SES accepted the mail, and nothing says so in time."""
        return self.what != "before" and self.told is None


@dataclass
class Queue:
    """The mail queue, in simulated time."""

    mailer: Mailer
    post: Post
    began: datetime
    waiting: list[tuple[datetime, int, str, int]] = field(default_factory=list)
    order: Iterator[int] = field(default_factory=itertools.count)

    def send(self, body: str, after_s: float, tried: int = 0) -> None:
        at = self.mailer.clock.moment + timedelta(seconds=after_s)
        heapq.heappush(self.waiting, (at, next(self.order), body, tried))

    def work(self, faults: Sequence[Fault], monkeypatch: pytest.MonkeyPatch) -> None:
        """Deliver everything. The first attempts to send a mail meet these faults."""
        left = list(faults)
        while self.waiting:
            at, _, body, tried = heapq.heappop(self.waiting)
            self.mailer.clock.moment = max(at, self.mailer.clock.moment)
            fault = left.pop(0) if left and "eventType" not in body else None
            with monkeypatch.context() as patch:
                self._deliver(body, tried + 1, fault, patch)
            if self.mailer.clock.moment - self.began > timedelta(hours=1):
                raise AssertionError("the queue never becomes empty")

    def _deliver(
        self, body: str, tried: int, fault: Fault | None, patch: pytest.MonkeyPatch
    ) -> None:
        received, before = self.mailer.clock.moment, self.post.accepted
        slow = fault.slow if fault else 0
        self.mailer.clock.advance(seconds=slow)
        what = fault.what if fault else ""
        if what == "record":
            patch.setattr(MailRecordStore, "record", _killed)
        self.post.meanwhile = _killed if what == "before" else None
        kinds: dict[str, BaseException] = {
            "after": Killed(),
            "lost": ReadTimeoutError(endpoint_url="https://email.example"),
        }
        patch.setattr(self.post, "answer_lost", kinds.get(what))
        again: float | None = None
        try:
            if self.mailer(body, tried=tried, remaining_ms=1000 * (LIFE_S - slow)):
                again = self.mailer.put_off["handle-m-0"] + slow
        except Killed:
            again = HIDDEN_S
        self.mailer.clock.moment = received
        if again is not None:
            self.send(body, again, tried)
        told = fault.told if fault else 0
        if self.post.accepted > before and told is not None:
            self.send(_event(body), slow + told)


def _killed(*_: Any, **__: Any) -> None:
    raise Killed


def _event(body: str) -> str:
    """Return the event `Send` as SES publishes it for the mail of a job."""
    tags = {one["Name"]: [one["Value"]] for one in tags_of(job_of(body))}  # type: ignore[arg-type]
    mail = {
        "timestamp": "2026-11-23T01:00:01.000Z",
        "messageId": "0100019a2b3c4d5e",
        "destination": ["li.na@example.com"],
        "tags": tags,
    }
    return json.dumps({"eventType": "Send", "mail": mail, "send": {}})


FAULTS = st.builds(
    Fault,
    st.sampled_from(["before", "after", "record", "lost"]),
    st.integers(0, LIFE_S - 1),
    st.sampled_from([0, 2, 20, None]),
)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(FAULTS, max_size=4))
@example([Fault("after", LATEST_S)] * 4)
@example([Fault("before", LATEST_S)] * 4)
@example([Fault("record", LATEST_S, told=None)] * 4)
@example([Fault("lost", LATEST_S, told=None)] * 4)
@example([Fault("after", LIFE_S - 1)] * 4)
def test_four_lost_attempts_in_a_row_make_no_acknowledgement_late(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    monkeypatch: pytest.MonkeyPatch,
    faults: list[Fault],
) -> None:
    """Each loss causes one additional copy at most, and none if the event of SES comes in time."""
    before = post.accepted
    number = open_ticket().number
    began = mailer.clock.moment
    queue = Queue(mailer, post, began)
    queue.send(mailer.job(number, "acknowledgement"), 1)
    queue.work(faults, monkeypatch)

    at = mailer.stores.tickets.get(number).acknowledged_at
    assert at is not None
    assert (at - began).total_seconds() <= DUE_S
    copies = post.accepted - before
    assert 1 <= copies <= 1 + sum(fault.may_double for fault in faults)
    [record] = mailer.stores.mail_records.of_ticket(number)
    assert record.state == "sent"


@pytest.mark.parametrize(("slow", "sent"), [(LATEST_S, 1), (LATEST_S + 1, 0)])
def test_a_worker_sends_until_its_latest_moment_and_then_puts_the_mail_off(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    monkeypatch: pytest.MonkeyPatch,
    slow: int,
    sent: int,
) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    job = mailer.job(open_ticket().number, "acknowledgement")
    mailer(job, remaining_ms=1000 * (LIFE_S - slow))
    assert post.accepted == sent


@pytest.mark.parametrize("outage_s", [20, 100, 200, 260])
def test_an_acknowledgement_goes_within_half_a_minute_after_ses_works_again(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    monkeypatch: pytest.MonkeyPatch,
    outage_s: int,
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    number = open_ticket().number
    began = mailer.clock.moment
    queue = Queue(mailer, post, began)
    queue.send(mailer.job(number, "acknowledgement"), 1)

    def refuse() -> None:
        over = mailer.clock.moment - began >= timedelta(seconds=outage_s)
        post.refuse_with = None if over else "TooManyRequestsException"

    sending = mailer.deliver

    def deliver(event: dict[str, Any], **context: Any) -> list[str]:
        refuse()
        return sending(event, **context)

    monkeypatch.setattr(mailer, "deliver", deliver)
    queue.work((), monkeypatch)
    at = mailer.stores.tickets.get(number).acknowledged_at
    assert at is not None
    assert (at - began).total_seconds() <= outage_s + 31
    assert post.accepted == 1
