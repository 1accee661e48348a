"""Send one mail. Its text and its recipients are decided from the ticket as it is now.

A job contains no text and no address. It names a ticket, an event, a template and an audience. So
a mail that waited for days is written from the current ticket, or it is skipped if it is no longer
true.

`posting` sends it once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from redress.base.addresses import canonical
from redress.base.errors import NotFound, Unreadable
from redress.base.people import Role
from redress.base.phrases import moment, phrases, size
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Action, ClockName
from redress.db import encoding
from redress.mail.incoming.rules.answers import NoAnswer
from redress.mail.outgoing import rendering, results
from redress.mail.outgoing.cases.posting import (
    NO_RECIPIENT,
    Letter,
    MailSettings,
    Posting,
    Recipient,
    Result,
    SendOutcome,
    addressed,
    languages_of,
    leaders,
    reached,
)
from redress.mail.outgoing.messages import MailJob, NotAJob, tags_of
from redress.mail.outgoing.rules import remedy_mails, task_mails
from redress.mail.outgoing.rules.relevance import (
    LATE,
    NEED_HISTORY,
    NO_RESERVE,
    NOBODY_TAKES_PART,
    NOT_REACHED,
    SURVEY,
    Matter,
    agent_for,
    clock_name,
    due_at,
    falls_to_supervisors,
    missing_items,
    moved_promises,
    other_named,
    promises_ahead,
    reason_to_skip,
    skipped_in_time,
    standing_of,
    template_of,
    waits_for_writer,
)
from redress.mail.outgoing.rules.table import (
    ACKNOWLEDGEMENT,
    CALLED,
    CHECKLIST,
    ITEM,
    ITEM_GIVEN,
    JOIN,
    MENTIONED,
    MOVED_AWAY,
    NAME_ANOTHER,
    OWNER,
    PARTICIPANTS,
    POST_MORTEM,
    POST_MORTEM_ACTION,
    PROMISE_MOVED,
    RESERVE,
    SPIKE,
    STAFF_UNREACHED,
    TELL_MOVED,
    MailToSend,
    mails_after,
    mentioned_member,
    owned_actions,
)
from redress.mail.outgoing.store import AddressStore
from redress.plans.rules import categories, checklists
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.links import Links
from redress.tickets.rules import remedy_rights, task_rights
from redress.tickets.rules.access import has_conflict, is_kept_from, may_see
from redress.tickets.rules.remedies import label as remedy_label
from redress.tickets.rules.split_events import written_at
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import EventType, Ticket, next_due, post_mortem_due
from redress.tickets.store.tickets import TicketStore

ADDRESS_RETURNED = "the address returned mail"
"""Earlier mail to this address failed permanently, so the address is marked. More attempts would
only harm the reputation of the sending domain. The mark is removed when a mail comes from the
address."""

NOT_SENT = "the mail was not sent"

NO_SURVEYS = "the customer wants no surveys"
NOT_WRITTEN = "no mail has come from the address"
"""Somebody else named the address in Reply-To. It gets what staff write, and no automatic mail."""
NOBODY_READS = "nobody reads the address"
UNWANTED = (
    ADDRESS_RETURNED,
    NO_SURVEYS,
    NOBODY_TAKES_PART,
    NO_RESERVE,
    NOT_WRITTEN,
    NOBODY_READS,
)
"""Reasons for which a mail is not sent and which nobody needs to look into."""

_WRITTEN_BY_A_PERSON = {
    "reply",
    "reply_waiting",
    "progress",
    "resolution",
    "resolution_call",
    "resolution_told",
    "copy",
    ITEM,
    *remedy_mails.TO_CUSTOMER.values(),
}


def hidden_id(job: MailJob) -> str:
    """The id of a mail that must tell nothing of its ticket, also in its headers."""
    cause = encoding.key_digest(f"{job.number}.{job.key}")
    return f"{cause[:16]}.{job.template}.{job.audience}"


def _asks_customer(job: MailJob) -> bool:
    """Whether a mail asks the customer for something that their service request needs."""
    return job.audience == Role.CUSTOMER and job.template in (CHECKLIST, ITEM)


class MailingCase:
    """Sends the mails of jobs."""

    def __init__(
        self,
        tickets: TicketStore,
        addresses: AddressStore,
        staff: StaffStore,
        plans: Plans,
        links: Links,
        changes: TicketChanges,
        posting: Posting,
        settings: MailSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._changes, self._posting = changes, posting
        self._tickets, self._addresses = tickets, addresses
        self._staff, self._plans = staff, plans
        self._links, self._base = links, settings.base_address
        self._settings, self._now = settings, now

    def send(self, job: MailJob) -> SendOutcome:
        """Send the mail of a job, unless it was sent or refused before or is outdated.

        Raises NotAJob if the event of the job does not cause such a mail. Raises NotSentYet if SES
        does not accept the mail now, or if another worker is sending it. Errors of the store are
        raised unchanged. After NotSentYet or an error of the store the job must be tried again.
        """
        try:
            ticket, event = self._tickets.with_event(job.number, job.event)
        except NotFound:
            return SendOutcome(Result.SKIPPED, "there is no such ticket")
        if MailToSend(job.template, job.audience) not in mails_after(event):
            raise NotAJob(f"no such mail follows from {event.type}")
        other = other_named(job, event)
        about = Matter(
            job,
            event,
            ticket,
            self._plans.get(ticket.plan_version),
            self._now(),
            self._tickets.history(job.number) if event.type in NEED_HISTORY else (),
            self._goes_on_in(job, ticket),
            other is not None and self._tickets.is_of_another(ticket, other),
        )
        if why := reason_to_skip(about) or self._skipped_before(about):
            return SendOutcome(Result.SKIPPED, why)
        recipients = self._recipients(about)
        done = self._once(about, recipients)
        if job.template == ACKNOWLEDGEMENT and done.result in (Result.SENT, Result.SENT_BEFORE):
            # SENT_BEFORE counts too: the worker that sent the mail may have died before it recorded
            # the acknowledgement.
            decide = by_system.acknowledge
            self._changes.change(job.number, decide, known=ticket)
        if _asks_customer(job) and done.result in (Result.REFUSED, Result.REFUSED_BEFORE):
            # REFUSED_BEFORE counts too, for the same reason. Its record has the fault.
            why = done.why or NOT_SENT
            self._changes.change(
                job.number,
                lambda t, p, at: by_system.note_unsent(t, p, job.event, job.key, why, at),
                known=ticket,
            )
        return done

    def _goes_on_in(self, job: MailJob, ticket: Ticket) -> Ticket | None:
        """The target of a merged ticket, for the mails of NOT_REACHED; otherwise None.

        None also if the target cannot be read. Then the agent of the merged ticket gets the mail.
        """
        if job.template not in NOT_REACHED or ticket.merged is None:
            return None
        try:
            into = self._tickets.continued(ticket)
        except (Unreadable, NotFound):
            return None
        return into if into.number != ticket.number else None

    def _skipped_before(self, about: Matter) -> str | None:
        """Return why this mail was skipped when its job came first; None if it may be sent.

        Asks only for a job that comes late, and then reads the ticket's file, one unit for 4 KB. A
        mail with a record was not skipped. If the history or one of its plans cannot be read, the
        mail may be sent.
        """
        if about.moment - about.event.at <= LATE:
            return None
        try:
            file = self._tickets.file(about.job.number)
            if about.job.key in {mail.key for mail in file.mails} | file.unreadable:
                return None
            return skipped_in_time(replace(about, history=file.history), self._plans.get)
        except (Unreadable, LookupError):
            return None

    # ---------------------------------------------------------------- once

    def _once(self, about: Matter, recipients: list[Recipient]) -> SendOutcome:
        job = about.job
        fault = self._unreachable(about, recipients)
        raw = None if fault else self._compose(about, recipients)
        letter = Letter(job.number, job.key, about.moment, tags_of(job), recipients, raw, fault)
        return self._posting.send(letter)

    def _unreachable(self, about: Matter, recipients: list[Recipient]) -> str | None:
        """Return why no recipient can or may get the mail; None if it can be sent."""
        if not recipients:
            optional = {PARTICIPANTS: NOBODY_TAKES_PART, RESERVE: NO_RESERVE}
            return optional.get(about.job.audience, NO_RECIPIENT)
        if about.job.audience != Role.CUSTOMER:
            return None
        email = _customer_address(about)
        if self._addresses.returned(email):
            return ADDRESS_RETURNED
        why = waits_for_writer(about)
        if why is NoAnswer.REPLY_TO and not self._addresses.has_written(email):
            return NOT_WRITTEN
        if why is NoAnswer.NO_REPLY:
            return NOBODY_READS
        if about.job.template == SURVEY and self._addresses.refuses_surveys(email):
            return NO_SURVEYS
        return None

    # ---------------------------------------------------------------- to whom

    def _recipients(self, about: Matter) -> list[Recipient]:
        """Return the recipients of the mail. Only people with a deliverable address count.

        A mail for the supervisor goes to the supervisors of the ticket's team (`leaders`). Members
        of staff from whom the ticket is kept get none. If it is about the agent who has it, the
        supervisors are told in their place. If it is, or may be, about somebody, supervisors of
        other teams get none, because they could neither read it nor decide anything.
        """
        ticket, audience = about.ticket, about.job.audience
        if audience == Role.CUSTOMER:
            return addressed([(_customer_address(about), (ticket.language,))])
        if audience == PARTICIPANTS:
            # Somebody who has stopped being a participant gets no more copies.
            copied = [a for a in about.event.data["copied_to"] if a in ticket.participants]
            excluded = self._addresses_kept_from(ticket)
            wanted = [
                one
                for one in copied
                if canonical(one) not in excluded and not self._addresses.returned(one)
            ]
            return addressed((address, (ticket.language,)) for address in wanted)
        if about.job.template in (task_mails.TASK, task_mails.URGED):
            return self._of_task(about)
        if about.job.template == remedy_mails.REMEDY:
            return self._of_remedy(about)
        if about.job.template == POST_MORTEM:
            return self._of_post_mortem(about)
        if about.job.template == POST_MORTEM_ACTION:
            owner = owned_actions(about.event, audience)[0]["owner"]
            return self._person_or_leaders(ticket, owner, Role.SUPERVISOR, ticket.team)
        if about.job.template == MENTIONED:
            named = self._staff.named([mentioned_member(about.event, audience)]).values()
            return reached(one for one in named if one.is_active and may_see(one, ticket))
        concerned = (ticket, about.worked_on)
        if audience == Role.AGENT:
            try:
                agent = self._staff.member(agent_for(about) or "")
                excluded_agent = any(is_kept_from(one, agent) for one in concerned)
                found = reached([agent]) if agent.is_active and not excluded_agent else []
            except NotFound:
                found, excluded_agent = [], False
            # If the customer wrote after the resolution, the ticket may be in nobody's work list.
            # If its agent cannot be reached, the supervisor must learn of the message.
            if found or not (falls_to_supervisors(about) or excluded_agent):
                return found
            audience = Role.SUPERVISOR
        # A call of reserve staff names no ticket, so nobody is kept from it.
        kept = about.job.template != CALLED and any(map(has_conflict, concerned))
        members = [
            one
            for one in self._staff.members()
            if not (kept and any(is_kept_from(about_them, one) for about_them in concerned))
        ]
        if audience == RESERVE:
            of_team = (one for one in members if one.team == ticket.team)
            return reached(one for one in of_team if one.reserve and one.is_active)
        if about.job.template == STAFF_UNREACHED:
            # Whom the notice did not reach, this mail would not reach either.
            failed = {one["address"] for one in about.event.data["mail"].get("returned", ())}
            members = [one for one in members if canonical(one.email) not in failed]
        operator = self._settings.operator_address
        return leaders(members, Role(audience), about.worked_on.team, operator, others=not kept)

    def _of_task(self, about: Matter) -> list[Recipient]:
        """Return the recipients of a mail about a task, or of an urge (`task_mails`).

        Who has a task and cannot be reached, or may not do it any more, is replaced by the leaders
        of the department, and the ticket's agent by those of the ticket's team. Nobody gets one who
        is kept from the ticket. Who had the task before is replaced by nobody. If no supervisor of
        the department can be reached, managers get it: supervisors of other teams cannot open the
        task.
        """
        ticket, audience = about.ticket, about.job.audience
        team, person = ticket.team, ticket.assignee if audience == task_mails.ASKER else None
        if audience.startswith(task_mails.FORMER):
            named = self._staff.named([about.event.data["from"]]).values()
            active = (one for one in named if one.is_active)
            return reached(one for one in active if not is_kept_from(ticket, one))
        if audience.startswith(task_mails.DEPARTMENT):
            task = task_mails.task_in(ticket, about.event, audience)
            team = task.team
            if not audience.startswith(task_mails.LEADERS) and task.owner is not None:
                owner = self._staff.named([task.owner]).get(task.owner)
                may = owner is not None and task_rights.may_do(owner, ticket, team)
                person = task.owner if may else None
        role = Role.MANAGER if audience == Role.MANAGER else Role.SUPERVISOR
        others = not audience.startswith(task_mails.DEPARTMENT)
        return self._person_or_leaders(ticket, person, role, team, others=others)

    def _of_remedy(self, about: Matter) -> list[Recipient]:
        """Return the recipients of a mail to staff about a remedy (`remedy_mails`).

        Who proposed it, or has the ticket, and cannot be reached is replaced by the leaders of the
        ticket's team. Who cannot decide about a remedy is not asked to.
        """
        ticket, audience = about.ticket, about.job.audience
        remedy = remedy_mails.remedy_in(ticket, about.event)
        person, without = None, set[str | None]()
        if audience == remedy_mails.PROPOSER:
            person = remedy.by
        elif audience == Role.AGENT:
            person = ticket.assignee
        elif remedy_mails.is_about_decision(about.event):
            without = remedy_rights.without(ticket, remedy)
            if ticket.about_unclear is not None:  # managers decide
                without |= {one.id for one in self._staff.members() if one.role is not Role.MANAGER}
        role = Role.MANAGER if audience == Role.MANAGER else Role.SUPERVISOR
        return self._person_or_leaders(ticket, person, role, ticket.team, without)

    def _of_post_mortem(self, about: Matter) -> list[Recipient]:
        """Return the recipients of a mail about a post-mortem.

        Who has the ticket, or has resolved it, and cannot be reached is replaced by the leaders of
        the ticket's team.
        """
        ticket, audience = about.ticket, about.job.audience
        person = None
        if audience == Role.AGENT:
            resolved = ticket.resolution.by if ticket.resolution is not None else None
            person = ticket.assignee or resolved
        role = Role.MANAGER if audience == Role.MANAGER else Role.SUPERVISOR
        return self._person_or_leaders(ticket, person, role, ticket.team)

    def _person_or_leaders(
        self,
        ticket: Ticket,
        person: str | None,
        role: Role,
        team: str,
        without: Collection[str | None] = (),
        *,
        others: bool = True,
    ) -> list[Recipient]:
        """Return a member of staff, or the leaders of a team if they cannot be reached or are None.

        Nobody gets a mail about a ticket from which they are kept, nor do the members `without`. If
        there are such, the mail asks for a decision, for which supervisors of other teams have no
        right. With `others` false, they get none either.
        """
        if person is not None:
            found = reached(
                one
                for one in self._staff.named([person]).values()
                if one.is_active and not is_kept_from(ticket, one)
            )
            if found:
                return found
        kept = has_conflict(ticket)
        members = [
            one
            for one in self._staff.members()
            if one.id not in without and not (kept and is_kept_from(ticket, one))
        ]
        operator = self._settings.operator_address
        others = others and not (kept or without)
        return leaders(members, role, team, operator, others=others)

    def _addresses_kept_from(self, ticket: Ticket) -> set[str]:
        """The addresses of the members of staff from whom the ticket is kept, in canonical form."""
        if not has_conflict(ticket):
            return set()
        members = self._staff.members()
        return {canonical(one.email) for one in members if is_kept_from(ticket, one)}

    # ---------------------------------------------------------------- what it says

    def _compose(self, about: Matter, recipients: list[Recipient]) -> bytes:
        name, number = template_of(about), about.ticket.number
        to_staff = about.job.audience not in (Role.CUSTOMER, PARTICIPANTS)
        if not to_staff:
            values = self._to_customer(about)
            texts = [rendering.render(name, about.ticket.language, _needed(name, values))]
        else:
            of_part = {
                task_mails.TASK: self._about_task,  # TASK_TAKEN takes fewer of these values
                remedy_mails.REMEDY: self._about_remedy,
                POST_MORTEM: self._about_post_mortem,
                POST_MORTEM_ACTION: self._about_actions,
            }
            said = of_part.get(about.job.template, self._to_staff)(about)
            texts = [
                rendering.render(name, lang, _needed(name, said(lang)))
                for lang in languages_of(recipients)
            ]
        if name == CALLED:
            return self._of_no_ticket(about, recipients, texts)
        # The people of a department, and who owns an action, may not see the ticket. So they cannot
        # write into it by mail.
        is_outside = about.job.audience.startswith((task_mails.DEPARTMENT, OWNER))
        conversation = None if is_outside else self._links.mail_token(number)
        domain = self._settings.mail_domain
        unsubscribe = None
        if name == SURVEY:
            unsubscribe = f"{self._base}/u/{self._links.unsubscribe_token(number)}"
        return rendering.message(
            self._settings.sender_address,
            [recipient.address for recipient in recipients],
            number,
            texts,
            about.moment,
            automatic=name not in _WRITTEN_BY_A_PERSON,
            conversation=conversation,
            mail_id=about.job.key,
            reply_to=f"{conversation}@{domain}" if domain and conversation else None,
            to_staff=to_staff,
            unsubscribe=unsubscribe,
            house=self._settings.house,
        )

    def _of_no_ticket(
        self, about: Matter, recipients: list[Recipient], texts: list[rendering.MailText]
    ) -> bytes:
        """A mail that is caused by a ticket and says nothing of it, also in its headers."""
        return rendering.message(
            self._settings.sender_address,
            [recipient.address for recipient in recipients],
            None,
            texts,
            about.moment,
            automatic=True,
            conversation=None,
            mail_id=hidden_id(about.job),
            to_staff=True,
            house=self._settings.house,
        )

    def _to_customer(self, about: Matter) -> dict[str, str]:
        ticket, language = about.ticket, about.ticket.language
        own = phrases(language)

        def time(at: datetime) -> str:
            return moment(at, about.plan.time_zone, language)

        values = {
            "number": ticket.number,
            "subject": ticket.subject,
            "text": about.event.data.get("text", "") + _files(about, _phrase_of(about), language),
            "status_url": f"{self._base}/t/{self._links.status_token(ticket.number)}",
            "promises": "\n".join(
                own.promise.format(clock=own.clocks[clock], time=time(due_at))
                for clock, due_at in promises_ahead(about)
            ),
        }
        if about.job.template in NAME_ANOTHER:
            values["into"] = about.event.data["ticket"]
        if "split" in about.event.data:
            values["written"] = time(written_at(about.event))
        if "remedy_id" in about.event.data:
            values |= results.of_remedy(about)
        if about.event.type is EventType.RESOLVED and about.job.audience == Role.CUSTOMER:
            values["text"] += results.of_complaint(about)
        if about.job.template == PROMISE_MOVED:
            values["cause"] = results.cause_of_move(about)
            values["moved"] = _moved(about, language)
        if about.job.template == CHECKLIST:
            values["items"] = _needed_items(about, language)
        if about.job.template == ITEM:
            values["item"] = _item_text(about, language)
            values["news"] = own.items[_news_of_item(about)]
        if callback := ticket.clocks.get(ClockName.CALLBACK):
            by_mail = ticket.callback_by_mail
            ladder = about.plan.ladder(ClockName.CALLBACK, callback, by_mail=by_mail)
            values["closes_at"] = time(clocks.rung_times(callback, ladder)[-1])
            values["call"] = _call(ticket, time(callback.due_at))
        if ticket.resolution:
            values["resolved_at"] = time(ticket.resolution.at)
        if survey := ticket.clocks.get(ClockName.SURVEY):
            token = self._links.survey_token(ticket.number, survey.due_at)
            values["survey_url"] = f"{self._base}/s/{token}"
            values["until"] = time(survey.due_at)
        return values

    def _to_staff(self, about: Matter) -> Callable[[str], dict[str, str]]:
        """Return a function that takes a language and returns the values of a mail to staff.

        The values describe the promise. They contain nothing about the customer but the names of
        files that the customer has sent.
        """
        ticket = about.ticket
        agent, writer = self._name_of(ticket.assignee), self._name_of(about.event.by.id or None)
        due = due_at(about)
        if about.job.template == JOIN:  # who joins has to know what is due first
            due = next_due(ticket) or due

        def said(language: str) -> dict[str, str]:
            own = phrases(language)
            return {
                "number": ticket.number,
                "kind": own.kinds[ticket.kind],
                "clock": own.clocks[clock_name(about)],
                "due": moment(due, about.plan.time_zone, language),
                "standing": own.standing[standing_of(about)],
                "files": _files(about, "files_staff", language),
                "agent": agent or own.nobody,
                "by": writer or own.nobody,
                "into": about.event.data["ticket"] if about.job.template == MOVED_AWAY else "",
                "team": about.plan.team_names.get(ticket.team, {}).get(language, ticket.team),
                "waiting": str(about.event.data.get("called", "")),
                "ticket_url": f"{self._base}/staff/tickets/{ticket.number}",
                "moved": _moved(about, language) if about.job.template == TELL_MOVED else "",
                "item": _item_text(about, language) if about.job.template == ITEM_GIVEN else "",
                **(_of_spike(about, language) if about.job.template == SPIKE else {}),
            }

        return said

    def _about_task(self, about: Matter) -> Callable[[str], dict[str, str]]:
        """Return a function that takes a language and returns the values of a mail about a task.

        The values contain nothing that anybody wrote.
        """
        event, ticket = about.event, about.ticket
        task = task_mails.task_in(ticket, event, about.job.audience)
        owner, writer = self._name_of(task.owner), self._name_of(event.by.id or None)
        news = task_mails.news_for(event, about.job.audience)
        at = event.data.get("due_at") if news == Action.BREACH else None
        due = datetime.fromisoformat(at) if at else task.clock.due_at

        def said(language: str) -> dict[str, str]:
            own = phrases(language)
            by = writer or own.nobody
            return {
                "news": own.tasks[news].format(by=by),
                "number": ticket.number,
                "task": task.id,
                "department": about.plan.team_names.get(task.team, {}).get(language, task.team),
                "owner": owner or own.nobody,
                "due": moment(due, about.plan.time_zone, language),
                "task_url": f"{self._base}/staff/tasks/{ticket.number}/{task.id}",
            }

        return said

    def _about_remedy(self, about: Matter) -> Callable[[str], dict[str, str]]:
        """Return a function that takes a language and returns the values of a mail about a remedy.

        The values contain nothing that anybody wrote.
        """
        event, ticket = about.event, about.ticket
        remedy = remedy_mails.remedy_in(ticket, event)
        agent, writer = self._name_of(ticket.assignee), self._name_of(event.by.id or None)
        news = remedy_mails.news_in(event)
        is_breach = event.data.get("action") == Action.BREACH
        due = datetime.fromisoformat(event.data["due_at"]) if is_breach else remedy.clock.due_at

        def said(language: str) -> dict[str, str]:
            own = phrases(language)
            money = f" {remedy.money}" if remedy.money else ""
            return {
                "news": own.remedies[news].format(by=writer or own.nobody),
                "number": ticket.number,
                "remedy": remedy_label(remedy, about.plan, language) + money,
                "agent": agent or own.nobody,
                "due": moment(due, about.plan.time_zone, language),
                "ticket_url": f"{self._base}/staff/tickets/{ticket.number}",
            }

        return said

    def _about_post_mortem(self, about: Matter) -> Callable[[str], dict[str, str]]:
        """Return a function that takes a language and returns the values of a mail about a
        post-mortem. They contain nothing that anybody wrote."""
        event, ticket = about.event, about.ticket
        agent = self._name_of(ticket.assignee)
        due = datetime.fromisoformat(event.data["due_at"])
        if event.data["action"] != Action.BREACH:
            due = post_mortem_due(ticket) or due

        def said(language: str) -> dict[str, str]:
            own = phrases(language)
            return {
                "news": own.post_mortems[event.data["action"]],
                "number": ticket.number,
                "kind": own.kinds[ticket.kind],
                "agent": agent or own.nobody,
                "due": moment(due, about.plan.time_zone, language),
                "ticket_url": f"{self._base}/staff/tickets/{ticket.number}",
            }

        return said

    def _about_actions(self, about: Matter) -> Callable[[str], dict[str, str]]:
        """Return a function that takes a language and returns the values of a mail about actions.

        It has the texts of the actions, because their owner may not see the ticket, and nothing
        else that anybody wrote. It names the owner, because leaders get it if the owner is gone.
        """
        event, ticket = about.event, about.ticket
        writer = self._name_of(event.by.id)
        actions = owned_actions(event, about.job.audience)
        owner = self._name_of(actions[0]["owner"])

        def said(language: str) -> dict[str, str]:
            own = phrases(language)
            return {
                "number": ticket.number,
                "kind": own.kinds[ticket.kind],
                "by": writer or own.nobody,
                "owner": owner or own.nobody,
                "actions": "\n".join(f"- {one['due']}: {one['text']}" for one in actions),
                "ticket_url": f"{self._base}/staff/tickets/{ticket.number}",
            }

        return said

    def _name_of(self, agent: str | None) -> str | None:
        if agent is None:
            return None
        try:
            return self._staff.member(agent).name
        except NotFound:
            return None


def _customer_address(about: Matter) -> str:
    """Return the customer's address for this mail; "" if there is none.

    A message of staff names it (`steps.draft.recipients`), so a later change of the ticket does not
    send the message to somebody else. Other mails, and events of earlier versions, do not.
    """
    address: str = about.event.data.get("to") or about.ticket.contact.email or ""
    return address


def _of_spike(about: Matter, language: str) -> dict[str, str]:
    """The values of a mail about a spike: the category, how many tickets, and since when."""
    data = about.event.data
    since = about.event.at - timedelta(seconds=data["within_s"])
    return {
        "category": categories.labels(about.plan.categories, data["category"])[language],
        "count": str(data["tickets"]),
        "since": moment(since, about.plan.time_zone, language),
    }


def _moved(about: Matter, language: str) -> str:
    """A line for each promise that the event has made later, and that is still later."""
    return results.moved_lines(moved_promises(about), about, language)


def _needed_items(about: Matter, language: str) -> str:
    """A line for each item of the checklist that the customer has to give, or may give."""
    own, ticket = phrases(language), about.ticket
    return "\n".join(
        (own.needed if item.required else own.needed_optional).format(
            item=checklists.label(about.plan, ticket.category, item.id)[language]
        )
        for item in missing_items(ticket)
    )


def _item_text(about: Matter, language: str) -> str:
    """What the plan says of the item that the event is about."""
    item, category = about.event.data["item"], results.category_of_item(about)
    return checklists.label(about.plan, category, item)[language]


def _news_of_item(about: Matter) -> str:
    """The key of `Phrases.items`. An obstacle says who has to do something."""
    match about.event.type:
        case EventType.ITEM_REJECTED:
            return "rejected"
        case EventType.ITEM_DONE:
            return "done"
        case _:
            who: str = about.event.data["who"]
            return who


def _call(ticket: Ticket, due: str) -> str:
    """The sentence that says when the customer will be called. `due` is the due time as text."""
    own, preference = phrases(ticket.language), ticket.callback_preference
    hours = preference.call_hours if preference else None
    if hours is None:
        return own.call.format(due=due)
    return own.call_in_hours.format(begin=hours.begins_at, end=hours.ends_at, due=due)


def _phrase_of(about: Matter) -> str:
    return "files_copy" if about.job.audience == PARTICIPANTS else "files"


def _files(about: Matter, phrase: str, language: str) -> str:
    """A paragraph that names the files of the message, after an empty line; "" without files.

    The mail has no link to a file. Whoever opens one must open the ticket first.
    """
    files = about.event.data.get("files")
    if not files:
        return ""
    names = "\n".join(
        f"- {rendering.one_line(file['name'])} ({size(file['size'])})" for file in files
    )
    text: str = getattr(phrases(language), phrase)
    return "\n\n" + text.format(names=names)


def _needed(name: str, values: Mapping[str, str]) -> dict[str, str]:
    return {placeholder: values[placeholder] for placeholder in rendering.PLACEHOLDERS[name]}
