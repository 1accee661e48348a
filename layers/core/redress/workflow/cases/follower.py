"""After the events of a batch, send what follows: mail jobs, assignments, messages to the indexer.

The receiver of a message reads the current state and decides what to do. Late, repeated and
reordered messages therefore do no harm. New subscribers to events are added to
`workflow.subscribers`, because the stream allows no third reader.

The messages of a batch are sent together. One record after another, each with a call of its own for
every message, a burst of tickets waited for the mails and the words of those before them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import batched
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from redress.db import retry
from redress.files import messages as files_messages
from redress.files.messages import Mailed, Referred
from redress.mail.outgoing import messages as mail_messages
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.rules.table import ACKNOWLEDGEMENT
from redress.search import messages as search_messages
from redress.search.messages import IndexTicket
from redress.staff import messages as assignment_messages
from redress.staff.messages import AssignTicket, DrainQueue, FindDuplicates, Request
from redress.tickets.store import items
from redress.workflow.stream import CapacityFreed, EventAdded, NotTaken, NotTried
from redress.workflow.subscribers import Message, messages_after

BATCH = 10
"""The maximum number of messages in one SendMessageBatch, from the API reference."""

ACKNOWLEDGE_AFTER_S = 1
"""The delay of the acknowledgement in seconds. The workflow starts when this mail is enqueued, and
the delay gives it time to fall asleep. An earlier acknowledgement would do no harm. But a workflow
that is still awake would check the clocks once more, which costs two state transitions."""

AFTER_MAILS_S, AFTER_REQUESTS_S, AFTER_WORDS_S, AFTER_FILES_S = 10.0, 5.0, 4.0, 2.0
"""How many seconds each kind of message must leave for the kinds that are sent after it. If
receivers are slow, the first records of a batch are then sent with all their messages, and the last
records come again."""

Followed = EventAdded | CapacityFreed
Entry = tuple[Followed, dict[str, Any]]
"""A change, and an entry of SendMessageBatch that follows from it, without its id."""


class LeftToSweep(Exception):
    """The assigner or the checker refused a request. The mails of the change are sent.

    The next sweep drains every queue, within five minutes, and it asks for files that are held
    after ten. A retry of the record would hold back
    the mails of all later records.
    """


class NotIndexed(Exception):
    """The search queue refused a message of this record. The record is set aside.

    A retry would hold back the mails of all later records.
    """


class NotReferred(Exception):
    """The checker refused a message of this record. The record is set aside.

    A retry would hold back the mails of all later records.
    """


class NotCompared(Exception):
    """The assigner refused to compare a ticket with others. The record is set aside.

    A retry would hold back the mails of all later records, and no sweep compares tickets.
    """


class FollowerCase:
    """Sends messages to the mail queue with this URL, and to the assigner with this name.

    Without a search queue (`search_queue_url` is empty), the messages to the indexer are left out.
    Without a checker (its name is empty), those to the checker are.

    One object follows one batch of the stream: `follow` takes its changes one by one, and `deliver`
    sends what follows from all of them.
    """

    def __init__(
        self,
        sqs: Any,
        functions: Any,
        mail_queue_url: str,
        assigner: str,
        search_queue_url: str = "",
        checker: str = "",
    ) -> None:
        self._sqs, self._functions = sqs, functions
        self._mail_queue_url, self._assigner = mail_queue_url, assigner
        self._search_queue_url = search_queue_url
        self._checker = checker
        self._messages: dict[Followed, list[Message]] = {}
        self._faults: dict[Followed, Exception] = {}
        self._asked: set[Request] = set()
        self._refusal: Exception | None = None
        self._silence: dict[str, Exception] = {}
        self._may_call: Callable[[], bool] = lambda: True

    def follow(self, change: Followed) -> None:
        """Note the messages that follow from a change. Raises the error of an unreadable event."""
        match change:
            case EventAdded(number, doc):
                self._messages[change] = messages_after(number, items.event_of(doc))
            case CapacityFreed(team, agent):
                self._messages[change] = [DrainQueue(team, agent)]

    def deliver(self, has_time: Callable[[float], bool]) -> dict[Followed, Exception]:
        """Send the messages of all changes, mails first. This can be repeated safely.

        `has_time` says whether there is time for one more call, beside so many seconds for others.
        The first call of each kind is always made. So the first change is followed, however slow
        the receivers are, and a batch that is repeated goes on.

        Returns each change of which a message was not sent, with the fault: the error of the mail
        queue; NotIndexed if the search queue refused; NotReferred if the checker refused a mail
        with attachments; NotCompared if the assigner refused to look for duplicates; LeftToSweep if
        it refused anything else, or if the checker refused files of staff; NotTried if there was no
        time.

        The assigner is asked, whether or not the mail queue refuses. When it has refused a request,
        it is not asked again. Nor is any other receiver that did not answer: it costs one timeout,
        not one for each call, and what it should get has the same fault as what it got. A change
        whose mails were not sent comes again, so the rest of its messages waits.
        """

        def begin(kept: float) -> None:
            first = iter([True])
            self._may_call = lambda: next(first, False) or has_time(kept)

        begin(AFTER_MAILS_S)
        self._send(self._mail_queue_url, [(of, _mail(job)) for of, job in self._left(MailJob)])
        begin(AFTER_REQUESTS_S)
        self._ask()
        begin(AFTER_WORDS_S)
        self._index()
        begin(AFTER_FILES_S)
        self._refer()
        begin(0.0)
        self._compare()
        return self._faults

    def drain(self, teams: Iterable[str]) -> None:
        """Ask the assigner to offer the queued tickets of these teams to their agents.

        Raises the error of the service.
        """
        for team in teams:
            self._request(DrainQueue(team))

    def _left[M: Message](self, kind: type[M]) -> list[tuple[Followed, M]]:
        """The messages of a kind, each with its change.

        A change of which a queue refused a mail, or for which there was no time, is left out: all
        its messages are sent when it comes again.
        """
        own = (LeftToSweep, NotIndexed, NotReferred, NotCompared)
        return [
            (change, message)
            for change, messages in self._messages.items()
            if change not in self._faults or isinstance(self._faults[change], own)
            for message in messages
            if isinstance(message, kind)
        ]

    def _fail(self, change: Followed, fault: Exception) -> None:
        """Note why a change was not followed. What is left to the sweep counts least."""
        if isinstance(self._faults.get(change), LeftToSweep | None):
            self._faults[change] = fault

    def _send(
        self, queue_url: str, entries: Sequence[Entry], fault: type[Exception] | None = None
    ) -> None:
        """Send entries to a queue, as many with a call as it takes.

        A change whose entry was refused gets this fault, or the error itself.
        """
        for part in batched(entries, BATCH, strict=False):
            for change, error in self._refused(queue_url, part):
                if fault is not None and not isinstance(error, NotTried):
                    error = _because(fault, error)
                self._fail(change, error)

    def _refused(
        self, queue_url: str, part: Sequence[Entry]
    ) -> Iterator[tuple[Followed, Exception]]:
        """Send entries with one call. Give the changes of those that the queue did not take.

        If the call itself is wrong, each entry is sent alone, so that one holds back no others.
        """
        if queue_url in self._silence:
            yield from ((change, self._silence[queue_url]) for change, _ in part)
            return
        if not self._may_call():
            yield from ((change, NotTried()) for change, _ in part)
            return
        entries = [{"Id": str(place), **entry} for place, (_, entry) in enumerate(part)]
        try:
            answer = self._sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            if len(part) > 1 and retry.is_wrong_request(error):
                for one in part:
                    yield from self._refused(queue_url, [one])
            else:
                self._listen(queue_url, error)
                yield from ((change, error) for change, _ in part)
            return
        for failed in answer.get("Failed", ()):
            yield part[int(failed["Id"])][0], NotTaken(f"the queue rejected {failed['Code']}")

    def _ask(self) -> None:
        """Ask the assigner for agents, once for each request, until it refuses one."""
        for change, messages in self._messages.items():
            for request in messages:
                if isinstance(request, AssignTicket | DrainQueue):
                    self._ask_for(change, request, LeftToSweep)

    def _compare(self) -> None:
        """Ask the assigner to look for duplicates."""
        for change, request in self._left(FindDuplicates):
            self._ask_for(change, request, NotCompared)

    def _ask_for(self, change: Followed, request: Request, fault: type[Exception]) -> None:
        if request in self._asked:
            return
        if self._refusal is None and not self._may_call():
            self._fail(change, NotTried())
            return
        self._asked.add(request)
        try:
            if self._refusal is None:
                self._request(request)
        except (ClientError, BotoCoreError) as error:
            self._refusal = error
        if self._refusal is not None:
            self._fail(change, _because(fault, self._refusal))

    def _index(self) -> None:
        """Send messages to the indexer, one for each ticket: it reads the ticket as it is then."""
        if self._search_queue_url:
            of = {message: change for change, message in self._left(IndexTicket)}
            entries = [(of[one], {"MessageBody": search_messages.encode(one)}) for one in of]
            self._send(self._search_queue_url, entries, NotIndexed)

    def _refer(self) -> None:
        """Invoke the checker asynchronously, once for each message.

        Files of staff are left to the sweep if it refuses, because they are in the list of held
        files already.
        """
        found: list[tuple[Followed, Referred | Mailed]] = []
        if self._checker:
            found += self._left(Referred)
            found += self._left(Mailed)
        for change, message in found:
            refusal = self._silence.get(self._checker)
            if refusal is None:
                if not self._may_call():
                    self._fail(change, NotTried())
                    continue
                refusal = self._referred(message)
            if refusal is not None:
                fault = LeftToSweep if isinstance(message, Referred) else NotReferred
                self._fail(change, _because(fault, refusal))

    def _referred(self, message: Referred | Mailed) -> Exception | None:
        """Give the checker a message. Returns the error if it did not take it."""
        try:
            self._functions.invoke(
                FunctionName=self._checker,
                InvocationType="Event",
                Payload=files_messages.encode(message),
            )
        except (ClientError, BotoCoreError) as error:
            self._listen(self._checker, error)
            return error
        return None

    def _listen(self, receiver: str, error: Exception) -> None:
        """Remember a receiver that did not answer, so that it is not called again."""
        if retry.got_no_answer(error):
            self._silence[receiver] = error

    def _request(self, request: Request) -> None:
        """Invoke the assigner asynchronously. Raises the error of the service."""
        self._functions.invoke(
            FunctionName=self._assigner,
            InvocationType="Event",
            Payload=assignment_messages.encode(request),
        )


def _mail(job: MailJob) -> dict[str, Any]:
    """The entry of a mail job, without its id."""
    delay = ACKNOWLEDGE_AFTER_S if job.template == ACKNOWLEDGEMENT else 0
    return {"MessageBody": mail_messages.encode(job), "DelaySeconds": delay}


def _because(fault: type[Exception], error: Exception) -> Exception:
    found = fault()
    found.__cause__ = error
    return found
