"""Send the mails about incidents: to the leaders of one that is open for long, and to the owners of
the actions of one that was closed.

They say what is known when they are sent. They contain nothing about a customer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from redress.base.errors import NotFound
from redress.base.people import Member, Role
from redress.base.phrases import moment, phrases
from redress.incidents.rules import Incident
from redress.incidents.store import IncidentStore
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
from redress.mail.outgoing.messages import IncidentMail, NotAJob, tags_of_incident
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.tickets.rules.post_mortem import Action


class IncidentMailCase:
    """Sends mails about incidents."""

    def __init__(
        self,
        incidents: IncidentStore,
        staff: StaffStore,
        plans: Plans,
        posting: Posting,
        settings: MailSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._incidents, self._staff, self._plans = incidents, staff, plans
        self._posting, self._settings, self._now = posting, settings, now

    def send(self, job: IncidentMail) -> SendOutcome:
        """Send a mail about an incident, unless it was sent before or is outdated.

        If an owner may not work any more, or has no address, the leaders of the incident's team get
        the mail instead: somebody must do what was decided. Raises NotAJob if there is no such
        incident or no such action, and NotSentYet if SES does not accept the mail now, or if
        another worker is sending it.
        """
        try:
            incident = self._incidents.get(job.incident).incident
        except NotFound as error:
            raise NotAJob("there is no such incident") from error
        actions = _actions(incident, job.action)
        if not job.action and not incident.is_open:
            return SendOutcome(Result.SKIPPED, "the incident is closed")
        owner = self._owner(actions[0]) if actions else None
        to = reached([owner]) if owner is not None and owner.is_active else []
        if not to:
            operator = self._settings.operator_address
            to = leaders(self._staff.members(), Role.SUPERVISOR, incident.team, operator)
        now, tags = self._now(), tags_of_incident(job)
        name = owner.name if owner is not None else None
        raw = self._compose(job, incident, actions, name, to, now) if to else None
        return self._posting.send(Letter(job.incident, job.key, now, tags, to, raw))

    def _owner(self, action: Action) -> Member | None:
        return self._staff.named([action.owner]).get(action.owner)

    def _compose(
        self,
        job: IncidentMail,
        incident: Incident,
        actions: Sequence[Action],
        owner: str | None,
        to: Sequence[Recipient],
        now: datetime,
    ) -> bytes:
        plan = self._plans.current()
        return to_staff(
            self._settings,
            job.template,
            to,
            lambda lang: self._values(incident, actions, owner, plan, lang),
            now,
            f"{job.incident}.{job.key}",
        )

    def _values(
        self,
        incident: Incident,
        actions: Sequence[Action],
        owner: str | None,
        plan: Plan,
        language: str,
    ) -> dict[str, str]:
        values = {
            "title": incident.title,
            "incident_url": f"{self._settings.base_address}/staff/incidents/{incident.id}",
        }
        if actions:
            lines = (f"- {one.due.isoformat()}: {one.text}" for one in actions)
            named = owner or phrases(language).nobody
            return values | {"owner": named, "actions": "\n".join(lines)}
        team = plan.team_names.get(incident.team, {}).get(language, incident.team)
        since = moment(incident.declared_at, plan.time_zone, language)
        return values | {"team": team, "since": since}


def _actions(incident: Incident, number: int) -> list[Action]:
    """All actions of the owner of the one with this number; [] for 0. Raises NotAJob."""
    if not number:
        return []
    written = incident.post_mortem
    if written is None or number > len(written.actions):
        raise NotAJob("the incident has no such action")
    owner = written.actions[number - 1].owner
    return [one for one in written.actions if one.owner == owner]
