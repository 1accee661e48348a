"""An agent's day with the Python client that openapi-python-client generates.

python agents_day.py https://API/v1 ID_TOKEN
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from redress_staff import AuthenticatedClient
from redress_staff.api.me import list_work, set_presence
from redress_staff.api.tickets import (
    explain_clocks,
    hold,
    note,
    promise,
    read_ticket,
    release,
    reply,
    resolve,
    tell_progress,
)
from redress_staff.models import (
    ClockStories,
    Duty,
    Hold,
    HoldReason,
    Note,
    Outcome,
    OwnWord,
    Presence,
    PresenceState,
    Progress,
    Release,
    Reply,
    Resolve,
    Ticket,
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


def day(client: AuthenticatedClient) -> list[str]:
    """Take the most urgent ticket from the work list and resolve it. Returns what was done."""
    here = Presence(PresenceState.AVAILABLE)
    duty = taken(Duty, set_presence.sync(client=client, body=here))
    done = [f"{duty.agent} is {duty.presence}, with {duty.load} of {duty.capacity} tickets"]

    work = taken(WorkPage, list_work.sync(client=client))
    number = work.items[0].number
    file = taken(TicketFile, read_ticket.sync(number, client=client))
    done.append(f"{number} is {file.state}; its timeline has {len(file.timeline)} events")

    stories = taken(ClockStories, explain_clocks.sync(number, client=client))
    done += [f"{story.clock}: {story.sentence}" for story in stories.clocks]

    text = "The same batch leaked before."
    ticket = taken(Ticket, note.sync(number, client=client, body=Note(text)))
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
    address, token = sys.argv[1:]
    print("\n".join(day(AuthenticatedClient(base_url=address, token=token))))
