"""Keep workflows alive: replace failed executions, sweep awake tickets, reconcile once a day.

The sweep also tells the supervisors of a team if its oldest held mail stays unseen for too long. It
notices members of staff who are gone, and gives their urgent tickets to others. It
asks again for the verdict about files that nobody can open yet. It looks whether a reader is
switched off and whether dead letters lie in the queues, which no other function notices. It
delivers words to all customers of an incident as far as the request that wrote them had no time,
reminds the leaders of an incident that is open for long, and tells the owners of the actions of one
that was closed. It proposes an incident if many new tickets are of one category. It reminds staff
of planned calls to customers, and plans them when a new plan comes into force. On a quiet stack it
leaves some of this out, except every quarter of an hour (`workflow/cases/quiet.py`). After that it
mends tickets and members of the version before, until all are mended.

This function also marks a rehearsal as failed if its execution could not do so itself, and starts a
scoring run again that ended badly.

What it had to repair is reported to operations, because on a healthy stack it repairs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from redress.base import observe
from redress.base.observe import Alarm, discreet, fault_of, report
from redress.wiring import clients
from redress.wiring import repair as wiring
from redress.workflow.cases.catching_up import RUN_S
from redress.workflow.cases.reconciliation import EXPECTED, OutOfTime
from redress.workflow.cases.watching import counts_letters

logger = observe.logger("repair")

WORDS_S = 200.0
"""The seconds of a sweep that words to customers of incidents may take. The sweep comes every five
minutes."""

CALLS_S = 30.0
"""The seconds of a sweep that each part about planned calls may take."""

REPAIRS = ("started", "signalled", "followed")
"""What the sweep does to a workflow that the relay or Step Functions should have moved."""


@logger.inject_lambda_context(clear_state=True)
@discreet(logger)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle the end of an execution, or a scheduled {"task": "sweep"} or {"task": "reconcile"}.

    A person may call {"task": "sweep", "all": true}: it leaves nothing out, also on a quiet stack.
    """
    if event.get("warm"):
        wiring.repair()
        return {"warm": True}
    if event.get("detail-type") == "Step Functions Execution Status Change":
        detail = event["detail"]
        if detail["stateMachineArn"] == wiring.settings().rehearsal_machine_arn:
            failed = wiring.rehearsal_jobs().stopped(detail["name"], detail["status"])
            logger.info("rehearsal ended", extra={"execution": detail["name"], "failed": failed})
            if failed:
                message = "a rehearsal or a move of tickets failed"
                report(Alarm.WORKFLOWS_REPAIRED, message, {"execution": detail["name"]})
            return {"failed": failed}
        if detail["stateMachineArn"] == wiring.settings().scores_machine_arn:
            return _follow_scoring_run(detail)
        followed = wiring.repair().follow_dead(detail["name"], detail["status"])
        about = {"execution": detail["name"], "status": detail["status"]}
        logger.info("execution ended", extra=about | {"followed": followed})
        if followed:
            report(Alarm.WORKFLOWS_REPAIRED, "an execution failed and was replaced", about)
        return {"followed": followed}
    if event.get("task") == "sweep":
        done = _sweep(context, is_complete=event.get("all") is True)
        _catch_up(context)
        return done
    if event.get("task") == "reconcile":
        return _reconcile(context)
    raise ValueError(f"not a task of this function: {sorted(event)}")


