"""What a function is told by its environment: one frozen object, read once, complete or refused."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class MissingSettings(RuntimeError):
    """The function was deployed without these variables; the message names every one."""


class Settings(msgspec.Struct, frozen=True):
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


_FIELDS = Settings.__struct_fields__
_NEEDED = _FIELDS[: -len(Settings.__struct_defaults__)]
"""What every function is given: the fields without a default, which come first."""


def read(environment: Mapping[str, str]) -> Settings:
    """Settings from an environment; raises MissingSettings naming every missing variable."""
    missing = [name.upper() for name in _NEEDED if not environment.get(name.upper())]
    if missing:
        raise MissingSettings(f"missing environment variables: {', '.join(missing)}")
    return Settings(**{name: environment.get(name.upper(), "") for name in _FIELDS})
