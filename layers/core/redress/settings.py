"""What a function is told by its environment: one frozen object, read once, complete or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields


class MissingSettings(RuntimeError):
    """The function was deployed without these variables; the message names every one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of all functions. Each field comes from the variable of its name in capitals.

    A function that does not use a part is not given its variable; asking for it then fails loudly
    by `require`.
    """

    table: str
    aws_region: str
    base_address: str = ""
    link_key_secret: str = ""
    ticket_machine_arn: str = ""
    scores_machine_arn: str = ""
    rehearsal_machine_arn: str = ""
    mail_queue_url: str = ""
    mail_dead_letter_queue_url: str = ""
    assigner_function: str = ""
    dead_letter_queue_url: str = ""
    operations_topic_arn: str = ""
    sender_address: str = ""
    operator_address: str = ""
    mail_domain: str = ""
    mail_bucket: str = ""
    configuration_set: str = ""
    inbound_queue_url: str = ""

    def require(self, *names: str) -> Settings:
        """These settings, when all the named ones are there; raises MissingSettings otherwise."""
        missing = [name.upper() for name in names if not getattr(self, name)]
        if missing:
            raise MissingSettings(f"missing environment variables: {', '.join(missing)}")
        return self


def read(environment: Mapping[str, str]) -> Settings:
    """Settings from an environment; raises MissingSettings naming every missing variable."""
    missing = [
        item.name.upper()
        for item in fields(Settings)
        if item.default is MISSING and not environment.get(item.name.upper())
    ]
    if missing:
        raise MissingSettings(f"missing environment variables: {', '.join(missing)}")
    names = (item.name for item in fields(Settings))
    return Settings(**{name: environment.get(name.upper(), "") for name in names})
