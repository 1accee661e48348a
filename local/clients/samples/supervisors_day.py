"""A supervisor's day with the Python client that openapi-python-client generates.

python supervisors_day.py https://API/v1 ID_TOKEN ADDRESS [NUMBER]
"""

from __future__ import annotations

import sys

from redress_staff import AuthenticatedClient
from redress_staff.api.lead import (
    change_member,
    invite_member,
    reinstate,
    show_board,
    suspend,
)
from redress_staff.api.me import list_members, show_me, show_member
from redress_staff.api.tickets import (
    list_tickets,
    read_ticket,
    reassign,
    set_about,
    show_counts,
)
from redress_staff.models import (
    About,
    Assignment,
    Board,
    Invitation,
    InvitationBody,
    Language,
    ListView,
    Me,
    MemberBody,
    MemberChanged,
    MemberFile,
    Members,
    MemberState,
    Reinstatement,
    StaffAction,
    StaffRole,
    Suspension,
    Ticket,
    TicketCounts,
    TicketFile,
    TicketPage,
    TicketState,
)

AT_WORK = (TicketState.NEW, TicketState.OPEN, TicketState.WAITING)
"""The states in which a ticket needs an agent. A resolved one keeps the agent who resolved it."""


class Refused(RuntimeError):
    """The API answered with a problem."""


def taken[T](kind: type[T], answer: object) -> T:
    """The answer if it is of this type. Raises Refused for a problem."""
    if not isinstance(answer, kind):
        raise Refused(str(answer))
    return answer


def chosen(client: AuthenticatedClient) -> str:
    """The number of the first open ticket that needs an agent and can get another one."""
    page = taken(TicketPage, list_tickets.sync(client=client, view=ListView.OPEN))
    return next(
        one.number for one in page.items if one.state in AT_WORK and StaffAction.REASSIGN in one.can
    )


def day(client: AuthenticatedClient, email: str, number: str | None = None) -> list[str]:
    """See what is due, move work between agents, and add a colleague with this address.

    The ticket with this number, or the one that `chosen` finds, gets another agent. Returns what
    was done.
    """
    me = taken(Me, show_me.sync(client=client))
    counts = taken(TicketCounts, show_counts.sync(client=client))
    done = [f"{counts.team}: {counts.open_.count} open, {counts.overdue.count} overdue"]
    board = taken(Board, show_board.sync(client=client))
    done.append(f"{len(board.present)} agents are present, {board.queued} tickets are queued")

    file = taken(TicketFile, read_ticket.sync(number or chosen(client), client=client))
    free = next(
        one for one in board.present if one.load < one.capacity and one.agent != file.assignee
    )
    why = "They know the product."
    order = Assignment(version=file.version, agent=free.agent, reason=why)
    ticket = taken(Ticket, reassign.sync(file.number, client=client, body=order))
    done.append(f"{ticket.number} is with {free.name}")

    # The customer says on the phone that the complaint is about this agent.
    named = About(version=ticket.version, members=[free.agent], reason="The customer said so.")
    ticket = taken(Ticket, set_about.sync(ticket.number, client=client, body=named))
    assert ticket.assignee != free.agent
    done.append(f"{ticket.number} is hidden from {free.name}")

    invitation = InvitationBody(
        email=email,
        name="Ada Wong",
        role=StaffRole.AGENT,
        team=me.team,
        languages=[Language.EN],
        capacity=3,
    )
    invited = taken(Invitation, invite_member.sync(client=client, body=invitation))
    assert invited.member is not None, "the stack's user pool has the account"
    ada = invited.member
    colleagues = taken(Members, list_members.sync(client=client))
    assert ada in [one.id for one in colleagues.items]
    colleague = taken(MemberFile, show_member.sync(ada, client=client))
    body = MemberBody(
        revision=colleague.revision,
        name=colleague.name,
        role=colleague.role,
        team=colleague.team,
        languages=[Language.EN, Language.ZH_CN],
        capacity=5,
        reason="She speaks Chinese, too.",
    )
    changed = taken(MemberChanged, change_member.sync(ada, client=client, body=body))
    away = Suspension("She begins next month.")
    changed = taken(MemberChanged, suspend.sync(ada, client=client, body=away))
    assert changed.member.state is MemberState.SUSPENDED
    back = Reinstatement("She is here.")
    changed = taken(MemberChanged, reinstate.sync(ada, client=client, body=back))
    done.append(f"{changed.member.name} is {changed.member.state} in {changed.member.team}")
    return done


if __name__ == "__main__":
    address, token, invited_address, *numbers = sys.argv[1:]
    connected = AuthenticatedClient(base_url=address, token=token)
    print("\n".join(day(connected, invited_address, *numbers)))
