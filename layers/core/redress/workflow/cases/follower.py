"""After an event of a ticket, send what follows: mail jobs, assignments, messages to the indexer.

The receiver of a message reads the current state and decides what to do. Late, repeated and
reordered messages therefore do no harm. New subscribers to events are added to
`workflow.subscribers`, because the stream allows no third reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

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
from redress.workflow.stream import CapacityFreed, EventAdded, NotTaken
from redress.workflow.subscribers import Message, messages_after

BATCH = 10
"""The maximum number of messages in one SendMessageBatch, from the API reference."""

ACKNOWLEDGE_AFTER_S = 1
"""The delay of the acknowledgement in seconds. The workflow starts when this mail is enqueued, and
the delay gives it time to fall asleep. An earlier acknowledgement would do no harm. But a workflow
that is still awake would check the clocks once more, which costs two state transitions."""


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

    One object follows one batch of the stream. When the assigner has refused a request, it is not
    asked again in this batch: an assigner that does not answer costs one timeout, not one for each
    record.
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
        self._refusal: Exception | None = None

    def follow(self, change: EventAdded | CapacityFreed) -> None:
        """Send the messages for a change, mails first. This can be repeated safely.

        The assigner is asked, whether or not the mail queue refuses. Raises the error of the mail
        queue; NotIndexed if the search queue refused; NotReferred if the checker refused a mail
        with attachments; NotCompared if the assigner refused to look for duplicates; LeftToSweep if
        it refused anything else, now or earlier in the batch, or if the checker refused files of
        staff.
        """
        match change:
            case EventAdded(number, doc):
                self._deliver(messages_after(number, items.event_of(doc)))
            case CapacityFreed(team, agent):
                self._deliver([DrainQueue(team, agent)])

    def drain(self, teams: Iterable[str]) -> None:
        """Ask the assigner to offer the queued tickets of these teams to their agents.

        Raises the error of the service.
        """
        for team in teams:
            self._request(DrainQueue(team))

    def _deliver(self, messages: Sequence[Message]) -> None:
        requests = [one for one in messages if isinstance(one, AssignTicket | DrainQueue)]
        try:
            self._enqueue([message for message in messages if isinstance(message, MailJob)])
        finally:
            self._ask(requests)
        if self._search_queue_url:
            self._index([message for message in messages if isinstance(message, IndexTicket)])
        if self._checker:
            self._refer([message for message in messages if isinstance(message, Referred | Mailed)])
        comparisons = [one for one in messages if isinstance(one, FindDuplicates)]
        self._ask(comparisons)
        if comparisons and self._refusal is not None:
            raise NotCompared from self._refusal
        if requests and self._refusal is not None:
            raise LeftToSweep from self._refusal

    def _ask(self, requests: Sequence[Request]) -> None:
        """Send requests to the assigner, until it refuses one."""
        for request in requests:
            if self._refusal is not None:
                return
            try:
                self._request(request)
            except (ClientError, BotoCoreError) as error:
                self._refusal = error

    def _refer(self, messages: Sequence[Referred | Mailed]) -> None:
        """Invoke the checker asynchronously, once for each message.

        Raises LeftToSweep if it refuses a message about files that the sweep asks for, because they
        are in the list of held files already. Raises NotReferred if it refuses any other.
        """
        for message in messages:
            try:
                self._functions.invoke(
                    FunctionName=self._checker,
                    InvocationType="Event",
                    Payload=files_messages.encode(message),
                )
            except (ClientError, BotoCoreError) as error:
                raise (LeftToSweep if isinstance(message, Referred) else NotReferred) from error

    def _index(self, messages: Sequence[IndexTicket]) -> None:
        """Send messages to the indexer. Raises NotIndexed."""
        try:
            for message in messages:
                self._sqs.send_message(
                    QueueUrl=self._search_queue_url, MessageBody=search_messages.encode(message)
                )
        except (ClientError, BotoCoreError) as error:
            raise NotIndexed from error

    def _request(self, request: Request) -> None:
        """Invoke the assigner asynchronously. Raises the error of the service."""
        self._functions.invoke(
            FunctionName=self._assigner,
            InvocationType="Event",
            Payload=assignment_messages.encode(request),
        )

    def _enqueue(self, jobs: Sequence[MailJob]) -> None:
        for start in range(0, len(jobs), BATCH):
            entries = [
                {
                    "Id": str(index),
                    "MessageBody": mail_messages.encode(job),
                    "DelaySeconds": ACKNOWLEDGE_AFTER_S if job.template == ACKNOWLEDGEMENT else 0,
                }
                for index, job in enumerate(jobs[start : start + BATCH])
            ]
            answer = self._sqs.send_message_batch(QueueUrl=self._mail_queue_url, Entries=entries)
            if failed := answer.get("Failed"):
                raise NotTaken(f"the queue rejected {len(failed)} messages")
