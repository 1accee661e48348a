"""Staff split messages off a ticket (story 12). Of two acts at the same time, one wins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redress.customers.store import CustomerStore
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import EventType, State, Ticket
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import Raced
from redress.wiring import customer as customer_wiring
from redress.wiring import stores as wired_stores
from tests.customers.builders import EMAIL, LI_NA, new, profile
from tests.files import samples
from tests.functions.conftest import MEMBERS
from tests.functions.filing import create_bucket, judge, send
from tests.functions.staff.api import Api, Reply
from tests.world import Act, Opener, Stores, merge, unmerge

Meanwhile = Callable[[Callable[[], Any]], None]
WANG = "wang.wei@example.com"


@pytest.fixture
def customers(api: Api) -> CustomerStore:
    store = wired_stores.customers()
    store.write([new(profile(LI_NA, EMAIL))])
    return store


@pytest.fixture
def two_words(open_ticket: Opener, act: Act) -> Ticket:
    """A ticket of mei that was answered, and whose customer has written again: its last event."""
    ticket = open_ticket("complaint", agent="a-mei")
    answered = act(
        ticket,
        lambda t, p, at: by_staff.reply(t, p, MEMBERS["mei"].actor, "We look", False, at),
    )
    return act(answered, by_customer.write, "And where is my invoice?")


def split(api: Api, by: str, ticket: Ticket, key: str = "a-key", **given: Any) -> Reply:
    body = {"version": ticket.version, "events": [ticket.version], "subject": "The invoice"}
    body |= {"kind": "inquiry", "reason": "another matter"}
    return api(
        "splitting",
        by,
        number=ticket.number,
        body=body | given,
        headers={"Idempotency-Key": key},
    )


def unsplit(api: Api, by: str, number: str, other: str, version: int) -> Reply:
    body = {"version": version, "ticket": other, "reason": "the same matter"}
    return api("unsplitting", by, number=number, body=body)


def codes(found: Reply) -> list[tuple[str, str]]:
    return [(one["pointer"], one["code"]) for one in found.body["errors"]]


def types(stores: Stores, number: str) -> list[EventType]:
    return [event.type for event in stores.tickets.history(number)]


def test_split_opens_a_ticket_of_the_author_and_both_sides_say_so(
    api: Api, two_words: Ticket, stores: Stores
) -> None:
    found = split(api, "mei", two_words, kind="complaint")
    assert found.status == 201
    number = found.body["number"]
    assert found.headers["Location"] == f"../{number}"
    assert (found.body["told_by"], found.body["replayed"]) == ("mail", False)
    assert found.body["ticket"]["number"] == two_words.number
    assert found.body["ticket"]["unanswered_since"] is None
    opened = stores.tickets.get(number)
    assert opened.contact == two_words.contact
    assert (opened.subject, opened.kind) == ("The invoice", "complaint")
    for this, other, kind in (
        (two_words.number, number, "split_into"),
        (number, two_words.number, "split_from"),
    ):
        [link] = api("ticket", "mei", number=this).body["links"]
        assert (link["kind"], link["number"]) == (kind, other)
    old, new = (api("ticket", "mei", number=one).body for one in (two_words.number, number))
    [event] = [one for one in old["timeline"] if one["type"] == "split"]
    assert (event["by"]["id"], event["data"]["why"]) == ("a-mei", "another matter")
    marked = {one["number"]: one["data"].get("split_into") for one in old["timeline"]}
    assert {at: one for at, one in marked.items() if one} == {two_words.version: number}
    origin = new["timeline"][0]["data"]["split"]
    assert (origin["ticket"], origin["event"], origin["by"]) == (
        two_words.number,
        two_words.version,
        "a-mei",
    )


def test_split_ticket_goes_to_the_participant_who_wrote_the_words(
    api: Api, open_ticket: Opener, act: Act, stores: Stores
) -> None:
    """In another product it went to the first sender (story 12)."""
    ticket = open_ticket("complaint", agent="a-mei")
    ticket = act(ticket, by_staff.set_participants, MEMBERS["mei"].actor, [WANG])
    ticket = act(
        ticket,
        lambda t, p, at: by_customer.write(t, p, "Mine hums, too", at, participant=WANG),
    )
    found = split(api, "mei", ticket)
    assert found.status == 201, found.body
    opened = stores.tickets.get(found.body["number"])
    assert (opened.contact.email, opened.contact.phone) == (WANG, None)
    assert stores.tickets.get(ticket.number).contact == ticket.contact


def test_split_is_in_the_queue_and_in_the_lists_of_its_customer(
    api: Api, two_words: Ticket, act: Act, customers: CustomerStore, stores: Stores
) -> None:
    ticket = act(two_words, lambda t, p, at: match(t, p, LI_NA, "email", at))
    found = split(api, "mei", ticket, events=[two_words.version], kind="complaint")
    number = found.body["number"]
    assert stores.tickets.get(number).customer == LI_NA
    listed = wired_stores.customers().tickets_of([LI_NA], 10, None)
    assert number in listed.numbers
    queue = api("tickets", "lin", query={"team": "complaints", "view": "queue"}).body["items"]
    assert number in [one["number"] for one in queue]


def test_reader_who_does_not_see_the_new_ticket_learns_only_that_there_is_one(
    api: Api, two_words: Ticket
) -> None:
    """An inquiry goes to another team."""
    found = split(api, "lin", two_words)
    number = found.body["number"]
    assert api("ticket", "mei", number=number).status == 404
    read = api("ticket", "mei", number=two_words.number).body
    assert number not in str(read)
    elsewhere = api("ticket", "tao", number=number)
    assert (elsewhere.status, two_words.number in str(elsewhere.body)) == (200, False)
    [mark] = [one["data"] for one in read["timeline"] if "split_into" in one["data"]]
    assert mark["split_into"] is None


def test_who_is_kept_from_the_first_ticket_learns_nothing_of_it(
    api: Api, two_words: Ticket, act: Act
) -> None:
    found = split(api, "mei", two_words, kind="complaint")
    act(two_words, by_staff.set_about, MEMBERS["wei"].actor, ["a-jun"], "named")
    read = api("ticket", "jun", number=found.body["number"])
    assert read.status == 200
    assert two_words.number not in str(read.body)


def test_files_of_the_words_are_opened_on_both_sides(
    api: Api, two_words: Ticket, stores: Stores
) -> None:
    create_bucket()
    for content in (samples.PDF, samples.PDF):  # two messages of the customer, each with a file
        made = customer_wiring.files().offer(two_words.number, "bill.pdf", len(content))
        send({"upload": {"fields": made.fields}}, content)
    history = stores.tickets.history(two_words.number)
    first, second = (one for one in history if one.data.get("files"))
    file, other = (one.data["files"][0]["id"] for one in (first, second))
    now = stores.tickets.get(two_words.number)
    moved = [two_words.version, first.number]
    number = split(api, "mei", now, events=moved, kind="complaint").body["number"]
    for one in (now.number, number):
        listed = api("files", "mei", number=one)
        assert file in [row["id"] for row in listed.body["files"]]
        assert api("file", "mei", number=one, file=file).status == 409, "it is not scanned yet"
    assert other not in str(api("files", "mei", number=number).body)
    judge(now.number, file)
    assert api("file", "mei", number=number, file=file).status == 200
    assert api("file", "mei", number=number, file=other).status == 404
    withdrawn = api("file-withdrawal", "lin", number=number, file=file)
    assert withdrawn.status == 200, withdrawn.body
    for one in (now.number, number):
        [row] = [r for r in api("files", "mei", number=one).body["files"] if r["id"] == file]
        assert row["state"] == "withdrawn"


def test_files_of_words_that_are_split_off_twice_are_opened_on_each_side(
    api: Api, two_words: Ticket, stores: Stores, act: Act
) -> None:
    create_bucket()
    made = customer_wiring.files().offer(two_words.number, "bill.pdf", len(samples.PDF))
    send({"upload": {"fields": made.fields}}, samples.PDF)
    sent = stores.tickets.get(two_words.number)
    now = act(sent, by_customer.write, "It is number 7")
    moved = [two_words.version, sent.version, now.version]
    second = split(api, "mei", now, events=moved, kind="complaint").body["number"]
    between = stores.tickets.get(second)
    made_again = split(api, "lin", between, "again", events=[2, 3], kind="complaint")
    assert made_again.status == 201, made_again.body
    third = made_again.body["number"]
    judge(now.number, made.id)
    for one in (now.number, second, third):
        assert made.id in [row["id"] for row in api("files", "lin", number=one).body["files"]]
        assert api("file", "lin", number=one, file=made.id).status == 200
        assert "'kept'" not in str(api("ticket", "lin", number=one).body["timeline"])
    withdrawn = api("file-withdrawal", "lin", number=third, file=made.id)
    assert withdrawn.status == 200, withdrawn.body
    for one in (now.number, second, third):
        [row] = [r for r in api("files", "lin", number=one).body["files"] if r["id"] == made.id]
        assert row["state"] == "withdrawn"


# ------------------------------------------------------------------------------------- races


def test_repeated_request_splits_nothing_again(api: Api, two_words: Ticket, stores: Stores) -> None:
    """The answer was lost. The same request gets the same answer."""
    once = split(api, "mei", two_words)
    before = stores.tickets.get(two_words.number)
    again = split(api, "mei", two_words)
    assert (again.status, again.body["number"]) == (201, once.body["number"])
    assert (once.body["replayed"], again.body["replayed"]) == (False, True)
    assert stores.tickets.get(two_words.number) == before
    other = split(api, "mei", two_words, subject="Something else")
    assert (other.status, other.body["type"]) == (409, "urn:redress:problem:key-reused")


def test_request_that_is_repeated_while_the_first_one_is_written_is_one_split(
    api: Api, two_words: Ticket, stores: Stores, meanwhile: Meanwhile
) -> None:
    made: list[Reply] = []
    meanwhile(lambda: made.append(split(api, "mei", two_words)))
    found = split(api, "mei", two_words)
    assert (found.status, found.body["number"]) == (201, made[0].body["number"])
    assert types(stores, two_words.number).count(EventType.SPLIT) == 1


def test_of_two_splits_of_the_same_words_one_wins_and_the_other_is_told(
    api: Api, two_words: Ticket, stores: Stores, meanwhile: Meanwhile
) -> None:
    meanwhile(lambda: split(api, "lin", two_words, "lins-key"))
    found = split(api, "mei", two_words)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert [one["type"] for one in found.body["conflicts"]] == ["split"]
    assert types(stores, two_words.number).count(EventType.SPLIT) == 1
    now = stores.tickets.get(two_words.number)
    late = split(api, "mei", now, "later", events=[two_words.version])
    assert (late.status, codes(late)) == (422, [("/events/0", "split_before")])


def test_reply_that_was_written_meanwhile_wins_and_the_split_is_told(
    api: Api, two_words: Ticket, stores: Stores, meanwhile: Meanwhile
) -> None:
    body = {"version": two_words.version, "text": "Your invoice is on its way."}
    meanwhile(lambda: api("reply", "lin", number=two_words.number, body=body))
    opened = len(stores.tickets.get_many([two_words.number]))
    found = split(api, "mei", two_words)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert [one["type"] for one in found.body["conflicts"]] == ["replied"]
    assert EventType.SPLIT not in types(stores, two_words.number)
    assert opened == 1


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("reply", {"text": "Your invoice is on its way."}),
        (
            "resolution",
            {"text": "Done.", "outcome": "upheld", "remedy": "new", "root_cause": "seal"},
        ),
    ],
)
def test_words_of_staff_conflict_with_a_split_that_was_written_meanwhile(
    api: Api,
    two_words: Ticket,
    stores: Stores,
    meanwhile: Meanwhile,
    name: str,
    given: dict[str, Any],
) -> None:
    meanwhile(lambda: split(api, "lin", two_words))
    body = given | {"version": two_words.version}
    found = api(name, "mei", number=two_words.number, body=body)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert [one["type"] for one in found.body["conflicts"]] == ["split"]
    assert stores.tickets.get(two_words.number).state is State.OPEN


def test_merge_and_split_at_the_same_time_are_one_of_both(
    api: Api, two_words: Ticket, open_ticket: Opener, stores: Stores, meanwhile: Meanwhile
) -> None:
    target = open_ticket("complaint", agent="a-mei")
    meanwhile(lambda: merge(stores, two_words.number, target.number))
    found = split(api, "mei", two_words)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert types(stores, two_words.number).count(EventType.SPLIT) == 0


def test_number_that_is_taken_is_drawn_again(
    api: Api, two_words: Ticket, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = iter([open_ticket().number, "R-7K3M9-QW0X9"])
    monkeypatch.setattr("redress.tickets.cases.splitting.new_number", lambda: next(draws))
    assert split(api, "mei", two_words).body["number"] == "R-7K3M9-QW0X9"


def test_nothing_is_half_done_if_the_write_fails(
    api: Api, two_words: Ticket, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stores.tickets.get(two_words.number)

    def lost(*_: Any) -> None:
        raise Raced("always")

    commit = TicketStore.commit
    monkeypatch.setattr(TicketStore, "commit", lost)
    assert split(api, "mei", two_words).status == 409
    monkeypatch.setattr(TicketStore, "commit", commit)
    assert stores.tickets.get(two_words.number) == before
    assert split(api, "mei", two_words).status == 201, "the key was not used"


# ------------------------------------------------------------------------------------ undone


def test_split_is_undone_until_the_next_public_word(
    api: Api, two_words: Ticket, stores: Stores
) -> None:
    made = split(api, "mei", two_words, kind="complaint").body
    number, version = made["number"], made["ticket"]["version"]
    found = unsplit(api, "mei", two_words.number, number.lower(), version)
    assert found.status == 200, found.body
    assert found.body["unanswered_since"] is not None
    over = api("ticket", "mei", number=number).body
    assert (over["state"], over["closure"]) == ("closed", "split_undone")
    for one in (two_words.number, number):
        assert EventType.UNSPLIT in types(stores, one)
    read = api("ticket", "mei", number=two_words.number).body
    assert (read["links"], "split_into" in str(read["timeline"][-3])) == ([], False)
    again = unsplit(api, "mei", two_words.number, number, found.body["version"])
    assert (again.status, again.body["type"]) == (409, "urn:redress:problem:not-allowed-now")


def test_who_made_a_split_undoes_it_although_another_team_has_the_ticket(
    api: Api, two_words: Ticket
) -> None:
    made = split(api, "mei", two_words).body
    number, version = made["number"], made["ticket"]["version"]
    found = unsplit(api, "lin", two_words.number, number, version)
    assert codes(found) == [("/ticket", "unknown_ticket")], "she neither sees nor made it"
    assert unsplit(api, "mei", two_words.number, number, version).status == 200


def test_split_is_not_undone_after_a_word_to_its_author(
    api: Api, two_words: Ticket, stores: Stores
) -> None:
    made = split(api, "mei", two_words, kind="complaint").body
    opened = stores.tickets.get(made["number"])
    body = {"version": opened.version, "text": "Here is your invoice."}
    assert api("reply", "lin", number=opened.number, body=body).status == 200
    found = unsplit(api, "mei", two_words.number, opened.number, made["ticket"]["version"])
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-undone")
    assert codes(found) == [("/ticket", "too_late")]
    assert "unsplit_ticket" in found.body["can"]
    assert stores.tickets.get(opened.number).state is State.OPEN


def test_reply_in_the_new_ticket_that_was_written_meanwhile_wins(
    api: Api, two_words: Ticket, stores: Stores, meanwhile: Meanwhile
) -> None:
    made = split(api, "mei", two_words, kind="complaint").body
    opened = stores.tickets.get(made["number"])
    body = {"version": opened.version, "text": "Here is your invoice."}
    meanwhile(lambda: api("reply", "lin", number=opened.number, body=body))
    found = unsplit(api, "mei", two_words.number, opened.number, made["ticket"]["version"])
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-undone")
    assert EventType.UNSPLIT not in types(stores, two_words.number)
    assert stores.tickets.get(opened.number).state is State.OPEN


def test_only_a_ticket_that_was_split_off_this_one_comes_back(
    api: Api, two_words: Ticket, open_ticket: Opener
) -> None:
    made = split(api, "mei", two_words, kind="complaint").body
    other, version = open_ticket("complaint"), made["ticket"]["version"]
    found = unsplit(api, "mei", two_words.number, other.number, version)
    assert codes(found) == [("/ticket", "not_split")]
    found = unsplit(api, "mei", two_words.number, "no number", version)
    assert codes(found) == [("/ticket", "unknown_ticket")]


def test_undone_split_is_not_the_end_of_a_merge(
    api: Api, two_words: Ticket, act: Act, customers: CustomerStore
) -> None:
    ticket = act(two_words, lambda t, p, at: match(t, p, LI_NA, "email", at))
    made = split(api, "mei", ticket, events=[two_words.version], kind="complaint").body
    undone = unsplit(api, "mei", ticket.number, made["number"], made["ticket"]["version"])
    assert undone.status == 200
    over = api("ticket", "lin", number=made["number"]).body
    assert "unmerge_ticket" not in over["can"]
    body = {"version": over["version"], "reason": "two after all"}
    found = api("unmerging", "lin", number=made["number"], body=body)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")


# ------------------------------------------------------------------ words of a merged ticket


@pytest.fixture
def joined(two_words: Ticket, open_ticket: Opener, act: Act, stores: Stores) -> Ticket:
    """A ticket of mei into which the one of `two_words` was merged, and that was answered since."""
    target = open_ticket("complaint", agent="a-mei")
    merge(stores, two_words.number, target.number, LI_NA)
    return act(
        stores.tickets.get(target.number),
        lambda t, p, at: by_staff.reply(t, p, MEMBERS["mei"].actor, "Both leak", False, at),
    )


def test_words_of_a_merged_ticket_get_out_again_after_a_public_word(
    api: Api, two_words: Ticket, joined: Ticket, customers: CustomerStore, stores: Stores
) -> None:
    source = stores.tickets.get(two_words.number)
    body = {"version": source.version, "reason": "another kettle"}
    late = api("unmerging", "mei", number=source.number, body=body)
    assert (late.status, late.body["type"]) == (409, "urn:redress:problem:not-undone")
    given: dict[str, Any] = {"merged": source.number.lower(), "events": [1, two_words.version]}
    found = split(api, "mei", joined, kind="complaint", **given)
    assert found.status == 201, found.body
    number = found.body["number"]
    assert found.body["ticket"]["number"] == joined.number
    opened = stores.tickets.get(number)
    assert (opened.contact, opened.customer) == (source.contact, LI_NA)
    assert stores.tickets.get(source.number).closure == "merged"

    read = {one: api("ticket", "mei", number=one).body for one in (source.number, joined.number)}
    for one, body in read.items():
        [event] = [e for e in body["timeline"] if e["type"] == "split"]
        assert (event["data"]["ticket"], event["data"]["events"]) == (number, given["events"])
        assert event["data"].get("merged") == (source.number if one == joined.number else None)
        assert number in [link["number"] for link in body["links"]]
    marked = [e["number"] for e in read[source.number]["timeline"] if "split_into" in e["data"]]
    assert marked == given["events"]
    new = api("ticket", "mei", number=number).body
    origin = new["timeline"][0]["data"]["split"]
    assert (origin["ticket"], origin["merged"]) == (joined.number, source.number)
    assert "kept" not in origin

    undone = unsplit(api, "mei", joined.number, number, found.body["ticket"]["version"])
    assert undone.status == 200, undone.body
    links = [api("ticket", "mei", number=one).body["links"] for one in read]
    assert number not in str(links)
    assert EventType.UNSPLIT in types(stores, source.number)


def test_repeated_split_of_merged_words_splits_nothing_again(
    api: Api, two_words: Ticket, joined: Ticket, stores: Stores
) -> None:
    given: dict[str, Any] = {"merged": two_words.number, "events": [two_words.version]}
    once, again = (split(api, "mei", joined, **given) for _ in range(2))
    assert (again.status, again.body["number"]) == (201, once.body["number"])
    assert (again.body["replayed"], again.body["ticket"]["number"]) == (True, joined.number)
    now = stores.tickets.get(joined.number)
    late = split(api, "mei", now, "later", **given)
    assert codes(late) == [("/events/0", "split_before")]
    for number in (two_words.number, joined.number):
        assert types(stores, number).count(EventType.SPLIT) == 1


def test_only_words_of_a_ticket_that_was_merged_into_this_one_are_split_off_it(
    api: Api, two_words: Ticket, joined: Ticket, open_ticket: Opener, act: Act, stores: Stores
) -> None:
    """Nobody learns whether there is a ticket that they may not see. All faults come at once."""
    other = open_ticket("complaint")
    for merged in (other.number, "R-00000-00000", "no number", joined.number):
        found = split(api, "mei", joined, merged=merged, events=[1], category="no/such")
        assert found.status == 422
        assert codes(found)[0] == ("/merged", "not_merged")
        assert {pointer for pointer, _ in codes(found)} == {"/merged", "/category"}
    source = stores.tickets.get(two_words.number)
    act(source, by_staff.set_about, MEMBERS["wei"].actor, ["a-mei"], "named")
    kept = split(api, "mei", joined, merged=source.number, events=[1])
    assert codes(kept) == [("/merged", "not_merged")]


def test_merge_that_is_undone_meanwhile_wins_over_a_split_of_its_words(
    api: Api,
    two_words: Ticket,
    open_ticket: Opener,
    stores: Stores,
    meanwhile: Meanwhile,
) -> None:
    target = open_ticket("complaint", agent="a-mei")
    merge(stores, two_words.number, target.number)
    read = stores.tickets.get(target.number)
    meanwhile(lambda: unmerge(stores, two_words.number, target.number))
    found = split(api, "mei", read, merged=two_words.number, events=[two_words.version])
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert [one["type"] for one in found.body["conflicts"]] == ["unmerged"]
    for number in (two_words.number, target.number):
        assert EventType.SPLIT not in types(stores, number)


def test_files_of_merged_words_are_opened_on_each_side(
    api: Api, two_words: Ticket, open_ticket: Opener, stores: Stores
) -> None:
    create_bucket()
    made = customer_wiring.files().offer(two_words.number, "bill.pdf", len(samples.PDF))
    send({"upload": {"fields": made.fields}}, samples.PDF)
    sent = stores.tickets.get(two_words.number)
    target = open_ticket("complaint", agent="a-mei")
    merge(stores, two_words.number, target.number, LI_NA)
    judge(two_words.number, made.id)
    read = stores.tickets.get(target.number)
    given: dict[str, Any] = {
        "merged": two_words.number,
        "events": [two_words.version, sent.version],
    }
    number = split(api, "mei", read, kind="complaint", **given).body["number"]
    for one in (two_words.number, number):
        assert made.id in [row["id"] for row in api("files", "mei", number=one).body["files"]]
        assert api("file", "mei", number=one, file=made.id).status == 200
