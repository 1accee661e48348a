"""Starts a scoring run again that ended badly, and tells operations.

The state machine already repeats each task for minutes. What still fails a run can last longer,
such as a service that is down for an hour. So a repeat waits before its first task. A month must
not stay without scores because nobody looked. A bug fails the repeats, too: a person must fix it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from redress.clocks.rules import periods
from redress.plans.store.plans import Plans
from redress.scores.cases.months import PREVIOUS, Months
from redress.scores.messages import RunScores, input_of

WAITS_S = (900, 3_600)
"""How many seconds each repeat waits. There are at most as many repeats as
values. Together with the minutes in which each run repeats its tasks, the last repeat begins more
than 75 minutes after the first run ended. The schedule starts another run on the next day."""
NAME_LIMIT = 80
"""The most characters in the name of an execution (Step Functions, StartExecution)."""

_REPEAT = re.compile(r"(.+)-again([0-9])")
_MONTH_OF_NAME = re.compile(r"[0-9]{4}-[0-9]{2}(?=-)")


@dataclass(frozen=True, slots=True)
class EndedRun:
    """An execution of the scores machine that failed, timed out or was stopped.

    `given` is its input as JSON, None if the event of its end has none. `status` is FAILED,
    TIMED_OUT or ABORTED.
    """

    name: str
    status: str
    began_at: datetime
    given: str | None


class ScoringRepeats:
    """`tell` sends a subject and a text to operations. `runbook` is where they read on."""

    def __init__(
        self,
        plans: Plans,
        step_functions: Any,
        machine_arn: str,
        tell: Callable[[str, str], None],
        now: Callable[[], datetime],
        runbook: str,
    ) -> None:
        self._plans, self._step_functions = plans, step_functions
        self._machine_arn, self._tell = machine_arn, tell
        self._months, self._runbook = Months(plans, now), runbook

    def follow(self, run: EndedRun) -> str | None:
        """Start a run again that ended badly, as often as WAITS_S says, and tell operations.

        Returns the name of the new run. Returns None if there is none, because the run was the last
        repeat or its month cannot be scored. The name follows from the name of the run that ended,
        so an event that is delivered twice starts one run. Two runs of a month at the same time do
        no harm: a card is replaced on condition of its revision, and both count the same facts.
        """
        period = self._period(run)
        found = _REPEAT.fullmatch(run.name)
        first, done = (found[1], int(found[2])) if found else (run.name, 0)
        faults = self._months.faults(period)
        again = None
        if not faults and done < len(WAITS_S):
            ending = f"-again{done + 1}"
            again = first[: NAME_LIMIT - len(ending)] + ending
            self._start(again, RunScores(period, WAITS_S[done]))
        self._tell(
            f"Redress: scoring {period} {run.status}",
            _text(run, period, done, again, self._runbook),
        )
        return again

    def _start(self, name: str, run: RunScores) -> None:
        try:
            self._step_functions.start_execution(
                stateMachineArn=self._machine_arn, name=name, input=input_of(run)
            )
        except self._step_functions.exceptions.ExecutionAlreadyExists:
            return  # the event was delivered before

    def _period(self, run: EndedRun) -> str:
        """The month of a run.

        The event has no input if the input is large or cannot be shown. The month is then in the
        name of a run that a person or this class started. A scheduled run is of the month before.
        """
        try:
            period = msgspec.json.decode(run.given or "", type=RunScores).period
        except msgspec.DecodeError:
            named = _MONTH_OF_NAME.match(run.name)
            period = named[0] if named else PREVIOUS
        if period == PREVIOUS:
            return periods.previous_period(run.began_at, self._months.zone)
        return period


def _text(run: EndedRun, period: str, repeats: int, again: str | None, runbook: str) -> str:
    """The message to operations. It has no names of agents and no scores."""
    begun = f"{run.began_at:%Y-%m-%d %H:%M} UTC"
    said = f"The scoring run {run.name} of {period}, begun at {begun}, ended as {run.status}."
    if again is not None:
        minutes = WAITS_S[repeats] // 60
        number = f"repeat {repeats + 1} of {len(WAITS_S)}"
        what = f"It is started again as {again} ({number}), which first waits {minutes} minutes."
    elif repeats:
        what = f"It was repeated {repeats} times and is not started again. Somebody must look."
    else:
        what = "It is not started again, because its input names no month that can be scored."
    return f"{said}\n{what}\nThe cards that exist stay as they are.\nRunbook: {runbook}\n"
