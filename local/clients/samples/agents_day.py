"""An agent's day with the Python client that openapi-python-client generates.

python agents_day.py https://API/v1 ID_TOKEN [NUMBER]
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from redress_staff import AuthenticatedClient
from redress_staff.api.customers import read_customer
from redress_staff.api.me import claim_next, list_work, set_presence, show_me
from redress_staff.api.tickets import (
    explain_clocks,
    hold,
    note,
    promise,
    read_ticket,
    release,
    reply,
    resolve,
    search_tickets,
    set_tags,
    show_counts,
    tell_progress,
)
from redress_staff.models import (
    ClockStories,
    CustomerFile,
    Duty,
    FoundPage,
    Hold,
    HoldReason,
    Me,
    NextTicket,
    Note,
    Outcome,
    OwnWord,
    Presence,
    PresenceState,
    Progress,
    Release,
    Reply,
    Resolve,
    StaffAction,
    Tags,
    Ticket,
    TicketCounts,
    TicketFile,
    TicketState,
    WorkPage,
)


class Refused(RuntimeError):
    """The API answered with a problem."""


def taken[T](kind: type[T], answer: object) -> T:
    """The answer if it is of this type. Raises Refused for a problem."""
    if not isinstance(answer, kind):
        raise Refused(str(answer))
    return answer


def tomorrow() -> datetime:
    """This time tomorrow, in UTC."""
    return datetime.now(UTC) + timedelta(days=1)


def chosen(client: AuthenticatedClient) -> str:
    """Claim a ticket, or choose the most urgent one that the agent can answer and resolve.

    The work list has other tickets, too: a resolved one stands there while its customer is to be
    called back.
    Returns the number of the ticket.
    """
    claimed = taken(NextTicket, claim_next.sync(client=client))
    if claimed.ticket is not None:
        return claimed.ticket.number
    page = taken(WorkPage, list_work.sync(client=client))
    needed = {StaffAction.REPLY, StaffAction.RESOLVE}
    return next(one.number for one in page.items if needed <= set(one.can))


def day(client: AuthenticatedClient, number: str | None = None) -> list[str]:
    """Resolve the ticket with this number, or the one that `chosen` finds.

    Returns what was done.
    """
    me = taken(Me, show_me.sync(client=client))
    here = Presence(PresenceState.AVAILABLE)
    duty = taken(Duty, set_presence.sync(client=client, body=here))
    done = [f"{duty.agent} is {duty.presence}, with {duty.load} of {duty.capacity} tickets"]
    counts = taken(TicketCounts, show_counts.sync(client=client))
    done.append(f"{me.name}: {counts.mine.count} of mine, {counts.queue.count} in the queue")

    number = number or chosen(client)
    file = taken(TicketFile, read_ticket.sync(number, client=client))
    found = taken(FoundPage, search_tickets.sync(client=client, q=number.lower()))
    assert [one.number for one in found.items] == [number]
    done.append(f"{number} is {file.state}; its timeline has {len(file.timeline)} events")

    if file.customer is not None:
        customer = taken(CustomerFile, read_customer.sync(file.customer, client=client))
        done.append(f"{customer.name} has {len(customer.tickets)} tickets")

    stories = taken(ClockStories, explain_clocks.sync(number, client=client))
    done += [f"{story.clock}: {story.sentence}" for story in stories.clocks]

    text = "The same batch leaked before."
    ticket = taken(Ticket, note.sync(number, client=client, body=Note(text)))
    words = Tags(ticket.version, ["leak", "same batch"])
    ticket = taken(Ticket, set_tags.sync(number, client=client, body=words))
    sent = Reply(ticket.version, "We are on it.")
    ticket = taken(Ticket, reply.sync(number, client=client, body=sent))
    told = Progress(ticket.version, "The workshop has it.")
    ticket = taken(Ticket, tell_progress.sync(number, client=client, body=told))
    word = OwnWord(ticket.version, tomorrow(), "You hear from me tomorrow.")
    ticket = taken(Ticket, promise.sync(number, client=client, body=word))
    wait = Hold(ticket.version, HoldReason.PART, "A part is on its way.")
    ticket = taken(Ticket, hold.sync(number, client=client, body=wait))
    assert ticket.on_hold is HoldReason.PART
    ticket = taken(
        Ticket, release.sync(number, client=client, body=Release(version=ticket.version))
    )

    answer = Resolve(
        version=ticket.version,
        text="A new kettle is on its way.",
        outcome=Outcome.UPHELD,
        remedy="replacement",
        root_cause="seal",
    )
    ticket = taken(Ticket, resolve.sync(number, client=client, body=answer))
    assert ticket.state is TicketState.RESOLVED
    done += [f"{one.clock} is {one.state}" for one in ticket.promises]

    away = Presence(PresenceState.AWAY)
    duty = taken(Duty, set_presence.sync(client=client, body=away))
    return [*done, f"{duty.agent} is {duty.presence}"]


if __name__ == "__main__":
    address, token, *numbers = sys.argv[1:]
    connected = AuthenticatedClient(base_url=address, token=token)
    print("\n".join(day(connected, *numbers)))
