"""The message from the relay to the mailer: one mail to send, on the mail queue."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from redress.tickets.rules.numbers import normalised


class NotAJob(ValueError):
    """No retry makes this a mail: not a job at all, or one that does not follow from its event."""


class MailJob(msgspec.Struct, frozen=True):
    """One mail to send, by the number of the event from which it follows:
    `{"number": "R-7K3M9-QW0X2", "event": 3, "template": "reply", "audience": "customer"}`."""

    number: str
    event: int
    template: str
    audience: str

    @property
    def key(self) -> str:
        """`000003.reply.customer`: names the mail's record."""
        return f"{self.event:06d}.{self.template}.{self.audience}"


def encode(job: MailJob) -> str:
    return msgspec.json.encode(job).decode()


def job_of(body: str) -> MailJob:
    """The job in a queue message; raises NotAJob for anything else."""
    try:
        job = msgspec.json.decode(body, type=MailJob)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise NotAJob("not the JSON of a job") from error
    if normalised(job.number) != job.number or job.event < 1:
        raise NotAJob("not an event of a ticket")
    return job


_TAGS = ("ticket", "event", "template", "audience")


def tags_of(job: MailJob) -> list[dict[str, str]]:
    """The tags that a mail is sent with: what SES tells of it later names them."""
    about = (job.number, str(job.event), job.template, job.audience)
    return [{"Name": name, "Value": value} for name, value in zip(_TAGS, about, strict=True)]


def tagged(tags: Mapping[str, str]) -> MailJob | None:
    """The job whose mail has these tags; None for what is none of ours."""
    number, event, template, audience = (tags.get(name, "") for name in _TAGS)
    if normalised(number) != number or not event.isascii() or not event.isdigit():
        return None
    return MailJob(number, int(event), template, audience) if template and audience else None
