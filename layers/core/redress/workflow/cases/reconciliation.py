"""Check daily that every open ticket has one running workflow that sleeps until the right time.

The relay and the sweep normally ensure this. The reconciliation checks that they did. It reads the
open tickets from the index, partition by partition, and compares them with the running executions.
A ticket that differs is read a second time. If it still differs, it is repaired and reported. A
repair is a conditional write: if the ticket changes at the same moment, the change is kept and the
repair is not written. The reconciliation also replaces executions that will soon exceed a limit of
Step Functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from redress.base import observe
from redress.base.errors import NotFound, RedressError, Unreadable
from redress.db import encoding, keys, retry
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.ticket import Phase, Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.timers import Timer, TimerStore
from redress.workflow.cases.mails import ChangedTickets, CompareMails
from redress.workflow.cases.relay import RelayCase, execution_name, ticket_of_execution
from redress.workflow.cases.repair import PATIENCE
from redress.workflow.cases.teams import known_teams
from redress.workflow.executions import MISSING, Executions
from redress.workflow.store import MailComparison, ReconciliationReport, ReportStore

OVERDUE = timedelta(minutes=30)
"""How long after its next wake a TIMER may still mark its workflow as asleep. A workflow that wakes
checks the clocks. If the check fails, the workflow repeats it for about 20 minutes before its
generation gives up (`ActOnDueClocks` in `ticket.asl.json`), for hours if the ticket is unreadable.
During that time the TIMER does not change."""

STUCK = timedelta(hours=1)
"""How long a ticket may be awake before the next generation takes over. In that time the sweep has
signalled its workflow about twelve times."""

OLDEST = timedelta(days=330)
"""The age at which an execution is replaced. Step Functions ends a standard execution after a year
(its quotas). The remaining month leaves time for more attempts if a replacement fails."""

LONGEST = 1000
"""How many events may be added to a ticket before its execution is replaced.

