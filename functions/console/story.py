"""The widget `ticket`: asks for a number, and shows what happened to that ticket."""

from __future__ import annotations

from html import escape

from page import Cell, Page, at_moment, moment, table, text

from redress.console.cases.ticket import TicketStory

KINDS = {"overdue": "broken", "missed": "broken", "kept": "well"}


def ask_page(page: Page, typed: str = "") -> str:
    return page.whole(
        "<form><p>Ticket number "
        f'<input name="ticket" value="{escape(typed)}" size="18" title="such as R-7K3M9-QW0X2"> '
        f"{page.button('Show', show='ticket')}</p></form>"
    )


def story_page(page: Page, story: TicketStory) -> str:
    return page.whole(
        f"<h4>{escape(story.number)}</h4>"
        f"<p>{escape(story.state)}, {escape(story.kind)}, team {escape(story.team)}, priority "
        f"{escape(story.priority)}, opened {moment(story.created_at)}, version {story.version}</p>",
        _workflow(page, story),
        f"<p>{page.logs(story.number, 'All log lines about this ticket', 30)} (the saved query "
        f"<strong>{escape(page.stack)}/what happened to a ticket</strong>, over 30 days). Staff "
        f"read it at <strong>GET /staff/tickets/{escape(story.number)}</strong>.</p>",
        _promises(story),
        _events(story),
        _mails(story),
    )


def _workflow(page: Page, story: TicketStory) -> str:
    timer = story.timer
    if timer is None:
        return '<p class="broken">Its TIMER is missing or cannot be read.</p>'
    wake = f"wakes at {moment(timer.next_wake)}" if timer.next_wake else "has nothing to wake for"
    standing = f"asleep, {wake}" if timer.asleep else "not asleep"
    if story.state == "closed":
        standing = "ended"
    return (
        f"<p>Workflow: execution {page.execution(story.execution, story.execution)}, "
        f"generation {timer.gen}, phase {escape(timer.phase.value)}, {escape(standing)}</p>"
    )


def _promises(story: TicketStory) -> str:
    rows = [
        [
            text(one.clock.replace("_", " ")),
            text(one.standing, KINDS.get(one.standing, "")),
            at_moment(one.due_at),
            at_moment(one.done_at),
        ]
        for one in sorted(story.promises, key=lambda one: one.due_at)
    ]
    return "<h4>Promises</h4>" + table(("promise", "standing", "due", "ended"), rows)


def _events(story: TicketStory) -> str:
    rows = [
        [
            text(event.number),
            at_moment(event.at),
            Cell(
                escape(event.type.replace("_", " "))
                + (f" ({escape(event.about)})" if event.about else "")
            ),
            text(event.by),
        ]
        for event in story.events
    ]
    return "<h4>Events</h4>" + table(("number", "at", "event", "by"), rows)


def _mails(story: TicketStory) -> str:
    if not story.mails:
        return "<h4>Mails</h4><p>None.</p>"
    rows = [
        [text(mail.key), text(mail.state), text(mail.attempts), at_moment(mail.at)]
        for mail in story.mails
    ]
    return "<h4>Mails</h4>" + table(("mail", "state", "attempts", "at"), rows)
