"""Held mail as work: its team, its promise, and when a release can succeed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from redress.mail.incoming.rules.decision import Reason
from redress.mail.incoming.rules.held import (
    NOT_KEPT,
    READER,
    REQUEST_PATIENCE,
    REQUESTED,
    Refused,
    ReleaseRequest,
    due_at,
    is_digest_due,
    team_of_kind,
    why_not_releasable,
)
from redress.plans.rules.plan import KINDS, Plan
from tests.builders import START

ASKED = ReleaseRequest(START, "s-lin")


def test_the_promise_for_held_mail_counts_business_hours(plan: Plan) -> None:
    friday_afternoon = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)  # 16:00 in Shanghai
    monday = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)  # 11:00
    assert due_at(friday_afternoon, plan) == monday


def test_a_digest_is_due_once_in_the_time_of_the_promise(plan: Plan) -> None:
    due = due_at(START, plan)
    just_before = due - timedelta(seconds=1)
    assert not is_digest_due(START, None, just_before, plan)
    assert is_digest_due(START, None, due, plan)
    assert not is_digest_due(START, due, due + timedelta(minutes=5), plan)
    assert is_digest_due(START, due, due_at(due, plan), plan)
    newer = due + timedelta(hours=1)
    assert is_digest_due(newer, START, due_at(newer, plan), plan)
    assert not is_digest_due(newer, START, due_at(due, plan), plan)


@pytest.mark.parametrize("kind", KINDS)
def test_the_team_of_a_kind_is_that_of_its_level(plan: Plan, kind: str) -> None:
    assert team_of_kind(kind, plan) == plan.level(kind).team


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("reader", [0, READER])
def test_only_a_virus_and_a_missing_sender_forbid_a_release(reason: Reason, reader: int) -> None:
    found = why_not_releasable(reason, None, None, reader, START)
    forbidden = reason is Reason.VIRUS or (reason is Reason.NO_SENDER and reader == READER)
    assert found == (reason if forbidden else None)


def test_a_request_forbids_another_one_until_its_message_counts_as_lost() -> None:
    for after, expected in ((timedelta(0), REQUESTED), (REQUEST_PATIENCE, None)):
        found = why_not_releasable(Reason.SPAM, ASKED, None, READER, START + after)
        assert found == expected


@pytest.mark.parametrize("reason", [*Reason, NOT_KEPT])
def test_a_failed_release_forbids_another_one_only_if_the_mail_is_not_kept(reason: str) -> None:
    refused = Refused(reason, START, "s-lin")
    found = why_not_releasable(Reason.SPAM, None, refused, READER, START)
    assert found == (NOT_KEPT if reason == NOT_KEPT else None)
