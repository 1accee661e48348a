"""The store of customers: profiles, their contact points, and the trail of their changes.

A change of a profile is one transaction: the profile on condition of its revision, the entry of its
trail, and the items of its contact points and lists. The item of a contact point has a card of the
customer, so that a caller is found in one read.

No function has the right to delete items. An item that is no longer needed loses everything but its
keys, and TTL removes it later.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pynamodb.exceptions import DoesNotExist

from redress.base.errors import NotFound, Unreadable
from redress.customers.rules.profile import (
    Card,
    Entry,
    Profile,
    Revised,
    card_of,
    folded,
)
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.tickets.rules.change import Change
from redress.tickets.store import transaction
from redress.tickets.store.transaction import Cause, Dated, Raced, Write

_PROFILE = msgspec.json.Decoder(Profile)
_CARD = msgspec.json.Decoder(Card)
_ENTRY = msgspec.json.Decoder(Entry)

FIRST_ENTRY = 2
"""The revision of the first entry of a trail. The making of a profile has none."""
KEPT = timedelta(days=1)
"""How long an item without content is kept at least."""


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """Ids of customers in the order of an index. `cursor` is for the next page, or None."""

    ids: list[str]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Numbers of a customer's tickets, newest first. `cursor` is as in `CustomerPage`."""

    numbers: list[str]
    cursor: str | None


class CustomerStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def get(self, customer: str) -> Profile:
        """A profile by its id, also one that was merged. Raises NotFound or Unreadable."""
        model = self._models.profile
        try:
            row = retry.call(
                lambda: model.get(keys.customer_pk(customer), keys.PROFILE, consistent_read=True)
            )
        except DoesNotExist as error:
            raise NotFound("there is no such customer") from error
        return _profile_in(row)

    def current(self, customer: str) -> Profile:
        """The profile with this id, or the one into which it was merged.

        Raises NotFound or Unreadable.
        """
        found = self.get(customer)
        while found.merged_into is not None:
            found = self.get(found.merged_into.id)
        return found

    def ids_of(self, customer: str) -> tuple[str, ...]:
        """All ids with which tickets of a customer were matched; none if there is no such customer.

        They are those of the current profile and of the profiles that were merged into it. Raises
        Unreadable.
        """
        try:
            found = self.current(customer)
        except NotFound:
            return ()
        return (found.id, *found.absorbed)

    def type_of(self, customer: str) -> str | None:
        """The type of the customer's current profile; None if it is gone or cannot be read."""
        try:
            return self.current(customer).type
        except (NotFound, Unreadable):
            return None

    def is_one(self, customer: str, other: str) -> bool:
        """Whether one of these profiles is merged into the other now.

        False if a profile cannot be read: otherwise one customer could read what is another's.
        """
        try:
            return other in self.ids_of(customer)
        except Unreadable:
            return False

    def get_readable(self, customers: Iterable[str]) -> list[Profile]:
        """The profiles in the order of these ids, each once, for a list.

        One that does not exist or cannot be read is left out. The read is eventually consistent.
        """
        wanted = [(keys.customer_pk(one), keys.PROFILE) for one in dict.fromkeys(customers)]
        rows = retry.call(lambda: list(self._models.profile.batch_get(wanted)))
        found = {row.pk: row for row in rows}
        ordered = (found[pk] for pk, _ in wanted if pk in found)
        return list(encoding.readable(ordered, lambda row: _PROFILE.decode(row.doc)))

    def by_contact(self, kind: str, value: str) -> Card | None:
        """The card of the customer with this contact point, or None. It is one read.

        `value` is canonical (`ContactPoint`). Raises Unreadable.
        """
        return self.by_contact_digest(keys.contact_digest(kind, value))

    def by_contact_digest(self, digest: str) -> Card | None:
        """The card of the customer with the contact point that has this `keys.contact_digest`."""
        model = self._models.contact
        try:
            row = retry.call(lambda: model.get(keys.contact_pk_of(digest), keys.CONTACT))
        except DoesNotExist:
            return None
        return _card_in(row) if _is_owned(row) else None

    def by_contacts(self, points: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Card]:
        """The cards of contact points that belong to a customer, in one consistent read.

        A point is its kind and its canonical value. Raises Unreadable.
        """
        wanted = {keys.contact_pk(*point): point for point in points}
        model = self._models.contact
        asked = [(pk, keys.CONTACT) for pk in wanted]
        rows = retry.call(lambda: list(model.batch_get(asked, consistent_read=True)))
        return {wanted[row.pk]: _card_in(row) for row in rows if _is_owned(row)}

    def write(self, changes: Sequence[Revised]) -> None:
        """Write changes of profiles, all or none.

        Raises Raced if one of the profiles or contact points has changed since it was read.
        """
        transaction.write(self._models, revision_writes(self._models, changes))

    def entry(self, customer: str, revision: int) -> Entry:
        """The entry of a profile's trail that made this revision. Raises NotFound or Unreadable."""
        model = self._models.doc
        pk, sk = keys.customer_pk(customer), keys.change_sk(revision)
        try:
            row = retry.call(lambda: model.get(pk, sk, consistent_read=True))
        except DoesNotExist as error:
            raise NotFound("there is no such change of this customer") from error
        return encoding.decoded(row, _entry_of)

    def trail(
        self, customer: str, limit: int, before: int | None
    ) -> tuple[list[Entry], int | None]:
        """Up to `limit` entries of a profile's trail, newest first, with revisions below `before`.

        An entry that cannot be read is reported and left out. The second value is `before` for the
        page that follows, or None.
        """
        model = self._models.doc
        last = keys.change_sk(before - 1) if before else f"{keys.CHANGE_PREFIX}~"
        query = functools.partial(
            _query,
            model,
            keys.customer_pk(customer),
            model.sk.between(keys.CHANGE_PREFIX, last),
            limit=limit,
            scan_index_forward=False,
        )
        rows = retry.call(query)
        further = keys.revision_of(rows[-1].sk) if len(rows) == limit else FIRST_ENTRY
        entries = list(encoding.readable(rows, _entry_of))
        return entries, further if further > FIRST_ENTRY else None

    def of_type(self, type_: str, limit: int, cursor: str | None) -> CustomerPage:
        """One page of the customers of a type, in the order in which they became known."""
        partitions = [keys.customers_pk(type_, shard) for shard in range(keys.SHARDS)]
        return self._listed(self._models.profile, partitions, "open", limit, cursor)

    def with_need(self, need: str, limit: int, cursor: str | None) -> CustomerPage:
        """One page of the customers with a need. Its spelling may differ as `folded` says."""
        pk = keys.customers_with_pk("need", folded(need))
        return self._listed(self._models.customer_listing, [pk], "open", limit, cursor)

    def of_company(self, company: str, limit: int, cursor: str | None) -> CustomerPage:
        """One page of the customers of a company. Its spelling may differ as `folded` says."""
        pk = keys.customers_with_pk("company", folded(company))
        return self._listed(self._models.customer_listing, [pk], "open", limit, cursor)

    def doubtful(self, team: str, limit: int, cursor: str | None) -> CustomerPage:
        """One page of the profiles about which a team must decide, the oldest doubt first."""
        pk = keys.doubtful_pk(team)
        return self._listed(self._models.profile, [pk], "owner", limit, cursor)

    def calls_of(self, agent: str, limit: int, cursor: str | None) -> CustomerPage:
        """One page of the customers whose calls a member owns, by when they are to be called."""
        pk = keys.calls_of_pk(agent)
        return self._listed(self._models.relationship_call, [pk], "owner", limit, cursor)

    def calls_of_team(
        self, team: str, limit: int, cursor: str | None, until: datetime | None = None
    ) -> CustomerPage:
        """One page of the customers whom a team calls, by when they are to be called.

        With `until` only those whose call was planned for an earlier time.
        """
        pk = keys.team_calls_pk(team)
        return self._listed(self._models.relationship_call, [pk], "open", limit, cursor, until)

    def calls_to_act_on(self, until: datetime, limit: int, after: str | None) -> CustomerPage:
        """One page of the customers whose planned call has a due rung, by when it is due."""
        return self._planned(limit, after, keys.customers_sk(until, "~"))

    def planned_calls(self, limit: int, after: str | None) -> CustomerPage:
        """One page of all customers who have a planned call, by when its next rung is due."""
        return self._planned(limit, after, f"{keys.UNDUE}#~")

    def _planned(self, limit: int, after: str | None, before: str) -> CustomerPage:
        model = self._models.relationship_call
        order = model.awake_since
        condition = order.between(keys.just_after(after), before) if after else order < before
        query = functools.partial(
            _first,
            model.awake_index,
            keys.RELATIONSHIP_CALL,
            condition,
            most=limit + 1,
            order="awake_since",
            page_size=limit + 1,
        )
        found = sorted(retry.call(query))
        ids = [one.rpartition("#")[2] for one in found[:limit]]
        return CustomerPage(ids, found[limit - 1] if len(found) > limit else None)

    def tickets_of(self, customers: Sequence[str], limit: int, cursor: str | None) -> HistoryPage:
        """One page of the tickets that were matched with one of these profiles, newest first.

        A ticket whose match was corrected since is still listed. Callers compare
        `ticket.customer`.
        """
        partitions = [keys.customer_pk(one) for one in customers]
        found, more = _merged(
            self._models.event, partitions, "owner", limit, cursor, newest_first=True
        )
        return HistoryPage([one.rpartition("#")[2] for one in found], found[-1] if more else None)

    def _listed(
        self,
        model: Any,
        partitions: list[str],
        index: str,
        limit: int,
        cursor: str | None,
        until: datetime | None = None,
    ) -> CustomerPage:
        found, more = _merged(model, partitions, index, limit, cursor, until=until)
        return CustomerPage([one.rpartition("#")[2] for one in found], found[-1] if more else None)