def _sweep(context: Any, *, is_complete: bool) -> dict[str, Any]:
    """Do each part of the sweep, also if one before it fails. Raises the first error at the end.

    A fault that lasts, such as in the record of one mail, must not stop the others for ever. What
    is switched off may be the reason of a fault, so it is looked for last. A quiet stack is swept
    completely if `is_complete`, or if it is time to.
    """
    sweep = _Sweep()
    sweep.do(
        watch_absences=_watch_absences,
        repair=_repair,
        deliver_words=partial(_deliver_words, context),
        watch_spikes=_watch_spikes,
    )
    complete = wiring.complete_sweeps()
    if is_complete or sweep.found or sweep.failed or complete.is_due():
        before = set(sweep.found)
        sweep.do(
            drain_queues=_drain_queues,
            watch_held_mail=_watch_held_mail,
            watch_incidents=_watch_incidents,
            watch_calls=partial(_watch_calls, context),
        )
        # A part stops after some seconds or pages. So if one failed or found something, the next
        # sweep runs all parts, too.
        if sweep.failed is None and sweep.found.keys() <= {*before, "drained"}:
            complete.done()
    sweep.do(
        ask_for_verdicts=_ask_for_verdicts,  # due by the clock, as planned calls are
        plan_calls=partial(_plan_calls, context),
        look_around=_look_around,
    )
    if sweep.failed is not None:
        raise sweep.failed
    return sweep.found


