"""The function `checker`, from its messages to the items in the table and the objects in S3."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from copy import replace
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redress.base import observe
from redress.base.errors import InvalidInput, NotFound, RedressError
from redress.base.people import CUSTOMER, Actor, Member
from redress.files import contents, messages
from redress.files.cases.referring import ReferringCase
from redress.files.cases.uploading import MOST_TRIES, uploader
from redress.files.messages import (
    Arrived,
    FileMessage,
    Held,
    Judged,
    LookForUploads,
    Referred,
    Verdict,
)
from redress.files.rules import names
from redress.files.store.bucket import FilesBucket, file_key, upload_key
from redress.files.store.scans import ScannedFiles
from redress.mail.outgoing.rules.table import MailToSend, mails_after
from redress.plans.rules.plan import FilesPlan
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.attached import WAITS, Attached, FileState
from redress.tickets.rules.steps import by_customer, by_staff, remedying
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import Event, EventType, Ticket
from redress.tickets.store.attached import AttachedStore
from redress.wiring import checker as checker_wiring
from redress.wiring import stores as wired_stores
from redress.workflow.subscribers import messages_after
from tests.builders import JUN, MEI, START, Clock
from tests.files import samples
from tests.functions.conftest import ENVIRONMENT
from tests.world import Act, Context, Opener, Stores, aws, logged_by, merge, read_sample

BUCKET = ENVIRONMENT["FILES_BUCKET"]


@dataclass
class Desk:
    """Uploads files as S3 stores them, and invokes the function."""

    module: Any
    stores: Stores
    count: int = 0
    uploaded: list[str] = field(default_factory=list)

    @property
    def files(self) -> AttachedStore:
        return wired_stores.attached()

    def upload(
        self,
        number: str,
        content: bytes = samples.JPEG,
        name: str = "杯子.jpg",
        by: Actor = CUSTOMER,
        id_: str | None = None,
    ) -> str:
        """Put an object as a browser does with a permission. Returns the id of the file."""
        self.count += 1
        file = id_ or f"{self.count:016x}"
        aws("s3").put_object(
            Bucket=BUCKET,
            Key=upload_key(number, file),
            Body=content,
            ContentType="application/octet-stream",
            Metadata={"name": names.carried(name), "by": uploader(by)},
        )
        return file

    def send(self, *events: Any) -> list[str]:
        """Invoke the function with each of these events. Returns the positions of those that
        failed."""
        failed = []
        for index, event in enumerate(events):
            try:
                self.module.handler(event, Context())
            except (observe.Failed, RedressError, messages.NotAMessage):
                failed.append(str(index))
        return failed

    def tell(self, *messages_: FileMessage | tuple[str, str]) -> list[str]:
        """Send messages. A pair of ticket and file stands for the event of S3 about an upload.

        Before a verdict, the scanner writes its tag.
        """
        events = []
        for one in messages_:
            if isinstance(one, tuple):
                events.append(created(upload_key(*one)))
                continue
            assert isinstance(one, Judged | Referred | Held | LookForUploads)
            events.append(json.loads(messages.encode(one)))
            if isinstance(one, Judged):
                with contextlib.suppress(NotFound):
                    key = file_key(one.number, one.file)
                    ScannedFiles(aws("s3"), BUCKET).tag(key, None, one.verdict, one.reason)
        return self.send(*events)

    def arrive(self, ticket: Ticket, *files: str) -> None:
        assert self.tell(*((ticket.number, file) for file in files)) == []

    def file(self, ticket: Ticket, file: str) -> Attached:
        return self.files.get(ticket.number, file)

    def history(self, ticket: Ticket) -> list[Event]:
        return self.stores.tickets.history(ticket.number)

    def objects(self) -> set[str]:
        """The keys of all objects that are not hidden behind a delete marker."""
        found = aws("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {one["Key"] for one in found}


def created(key: str) -> dict[str, Any]:
    """The event of S3 about a new object, as EventBridge passes it on."""
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": BUCKET}, "object": {"key": key}},
    }


@pytest.fixture
def desk(stores: Stores, load_function: Callable[[str], Any]) -> Desk:
    aws("s3").create_bucket(Bucket=BUCKET)
    aws("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return Desk(load_function("checker"), stores)


@pytest.fixture
def ticket(staff: dict[str, Member], open_ticket: Opener) -> Ticket:
    return open_ticket(agent="a-mei")


# ---------------------------------------------------------------------------------- arriving


def test_photos_that_a_customer_sends_together_are_one_message(desk: Desk, ticket: Ticket) -> None:
    before = len(desk.history(ticket))
    sent = [desk.upload(ticket.number) for _ in range(3)]
    desk.arrive(ticket, *sent)

    [event] = desk.history(ticket)[before:]
    assert [one["id"] for one in event.data["files"]] == sent
    assert (event.type, event.by, event.data["text"]) == (EventType.CUSTOMER_WROTE, CUSTOMER, "")
    assert event.data["files"][0] == {
        "id": sent[0],
        "name": "杯子.jpg",
        "size": len(samples.JPEG),
        "type": "image/jpeg",
    }
    assert mails_after(event) == [MailToSend("customer_wrote", "agent")]
    found = desk.stores.tickets.file(ticket.number)
    assert [(one.id, one.state, one.event) for one in found.attached] == [
        (file, FileState.HELD, event.number) for file in sent
    ]
    assert {file_key(ticket.number, file) for file in sent} <= desk.objects()


def test_a_copy_has_no_type_that_a_browser_shows_and_nothing_of_the_upload(
    desk: Desk, ticket: Ticket
) -> None:
    """osTicket's PR 5933: an SVG attachment ran script. Here it is only a download."""
    file = desk.upload(ticket.number, samples.SVG, "logo.svg")
    desk.arrive(ticket, file)
    assert desk.file(ticket, file).type == "image/svg+xml"
    copy = aws("s3").head_object(Bucket=BUCKET, Key=file_key(ticket.number, file))
    assert copy["ContentType"] == "application/octet-stream"
    assert copy["ContentDisposition"] == "attachment"
    assert copy["Metadata"] == {}
    link = FilesBucket(aws("s3"), BUCKET).link(file_key(ticket.number, file), "logo.svg")
    assert "response-content-type=application%2Foctet-stream" in link
    assert "response-content-disposition=attachment" in link


