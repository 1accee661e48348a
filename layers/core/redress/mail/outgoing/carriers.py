"""What takes composed mails and delivers them: SES here, an SMTP relay in `smtp_relay`.

A carrier says how a mail that it did not take failed, because that decides what happens next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
)

type Tags = list[dict[str, str]]

SES_S = (1.5, 3.0)
"""How long in seconds a call of SES waits for a connection at most, and then for its answer."""

_REFUSED = {"BadRequestException"}
"""Error codes of SES after which a retry cannot succeed. After any other code the mail is tried
again, also after MessageRejected. SES returns MessageRejected for every mail while the sender is
not verified or the account is in the sandbox. Those mails must be sent when the operator has fixed
that."""

ACCOUNT_REFUSED = {
    "AccessDeniedException",
    "AccountSuspendedException",
    "MailFromDomainNotVerifiedException",
    "MessageRejected",
    "NotFoundException",
    "SendingPausedException",
}
"""Codes of SES that mean that it takes no mail of this account, sender or configuration set, until
a person changes that (SES v2, API reference of SendEmail)."""

_UNCERTAIN = {500, 502, 504}
"""HTTP statuses that do not say whether SES accepted the mail. They count as a lost answer. The
status 503 says that SES did not take the request."""

_NEVER_LEFT = (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
)
"""Failures that happen before anything reaches SES. After any other failure the mail may have been
sent."""


class NotTaken(Exception):
    """The carrier did not take the mail and may take it later.

    `fault` is the name or code of an error, or a fixed text. It is never the message of an error,
    because that may contain addresses.
    """

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class NeedsOperator(NotTaken):
    """The carrier takes no mail of this stack until a person changes the configuration."""


class NeverTaken(NotTaken):
    """The carrier refuses this mail, and a retry cannot succeed."""


class Unanswered(NotTaken):
    """The answer was lost, so the mail may have been taken."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The carrier took the mail. `refused` is how many of the recipients it refused."""

    message_id: str
    refused: int = 0


class Carrier(Protocol):
    @property
    def seconds(self) -> float:
        """The longest time that `take` needs."""

    def prepare(self) -> None:
        """Get what `take` needs, such as a password. Raises NotTaken."""

    def take(self, raw: bytes, to: Sequence[str], tags: Tags) -> Taken:
        """Hand over one mail. Raises NotTaken, NeverTaken or Unanswered."""


class Ses:
    """Sends by SES. `configuration_set` is where SES sends its events; "" if there is none."""

    seconds = sum(SES_S)

    def __init__(self, sesv2_client: Any, sender: str, configuration_set: str = "") -> None:
        self._ses, self._sender = sesv2_client, sender
        # SES sends its events about a mail through this configuration set
        # (`mail.outgoing.cases.feedback`).
        self._options = {"ConfigurationSetName": configuration_set} if configuration_set else {}

    def prepare(self) -> None:
        """Nothing is needed: the client has its credentials."""

    def take(self, raw: bytes, to: Sequence[str], tags: Tags) -> Taken:
        try:
            answer = self._ses.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": list(to)},
                Content={"Raw": {"Data": raw}},
                EmailTags=tags,
                **self._options,
            )
        except ClientError as error:
            # Error messages of SES contain addresses, so only the code is logged and recorded.
            code = error.response.get("Error", {}).get("Code", "Unknown")
            if code in _REFUSED:
                raise NeverTaken(code) from None
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _UNCERTAIN:
                raise Unanswered(code) from None
            raise (NeedsOperator if code in ACCOUNT_REFUSED else NotTaken)(code) from None
        except ParamValidationError as error:
            raise NeverTaken(type(error).__name__) from None
        except _NEVER_LEFT as error:
            raise NotTaken(type(error).__name__) from None
        except BotoCoreError as error:
            raise Unanswered(type(error).__name__) from None
        return Taken(answer["MessageId"])