Step Functions limits the history of an execution to 25,000 of its own events (its quotas). One
check of the clocks adds at most 15 of them: 7 for the check, 2 for the wait that ended, 4 for the
next wait, 2 in reserve. A wait ends only because of an event of the ticket, or after 90 days
(`workflow.cases.timers.LONGEST_SLEEP`). So 1,000 events of the ticket add about 15,000 events to
the history. The other 10,000 are for retries. If an execution exceeds the limit nevertheless, it
fails, and the next generation takes over.
"""

SETTLES = timedelta(seconds=10)
"""How long after a deployment a new execution may still get the older definition. The API reference
of `UpdateStateMachine` says: a few seconds."""

MOST_REVISIONS = 10
"""How many earlier revisions of the machine a run looks at, to find out how long the deployed
definition has been in use. Each costs one call. A revision with another logging or tracing
configuration has the same definition."""

MOST_ASKED = 100
"""How many executions that started within SETTLES after a deployment one run asks Step Functions
about. The others are replaced without asking."""

MOST_REPAIRS = 500
MOST_RENEWALS = 1000
"""How many workflows one run repairs at most, and how many it renews. Each needs several calls of
Step Functions, and all workflows share the quotas of these calls. The report says how many are left
for the next run."""

RESERVE_S = 20.0
"""Seconds that a run keeps for writing its report."""

EXAMPLES = 20
"""How many tickets or executions a report names for each finding."""

_SUPERSEDED = "the ticket is closed, or a newer generation runs"


class Finding(StrEnum):
    """The result of checking a ticket or an execution. The values are stored in reports."""

    WELL = "well"
    AWAKE = "awake"
    """The ticket has been awake for a short time only. Relay and sweep take care of it."""
    STARTED = "started"
    """The workflow had never been started. It was started now."""
    FOLLOWED = "followed"
    """The execution had ended, but its end had not been reported. The next generation took over."""
    STUCK = "stuck"
    """No signal reached the workflow for an hour. The next generation took over."""
    CORRECTED = "corrected"
    """The phase or next wake in the TIMER was not that of the ticket. The TIMER was corrected."""
    REBUILT = "rebuilt"
    """The TIMER was missing or damaged. It was rebuilt, and the next generation took over."""
    WOKEN = "woken"
    """The workflow slept past its time and was woken."""
    NEAR_A_YEAR = "near_a_year"
    """The execution was older than OLDEST and was replaced in time."""
    LONG_HISTORY = "long_history"
    """More than LONGEST events were added to the ticket since the execution began. It was replaced
    in time."""
    OLDER_DEFINITION = "older_definition"
    """The execution uses an older definition of the machine and was replaced."""
    STOPPED = "stopped"
    """An execution of a closed ticket or of an older generation. It was stopped."""
    FOREIGN = "foreign"
    """An execution whose ticket or generation the table does not know. It was left alone."""
    MAIL_SENT_AGAIN = "mail_sent_again"
    """A mail had no record, or nobody tried it any more. The mailer was asked for it again."""
    MAIL_EXPLAINED = "mail_explained"
    """A mail has no record because it was outdated before it could be sent."""
    BROKEN = "broken"
    """The snapshot or plan of a ticket is missing or unreadable, or a service refused a value of
    its TIMER. A person must repair it."""


RENEWED = {Finding.NEAR_A_YEAR, Finding.LONG_HISTORY, Finding.OLDER_DEFINITION}
REPAIRED = {
    Finding.STARTED,
    Finding.FOLLOWED,
    Finding.STUCK,
    Finding.CORRECTED,
    Finding.REBUILT,
    Finding.WOKEN,
    Finding.STOPPED,
}


EXPECTED = RENEWED | {Finding.AWAKE, Finding.MAIL_EXPLAINED}
"""Findings of a healthy stack. Operations are told of all others."""


class OutOfTime(RedressError):
    """The run used up its time before it was finished. The message says how far it got."""


def differs(ticket: Ticket, plan: Plan, timer: Timer) -> bool:
    """Whether the phase or next wake in the TIMER is not that of the ticket under its plan."""
    return timer.phase is not ticket.phase or _milliseconds(timer.next_wake) != _milliseconds(
        tickets.next_wake(ticket, plan)
    )


def assess(
    ticket: Ticket, timer: Timer, started_at: datetime | None, now: datetime, settled_at: datetime
) -> Finding:
    """Return what is wrong with the workflow of an open ticket, or WELL if nothing is.

    This function takes phase and next wake from the TIMER. `differs` checks whether they are right.
    `started_at` is when the execution of the current generation started, or None if none runs.
    Executions that start after `settled_at` use the deployed definition. Earlier ones may use an
    older definition.
    """
    if started_at is None:
        return Finding.FOLLOWED
    if not timer.asleep:
        since = timer.awake_since
        if since is None:
            return Finding.STUCK  # neither asleep nor marked as awake, so the sweep never finds it
        return Finding.STUCK if now - since > STUCK else Finding.AWAKE
    if timer.next_wake is not None and now - timer.next_wake > OVERDUE:
        return Finding.WOKEN
    if started_at < settled_at:
        return Finding.OLDER_DEFINITION
    if now - started_at > OLDEST:
        return Finding.NEAR_A_YEAR
    if ticket.version - timer.gen_version > LONGEST:
        return Finding.LONG_HISTORY
    return Finding.WELL


def _milliseconds(moment: datetime | None) -> int | None:
    """Convert a time to the form in which a TIMER stores it."""
    return encoding.milliseconds(moment) if moment is not None else None


@dataclass(slots=True)
class _Run:
    """The state of one run while it goes on."""

    began_at: datetime
    definition: str
    definition_since: datetime
    teams: set[str]
    executions: dict[str, datetime]
    time_left: Callable[[], float]
    changed: ChangedTickets
    at: str = "the list of executions"
    """The step that the run has reached, for its report."""
    matched: set[str] = field(default_factory=set)
    """Names of the executions that belong to a ticket of the index."""
    compared: set[str] = field(default_factory=set)
    """Numbers of the open tickets that were compared with their workflows."""
    broken: set[str] = field(default_factory=set)
    """Numbers of the tickets that a person must repair."""
    mails: MailComparison | None = None
    items_read: int = 0
    found: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    left: int = 0
    asked: int = 0
    """How many executions Step Functions was asked about."""

    @property
    def settled_at(self) -> datetime:
        """From this time on, every execution that starts uses the deployed definition."""
        return self.definition_since + SETTLES

    def note_broken(self, number: str) -> None:
        """Note a ticket that a person must repair. Two steps may find it, but it counts once."""
        if number not in self.broken:
            self.broken.add(number)
            self.note(Finding.BROKEN, number)

    def note(self, finding: Finding, name: str) -> None:
        self.found[finding] += 1
        named = self.examples.setdefault(finding, [])
        if len(named) < EXAMPLES:
            named.append(name)

    def allows(self, finding: Finding) -> bool:
        """Whether this run may repair or renew one more workflow.

        If it may not, the workflow is counted as left for the next run.
        """
        kinds, bound = (RENEWED, MOST_RENEWALS) if finding in RENEWED else (REPAIRED, MOST_REPAIRS)
        allowed = sum(self.found[kind] for kind in kinds) < bound
        self.left += not allowed
        return allowed

    def enter(self, at: str) -> None:
        """Begin a step. Raises OutOfTime if too little time is left for it."""
        self.at = at
        if self.time_left() < RESERVE_S:
            done = f"{len(self.compared)} tickets compared"
            raise OutOfTime(f"no time left at {at}, {done}")

    def report(
        self, ended_at: datetime | None = None, stopped_at: str | None = None
    ) -> ReconciliationReport:
        return ReconciliationReport(
            began_at=self.began_at,
            definition=self.definition,
            definition_since=self.definition_since,
            teams=tuple(sorted(self.teams)),
            ended_at=ended_at,
            running=len(self.executions),
            open=len(self.compared),
            items_read=self.items_read,
            found=dict(self.found),
            examples=self.examples,
            left=self.left,
            stopped_at=stopped_at,
            mails=self.mails,
            mails_next=self.changed.next,
        )


class ReconcileCase:
    def __init__(
        self,
        tickets: TicketStore,
        timers: TimerStore,
        lists: TicketLists,
        plans: Plans,
        staff: StaffStore,
        relay: RelayCase,
        executions: Executions,
        reports: ReportStore,
        mails: CompareMails,
        now: Callable[[], datetime],
        pause: Callable[[float], None],
    ) -> None:
        self._tickets, self._timers, self._lists = tickets, timers, lists
        self._plans, self._staff = plans, staff
        self._relay, self._executions, self._reports = relay, executions, reports
        self._mails, self._now, self._pause = mails, now, pause

    def run(self, time_left: Callable[[], float]) -> ReconciliationReport:
        """Compare every open ticket with its workflow, repair the differences, return the report.

        `time_left` returns the seconds that this run still has. Raises OutOfTime if they are not
        enough. After any failure, the stored report contains what was done until then.
        """
        run = self._begin(time_left)
        self._reports.save(run.report())
        try:
            for team in sorted(run.teams):
                for shard in range(keys.SHARDS):
                    self._compare_partition(run, team, shard)
            self._check_other_executions(run)
            self._compare_mails(run)
        except Exception:
            self._reports.save(run.report(self._now(), run.at))
            raise
        report = run.report(self._now())
        self._reports.save(report)
        return report

    def _begin(self, time_left: Callable[[], float]) -> _Run:
        """List the running executions and read the deployed definition, before any ticket is read.

        `began_at` is set before the definition is read. So every execution that starts more than
        SETTLES after `began_at` uses the definition that was read, or a newer one.
        """
        # Before the time, because only an answer of the table says whether the clock is right.
        teams = known_teams(self._plans, self._staff, self._reports)
        began = self._now()
        definition = self._executions.definition()
        executions = self._executions.running()
        return _Run(
            began_at=began,
            definition=definition,
            definition_since=self._since(definition, executions, began),
            teams=teams,
            executions=executions,
            time_left=time_left,
            changed=self._mails.begin(),
        )

    def _compare_mails(self, run: _Run) -> None:
        """Compare the events of changed tickets with the records of their mails."""
        run.mails = self._mails.run(
            run.changed,
            sent=partial(run.note, Finding.MAIL_SENT_AGAIN),
            explained=partial(run.note, Finding.MAIL_EXPLAINED),
            unreadable=run.note_broken,
            enter=run.enter,
        )

    def _since(self, definition: str, executions: dict[str, datetime], began: datetime) -> datetime:
        """Return when the deployed definition came into use. It has been in use since then.

        The newest execution says which revision of the machine it uses, and since when this
        revision is deployed. If the newest execution from before that time has the same definition,
        then only other settings of the machine were changed, and that execution is asked next.
        Every execution that started earlier than the returned time has another definition, or began
        under a revision before the last MOST_REVISIONS or before a rollback. If no execution has
        the deployed definition, returns `began`.
        """
        since, asked = began, executions
        for _ in range(MOST_REVISIONS):
            if not asked:
                break
            newest = max(asked, key=asked.__getitem__)
            used = self._executions.used_by(newest)
            if used is None or used.definition != definition:
                break
            since = min(used.since, asked[newest])
            asked = {name: started for name, started in asked.items() if started < since}
        return since

    # ---------------------------------------------------------------- open tickets

    def _compare_partition(self, run: _Run, team: str, shard: int) -> None:
        """Compare the open tickets of one partition of the index with their workflows."""
        cursor: str | None = None
        while True:
            run.enter(f"{team}/{shard}")
            page = self._lists.open_in_shard(team, shard, cursor)
            pairs = self._timers.side_by_side(page.numbers)
            run.items_read += 3 * len(page.numbers)
            for number, (ticket, timer) in zip(page.numbers, pairs, strict=True):
                run.compared.add(number)
                run.changed.see(number, ticket)
                if not self._seems_right(run, ticket, timer):
                    run.items_read += 2
                    self._check_again(run, number)
                elif timer is not None:
                    run.matched.add(execution_name(number, timer.gen))
            cursor = page.cursor
            if cursor is None:
                return

    def _seems_right(self, run: _Run, ticket: Ticket | None, timer: Timer | None) -> bool:
        """Whether snapshot, TIMER and execution of a ticket agree.

        Snapshot and TIMER come from a batch read, so they may be a moment old.
        """
        if ticket is None or timer is None:
            return False
        try:
            plan = self._plans.get(ticket.plan_version)
        except Unreadable:
            return False
        started = run.executions.get(execution_name(ticket.number, timer.gen))
        verdict = assess(ticket, timer, started, self._now(), run.settled_at)
        return verdict is Finding.WELL and not differs(ticket, plan, timer)

    def _check_again(self, run: _Run, number: str) -> None:
        """Read a ticket again, with consistent reads, and repair it if it still differs.

        The snapshot is read before the TIMER. If the ticket changes between the two reads, the
        snapshot has an outdated version, and `TimerStore.correct` writes nothing.
        """
        try:
            ticket = self._tickets.get(number)
            plan = self._plans.get(ticket.plan_version)
        except (NotFound, Unreadable):
            run.note_broken(number)
            return
        try:
            timer = self._timers.get(number)
        except (NotFound, Unreadable):
            self._rebuild(run, ticket, plan)
            return
        name = execution_name(number, timer.gen)
        run.matched.add(name)
        if ticket.phase is Phase.CLOSED:
            return  # the index lagged behind
        run.teams.add(ticket.team)
        if differs(ticket, plan, timer):
            if not run.allows(Finding.CORRECTED):
                return
            wake = tickets.next_wake(ticket, plan)
            if not self._timers.correct(ticket, timer, wake, self._now()):
                return  # the ticket or its TIMER has just changed, so nothing was written
            run.note(Finding.CORRECTED, number)
            timer = self._timers.get(number)
        finding = assess(ticket, timer, run.executions.get(name), self._now(), run.settled_at)
        if finding is Finding.OLDER_DEFINITION and self._uses_deployed(run, name):
            since = run.definition_since
            finding = assess(ticket, timer, run.executions[name], self._now(), since)
        if finding is Finding.WELL:
            return
        if finding is Finding.AWAKE:
            run.note(finding, number)
        elif run.allows(finding):
            try:
                self._repair(run, finding, ticket, timer)
            except Exception as error:
                if not retry.is_wrong_request(error):
                    raise
                # A service refuses a value of the TIMER, so it is reported like a damaged item.
                observe.unreadable(keys.ticket_pk(number), keys.TIMER, error)
                run.note(Finding.BROKEN, number)

    def _rebuild(self, run: _Run, ticket: Ticket, plan: Plan) -> None:
        """Rebuild a TIMER that is missing or damaged. The stream starts the new generation.

        An execution of an earlier generation that still runs is stopped at the end of this run.
        """
        if not run.allows(Finding.REBUILT):
            return
        run.teams.add(ticket.team)
        wake = tickets.next_wake(ticket, plan)
        if self._tickets.rebuild_timer(ticket, wake, self._now()):
            run.note(Finding.REBUILT, ticket.number)

    def _repair(self, run: _Run, finding: Finding, ticket: Ticket, timer: Timer) -> None:
        """Start the workflow, wake it, or let the next generation take over."""
        number, name = ticket.number, execution_name(ticket.number, timer.gen)
        if finding is Finding.FOLLOWED:
            status = self._executions.status(name)
            if status == "RUNNING":
                return  # the list of executions lagged behind
            if status == MISSING and timer.armed is None and timer.awake_since is not None:
                if self._now() - timer.awake_since > PATIENCE:
                    self._relay.signal(number)
                    run.note(Finding.STARTED, number)
                else:
                    run.note(Finding.AWAKE, number)
                return
        elif finding is Finding.WOKEN and timer.armed and self._relay.wake(timer.armed):
            run.note(finding, number)
            return
        elif finding is Finding.OLDER_DEFINITION:
            self._wait_until_settled(run)
        if not self._timers.next_generation(number, timer.gen, self._now(), ticket.version):
            return  # another generation took over, or the ticket was closed, in the meantime
        run.note(Finding.FOLLOWED if finding is Finding.WOKEN else finding, number)
        # An execution that can be woken finds the newer generation and ends. Any other is stopped.
        woken = timer.armed is not None and self._relay.wake(timer.armed)
        if name in run.executions and not woken:
            self._executions.stop(name, _SUPERSEDED)

    def _uses_deployed(self, run: _Run, name: str) -> bool:
        """Whether an execution that started soon after the deployment has the new definition.

        Step Functions is asked at most MOST_ASKED times. After that the answer is False, and the
        execution is replaced to be safe.
        """
        if run.executions[name] < run.definition_since or run.asked >= MOST_ASKED:
            return False
        run.asked += 1
        used = self._executions.used_by(name)
        return used is not None and used.definition == run.definition

    def _wait_until_settled(self, run: _Run) -> None:
        """Wait until every new execution is sure to use the deployed definition."""
        left = (run.settled_at - self._now()).total_seconds()
        if left > 0:
            self._pause(left)

    # ---------------------------------------------------------------- other executions

    def _check_other_executions(self, run: _Run) -> None:
        """Check the executions that belong to no ticket of the index."""
        for name, started in run.executions.items():
            if name in run.matched or self._now() - started < PATIENCE:
                continue  # it belongs to a ticket of the index, or is too young to judge
            run.enter("other executions")
            try:
                number, gen = ticket_of_execution(name)
                timer = self._timer_of(run, number)
            except (NotFound, ValueError):
                run.note(Finding.FOREIGN, name)
                continue
            except Unreadable:
                continue  # the ticket is broken, or this run rebuilds no more TIMERs
            is_open = timer.phase is not Phase.CLOSED
            if is_open and timer.gen == gen and number not in run.compared:
                # The index did not list this ticket: its team was unknown, or its entry moved while
                # the pages were read.
                run.compared.add(number)
                run.items_read += 2
                self._check_again(run, number)
            elif is_open and timer.gen == gen:
                continue  # the ticket is broken, and was reported
            elif is_open and timer.gen < gen:
                # The table was restored to a time before this generation began.
                run.note(Finding.FOREIGN, name)
            elif run.allows(Finding.STOPPED):
                self._executions.stop(name, _SUPERSEDED)
                run.note(Finding.STOPPED, name)

    def _timer_of(self, run: _Run, number: str) -> Timer:
        """The TIMER of a ticket that has an execution. It is rebuilt if it is missing or damaged.

        Raises NotFound if there is no such ticket, and Unreadable if its TIMER still cannot be
        read.
        """
        run.items_read += 1
        try:
            return self._timers.get(number)
        except (NotFound, Unreadable):
            self._tickets.get(number)
            if number not in run.compared:
                run.compared.add(number)
                run.items_read += 2
                self._check_again(run, number)
        try:
            return self._timers.get(number)
        except NotFound as error:
            raise Unreadable(keys.ticket_pk(number), keys.TIMER) from error