def test_the_same_event_of_s3_twice_changes_nothing(desk: Desk, ticket: Ticket) -> None:
    file = desk.upload(ticket.number)
    desk.arrive(ticket, file, file)
    history = desk.history(ticket)
    desk.arrive(ticket, file)
    assert desk.history(ticket) == history
    assert desk.file(ticket, file).revision == 1


def test_an_upload_whose_event_was_lost_is_found_within_the_hour(
    desk: Desk, ticket: Ticket, clock: Clock
) -> None:
    """S3 stamps objects with the true time, so the clock of the test is set after it."""
    lost = [desk.upload(ticket.number), desk.upload(ticket.number)]
    known = desk.upload(ticket.number)
    desk.arrive(ticket, known)
    alone = desk.upload("R-00000-00000")
    clock.advance(seconds=(datetime.now(UTC) - clock.now()).total_seconds())
    assert desk.tell(LookForUploads()) == []
    assert len(desk.files.of_ticket(ticket.number)) == 3, "whoever comes first takes all"
    lost = [desk.upload(ticket.number), desk.upload(ticket.number)]
    assert desk.tell(LookForUploads()) == []
    assert len(desk.files.of_ticket(ticket.number)) == 3, "their events may still come"
    clock.advance(seconds=601)
    assert desk.tell(LookForUploads()) == []
    assert {file.id for file in desk.files.of_ticket(ticket.number)} >= {known, *lost}
    with pytest.raises(NotFound):
        FilesBucket(aws("s3"), BUCKET).head(upload_key("R-00000-00000", alone))


