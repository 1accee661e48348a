"""Send staff a notice about a planned call to a customer, which no ticket asks for.

The notice says nothing that anybody wrote, not even the customer's name. What it says, and to whom
it goes, is decided when it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from redress.base.errors import NotFound
from redress.base.people import Role
from redress.base.phrases import moment, phrases
from redress.customers.rules.profile import CallPlan, Profile
from redress.customers.rules.relationship import reason_to_skip
from redress.customers.store import CustomerStore
from redress.mail.outgoing.cases.posting import (
    Letter,
    MailSettings,
    Posting,
    Recipient,
    Result,
    SendOutcome,
    leaders,
    reached,
    to_staff,
)
from redress.mail.outgoing.messages import RELATIONSHIP_CALL, CallNotice, tags_of_notice
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore

GONE = "there is no such customer any more"


class CallNoticeCase:
    """Sends notices about planned calls."""

    def __init__(
        self,
        customers: CustomerStore,
        staff: StaffStore,
        plans: Plans,
        posting: Posting,
        settings: MailSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._customers, self._staff, self._plans = customers, staff, plans
        self._posting, self._settings, self._now = posting, settings, now

    def send(self, job: CallNotice) -> SendOutcome:
        """Send a notice, unless it was sent before or the call was made or moved since.

        Raises NotSentYet if SES does not accept the mail now, or if another worker is sending it.
        """
        try:
            profile = self._customers.get(job.customer)
        except NotFound:
            return SendOutcome(Result.SKIPPED, GONE)
        if why := reason_to_skip(profile, job.date, job.planned):
            return SendOutcome(Result.SKIPPED, why)
        calls, now = profile.calls, self._now()
        assert calls is not None, "`reason_to_skip` has seen the planned call"
        to = self._recipients(calls, Role(job.audience))
        raw = self._compose(job, profile, calls, to, now) if to else None
        return self._posting.send(Letter(job.customer, job.key, now, tags_of_notice(job), to, raw))

    def _recipients(self, calls: CallPlan, role: Role) -> list[Recipient]:
        """Who is told. If the owner cannot be reached any more, it is the supervisors."""
        operator = self._settings.operator_address
        if role is Role.AGENT:
            owner = [calls.owner] if calls.owner is not None else []
            named = self._staff.named(owner).values()
            if found := reached(one for one in named if one.is_active):
                return found
            role = Role.SUPERVISOR
        return leaders(self._staff.members(), role, calls.team, operator)

    def _compose(
        self,
        job: CallNotice,
        profile: Profile,
        calls: CallPlan,
        to: Sequence[Recipient],
        now: datetime,
    ) -> bytes:
        return to_staff(
            self._settings,
            RELATIONSHIP_CALL,
            to,
            lambda lang: self._values(job, profile, calls, lang),
            now,
            f"{job.customer}.{job.key}",
        )

    def _values(
        self, job: CallNotice, profile: Profile, calls: CallPlan, language: str
    ) -> dict[str, str]:
        own, zone = phrases(language), self._plans.current().time_zone
        assert calls.clock is not None, "`reason_to_skip` has seen the planned call"
        owner = calls.owner
        named = self._staff.named([owner]).values() if owner is not None else ()
        return {
            "news": own.calls[job.step.partition("-")[0]],
            "type": profile.type,
            "owner": next((one.name for one in named), own.nobody),
            "since": moment(calls.clock.started_at, zone, language),
            "due": moment(calls.clock.due_at, zone, language),
            "customer_url": f"{self._settings.base_address}/staff/customers/{profile.id}",
        }
