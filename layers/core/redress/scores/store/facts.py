"""Score facts in the table: one item for each agent, month and round of a ticket.

Facts are written one by one, but those of an entire month are read together. All facts of a round
are attributes of one item, because with one item per fact three times as many items would have to
be read. The transaction of a change sets the attributes by update expressions. To set an attribute
to the same value again has no effect. Values have a compact encoding, because in JSON, names and
quotes would take most of the space. An item has at most 200 bytes, including its keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pynamodb.expressions.update import Action

from redress.clocks.rules.periods import period_of
from redress.db import keys
from redress.db.rows import Models, is_within
from redress.scores.rules.facts import Fact, Value, facts_of
from redress.tickets.rules.steps.table import SURVEY_SCORES
from redress.tickets.store.transaction import Cause, Dated, Write

ROUNDS = ("resolution", "resolved")
"""Facts that each round can have: `resolution.2` is the attribute `resolution` in round 2's item.
All other facts are in the item of round 1."""

MOST_LATE = 10**9
"""No month of an agent has so many late facts. A larger count is damage."""

_ABSENT = "-"


def also_written(models: Models, changes: Sequence[Dated], cause: Cause | None) -> list[Write]:
    """Return the writes of the facts that changes produce, one write for each item.

    A month that is over may have been scored. Its facts are therefore also counted as late, one
    more write for each agent and month (`late_write`), also if several tickets have such facts.
    Facts of the current month need no more writes.
    """
    found: dict[tuple[str, str], list[Action]] = {}
    late: Counter[tuple[str, str]] = Counter()
    for change, now in changes:
        current = None
        for fact in facts_of(change):
            current = current or period_of(now, change.plan.time_zone)
            if fact.period < current:
                late[fact.agent, fact.period] += 1
            word, _, round_ = fact.name.partition(".")
            sort = keys.fact_sk(fact.number, int(round_ or 1))
            actions = found.setdefault((keys.facts_pk(fact.agent, fact.period), sort), [])
            actions.append(getattr(models.fact, word).set(pack(fact.name, fact.value)))
    _, since = changes[0]
    return [
        *(Write(models.fact(*key), actions) for key, actions in found.items()),
        *(late_write(models, *key, number, since) for key, number in late.items()),
    ]


def late_write(models: Models, agent: str, period: str, number: int, now: datetime) -> Write:
    """Return the write that counts facts or ratings of a month that is over.

    If the stored count is damaged, the rest of the transaction is written without this write. The
    card counts as stale until a person has repaired the count (`ScoreStore.late_facts`).
    """
    model = models.late_facts
    row = model(keys.late_facts_pk(period), keys.agent_pk(agent))
    actions = [
        model.late.add(number),
        model.seq.add(1),
        model.since.set(model.since | now.isoformat()),
    ]
    first = model.late.does_not_exist() | is_within(model.late, 0, MOST_LATE)
    other = model.seq.does_not_exist() | is_within(model.seq, 0, MOST_LATE)
    return Write(row, actions, first & other)


def facts_in(agent: str, period: str, row: Any) -> Iterator[Fact]:
    """Decode the facts of one item."""
    number, round_ = keys.ticket_of_fact(row.sk)
    for word in ("reaction", "first_response", "answered", "resolution", "resolved", "survey"):
        packed = getattr(row, word)
        if packed is not None:
            name = f"{word}.{round_}" if word in ROUNDS else word
            yield Fact(agent, period, number, name, unpack(name, packed))


def pack(name: str, value: Value) -> str:
    """Encode the value of a fact.

    A promise is `1,5400` if it was kept after 5400 s, and `0` if it was missed. A late response is
    its seconds: `5400`. A resolution is its kind, its seconds, whether it was at first contact and
    whether the ticket was reopened: `complaint,3600,1,0`. A survey has one digit for each of
    SURVEY_SCORES, or `-` if there is no answer: `54-555`.
    """
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
    """Decode a value that `pack` encoded."""
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
