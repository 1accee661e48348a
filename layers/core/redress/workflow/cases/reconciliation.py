"""Once a day: every open ticket has one running workflow, asleep until the right time.

What a change or the sweep should have done already is looked at again from the other side: the
open tickets, found by the index partition by partition, against the executions that run. Each
difference is seen twice before it is believed, repaired under a condition that a change at the
same instant wins, and reported. What grew too old to go on goes on in a new generation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from redress.base.errors import NotFound, RedressError
from redress.db import encoding, keys
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.ticket import Phase, Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.timers import Timer, TimerStore
from redress.workflow.cases.relay import RelayCase, execution_name, ticket_of_execution
from redress.workflow.cases.repair import PATIENCE
from redress.workflow.cases.teams import known_teams
from redress.workflow.executions import MISSING, Executions
from redress.workflow.store import ReconciliationReport, ReportStore

OVERDUE = timedelta(minutes=30)
"""How long a sleeper's time may be past. A look that fails is tried for some 20 minutes before its
generation gives up (`ActOnDueClocks` in `ticket.asl.json`), and is no sleeper meanwhile."""

STUCK = timedelta(hours=1)
"""How long a ticket may be awake: the sweep has then tried a dozen times."""

OLDEST = timedelta(days=330)
"""A standard execution ends after a year (Step Functions quotas); a month is left for tries."""

LONGEST = 1000
"""Events of a ticket in one generation. A look adds 15 events to an execution's history at most
(7 of the look, 2 of the wait that ended, 4 of the next, 2 to spare), and no wait ends on purpose
without an event of the ticket or a quarter of a year: 15,000 of the 25,000 that an execution may
have (Step Functions quotas). The rest is for retries; one that outgrows it dies, and is followed.
"""

SETTLES = timedelta(seconds=10)
"""`UpdateStateMachine` holds for executions started a few seconds after it (its API reference)."""

FOLLOWED_A_RUN = 500
RENEWED_A_RUN = 1000
"""How many workflows one run revives or renews: each costs some calls of Step Functions, whose
quotas the tickets of the day need as well. What is left is reported, for the next run."""

RESERVE_S = 20.0
"""What a run keeps of its time to write its report and end."""

EXAMPLES = 20

_SUPERSEDED = "the ticket is closed, or another generation goes on"


class Finding(StrEnum):
    """What one look at a ticket or an execution found, by what was done. Values are stored."""

    WELL = "well"
    AWAKE = "awake"
    """Its machine is just being signalled: the business of relay and sweep."""
    STARTED = "started"
    """Its workflow had never been started."""
    FOLLOWED = "followed"
    """Its workflow had ended, unheard of: the next generation goes on."""
    STUCK = "stuck"
    """No signal reached its workflow for an hour: the next generation goes on."""
    CORRECTED = "corrected"
    """Its TIMER said another phase or time than its own clocks."""
    WOKEN = "woken"
    """It slept past its time."""
    NEAR_A_YEAR = "near_a_year"
    LONG_HISTORY = "long_history"
    OLDER_DEFINITION = "older_definition"
    """These three went on in the next generation, before anything happened."""
    STOPPED = "stopped"
    """An execution of a closed ticket, or of a generation that was followed: it was ended."""
    FOREIGN = "foreign"
    """An execution of no ticket that this table knows: somebody's own, left alone."""
    BROKEN = "broken"
    """A ticket whose head, TIMER or plan is missing or cannot be read: left for a person."""


RENEWED = {Finding.NEAR_A_YEAR, Finding.LONG_HISTORY, Finding.OLDER_DEFINITION}
REPAIRED = {
    Finding.STARTED,
    Finding.FOLLOWED,
    Finding.STUCK,
    Finding.CORRECTED,
    Finding.WOKEN,
    Finding.STOPPED,
}


class OutOfTime(RedressError):
    """The run had to end before its end; the message says how far it came."""


def differs(ticket: Ticket, plan: Plan, timer: Timer) -> bool:
    """Whether the TIMER says another phase or next wake than the ticket's own clocks."""
    return timer.phase is not ticket.phase or _ms(timer.next_wake) != _ms(
        tickets.next_wake(ticket, plan)
    )


