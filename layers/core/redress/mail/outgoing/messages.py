"""Messages in the mail queue, each of which asks the mailer for one mail.

The follower sends a `MailJob` for each mail that follows an event of a ticket. The sweep sends a
`HeldDigest` for each team whose held mail has waited too long, a `CallNotice` for each notice about
a planned call to a customer, and an `IncidentMail` about an incident that is open for long or has
been closed. The customer's pages send a `LostLinks` for an address whose owner has lost the links
of their tickets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from redress.base.people import Role
from redress.plans.rules.acts import INCIDENT
from redress.tickets.rules.numbers import normalised

STAFF = (Role.AGENT, Role.SUPERVISOR, Role.MANAGER)


class NotAJob(ValueError):
    """The message is not a job, or its event causes no such mail. No retry can change that."""


class MailJob(msgspec.Struct, frozen=True):
    """One mail to send, for example:

    `{"number": "R-7K3M9-QW0X2", "event": 3, "template": "reply", "audience": "customer"}`

    number    the ticket
    event     number of the event that causes the mail
    """

    number: str
    event: int
    template: str
    audience: str

    @property
    def owner(self) -> str:
        """What the mail is about: the ticket."""
        return self.number

    @property
    def key(self) -> str:
        """The key of the mail's record, such as `000003.reply.customer`."""
        return f"{self.event:06d}.{self.template}.{self.audience}"


class HeldDigest(msgspec.Struct, frozen=True, rename={"team": "held"}):
    """One digest of a team's held mail, for its supervisors: `{"held": "complaints", "digest": 3}`.

    digest  counts the digests of the team
    """

    team: str
    digest: int

    @property
    def owner(self) -> str:
        """What the mail is about: the team."""
        return self.team

    @property
    def key(self) -> str:
        """The key of the mail's record, such as `000003.held_mail.supervisor`."""
        return f"{self.digest:06d}.{HELD_MAIL}.supervisor"


class CallNotice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One notice to staff about a planned call to a customer, for example:

    `{"customer": "9f86d081884c7d659a2feaa0", "date": 3, "step": "remind-1", "audience": "agent",
    "planned": 1798005600}`

    customer  the id of the profile
    date      counts the times for which calls to the customer were planned. It begins again if the
              plan of the calls was dropped meanwhile
    planned   the planned time, in seconds since 1970; 0 in a job of an earlier version
    step      the rung of the ladder, as `clocks.steps` names it, with a dash that tags may have
    audience  the role that is told; `agent` is the owner of the calls
    """

    customer: str
    date: int
    step: str
    audience: str
    planned: int = 0

    @property
    def owner(self) -> str:
        """What the mail is about: the customer."""
        return self.customer

    @property
    def key(self) -> str:
        """The key of the mail's record: `000003-1798005600.remind-1.relationship_call.agent`."""
        planned = f"-{self.planned}" if self.planned else ""
        return f"{self.date:06d}{planned}.{self.step}.{RELATIONSHIP_CALL}.{self.audience}"


class LostLinks(msgspec.Struct, frozen=True, rename={"address": "links"}):
    """A mail with the links of the open tickets of one address: `{"links": "9f86d0..."}`.

    address  the `keys.contact_digest` of the address. The queue contains no address, and the mail
             goes to the one in the ticket, whatever somebody typed
    """

    address: str

    @property
    def owner(self) -> str:
        """What the mail is about: the address."""
        return self.address

    @property
    def key(self) -> str:
        """The key of the mail's record."""
        return f"{LOST_LINKS}.customer"


class IncidentMail(msgspec.Struct, frozen=True):
    """A mail about an incident: `{"incident": "9f86d081884c7d65", "action": 2}`.

    action  0 for the leaders of an incident that is open for long; else the number, from 1, of the
            first action of an owner, who is told of all of theirs. A tag of SES can have a number,
            and not every identity
    """

    incident: str
    action: int

    @property
    def owner(self) -> str:
        """What the mail is about: the incident."""
        return self.incident

    @property
    def template(self) -> str:
        return INCIDENT_ACTION if self.action else INCIDENT_OPEN

    @property
    def key(self) -> str:
        """The key of the mail's record, such as `000002.incident_action.owner`."""
        audience = "owner" if self.action else "supervisor"
        return f"{self.action:06d}.{self.template}.{audience}"


Job = MailJob | HeldDigest | LostLinks | CallNotice | IncidentMail

HELD_MAIL = "held_mail"
"""The template of a digest."""
RELATIONSHIP_CALL = "relationship_call"
"""The template of a notice about a planned call."""
INCIDENT_OPEN, INCIDENT_ACTION = "incident_open", "incident_action"
"""The templates of an `IncidentMail`."""
LOST_LINKS = "lost_links"
"""The template of a mail with links."""


def encode(job: Job) -> str:
    return msgspec.json.encode(job).decode()


