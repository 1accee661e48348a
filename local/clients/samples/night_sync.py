"""A CRM keeps a copy of all tickets: a full copy first, and every night the changes since then.

python night_sync.py https://API/v1 ID_TOKEN copy.json complaints,service 2026-10,2026-11
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path

from redress_staff import AuthenticatedClient
from redress_staff.api.me import list_changes
from redress_staff.api.tickets import list_tickets
from redress_staff.models import ChangesPage, ListView, TicketLine, TicketPage
from redress_staff.types import UNSET


class Refused(RuntimeError):
    """The API answered with a problem."""


@dataclass
class Copy:
    """The copy of the CRM: versions and states of tickets by their numbers.

    `since` is the position in the feed of changes up to which the copy is complete. A client stores
    it in the same transaction as the tickets.
    """

    since: str = ""
    tickets: dict[str, tuple[int, str]] = field(default_factory=dict)

    def keep(self, line: TicketLine) -> None:
        """Keep a ticket, unless the copy has a newer version. A change may come twice."""
        known, _ = self.tickets.get(line.number, (0, ""))
        if line.version >= known:
            self.tickets[line.number] = (line.version, line.state.value)


def full(client: AuthenticatedClient, teams: list[str], months: list[str]) -> Copy:
    """Copy all open tickets of these teams, and those that were closed in these months.

    The position comes first: what changes while the lists are read comes again with the changes.
    """
    made = Copy(since=_changes(client, None).next_)
    for team in teams:
        for view, month in [(ListView.OPEN, None), *((ListView.CLOSED, one) for one in months)]:
            for line in _listed(client, team, view, month):
                made.keep(line)
    return made


def follow(client: AuthenticatedClient, copy: Copy) -> int:
    """Bring the copy up to date. Return how many lines came.

    If the answer is 410, the position is too old: make a full copy anew.
    """
    came, more = 0, True
    while more:
        page = _changes(client, copy.since)
        for line in page.tickets:
            copy.keep(line)
        for number in page.gone:
            copy.tickets.pop(number, None)
        copy.since, more = page.next_, page.more
        came += len(page.tickets)
    return came


def _changes(client: AuthenticatedClient, since: str | None) -> ChangesPage:
    answer = list_changes.sync_detailed(client=client, since=since if since is not None else UNSET)
    if answer.status_code is not HTTPStatus.OK or not isinstance(answer.parsed, ChangesPage):
        raise Refused(f"{answer.status_code}: {answer.content.decode()}")
    return answer.parsed


def _listed(
    client: AuthenticatedClient, team: str, view: ListView, month: str | None
) -> Iterator[TicketLine]:
    """All lines of a list, page by page."""
    cursor: str | None = None
    while True:
        page = list_tickets.sync(
            client=client,
            view=view,
            team=team,
            closed_in=month if month is not None else UNSET,
            cursor=cursor if cursor is not None else UNSET,
        )
        if not isinstance(page, TicketPage):
            raise Refused(str(page))
        yield from page.items
        if page.next_ is None:
            return
        cursor = page.next_


def read(path: Path) -> Copy:
    """The copy in a file that `night` has written."""
    kept = json.loads(path.read_text())
    return Copy(
        kept["since"], {number: (one[0], one[1]) for number, one in kept["tickets"].items()}
    )


def night(client: AuthenticatedClient, path: Path, teams: list[str], months: list[str]) -> str:
    """Update the copy in a file, or make it if there is none. Return what was done."""
    if path.is_file():
        copy = read(path)
        done = f"{follow(client, copy)} changed tickets"
    else:
        copy = full(client, teams, months)
        done = f"{len(copy.tickets)} tickets"
    path.write_text(json.dumps(asdict(copy)))
    return done


if __name__ == "__main__":
    address, token, file, team_names, month_names = sys.argv[1:]
    connected = AuthenticatedClient(base_url=address, token=token)
    print(night(connected, Path(file), team_names.split(","), month_names.split(",")))