class _Sweep:
    """What the parts of a sweep have found and done, and the first error of one."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.failed: Exception | None = None

    def do(self, **parts: Callable[[], dict[str, int]]) -> None:
        for name, part in parts.items():
            try:
                self.found |= part()
            except Exception as error:
                about = {"part": name}
                logger.error("a part of the sweep failed", extra=about | fault_of(error))
                self.failed = self.failed or error


def _repair() -> dict[str, int]:
    done = wiring.repair().sweep()
    logger.info("swept", extra={"done": done})
    if repaired := sum(done.get(name, 0) for name in REPAIRS):
        message = "the sweep repaired workflows"
        report(Alarm.WORKFLOWS_REPAIRED, message, {"done": done}, value=repaired)
    return done


def _drain_queues() -> dict[str, int]:
    """Offer the tickets of every queue again."""
    return {"drained": wiring.repair().drain_queues()}


def _watch_absences() -> dict[str, int]:
    """Notice who is gone. Returns also how many members are `watched`."""
    # The first read of a sweep: only an answer of the table says whether the clock is right.
    watched = wiring.absences().watched()
    absences = wiring.absences().watch(watched)
    if absences:
        logger.info("watched absences", extra={"done": absences})
    return absences | ({"watched": len(watched)} if watched else {})


def _watch_held_mail() -> dict[str, int]:
    held = wiring.held_mail().watch()
    logger.info("watched held mail", extra={"done": held})
    return held


def _ask_for_verdicts() -> dict[str, int]:
    """Ask again for verdicts about files, and report that some have waited too long."""
    watch = wiring.held_files()
    if watch is None:
        return {}
    done = watch.watch()
    if late := done.get("late"):
        report(Alarm.DEAD_LETTERS, "files wait for their verdict", {"files": late}, value=late)
    return {f"files_{name}": count for name, count in done.items()}


def _deliver_words(context: Any) -> dict[str, int]:
    """Go on with words to all customers of an incident, for WORDS_S seconds at most."""
    delivered = wiring.words().run(_within(context, WORDS_S))
    return {"words_delivered": delivered} if delivered else {}


def _watch_incidents() -> dict[str, int]:
    """Ask for the mails about incidents that are open for long, or have been closed."""
    done = wiring.incidents().watch()
    if done:
        logger.info("watched incidents", extra={"done": done})
    return {f"incidents_{name}": count for name, count in done.items()}


def _watch_spikes() -> dict[str, int]:
    """Propose an incident if many new tickets are of one category.

    Returns also how many tickets were `opened` in the longest time that a plan can look back.
    """
    opened = wiring.spikes().opened()
    proposed = wiring.spikes().watch(opened)
    if proposed:
        logger.info("proposed incidents", extra={"spikes": proposed})
    found = {"opened": opened, "spikes": proposed}
    return {name: count for name, count in found.items() if count}


def _watch_calls(context: Any) -> dict[str, int]:
    """Remind staff of planned calls to customers, for CALLS_S seconds at most."""
    done = wiring.calls().watch(_within(context, CALLS_S))
    if done:
        logger.info("watched planned calls", extra={"done": done})
    return {f"calls_{name}": count for name, count in done.items()}


def _plan_calls(context: Any) -> dict[str, int]:
    """Plan calls as a new plan says, for CALLS_S seconds at most. Once an hour is soon enough.

    A run that the time has ended goes on in the sweeps after that.
    """
    if not (counts_letters(clients.now()) or wiring.call_planning().goes_on):
        return {}
    progress = wiring.call_planning().run(_within(context, CALLS_S))
    if progress is not None:
        logger.info("planned calls", extra={"progress": msgspec.to_builtins(progress)})
    return {"calls_planned": progress.planned} if progress is not None and progress.planned else {}


def _within(context: Any, most: float) -> Callable[[], float]:
    """Returns how many of `most` seconds are left, counted from now."""
    began_with = context.get_remaining_time_in_millis() / 1000

    def seconds_left() -> float:
        used: float = began_with - context.get_remaining_time_in_millis() / 1000
        return most - used

    return seconds_left


def _look_around() -> dict[str, int]:
    """Report readers that are switched off and, once an hour, dead letters."""
    if off := wiring.watch().readers_off():
        report(Alarm.WORKFLOWS_REPAIRED, "a reader is switched off", {"mappings": off})
    if counts_letters(clients.now()) and (letters := wiring.watch().dead_letters()):
        total = sum(letters.values())
        report(Alarm.DEAD_LETTERS, "dead letters lie in queues", {"queues": letters}, value=total)
    return {}


def _catch_up(context: Any) -> None:
    """Continue the jobs that mend items of the previous version, for RUN_S seconds at most.

    A fault in one job does not stop the other. Raises the first error at the end.
    """
    seconds_left = _within(context, RUN_S)
    failed: Exception | None = None
    for job in (wiring.members_catch_up(), wiring.catch_up()):
        try:
            progress = job.run(seconds_left)
        except Exception as error:
            logger.error("a catch-up failed", extra={"job": type(job).__name__} | fault_of(error))
            failed = failed or error
            continue
        if progress is not None:
            done = {"job": type(job).__name__, "progress": msgspec.to_builtins(progress)}
            logger.info("caught up", extra=done)
    if failed is not None:
        raise failed


def _follow_scoring_run(detail: dict[str, Any]) -> dict[str, Any]:
    """Start the run again, if it may be. `startDate` is in milliseconds since 1970."""
    began_at = datetime.fromtimestamp(detail["startDate"] / 1000, UTC)
    run = wiring.EndedRun(detail["name"], detail["status"], began_at, detail.get("input"))
    again = wiring.scoring_repeats().follow(run)
    logger.error("scoring run ended badly", extra={"execution": run.name, "again": again})
    if again is None:
        message = "a scoring run failed and is not started again"
        about = {"execution": run.name, "status": run.status}
        report(Alarm.MONTH_FAILED, message, about)
    return {"again": again}


def _reconcile(context: Any) -> dict[str, Any]:
    """Reconcile and return the report (`ReconciliationReport`), for a person who calls this."""
    try:
        found = wiring.reconciliation().run(lambda: context.get_remaining_time_in_millis() / 1000)
    except OutOfTime as error:
        logger.error("reconciliation ran out of time", extra={"how_far": str(error)})
        raise
    content: dict[str, Any] = msgspec.to_builtins(found)
    logger.info("reconciled", extra={"report": content})
    differences = {name: number for name, number in found.found.items() if name not in EXPECTED}
    if differences:
        message, total = "the reconciliation found differences", sum(differences.values())
        report(Alarm.WORKFLOWS_REPAIRED, message, {"found": differences}, value=total)
    # Afterwards, so that a fault in the scores stops no workflow from being repaired.
    unscored = wiring.month_watch().unscored()
    if unscored is not None:
        report(Alarm.MONTH_FAILED, "a month has no complete scores", {"period": unscored})
    return content