def job_of(body: str) -> Job:
    """Decode the body of a queue message. Raises NotAJob if it is not a job."""
    try:
        content: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        if "held" in content:
            return _checked(msgspec.convert(content, HeldDigest))
        if "customer" in content:
            return _checked_notice(msgspec.convert(content, CallNotice))
        if "incident" in content:
            return _checked_incident(msgspec.convert(content, IncidentMail))
        if "links" in content:
            return _checked_links(msgspec.convert(content, LostLinks))
        job = msgspec.convert(content, MailJob)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise NotAJob("not the JSON of a job") from error
    if normalised(job.number) != job.number or job.event < 1:
        raise NotAJob("not an event of a ticket")
    return job


def _checked(digest: HeldDigest) -> HeldDigest:
    if not _is_team(digest.team) or digest.digest < 1:
        raise NotAJob("not a digest of a team")
    return digest


def _checked_incident(job: IncidentMail) -> IncidentMail:
    if re.fullmatch(INCIDENT, job.incident) is None or job.action < 0:
        raise NotAJob("not a mail about an incident")
    return job


def _checked_links(job: LostLinks) -> LostLinks:
    if not _is_digest(job.address):
        raise NotAJob("not the digest of an address")
    return job


def _checked_notice(job: CallNotice) -> CallNotice:
    known = re.fullmatch("[0-9a-f]{24}", job.customer, re.ASCII) is not None
    step = re.fullmatch("[a-z]{1,20}-[1-9][0-9]?", job.step, re.ASCII) is not None
    counted = job.date >= 1 and job.planned >= 0
    if not (known and step and job.audience in STAFF and counted):
        raise NotAJob("not a notice about a call to a customer")
    return job


def _is_digest(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def _is_team(name: str) -> bool:
    return re.fullmatch(r"[a-z0-9_-]{1,40}", name) is not None


_TAGS = ("ticket", "event", "template", "audience")


def tags_of(job: MailJob) -> list[dict[str, str]]:
    """Return the tags for the mail of a job. The events of SES about the mail contain them."""
    about = (job.number, str(job.event), job.template, job.audience)
    return [{"Name": name, "Value": value} for name, value in zip(_TAGS, about, strict=True)]


def tags_of_digest(digest: HeldDigest) -> list[dict[str, str]]:
    """Return the tags for the mail of a digest."""
    return [
        {"Name": "template", "Value": HELD_MAIL},
        {"Name": "team", "Value": digest.team},
        {"Name": "digest", "Value": str(digest.digest)},
    ]


def tags_of_notice(job: CallNotice) -> list[dict[str, str]]:
    """Return the tags for the mail of a notice about a planned call."""
    return [
        {"Name": "template", "Value": RELATIONSHIP_CALL},
        {"Name": "customer", "Value": job.customer},
        {"Name": "date", "Value": str(job.date)},
        {"Name": "step", "Value": job.step},
        {"Name": "audience", "Value": job.audience},
        {"Name": "planned", "Value": str(job.planned)},
    ]


def tags_of_incident(job: IncidentMail) -> list[dict[str, str]]:
    """Return the tags for a mail about an incident."""
    return [
        {"Name": "template", "Value": job.template},
        {"Name": "incident", "Value": job.incident},
        {"Name": "action", "Value": str(job.action)},
    ]


def tags_of_links(job: LostLinks, number: str) -> list[dict[str, str]]:
    """Return the tags for a mail with links. `number` is the first of its tickets."""
    notice = MailJob(number, 1, LOST_LINKS, "customer")
    return [*tags_of(notice), {"Name": "address", "Value": job.address}]


def noted_on(tags: Mapping[str, str]) -> MailJob | None:
    """Return the job on whose ticket a report about the mail with these tags is noted.

    A mail with links belongs to no ticket; a report about it is noted on the first of them.
    """
    number, event, template, audience = (tags.get(name, "") for name in _TAGS)
    if normalised(number) != number or not event.isascii() or not event.isdigit():
        return None
    return MailJob(number, int(event), template, audience) if template and audience else None


def tagged(tags: Mapping[str, str]) -> Job | None:
    """Return the job whose mail has these tags; None if Redress did not send the mail."""
    template = tags.get("template", "")
    if template == HELD_MAIL:
        team, digest = tags.get("team", ""), tags.get("digest", "")
        known = digest.isascii() and digest.isdigit() and _is_team(team)
        return HeldDigest(team, int(digest)) if known else None
    if template == RELATIONSHIP_CALL:
        return _notice_tagged(tags)
    if template in (INCIDENT_OPEN, INCIDENT_ACTION):
        incident, action = tags.get("incident", ""), tags.get("action", "")
        is_number = action.isascii() and action.isdigit()
        known = is_number and re.fullmatch(INCIDENT, incident) is not None
        return IncidentMail(incident, int(action)) if known else None
    if template == LOST_LINKS:
        address = tags.get("address", "")
        return LostLinks(address) if _is_digest(address) and noted_on(tags) else None
    return noted_on(tags)


def _notice_tagged(tags: Mapping[str, str]) -> CallNotice | None:
    customer, date, step, audience = (
        tags.get(name, "") for name in ("customer", "date", "step", "audience")
    )
    planned = tags.get("planned", "0")
    if not all(one.isascii() and one.isdigit() for one in (date, planned)):
        return None
    try:
        return _checked_notice(CallNotice(customer, int(date), step, audience, int(planned)))
    except NotAJob:
        return None
