"""Contract of mail records: each mail is sent once, by one worker, even if workers die."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from botocore.exceptions import ReadTimeoutError

from redress.tickets.store.mail_records import Claim
from tests.builders import NUMBER, START
from tests.contract.conftest import Shop

KEY = "000001.acknowledgement.customer"
LEASE = timedelta(minutes=2)


def claim(shop: Shop, **later: float) -> Claim:
    return shop.mail_records.claim(NUMBER, KEY, START + timedelta(**later), LEASE)


def record(shop: Shop, state: str, **later: float) -> None:
    fault = "Throttling" if state != "sent" else None
    message_id = "m-1" if state == "sent" else None
    shop.mail_records.record(
        NUMBER, KEY, state, START + timedelta(**later), message_id=message_id, fault=fault
    )


def test_only_one_worker_can_claim_a_mail_during_the_lease(shop: Shop) -> None:
    assert claim(shop) is Claim.WON
    assert claim(shop, seconds=1) is Claim.HELD
    assert claim(shop, minutes=2) is Claim.HELD


def test_the_claim_of_a_dead_worker_expires(shop: Shop) -> None:
    claim(shop)
    assert claim(shop, minutes=2, seconds=1) is Claim.WON
    assert claim(shop, minutes=3) is Claim.HELD
    [found] = shop.mail_records.of_ticket(NUMBER)
    assert (found.state, found.attempts) == ("claimed", 2)


def test_a_mail_that_was_sent_or_refused_is_not_claimed_again(shop: Shop) -> None:
    claim(shop)
    record(shop, "sent", seconds=1)
    assert claim(shop, days=9) is Claim.SENT
    other = "000002.reply.customer"
    shop.mail_records.claim(NUMBER, other, START, LEASE)
    shop.mail_records.record(NUMBER, other, "refused", START, fault="MessageRejected")
    assert shop.mail_records.claim(NUMBER, other, START + LEASE * 2, LEASE) is Claim.REFUSED


def test_a_mail_that_failed_can_be_claimed_again_at_once(shop: Shop) -> None:
    claim(shop)
    record(shop, "failed", seconds=1)
    assert claim(shop, seconds=2) is Claim.WON
    record(shop, "sent", seconds=3)
    [found] = shop.mail_records.of_ticket(NUMBER)
    assert (found.key, found.state, found.attempts, found.fault) == (KEY, "sent", 2, None)
    assert found.at == START + timedelta(seconds=3)


def test_a_late_failure_does_not_overwrite_a_sent_mail(shop: Shop) -> None:
    """The first worker hangs until its claim expires. Its late failure causes no second mail."""
    claim(shop)
    claim(shop, minutes=5)
    record(shop, "sent", minutes=5, seconds=1)
    record(shop, "failed", minutes=5, seconds=2)
    assert claim(shop, minutes=6) is Claim.SENT
    record(shop, "refused", minutes=6)
    assert claim(shop, minutes=7) is Claim.SENT


def test_a_claim_whose_answer_was_lost_is_won(
    shop: Shop, losing_the_answer: Callable[[Any, str, Exception], None]
) -> None:
    lost = ReadTimeoutError(endpoint_url="https://dynamodb.example")
    losing_the_answer(shop.pynamodb_client, "UpdateItem", lost)
    assert claim(shop) is Claim.WON
    [found] = shop.mail_records.of_ticket(NUMBER)
    assert (found.state, found.attempts) == ("claimed", 1)
    assert claim(shop, seconds=1) is Claim.HELD, "another worker's claim"


def test_a_mail_that_ses_reports_as_sent_is_not_claimed_again(shop: Shop) -> None:
    claim(shop)
    at = START + timedelta(seconds=1)
    assert shop.mail_records.confirm(NUMBER, KEY, "m-1", at)
    assert not shop.mail_records.confirm(NUMBER, KEY, "m-1", at)
    record(shop, "failed", seconds=2)
    [found] = shop.mail_records.of_ticket(NUMBER)
    assert (found.state, found.message_id, found.at) == ("sent", "m-1", at)
    assert claim(shop, days=1) is Claim.SENT


def test_a_reported_mail_without_a_record_gets_one(shop: Shop) -> None:
    """The table was restored to a time before the mail was claimed."""
    assert shop.mail_records.confirm(NUMBER, KEY, "m-1", START)
    assert claim(shop) is Claim.SENT


def test_each_mail_of_a_ticket_has_its_own_record(shop: Shop) -> None:
    keys = ["000003.reply.customer", KEY, "000002.breach.supervisor", "000002.breach.agent"]
    for key in keys:
        assert shop.mail_records.claim(NUMBER, key, START, LEASE) is Claim.WON
    assert [found.key for found in shop.mail_records.of_ticket(NUMBER)] == sorted(keys)
    assert shop.mail_records.of_ticket("R-00000-00009") == []


def test_only_one_of_many_simultaneous_workers_sends_a_mail(amazons: Shop) -> None:
    ready = threading.Barrier(6)
    answers: list[Claim] = []

    def work() -> None:
        ready.wait()
        answers.append(claim(amazons))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == sorted([Claim.WON] + [Claim.HELD] * 5)