def _merged(
    model: Any,
    partitions: Iterable[str],
    index: str,
    limit: int,
    cursor: str | None,
    *,
    newest_first: bool = False,
    until: datetime | None = None,
) -> tuple[list[str], bool]:
    """The next `limit` sort keys after `cursor` of partitions of an index, and whether more follow.

    `index` is `owner` or `open`. A sort key ends with an id. So no entry is on two pages, and
    entries that come meanwhile move no other entry to another page. With `until` only entries are
    found whose sort key begins with an earlier time.
    """
    order, listing = getattr(model, f"{index}_sk"), getattr(model, f"{index}_index")
    condition = None
    if cursor is not None:
        condition = order < cursor if newest_first else order > cursor
    if until is not None:
        last = keys.customers_sk(until, "")
        # A cursor of another list may lie behind the last key. Then the range is empty.
        begin = keys.just_after(cursor) if cursor is not None else keys.NEVER
        condition = order.between(min(begin, last), last)
    found: set[str] = set()
    for pk in partitions:
        query = functools.partial(
            _first,
            listing,
            pk,
            condition,
            most=limit + 1,
            order=f"{index}_sk",
            page_size=limit + 1,
            scan_index_forward=not newest_first,
        )
        found |= retry.call(query)
    ordered = sorted(found, reverse=newest_first)
    return ordered[:limit], len(ordered) > limit


def _first(index: Any, *arguments: Any, most: int, order: str, **options: Any) -> set[str]:
    """The first sort keys of a query, at most `most`. It reads no page that it does not need.

    Several entries can have one sort key: a ticket whose match was corrected there and back has one
    for each match with the same customer.
    """
    found: set[str] = set()
    rows = index.query(*arguments, **options)
    for key in encoding.readable(rows, lambda row: str(getattr(row, order))):
        found.add(key)
        if len(found) == most:
            break
    return found


def _query(index: Any, *arguments: Any, **options: Any) -> list[Any]:
    return list(index.query(*arguments, **options))


# ---------------------------------------------------------------------------------- writing


@dataclass(frozen=True, slots=True)
class CustomerMatched(Cause):
    """That a ticket is matched with a customer.

    `changes` returns what the match changes in profiles, given the change of the ticket.
    """

    changes: Callable[[Change], Sequence[Revised]]


def also_written(models: Models, changes: Sequence[Dated], cause: Cause | None) -> list[Write]:
    """Return the writes of profiles that a match makes or changes."""
    if not isinstance(cause, CustomerMatched):
        return []
    change, _ = changes[0]
    return revision_writes(models, cause.changes(change))


def revision_writes(models: Models, changes: Sequence[Revised]) -> list[Write]:
    """Return the writes of changes of profiles. The changes are of different profiles.

    Each write has a condition that no other change of the same item comes between.
    """
    writes: list[Write] = []
    for one in changes:
        writes += _profile_writes(models, one)
    return [*writes, *_contact_writes(models, changes)]


def _expiry(change: Revised) -> int:
    """When TTL may remove an item that a change of a profile made useless."""
    at = change.entry.at if change.entry is not None else change.after.created_at
    return int((at + KEPT).timestamp())