def test_a_later_upload_under_the_same_key_is_not_the_one_that_is_copied(
    desk: Desk, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A permission can be used twice. What was checked is what is kept."""
    file = desk.upload(ticket.number)

    def copy(*given: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as killed:
        killed.setattr(FilesBucket, "copy", copy)
        assert desk.tell((ticket.number, file)) == ["0"]
    desk.upload(ticket.number, samples.EXE, id_=file)
    desk.arrive(ticket, file)
    kept = aws("s3").get_object(Bucket=BUCKET, Key=file_key(ticket.number, file))
    assert kept["Body"].read() == samples.JPEG
    assert desk.file(ticket, file).size == len(samples.JPEG)


STEPS = (
    (FilesBucket, "head"),
    (FilesBucket, "part"),
    (TicketChanges, "change"),
    (FilesBucket, "copy"),
)


@pytest.mark.parametrize(("owner", "name"), STEPS, ids=[name for _, name in STEPS])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_worker_that_is_killed_at_a_step_leaves_nothing_half_attached(
    desk: Desk,
    ticket: Ticket,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    after: bool,
) -> None:
    files = [desk.upload(ticket.number) for _ in range(2)]
    real = getattr(owner, name)

    def dies(*given: Any, **named: Any) -> Any:
        if after:
            real(*given, **named)
        raise ConnectionError

    with monkeypatch.context() as killed:
        killed.setattr(owner, name, dies)
        failed = desk.tell(*((ticket.number, file) for file in files))
    # If the change was written before the worker died, the next attempt finds it done.
    assert failed == ([] if (name, after) == ("change", True) else ["0", "1"])
    found = desk.stores.tickets.file(ticket.number)
    named = {one["id"] for event in found.history for one in event.data.get("files", ())}
    assert {one.id for one in found.attached} == named
    desk.arrive(ticket, *files)
    events = [event for event in desk.history(ticket) if event.data.get("files")]
    assert [one["id"] for event in events for one in event.data["files"]] == files
    assert {file_key(ticket.number, file) for file in files} <= desk.objects()


def test_one_upload_that_cannot_be_checked_does_not_keep_out_the_others(
    desk: Desk, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = desk.upload(ticket.number), desk.upload(ticket.number)
    real = FilesBucket.head

    def head(bucket: FilesBucket, key: str, version: str | None = None) -> Any:
        if key.endswith(bad):
            raise ConnectionError
        return real(bucket, key, version)

    monkeypatch.setattr(FilesBucket, "head", head)
    assert desk.tell((ticket.number, bad), (ticket.number, good)) == ["0"]
    assert [one.id for one in desk.files.of_ticket(ticket.number)] == [good]


# ---------------------------------------------------------------------------------- refusing


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (samples.EXE, "bill.pdf"),
        (samples.EXE, "photo.jpg.exe"),
        (samples.zipped("a.txt"), "order.docx"),
        (bytes(100), "voice.m4a"),
    ],
)
def test_a_file_of_another_type_than_the_plan_allows_is_refused_in_words(
    desk: Desk, ticket: Ticket, content: bytes, name: str
) -> None:
    file = desk.upload(ticket.number, content, name)
    desk.arrive(ticket, file)
    event = desk.history(ticket)[-1]
    assert event.type is EventType.NOTED
    assert event.data == {
        "text": f"The file “{name}” was refused: its content is of no allowed type.",
        "refused": [{"id": file, "name": name, "state": "refused", "reason": "type"}],
    }
    assert desk.file(ticket, file).state is FileState.REFUSED
    assert desk.objects() == set()
    assert [one for one in desk.history(ticket) if one.type is EventType.CUSTOMER_WROTE] == []


def test_a_good_and_a_bad_file_of_one_call_are_told_apart(desk: Desk, ticket: Ticket) -> None:
    good, bad = desk.upload(ticket.number), desk.upload(ticket.number, samples.EXE, "x.exe")
    checker_wiring.arriving(contents.media_type).arrived(ticket.number, [bad, good])
    wrote, noted = desk.history(ticket)[-2:]
    assert [one["id"] for one in wrote.data["files"]] == [good]
    assert [one["id"] for one in noted.data["refused"]] == [bad]
    assert desk.file(ticket, bad).event is None


def test_a_file_that_is_larger_than_the_plan_allows_is_refused(
    desk: Desk, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 has refused it before, unless the plan was changed meanwhile."""
    limits(desk, monkeypatch, most_bytes=10)
    file = desk.upload(ticket.number)
    desk.arrive(ticket, file)
    assert desk.file(ticket, file).reason == "too_large"
    assert "it is too large" in desk.history(ticket)[-1].data["text"]


def limits(desk: Desk, monkeypatch: pytest.MonkeyPatch, **given: Any) -> None:
    """Change the section `files` of the plan."""
    plans = wired_stores.plans()
    plan = replace(plans.current(), files=FilesPlan(**given))
    monkeypatch.setattr(type(plans), "get", lambda self, version: plan)


def test_a_ticket_takes_so_many_files_as_its_plan_says_also_in_one_batch(
    desk: Desk, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(desk, monkeypatch, most_each_ticket=2)
    files = [desk.upload(ticket.number) for _ in range(4)]
    desk.arrive(ticket, *files)
    found = {one.id: (one.state, one.reason) for one in desk.files.of_ticket(ticket.number)}
    assert [found[file] for file in files] == [
        (FileState.HELD, None),
        (FileState.HELD, None),
        (FileState.REFUSED, "too_many"),
        (FileState.REFUSED, "too_many"),
    ]


def test_a_ticket_cannot_be_filled_with_refused_files(
    desk: Desk, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(desk, monkeypatch, most_each_ticket=1)
    files = [desk.upload(ticket.number, samples.EXE) for _ in range(MOST_TRIES + 2)]
    for file in files:
        desk.arrive(ticket, file)
    assert len(desk.files.of_ticket(ticket.number)) == MOST_TRIES
    assert desk.objects() == set()


def test_a_closed_ticket_takes_no_file(desk: Desk, ticket: Ticket, act: Act) -> None:
    file = desk.upload(ticket.number)
    act(ticket, by_customer.withdraw, "")
    desk.arrive(ticket, file)
    assert desk.file(ticket, file).reason == "closed"
    assert "the ticket was closed before it arrived" in desk.history(ticket)[-1].data["text"]


def test_proof_of_a_remedy_that_a_closed_ticket_still_owes_is_kept_and_no_file_of_the_customer(
    desk: Desk, ticket: Ticket, act: Act
) -> None:
    new = remedying.NewRemedy("refund", "no spare part", 100, "CNY", None)
    act(ticket, remedying.propose, MEI, new, "We pay it back")
    act(ticket, by_customer.withdraw, "")
    proof, late = desk.upload(ticket.number, by=MEI), desk.upload(ticket.number)
    desk.arrive(ticket, proof, late)
    assert desk.file(ticket, proof).state is FileState.HELD
    assert desk.file(ticket, late).reason == "closed"


def test_an_upload_that_ends_after_a_merge_goes_to_the_target(
    desk: Desk, ticket: Ticket, open_ticket: Opener
) -> None:
    target = open_ticket(agent="a-mei")
    file = desk.upload(ticket.number)
    merge(desk.stores, ticket.number, target.number)
    before, closed = len(desk.history(target)), desk.history(ticket)
    desk.arrive(ticket, file)
    assert desk.objects() == {upload_key(target.number, file)}
    desk.arrive(ticket, file)  # S3 tells of the upload again
    desk.arrive(target, file)  # S3 tells of the moved upload

    assert desk.history(ticket) == closed
    [event] = desk.history(target)[before:]
    assert (event.type, [one["id"] for one in event.data["files"]]) == (
        EventType.CUSTOMER_WROTE,
        [file],
    )
    assert event.data["files"][0]["name"] == "杯子.jpg"
    assert desk.file(target, file).state is FileState.HELD
    assert desk.objects() >= {file_key(target.number, file)}


def test_an_upload_during_a_merge_goes_to_the_target(
    desk: Desk, ticket: Ticket, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = open_ticket(agent="a-mei")
    file = desk.upload(ticket.number)
    change = TicketChanges.change

    def change_after_merge(self: TicketChanges, number: str, *given: Any, **named: Any) -> Ticket:
        monkeypatch.setattr(TicketChanges, "change", change)
        merge(desk.stores, ticket.number, target.number)
        return change(self, number, *given, **named)

    monkeypatch.setattr(TicketChanges, "change", change_after_merge)
    desk.arrive(ticket, file)
    assert desk.objects() == {upload_key(target.number, file)}
    assert desk.files.of_ticket(ticket.number) == []


def test_a_file_of_staff_is_not_passed_on_by_a_merge(
    desk: Desk, ticket: Ticket, open_ticket: Opener
) -> None:
    target = open_ticket(agent="a-mei")
    file = desk.upload(ticket.number, by=MEI)
    merge(desk.stores, ticket.number, target.number)
    desk.arrive(ticket, file)
    assert desk.file(ticket, file).reason == "closed"
    assert desk.files.of_ticket(target.number) == []


def test_an_upload_to_a_ticket_that_was_merged_by_mistake_stays_there(
    desk: Desk, ticket: Ticket, open_ticket: Opener
) -> None:
    target = open_ticket(agent="a-mei")
    file = desk.upload(ticket.number)
    merge(desk.stores, ticket.number, target.number)
    desk.stores.changes.change(
        target.number, lambda t, p, at: match(t, p, "somebody-else", "email", at)
    )
    desk.arrive(ticket, file)
    assert desk.file(ticket, file).reason == "closed"
    assert desk.files.of_ticket(target.number) == []


def test_an_upload_to_no_ticket_or_by_nobody_is_removed(desk: Desk, ticket: Ticket) -> None:
    file = desk.upload("R-00000-00000")
    assert desk.tell(("R-00000-00000", file)) == []
    key = upload_key(ticket.number, "f" * 16)
    for metadata in ({}, {"by": "system"}, {"by": "agent"}, {"by": "customer:x"}, {"by": "god:x"}):
        aws("s3").put_object(Bucket=BUCKET, Key=key, Body=samples.JPEG, Metadata=metadata)
        desk.arrive(ticket, "f" * 16)
    assert desk.objects() == set()
    assert desk.files.of_ticket(ticket.number) == []


def test_an_upload_that_is_gone_and_other_objects_change_nothing(
    desk: Desk, ticket: Ticket
) -> None:
    history = desk.history(ticket)
    desk.arrive(ticket, "e" * 16)
    copy = created(file_key(ticket.number, "e" * 16))
    nothing_to_tell = {"responsePayload": {"warm": True}}
    assert desk.send(created("elsewhere/x+y"), copy, nothing_to_tell) == []
    assert desk.history(ticket) == history


# ---------------------------------------------------------------------------------- staff


def sent_by(desk: Desk, ticket: Ticket, act: Act, *files: str, by: Actor = MEI) -> Event:
    """Reply with these files."""
    referring = ReferringCase(desk.files)

    def step(found: Ticket, plan: Any, at: Any) -> Any:
        return by_staff.reply(
            found, plan, by, "See", False, at, referring.listed(found, plan, by, files, at)
        )

    desk.stores.changes.change(ticket.number, step)
    return desk.history(ticket)[-1]


def test_a_file_of_staff_waits_for_its_message_and_is_copied_then(
    desk: Desk, ticket: Ticket, act: Act
) -> None:
    file = desk.upload(ticket.number, samples.PDF, "guide.pdf", by=MEI)
    history = desk.history(ticket)
    desk.arrive(ticket, file)
    assert desk.history(ticket) == history
    assert desk.file(ticket, file).event is None
    assert desk.objects() == {upload_key(ticket.number, file)}

    event = sent_by(desk, ticket, act, file)
    follows = [m for m in messages_after(ticket.number, event) if isinstance(m, Referred)]
    assert follows == [Referred(ticket.number, (file,))]
    assert desk.tell(*follows) == []
    assert desk.tell(*follows) == []
    assert file_key(ticket.number, file) in desk.objects()
    assert desk.file(ticket, file).event == event.number


def test_a_reference_to_a_file_without_a_message_copies_nothing(desk: Desk, ticket: Ticket) -> None:
    file = desk.upload(ticket.number, by=MEI)
    desk.arrive(ticket, file)
    assert desk.tell(Referred(ticket.number, (file, "d" * 16))) == []
    assert desk.objects() == {upload_key(ticket.number, file)}


def test_a_refused_file_of_staff_is_known_but_no_message(desk: Desk, ticket: Ticket) -> None:
    file = desk.upload(ticket.number, samples.EXE, by=JUN)
    history = desk.history(ticket)
    desk.arrive(ticket, file)
    assert (desk.file(ticket, file).state, desk.file(ticket, file).by) == (FileState.REFUSED, JUN)
    assert desk.history(ticket) == history


# ---------------------------------------------------------------------------------- verdicts


def held(desk: Desk, ticket: Ticket) -> str:
    file = desk.upload(ticket.number)
    desk.arrive(ticket, file)
    return file


def test_a_clean_file_can_be_opened_and_writes_no_event(desk: Desk, ticket: Ticket) -> None:
    file = held(desk, ticket)
    history = desk.history(ticket)
    for _ in range(2):
        assert desk.tell(Judged(ticket.number, file, Verdict.CLEAN)) == []
    found = desk.file(ticket, file)
    assert (found.state, found.revision) == (FileState.CLEAN, 2)
    assert desk.history(ticket) == history


def test_a_file_is_not_clean_before_s3_gives_it(desk: Desk, ticket: Ticket) -> None:
    """GuardDuty may tell its result before it writes the tag. Lambda repeats the call."""
    file = held(desk, ticket)
    verdict = json.loads(messages.encode(Judged(ticket.number, file, Verdict.CLEAN)))
    assert desk.send(verdict) == ["0"]
    assert desk.file(ticket, file).state is FileState.HELD
    aws("s3").delete_object(Bucket=BUCKET, Key=file_key(ticket.number, file))
    assert desk.send(verdict) == ["0"]
    assert desk.file(ticket, file).state is FileState.HELD


def test_verdict_on_an_older_copy_is_that_of_the_copy_that_s3_gives(
    desk: Desk, ticket: Ticket
) -> None:
    file = held(desk, ticket)
    verdict = json.loads(messages.encode(Judged(ticket.number, file, Verdict.CLEAN)))
    key = file_key(ticket.number, file)
    ScannedFiles(aws("s3"), BUCKET).tag(key, None, Verdict.FOUND, "Eicar")
    assert desk.send(verdict) == []
    assert desk.file(ticket, file).state is FileState.FOUND


def test_what_the_scanner_found_stands_on_the_ticket_once(desk: Desk, ticket: Ticket) -> None:
    file = held(desk, ticket)
    verdict = Judged(ticket.number, file, Verdict.FOUND, "Eicar-Test-Signature")
    for _ in range(2):
        assert desk.tell(verdict) == []
    found, event = desk.file(ticket, file), desk.history(ticket)[-1]
    assert (found.state, found.reason) == (FileState.FOUND, "Eicar-Test-Signature")
    assert event.data["text"] == (
        "The scanner found something in the file “杯子.jpg”: Eicar-Test-Signature. "
        "Nobody can open it."
    )
    noted = [one for one in desk.history(ticket) if one.type is EventType.NOTED]
    assert len(noted) == 1


@pytest.mark.parametrize("first", [Verdict.CLEAN, Verdict.FOUND, Verdict.UNSCANNED])
def test_of_two_verdicts_the_worse_one_counts_in_any_order(
    desk: Desk, ticket: Ticket, first: Verdict
) -> None:
    file = held(desk, ticket)
    second = Verdict.CLEAN if first is not Verdict.CLEAN else Verdict.FOUND
    for verdict in (first, second):
        assert desk.tell(Judged(ticket.number, file, verdict)) == []
    assert desk.file(ticket, file).state is FileState.FOUND


def test_a_file_that_cannot_be_scanned_stays_shut_and_the_ticket_says_so(
    desk: Desk, ticket: Ticket
) -> None:
    file = held(desk, ticket)
    assert desk.tell(Judged(ticket.number, file, Verdict.UNSCANNED, "encrypted")) == []
    assert desk.file(ticket, file).reason == "unscanned: encrypted"
    assert "could not be scanned" in desk.history(ticket)[-1].data["text"]


def test_a_verdict_before_the_arrival_comes_again(desk: Desk, ticket: Ticket) -> None:
    file = desk.upload(ticket.number)
    verdict = Judged(ticket.number, file, Verdict.CLEAN)
    assert desk.tell(verdict) == ["0"]
    desk.arrive(ticket, file)
    assert desk.tell(verdict) == []
    assert desk.file(ticket, file).state is FileState.CLEAN


def test_a_verdict_never_brings_back_a_withdrawn_file(desk: Desk, ticket: Ticket) -> None:
    file = held(desk, ticket)
    before = desk.file(ticket, file)
    desk.files.change(ticket.number, before, replace(before, state=FileState.WITHDRAWN))
    history = desk.history(ticket)
    for verdict in Verdict:
        assert desk.tell(Judged(ticket.number, file, verdict)) == []
    assert desk.file(ticket, file).state is FileState.WITHDRAWN
    assert desk.history(ticket) == history


def test_a_withdrawal_at_the_moment_of_the_verdict_wins(
    desk: Desk, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = held(desk, ticket)
    real, raced = TicketChanges.change, list[bool]()

    def change(*given: Any, **named: Any) -> Any:
        if not raced:
            raced.append(True)
            before = desk.file(ticket, file)
            desk.files.change(ticket.number, before, replace(before, state=FileState.WITHDRAWN))
        return real(*given, **named)

    monkeypatch.setattr(TicketChanges, "change", change)
    history = desk.history(ticket)
    assert desk.tell(Judged(ticket.number, file, Verdict.FOUND, "Eicar")) == []
    assert desk.file(ticket, file).state is FileState.WITHDRAWN
    assert desk.history(ticket) == history


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_whose_event_was_lost_is_found_on_the_copy(
    desk: Desk, ticket: Ticket, verdict: Verdict
) -> None:
    file = held(desk, ticket)
    ScannedFiles(aws("s3"), BUCKET).tag(file_key(ticket.number, file), None, verdict, "why")
    assert desk.tell(Held(ticket.number, file)) == []
    wanted = FileState.CLEAN if verdict is Verdict.CLEAN else FileState.FOUND
    assert desk.file(ticket, file).state is wanted


def test_a_file_whose_scan_was_lost_is_copied_and_so_scanned_again(
    desk: Desk, ticket: Ticket
) -> None:
    file = held(desk, ticket)
    key = file_key(ticket.number, file)
    before = aws("s3").head_object(Bucket=BUCKET, Key=key)["VersionId"]
    assert desk.tell(Held(ticket.number, file)) == []
    assert aws("s3").head_object(Bucket=BUCKET, Key=key)["VersionId"] != before
    aws("s3").delete_object(Bucket=BUCKET, Key=key)
    assert desk.tell(Held(ticket.number, file), Held(ticket.number, "d" * 16)) == []
    assert key in desk.objects()


# ---------------------------------------------------------------------------------- its calls


def test_a_file_that_can_never_be_scanned_ends_its_wait_and_the_ticket_says_so(
    desk: Desk, ticket: Ticket
) -> None:
    """The scanner was gone for so long that lifecycle has removed the upload."""
    file = desk.upload(ticket.number)
    desk.arrive(ticket, file)
    for key in (upload_key(ticket.number, file), file_key(ticket.number, file)):
        aws("s3").delete_object(Bucket=BUCKET, Key=key)
    versions = aws("s3").list_object_versions(Bucket=BUCKET)["Versions"]
    for one in versions:
        aws("s3").delete_object(Bucket=BUCKET, Key=one["Key"], VersionId=one["VersionId"])
    assert desk.tell(Held(ticket.number, file)) == []
    assert desk.file(ticket, file).state is FileState.FOUND
    assert "could not be scanned" in desk.history(ticket)[-1].data["text"]
    assert desk.files.held(START + timedelta(days=30), 10) == []


def test_a_file_that_is_withdrawn_during_its_copy_leaves_no_copy(
    desk: Desk, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = desk.upload(ticket.number)
    plain = FilesBucket.copy

    def withdraws(bucket: FilesBucket, *given: Any) -> None:
        plain(bucket, *given)
        found = desk.file(ticket, file)
        desk.files.change(ticket.number, found, replace(found, state=FileState.WITHDRAWN))

    monkeypatch.setattr(FilesBucket, "copy", withdraws)
    desk.arrive(ticket, file)
    assert file_key(ticket.number, file) not in desk.objects()


def test_more_files_than_one_message_may_have_become_two(desk: Desk, ticket: Ticket) -> None:
    most = desk.stores.plans.current().files.most_at_once
    sent = [desk.upload(ticket.number) for _ in range(most + 1)]
    desk.arrive(ticket, *sent)
    events = [one for one in desk.history(ticket) if one.data.get("files")]
    assert sorted(len(one.data["files"]) for one in events) == [1, most]


def test_a_file_of_staff_that_waited_too_long_is_refused(
    desk: Desk, ticket: Ticket, act: Act, clock: Clock
) -> None:
    file = desk.upload(ticket.number, samples.PDF, "guide.pdf", by=MEI)
    desk.arrive(ticket, file)
    clock.advance(seconds=(WAITS + timedelta(seconds=1)).total_seconds())
    with pytest.raises(InvalidInput) as refused:
        sent_by(desk, ticket, act, file)
    assert [fault.code for fault in refused.value.faults] == ["file_expired"]


@pytest.mark.parametrize(
    "event", [{}, {"Records": []}, {"detail-type": "Object Deleted"}, {"look_for": "x"}]
)
def test_a_call_of_no_known_kind_fails_so_that_it_is_set_aside(desk: Desk, event: Any) -> None:
    assert desk.send(event) == ["0"]


SAMPLE_NUMBER, SAMPLE_FILE = "R-7K3M9-QW0X2", "9f86d081884c7d65"


@pytest.mark.parametrize(
    ("sample", "meant"),
    [
        ("checker-arrived", Arrived(upload_key(SAMPLE_NUMBER, SAMPLE_FILE))),
        ("checker-referred", Referred(SAMPLE_NUMBER, (SAMPLE_FILE,))),
        ("checker-held", Held(SAMPLE_NUMBER, SAMPLE_FILE)),
        ("checker-look-for", LookForUploads()),
        (
            "checker-judged",
            Judged(SAMPLE_NUMBER, SAMPLE_FILE, Verdict.FOUND, "Eicar-Test-Signature"),
        ),
        (
            "checker-guardduty",
            Judged(SAMPLE_NUMBER, SAMPLE_FILE, Verdict.FOUND, "EICAR-Test-File (not a virus)"),
        ),
    ],
)
def test_sample_of_each_trigger_is_understood(desk: Desk, sample: str, meant: FileMessage) -> None:
    """No ticket has this number, so only a verdict waits for the ticket."""
    event = read_sample(sample)
    assert messages.decode(event) == meant
    assert desk.send(event) == (["0"] if isinstance(meant, Judged) else [])


def test_what_the_scanner_returned_is_a_verdict(desk: Desk, ticket: Ticket) -> None:
    file = held(desk, ticket)
    ScannedFiles(aws("s3"), BUCKET).tag(file_key(ticket.number, file), None, Verdict.CLEAN, "")
    returned = json.loads(messages.encode(Judged(ticket.number, file, Verdict.CLEAN)))
    record = {
        "version": "1.0",
        "requestContext": {"condition": "Success"},
        "requestPayload": created(file_key(ticket.number, file)),
        "responsePayload": returned,
    }
    assert desk.send(record) == []
    assert desk.file(ticket, file).state is FileState.CLEAN


def test_the_log_has_no_name_of_a_file(desk: Desk, ticket: Ticket) -> None:
    with logged_by(desk.module) as log:
        desk.arrive(ticket, desk.upload(ticket.number, name="Li Na, passport.jpg"))
    assert "passport" not in log.getvalue()
    assert ticket.number in log.getvalue()


def test_a_warm_up_does_nothing(desk: Desk) -> None:
    assert desk.module.handler({"warm": True}, Context()) == {"warm": True}
    assert checker_wiring.arriving.cache_info().currsize == 1