def judge(
    ticket: Ticket, timer: Timer, started_at: datetime | None, now: datetime, current: datetime
) -> Finding:
    """What is to be said of an open ticket's workflow, its TIMER being right.

    `started_at` is when the execution of its generation started, None when none runs. An execution
    from before `current` may have an older definition than the one deployed.
    """
    if started_at is None:
        return Finding.FOLLOWED
    if not timer.asleep:
        since = timer.awake_since
        if since is None:
            return Finding.STUCK  # neither asleep nor marked: nobody else would ever look
        return Finding.STUCK if now - since > STUCK else Finding.AWAKE
    if timer.next_wake is not None and now - timer.next_wake > OVERDUE:
        return Finding.WOKEN
    if started_at < current:
        return Finding.OLDER_DEFINITION
    if now - started_at > OLDEST:
        return Finding.NEAR_A_YEAR
    if ticket.version - timer.gen_version > LONGEST:
        return Finding.LONG_HISTORY
    return Finding.WELL


def _ms(moment: datetime | None) -> int | None:
    """As a TIMER keeps it."""
    return encoding.milliseconds(moment) if moment is not None else None


@dataclass(slots=True)
class _Run:
    """One run under way."""

    began_at: datetime
    definition: str
    definition_since: datetime
    teams: set[str]
    executions: dict[str, datetime]
    time_left: Callable[[], float]
    at: str = "the list of executions"
    met: set[str] = field(default_factory=set)
    """Names of the executions that belong to an open ticket of the index."""
    opened: set[str] = field(default_factory=set)
    items_read: int = 0
    found: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    left: int = 0

    @property
    def current(self) -> datetime:
        return self.definition_since + SETTLES

    def note(self, finding: Finding, name: str) -> None:
        self.found[finding] += 1
        named = self.examples.setdefault(finding, [])
        if len(named) < EXAMPLES:
            named.append(name)

    def may(self, finding: Finding) -> bool:
        """Whether this run may do one more of its kind; what it may not is left."""
        kinds, bound = (
            (RENEWED, RENEWED_A_RUN) if finding in RENEWED else (REPAIRED, FOLLOWED_A_RUN)
        )
        allowed = sum(self.found[kind] for kind in kinds) < bound
        self.left += not allowed
        return allowed

    def go_on(self, at: str) -> None:
        """The next step may begin; raises OutOfTime when too little time is left for it."""
        self.at = at
        if self.time_left() < RESERVE_S:
            done = f"{len(self.opened)} tickets compared"
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
            open=len(self.opened),
            items_read=self.items_read,
            found=dict(self.found),
            examples=self.examples,
            left=self.left,
            stopped_at=stopped_at,
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
        now: Callable[[], datetime],
        pause: Callable[[float], None],
    ) -> None:
        self._tickets, self._timers, self._lists = tickets, timers, lists
        self._plans, self._staff = plans, staff
        self._relay, self._executions, self._reports = relay, executions, reports
        self._now, self._pause = now, pause

    def run(self, time_left: Callable[[], float]) -> ReconciliationReport:
        """Compare every open ticket with its workflow and repair what differs; the report.

        `time_left` gives the seconds that this run still has. Raises OutOfTime when they do not
        suffice; the report of what was done until then is stored, as after any other failure.
        """
        run = self._begin(time_left)
        self._reports.save(run.report())
        try:
            for team in sorted(run.teams):
                for shard in range(keys.SHARDS):
                    self._walk(run, team, shard)
            self._look_at_the_rest(run)
        except Exception:
            self._reports.save(run.report(self._now(), run.at))
            raise
        report = run.report(self._now())
        self._reports.save(report)
        return report

    def _begin(self, time_left: Callable[[], float]) -> _Run:
        """What runs and what is deployed, before any ticket is looked at.

        The time is taken before the definition is asked for: whatever starts later than that (and
        than it takes to hold) has the definition that was seen, or a newer one.
        """
        began = self._now()
        last = next(iter(self._reports.latest()), None)
        definition = self._executions.definition()
        seen = last is not None and last.definition == definition
        return _Run(
            began_at=began,
            definition=definition,
            definition_since=last.definition_since if last is not None and seen else began,
            teams=known_teams(self._plans, self._staff, self._reports),
            executions=self._executions.running(),
            time_left=time_left,
        )

    # ---------------------------------------------------------------- open tickets

    def _walk(self, run: _Run, team: str, shard: int) -> None:
        cursor: str | None = None
        while True:
            run.go_on(f"{team}/{shard}")
            page = self._lists.open_in_shard(team, shard, cursor)
            pairs = self._timers.side_by_side(page.numbers)
            run.items_read += 3 * len(page.numbers)
            for number, (ticket, timer) in zip(page.numbers, pairs, strict=True):
                run.opened.add(number)
                if not self._is_well(run, ticket, timer):
                    run.items_read += 2
                    self._mend(run, number)
                elif timer is not None:
                    run.met.add(execution_name(number, timer.gen))
            cursor = page.cursor
            if cursor is None:
                return

    def _is_well(self, run: _Run, ticket: Ticket | None, timer: Timer | None) -> bool:
        """Whether there is nothing to say of a ticket, as it was read in passing."""
        if ticket is None or timer is None:
            return False
        try:
            plan = self._plans.get(ticket.plan_version)
        except LookupError:
            return False
        started = run.executions.get(execution_name(ticket.number, timer.gen))
        verdict = judge(ticket, timer, started, self._now(), run.current)
        return verdict is Finding.WELL and not differs(ticket, plan, timer)

    def _mend(self, run: _Run, number: str) -> None:
        """Look again at a ticket that does not seem well, and do what is to be done.

        Head first, then TIMER: a change between the two is a head of an older version, under which
        nothing is written.
        """
        try:
            ticket, timer = self._tickets.get(number), self._timers.get(number)
            plan = self._plans.get(ticket.plan_version)
        except (NotFound, LookupError, ValueError, TypeError, encoding.Unreadable):
            run.note(Finding.BROKEN, number)
            return
        name = execution_name(number, timer.gen)
        run.met.add(name)
        if ticket.phase is Phase.CLOSED:
            return  # the index was a moment behind
        run.teams.add(ticket.team)
        if differs(ticket, plan, timer):
            if not run.may(Finding.CORRECTED):
                return
            wake = tickets.next_wake(ticket, plan)
            if not self._timers.correct(ticket, timer, wake, self._now()):
                return  # somebody changes it at this moment, and knows better
            run.note(Finding.CORRECTED, number)
            timer = self._timers.get(number)
        finding = judge(ticket, timer, run.executions.get(name), self._now(), run.current)
        if finding is Finding.WELL:
            return
        if finding is Finding.AWAKE:
            run.note(finding, number)
        elif run.may(finding):
            self._act(run, finding, ticket, timer)

    def _act(self, run: _Run, finding: Finding, ticket: Ticket, timer: Timer) -> None:
        number, name = ticket.number, execution_name(ticket.number, timer.gen)
        if finding is Finding.FOLLOWED:
            status = self._executions.status(name)
            if status == "RUNNING":
                return  # the list was a moment behind
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
            self._settle(run)
        if not self._timers.next_generation(number, timer.gen, self._now(), ticket.version):
            return  # somebody else was faster
        run.note(Finding.FOLLOWED if finding is Finding.WOKEN else finding, number)
        # Told to look, the older generation finds itself followed and ends by itself.
        told = timer.armed is not None and self._relay.wake(timer.armed)
        if name in run.executions and not told:
            self._executions.stop(name, _SUPERSEDED)

    def _settle(self, run: _Run) -> None:
        """Let a definition that was seen just now hold, so that what starts next has it."""
        left = (run.current - self._now()).total_seconds()
        if left > 0:
            self._pause(left)

    # ---------------------------------------------------------------- other executions

    def _look_at_the_rest(self, run: _Run) -> None:
        """Executions that no open ticket of the walk accounts for."""
        for name, started in run.executions.items():
            if name in run.met or self._now() - started < PATIENCE:
                continue  # it has just begun, or is just ending
            run.go_on("other executions")
            try:
                number, gen = ticket_of_execution(name)
                run.items_read += 1
                timer = self._timers.get(number)
            except (NotFound, ValueError):
                run.note(Finding.FOREIGN, name)
                continue
            is_open = timer.phase is not Phase.CLOSED
            if is_open and timer.gen == gen:
                # Open, but not met: of a team that nobody knew, or it moved from page to page.
                run.opened.add(number)
                run.items_read += 2
                self._mend(run, number)
            elif is_open and timer.gen < gen:
                run.note(Finding.FOREIGN, name)  # of the time after that to which we were restored
            elif run.may(Finding.STOPPED):
                self._executions.stop(name, _SUPERSEDED)
                run.note(Finding.STOPPED, name)