def _profile_writes(models: Models, change: Revised) -> list[Write]:
    before, after = change.before, change.after
    raced = Raced(f"the customer {after.id} was changed meanwhile")
    model, pk = models.profile, keys.customer_pk(after.id)
    row = model(
        pk,
        keys.PROFILE,
        doc=encoding.encode(after),
        revision=after.revision,
        **_index_attributes(after),
    )
    unchanged = model.pk.does_not_exist() if before is None else model.revision == before.revision
    writes = [Write(row, condition=unchanged, lost=raced)]
    if change.entry is not None:
        entry = models.doc(pk, keys.change_sk(after.revision), doc=encoding.encode(change.entry))
        writes.append(Write(entry, condition=models.doc.pk.does_not_exist(), lost=raced))
    old, new = _listings(before), _listings(after)
    order = keys.customers_sk(after.created_at, after.id)
    listing = models.customer_listing
    gone = [sk for sk in old if sk not in new]
    writes += [Write(listing(pk, sk, expires=_expiry(change))) for sk in gone]
    writes += [
        Write(listing(pk, sk, open_pk=partition, open_sk=order))
        for sk, partition in new.items()
        if old.get(sk) != partition
    ]
    was, planned = _call_keys(before), _call_keys(after)
    if was != planned:
        values: dict[str, Any] = planned or {"expires": _expiry(change)}
        writes.append(Write(models.relationship_call(pk, keys.RELATIONSHIP_CALL, **values)))
    return writes


def _call_keys(profile: Profile | None) -> dict[str, str]:
    """The index keys of the item that lists the planned call to a customer; {} if none is."""
    if profile is None or profile.merged_into is not None or profile.calls is None:
        return {}
    calls = profile.calls
    if calls.clock is None:
        return {}
    place = keys.customers_sk(calls.clock.started_at, profile.id)
    found = {
        "open_pk": keys.team_calls_pk(calls.team),
        "open_sk": place,
        "awake": keys.RELATIONSHIP_CALL,
        "awake_since": keys.rung_sk(calls.wake_at, profile.id),
    }
    if calls.owner is not None:
        found |= {"owner_pk": keys.calls_of_pk(calls.owner), "owner_sk": place}
    return found


def _index_attributes(profile: Profile) -> dict[str, Any]:
    """The index keys of a profile. One that was merged into another is in no list."""
    if profile.merged_into is not None:
        return {}
    found = {
        "open_pk": keys.customers_pk(profile.type, keys.shard(profile.id)),
        "open_sk": keys.customers_sk(profile.created_at, profile.id),
    }
    if profile.doubts:
        oldest = profile.doubts[0]
        found["owner_pk"] = keys.doubtful_pk(oldest.team)
        found["owner_sk"] = keys.customers_sk(oldest.since, profile.id)
    return found


def _listings(profile: Profile | None) -> dict[str, str]:
    """The sort keys of the items that list a profile by needs and company, with their lists."""
    if profile is None or profile.merged_into is not None:
        return {}
    needs = {folded(need) for need in profile.needs}
    found = {keys.need_sk(need): keys.customers_with_pk("need", need) for need in sorted(needs)}
    if profile.company:
        found[keys.COMPANY] = keys.customers_with_pk("company", folded(profile.company))
    return found


def _contact_writes(models: Models, changes: Sequence[Revised]) -> list[Write]:
    """Return the writes of the contact points that get another customer or another card."""
    model = models.contact
    before = _cards(one.before for one in changes if one.before is not None)
    after = _cards(one.after for one in changes)
    writes = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        raced = Raced("a contact point got another customer meanwhile")
        nobody = model.customer.does_not_exist()
        condition = nobody if old is None else model.customer == old.customer
        row = model(keys.contact_pk(*key), keys.CONTACT)
        if new is None:
            row.expires = _expiry(changes[0])
        else:
            row.customer, row.doc = new.customer, encoding.encode(new)
        writes.append(Write(row, condition=condition, lost=raced))
    return writes


def _cards(profiles: Iterable[Profile]) -> dict[tuple[str, str], Card]:
    """The card of each contact point that leads to one of these profiles."""
    return {point.key: card_of(one) for one in profiles for point in one.owned}


def _profile_in(row: Any) -> Profile:
    return encoding.decoded(row, lambda one: _PROFILE.decode(one.doc))


def _is_owned(row: Any) -> bool:
    """Whether a contact point belongs to a customer. A damaged item counts as one that does."""
    return row.damage is not None or row.expires is None


def _card_in(row: Any) -> Card:
    return encoding.decoded(row, lambda one: _CARD.decode(one.doc))


def _entry_of(row: Any) -> Entry:
    return _ENTRY.decode(row.doc)
