"""Members of staff by the names that people use."""

from __future__ import annotations

from typing import Any

from redress_staff.api.me import list_members
from redress_staff.types import UNSET

from redress_cli.faults import USAGE, Fault
from redress_cli.session import Session


def id_of(session: Session, who: str) -> str:
    """The id of a member who is named by name, address or id. Raises Fault unless it is one."""
    wanted = who.strip().casefold()
    cursor: Any = UNSET
    found = set()
    while cursor is not None:
        page = session.read(list_members, cursor=cursor).value
        found |= {
            one.id
            for one in page.items
            if wanted in (one.id.casefold(), one.name.casefold(), (one.email or "").casefold())
        }
        cursor = page.next_
    if len(found) > 1:
        raise Fault(f"Several members are {who}: name one by the address.", USAGE)
    # Somebody of another team is not in the list; the API knows whether the id exists.
    return found.pop() if found else who
