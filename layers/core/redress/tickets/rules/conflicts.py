"""Which changes of a ticket conflict with what happened after the version that somebody read.

A member of staff decides on what they have read. A later event conflicts with their change if it
takes away what they decided on, or if their change would undo it unseen
(docs/decisions/060-what-conflicts.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from redress.base.errors import Conflict, Fault, InvalidInput, VersionConflict
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Event, EventType, Ticket, is_word_to_all

SAID = frozenset(
    {
        EventType.CUSTOMER_WROTE,
        EventType.MESSAGE_COUNTED,
        EventType.REPLIED,
        EventType.PROGRESS_TOLD,
        EventType.PROMISED,
        EventType.HELD,
        EventType.CORRECTED,
        EventType.RESOLVED,
        EventType.CALLBACK_ATTEMPTED,
        EventType.CONFIRMED,
        EventType.DISPUTED,
        EventType.SURVEYED,
        EventType.WITHDRAWN,
        EventType.ITEM_GIVEN,
        EventType.ITEM_REJECTED,
        EventType.ITEM_DONE,
        EventType.ITEM_OBSTRUCTED,
        EventType.MERGED,
        EventType.UNMERGED,
        EventType.SPLIT,
        EventType.UNSPLIT,
        EventType.REMEDY_PROMISED,
        EventType.REMEDY_WITHDRAWN,
        EventType.REMEDY_DONE,
    }
)
"""What the customer has said, or was told. Whoever speaks to the customer must have read it. It
includes a merge: its source is over, and its target got what the customer said in the source. It
includes a split: what was said went to another ticket, or came back from there."""

_PROMISED = frozenset({EventType.RECLASSIFIED, EventType.PLAN_CHANGED})
"""What decides which promises the customer has."""

SPEAKING = SAID | _PROMISED

_OF_TASKS = frozenset(
    {
        EventType.TASK_OPENED,
        EventType.TASK_DONE,
        EventType.TASK_RETURNED,
        EventType.TASK_CANCELLED,
    }
)

_OF_ITEMS = frozenset(
    {
        EventType.ITEM_GIVEN,
        EventType.ITEM_ACCEPTED,
        EventType.ITEM_REJECTED,
        EventType.ITEM_DONE,
        EventType.ITEM_OBSTRUCTED,
    }
)

_OF_REMEDIES = frozenset(
    {
        EventType.REMEDY_PROPOSED,
        EventType.REMEDY_PROMISED,
        EventType.REMEDY_REFUSED,
        EventType.REMEDY_WITHDRAWN,
        EventType.REMEDY_DONE,
    }
)

CONFLICTS: Mapping[str, frozenset[EventType]] = {
    # These speak to the customer, so nothing may have been said since. A claim, an assignment,
    # tags, fields and participants do not make the words wrong.
    "reply": SPEAKING,
    "tell_progress": SPEAKING,
    "promise": SPEAKING,
    "hold": SPEAKING,
    # What a department was asked, or has found, must be read before the ticket is resolved. So must
    # what was decided about a remedy.
    "resolve": SPEAKING | _OF_TASKS | _OF_REMEDIES,
    "record_callback": SAID,
    # These speak to the customer, too, and each changes what the ticket's remedies come to.
    "propose_remedy": SPEAKING | _OF_REMEDIES,
    "approve_remedy": SAID | _OF_REMEDIES,
    "withdraw_remedy": SAID | _OF_REMEDIES,
    # These decide about a remedy, or state a fact about it, as it was read.
    "refuse_remedy": _OF_REMEDIES,
    "finish_remedy": _OF_REMEDIES,
    # Whoever corrects a post-mortem has read it.
    "write_post_mortem": frozenset({EventType.POST_MORTEM_WRITTEN}),
    # This says when the customer was answered, which decides which of their words are unanswered.
    "correct": SPEAKING,
    # These replace a value, so nobody may have set it since.
    "release": frozenset({EventType.HELD, EventType.RELEASED}),
    "reassign": frozenset({EventType.ASSIGNED, EventType.QUEUED, EventType.RECLASSIFIED}),
    # These answer an assignment, so it must still be the one that was read.
    "accept": frozenset({EventType.ASSIGNED, EventType.QUEUED, EventType.ACCEPTED}),
    "decline": frozenset({EventType.ASSIGNED, EventType.QUEUED}),
    "reclassify": _PROMISED,
    "move_to_plan": _PROMISED,
    "correct_match": frozenset({EventType.MATCHED}),
    "set_tags": frozenset({EventType.TAGGED}),
    "set_fields": frozenset({EventType.FIELDS_SET}),
    "set_participants": frozenset({EventType.PARTICIPANTS_SET}),
    "set_about": frozenset({EventType.ABOUT_SET, EventType.ABOUT_DOUBTED}),
    "set_mentions": frozenset({EventType.MENTIONS_SET}),
    # Links with different tickets do not conflict (`_is_conflict`).
    "link": frozenset({EventType.LINKED, EventType.UNLINKED}),
    "unlink": frozenset({EventType.LINKED, EventType.UNLINKED}),
    # This ends the ticket, as a resolution does.
    "merge_ticket": SPEAKING | _OF_TASKS,
    # What was said in this ticket before the merge is known. What was said in the other one since
    # refuses the step itself (`merging.unmerge`).
    "unmerge_ticket": frozenset({EventType.MERGED, EventType.UNMERGED}),
    # These decide which words of the customer are answered here.
    "split_ticket": SPEAKING,
    "unsplit_ticket": SPEAKING,
    # Proposals of different tickets do not conflict (`_is_conflict`).
    "dismiss_duplicate": frozenset({EventType.DUPLICATE_DISMISSED}),
    # A ticket has one incident, so these replace it.
    "join_incident": frozenset({EventType.INCIDENT_JOINED, EventType.INCIDENT_LEFT}),
    "leave_incident": frozenset({EventType.INCIDENT_JOINED, EventType.INCIDENT_LEFT}),
    "count_message": frozenset({EventType.MESSAGE_COUNTED}),
    # A repeated request must not open a second task.
    "open_task": frozenset({EventType.TASK_OPENED}),
    # These decide about one item, as it was read. Other items do not conflict (`_is_conflict`).
    "accept_item": _OF_ITEMS,
    "reject_item": _OF_ITEMS,
    "finish_step": _OF_ITEMS,
    "tell_obstacle": _OF_ITEMS,
    # This adds a participant, whom somebody may have taken off since.
    "accept_mail": frozenset({EventType.PARTICIPANTS_SET}),
}
"""The act (of `access.ACTIONS`) -> the events that conflict with it: those of people, and for
REPLACING those of anybody.

