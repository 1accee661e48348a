"""The mail job: a message in the mail queue, by which the relay asks the mailer for one mail."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from redress.tickets.rules.numbers import normalised


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
    def key(self) -> str:
        """The key of the mail's record, such as `000003.reply.customer`."""
        return f"{self.event:06d}.{self.template}.{self.audience}"


def encode(job: MailJob) -> str:
    return msgspec.json.encode(job).decode()


def job_of(body: str) -> MailJob:
    """Decode the body of a queue message. Raises NotAJob if it is not a job."""
    try:
        job = msgspec.json.decode(body, type=MailJob)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise NotAJob("not the JSON of a job") from error
    if normalised(job.number) != job.number or job.event < 1:
        raise NotAJob("not an event of a ticket")
    return job


_TAGS = ("ticket", "event", "template", "audience")


def tags_of(job: MailJob) -> list[dict[str, str]]:
    """Return the tags for the mail of a job. The events of SES about the mail contain them."""
    about = (job.number, str(job.event), job.template, job.audience)
    return [{"Name": name, "Value": value} for name, value in zip(_TAGS, about, strict=True)]


def tagged(tags: Mapping[str, str]) -> MailJob | None:
    """Return the job whose mail has these tags; None if Redress did not send the mail."""
    number, event, template, audience = (tags.get(name, "") for name in _TAGS)
    if normalised(number) != number or not event.isascii() or not event.isdigit():
        return None
    return MailJob(number, int(event), template, audience) if template and audience else None
