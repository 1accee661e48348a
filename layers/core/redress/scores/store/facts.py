"""Score facts in the table: one item for each agent, month and round of a ticket.

Facts become known one by one, but are read a month at a time: a million tickets are a million
small reads or three million. So they are attributes of one item, each set by expression in the
transaction of the change that made it; setting one again changes nothing. Values are packed,
because names and quotes would be most of an item: with its keys it is at most 200 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pynamodb.expressions.update import Action

from redress.db import keys
from redress.db.rows import Models
from redress.scores.rules import Fact, Value, facts_of
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps.table import SURVEY_SCORES
from redress.tickets.store.transaction import Cause, Write

ROUNDS = ("resolution", "resolved")
"""Facts that each round of a ticket has anew: `resolution.2` is `resolution` in the second item."""

_ABSENT = "-"


def also_written(models: Models, change: Change, now: datetime, cause: Cause | None) -> list[Write]:
    """The facts that a change makes known. Two facts of one item are one write."""
    found: dict[tuple[str, str], list[Action]] = {}
    for fact in facts_of(change):
        word, _, round_ = fact.name.partition(".")
        sort = keys.fact_sk(fact.number, int(round_ or 1))
        actions = found.setdefault((keys.facts_pk(fact.agent, fact.period), sort), [])
        actions.append(getattr(models.fact, word).set(pack(fact.name, fact.value)))
    return [Write(models.fact(*key), actions) for key, actions in found.items()]


def facts_in(agent: str, period: str, row: Any) -> Iterator[Fact]:
    """The facts that one item holds."""
    number, round_ = keys.ticket_of_fact(row.sk)
    for word in ("reaction", "first_response", "answered", "resolution", "resolved", "survey"):
        packed = getattr(row, word)
        if packed is not None:
            name = f"{word}.{round_}" if word in ROUNDS else word
            yield Fact(agent, period, number, name, unpack(name, packed))


def pack(name: str, value: Value) -> str:
    """`1,5400` kept after 5400 s, `0` missed; `complaint,3600,1,0`; a survey `54-555`."""
    match name.partition(".")[0]:
        case "reaction" | "first_response" | "resolution":
            return f"1,{value['seconds']}" if value["kept"] else "0"
        case "answered":
            return str(value["seconds"])
        case "resolved":
            flags = f"{int(value['first_contact'])},{int(value['reopened'])}"
            return f"{value['kind']},{value['seconds']},{flags}"
        case "survey":
            return "".join(str(value.get(score, _ABSENT)) for score in SURVEY_SCORES)
        case _:
            raise ValueError(f"there is no fact {name!r}")


def unpack(name: str, packed: str) -> Value:
    """What `pack` packed."""
    match name.partition(".")[0]:
        case "reaction" | "first_response" | "resolution":
            kept, _, seconds = packed.partition(",")
            return {"kept": True, "seconds": int(seconds)} if kept == "1" else {"kept": False}
        case "answered":
            return {"seconds": int(packed)}
        case "resolved":
            kind, took, first_contact, reopened = packed.split(",")
            return {
                "kind": kind,
                "seconds": int(took),
                "first_contact": first_contact == "1",
                "reopened": reopened == "1",
            }
        case "survey":
            given = zip(SURVEY_SCORES, packed, strict=True)
            return {score: int(answer) for score, answer in given if answer != _ABSENT}
        case _:
            raise ValueError(f"there is no fact {name!r}")