Each act conflicts with its own events, so a repeated request changes nothing. A note and a reminder
conflict with nothing: their requests have no version. An act that is missing here conflicts with
each event.
"""

REPLACING = frozenset(
    {
        "set_tags",
        "set_fields",
        "set_participants",
        "set_about",
        "set_mentions",
        "accept_mail",
        "correct_match",
    }
)
"""The acts that replace a value which the system or a connector may have set, too. They would undo
it unseen, whoever set it: the system finds whom a complaint is about, a connector sets tags."""

MOST_SINCE = 100
"""The most events that one change reads. A version with more events after it is too old."""


def require_current(
    ticket: Ticket,
    version: int,
    acts: Iterable[str],
    since: Callable[[], Iterable[Event]],
    change: Change | None = None,
) -> None:
    """Refuse acts that conflict with what happened after the version that was read.

    `version` is the version that the caller read. `since` returns the events after it, or the last
    MOST_SINCE of them. It is called only if a person caused one of them, or if an act is one of
    REPLACING, so the usual change reads nothing more. `change` is what the acts would write, if
    that is known. Events of the system (a reminder, an acknowledgement) and of machines conflict
    only with acts of REPLACING.

    Raises VersionConflict with the events that conflict, also if one of the events is missing or
    cannot be read: nobody can say then that none conflicts. The caller reads the ticket again.
    Raises InvalidInput for a version that does not exist yet.
    """
    if faults := version_faults(ticket, version):
        raise InvalidInput(faults)
    wanted = list(acts)
    needed = ticket.last_person_version if REPLACING.isdisjoint(wanted) else ticket.version
    if version >= needed:
        return
    read = list(since())
    found = [
        Conflict(event.number, event.type.value, event.at, event.by.role.value, event.by.id or None)
        for event in read
        if any(_is_conflict(act, event, change) for act in wanted)
    ]
    if found or len(read) < ticket.version - version:
        raise VersionConflict(ticket.version, found)


def _is_conflict(act: str, event: Event, change: Change | None) -> bool:
    by_person = event.by.is_person or is_word_to_all(event)
    if not by_person and act not in REPLACING:
        return False
    conflicting = CONFLICTS.get(act)
    if conflicting is None:
        return event.type not in (EventType.NOTED, EventType.REMINDED)
    # An accused agent came to another team. No person has decided anything about the ticket.
    if event.type not in conflicting or event.data.get("moved"):
        return False
    if event.type is EventType.FIELDS_SET and change is not None:
        # Fields that a change does not name stay, so only the same field can be overwritten.
        return not _fields_of(change).isdisjoint(event.data["fields"])
    if conflicting is _OF_ITEMS and change is not None:
        return event.data["item"] in {one.data.get("item") for one in change.events}
    if event.type in _OF_TWO and change is not None:
        return event.data["ticket"] in {
            one.data["ticket"] for one in change.events if one.type in _OF_TWO
        }
    return True


def _fields_of(change: Change) -> set[str]:
    """The names of the fields that a change sets."""
    setting = (one for one in change.events if one.type is EventType.FIELDS_SET)
    return {name for one in setting for name in one.data["fields"]}


_OF_TWO = (EventType.LINKED, EventType.UNLINKED, EventType.DUPLICATE_DISMISSED)
"""The events that concern one other ticket, which is `ticket` of their data."""


def version_faults(ticket: Ticket, version: int) -> list[Fault]:
    """Return the fault of a version that the ticket has not reached yet, or []."""
    if version <= ticket.version:
        return []
    return [Fault("/version", "unknown_version", "there is no such version yet")]
