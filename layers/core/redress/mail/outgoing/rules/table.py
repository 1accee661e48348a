"""Which mails follow from what happened: one table, read by the stream's consumer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redress.clocks.rules.clocks import Action, ClockName
from redress.mail.incoming.rules import Notice
from redress.tickets.rules.ticket import Event, EventType

PARTICIPANTS = "participants"
ACKNOWLEDGEMENT = "acknowledgement"


@dataclass(frozen=True, slots=True)
class MailToSend:
    """One mail to be sent: a template, and who gets it: `customer`, PARTICIPANTS or a staff
    role."""

    template: str
    audience: str


_TO_CUSTOMER: Mapping[EventType, str] = {
    EventType.PROGRESS_TOLD: "progress",
    EventType.PROMISED: "progress",
    EventType.HELD: "progress",
    EventType.REPLIED: "reply",
    EventType.RESOLVED: "resolution",
}
_RUNGS: Mapping[tuple[str, str], str] = {
    (ClockName.CALLBACK, Action.ASK_AGAIN): "callback_again",
    (ClockName.SURVEY, Action.INVITE): "survey",
}


def audience_of(key: str) -> str:
    """Who got the mail of this key, `000003.reply.customer`: the audience of its `Mail`."""
    return key.rpartition(".")[2]


def mails_after(event: Event) -> list[MailToSend]:
    """The mails that follow from one event.

    Acknowledgement, reply, progress, resolution with the callback question, and survey go to the
    customer, and a copy of what staff wrote to those who take part; reminders and escalations to
    staff; a dispute tells the supervisor (H4), new words tell the agent, a proposed incident tells
    those who can declare one. Whether a recipient has an address is for whoever sends.
    """
    if event.type is EventType.OPENED:
        return [MailToSend(ACKNOWLEDGEMENT, "customer")] if _email(event.data) else []
    if event.type in _TO_CUSTOMER:
        copies = [MailToSend("copy", PARTICIPANTS)] if event.data.get("copied_to") else []
        return [MailToSend(_TO_CUSTOMER[event.type], "customer"), *copies]
    if event.type is EventType.CUSTOMER_WROTE:
        return [MailToSend("customer_wrote", "agent")]
    if event.type is EventType.MAIL_NOTED:
        return [MailToSend("mail_returned", "agent")] if _wants_an_agent(event.data) else []
    if event.type is EventType.DISPUTED:
        return [MailToSend("disputed", "supervisor")]
    if event.type is EventType.INCIDENT_PROPOSED:
        return [MailToSend("incident", "supervisor"), MailToSend("incident", "manager")]
    if event.type is EventType.RUNG_FIRED:
        data = event.data
        if template := _RUNGS.get((data["clock"], data["action"])):
            return [MailToSend(template, "customer")]
        return [MailToSend(data["action"], role) for role in data["notify"] if role != "customer"]
    return []


def _wants_an_agent(noted: Mapping[str, Any]) -> bool:
    """An out-of-office tells nobody anything new; words that did not reach the customer do. `to` is
    whom they were for; "" where that is not known, which nobody is told: it might be about them."""
    to = noted["mail"].get("to", "customer")
    not_reached = noted["why"] in (Notice.RETURNED, Notice.COMPLAINED)
    return not_reached and to in ("customer", PARTICIPANTS)


def _email(data: Mapping[str, Any]) -> str | None:
    email: str | None = data["contact"].get("email")
    return email
