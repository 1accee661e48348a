"""Use cases of rehearsals of a plan over a period, and of moves of open tickets to a plan.

`RehearsalCases` serves managers: they begin a job, and read its progress and its result.
`RehearsalJobs` has the tasks of the rehearsal state machine: list the parts of a job, process each
part page by page, and sum up the parts. Every task can be repeated, because a repeated task does
not count or move a ticket twice.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redress.base.errors import (
    Fault,
    Forbidden,
    InvalidInput,
    KeyReused,
    NotAllowedNow,
    NotFound,
    Unavailable,
    Unreadable,
    VersionConflict,
)
from redress.base.people import Actor, Member, Role
from redress.clocks.rules import periods
from redress.db import encoding, retry
from redress.db.keys import SHARDS
from redress.plans.cases import not_effective_yet, prepared
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.rehearsals.messages import PartResult, RunJob, input_of
from redress.rehearsals.rules import counting
from redress.rehearsals.rules.counting import Counts
from redress.rehearsals.rules.rehearsal import rehearse
from redress.rehearsals.store import (
    JobKind,
    JobPart,
    JobState,
    PartRaced,
    Progress,
    RehearsalJob,
    RehearsalStore,
)
from redress.staff.rules.classification import Rules
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Event, EventType, Ticket
from redress.tickets.store.lists import Page, TicketLists
from redress.tickets.store.tickets import TicketStore
from redress.workflow.cases.teams import known_teams
from redress.workflow.executions import DEAD
from redress.workflow.store import ReportStore

MOST_MONTHS = 120
DRY_RUN_HOLDS = timedelta(hours=24)
"""A move can be applied until this long after its dry run began. Later the counts are too old."""

WORK_FOR = timedelta(seconds=40)
"""An invocation begins no new page after this time. The function's timeout is a minute."""
PAGE = 25
SAVE_AFTER = 250
"""How many tickets are rehearsed between two saves. After a crash, at most so many are repeated."""
MOST_ROUNDS = 5
"""The most rounds over a part of a move. A further round finds the tickets that the round before
missed because they changed their place in the index (see `_end_round`)."""
FINE_MONTHS = 3
PIECES = 4
"""If a period has at most FINE_MONTHS months, each month is cut into this many pieces. Otherwise
there would be too few parts to keep all workers busy."""

NOT_STARTED = "not started"
"""The fault of a job that Step Functions did not start."""

MORE, DONE, FAILED = "more", "done", "failed"
REHEARSE, MOVE = "rehearse", "move"
"""The values of `Listed.act`, the task for each part. REHEARSE is for rehearsals and dry runs, and
writes no tickets. MOVE is for a move that is applied."""


@dataclass(frozen=True, slots=True)
class RehearsalStatus:
    """A job, its progress, and its counts once it is done."""

    job: RehearsalJob
    progress: Progress
    counts: Counts | None


@dataclass(frozen=True, slots=True)
class AskedMove:
    """What a request for a move says beside the version. `key` is its Idempotency-Key, or ""."""

    apply: bool
    dry_run: str | None
    reason: str | None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """The parts that the state machine processes, by name, and the task for each of them."""

    job: str
    act: str
    parts: list[str]


@dataclass(frozen=True, slots=True)
class Worked:
    """The state of a part: `done`, or `more` if it needs another invocation."""

    part: str
    state: str


@dataclass(frozen=True, slots=True)
class RehearsalFinished:
    """How a job ended. If `failed` is above 0, the execution fails.

    `failed` counts the unfinished parts. It is 1 if the job failed as a whole.
    """

    job: str
    parts: int
    failed: int


# ------------------------------------------------------------------------------------ for people


class RehearsalCases:
    """The use cases of managers. `step_functions` creates a client on demand."""

    def __init__(
        self,
        rehearsals: RehearsalStore,
        plans: Plans,
        staff: StaffStore,
        step_functions: Callable[[], Any],
        machine_arn: str,
        now: Callable[[], datetime],
    ) -> None:
        self._rehearsals, self._plans, self._now = rehearsals, plans, now
        self._staff = staff
        self._step_functions, self._machine_arn = step_functions, machine_arn

    def rehearse(
        self,
        member: Member,
        document: Any,
        period: str | None,
        first: str | None,
        last: str | None,
        key: str = "",
    ) -> RehearsalJob:
        """Begin a rehearsal of a draft over the tickets that were opened in one or more months.

        `period` names one month; `first` and `last` name a range. The draft is checked in the same
        way as for publication. Only the checks against the latest published version (version
        number, effective date) are left out. `key` is the Idempotency-Key. Raises InvalidInput with
        all faults, and KeyReused if `key` was used with another body.
        """
        self._managers_only(member)
        faults: list[Fault] = []
        draft, plan = self._draft(document, faults)
        months = self._months(period, first, last, faults)
        if faults or plan is None or months is None:
            raise InvalidInput(faults)
        zone = self._plans.current().time_zone
        asked = {"plan": draft, "period": list(months)}
        job = RehearsalJob(
            id=_id(JobKind.REHEARSAL, key),
            kind=JobKind.REHEARSAL,
            by=member.id,
            role=member.role.value,
            begun_at=self._now(),
            fingerprint=encoding.fingerprint(asked),
            plan_version=plan.version,
            period=months,
            start=periods.period_bounds(months[0], zone)[0],
            end=periods.period_bounds(months[1], zone)[1],
        )
        return self._begin(job, draft, key)

    def move(self, member: Member, version: int, content: Callable[[], AskedMove]) -> RehearsalJob:
        """Begin a move of all open tickets to a published version, or a dry run of such a move.

        `content` reads the request, after the version was found. `apply` says that the tickets are
        to be moved. Then `reason` is required, and `dry_run` must be the id of a dry run for the
        same version. That dry run must be done, and it must have begun no longer ago than
        DRY_RUN_HOLDS. Without `apply` the job is a dry run. For a version that is not effective
        yet, only a dry run is possible. Raises NotFound for a version that was never published,
        then the errors of `content`, and InvalidInput with all faults.
        """
        self._managers_only(member)
        try:
            plan = self._plans.published(version)
        except LookupError as error:
            raise NotFound("this version was never published") from error
        wanted = content()
        apply, dry_run, reason = wanted.apply, wanted.dry_run, (wanted.reason or "").strip()
        faults = self._faults_of_applying(plan, dry_run, reason) if apply else []
        if dry_run is not None and not apply:
            faults.append(Fault("/dry_run", "not_expected", "only to apply a move"))
        if faults:
            raise InvalidInput(faults)
        asked = {"version": version, "apply": apply, "dry_run": dry_run, "reason": reason}
        job = RehearsalJob(
            id=_id(JobKind.MOVE, wanted.key),
            kind=JobKind.MOVE,
            by=member.id,
            role=member.role.value,
            begun_at=self._now(),
            fingerprint=encoding.fingerprint(asked),
            plan_version=version,
            apply=apply,
            dry_run=dry_run,
            reason=reason or None,
        )
        return self._begin(job, None, wanted.key)

    def read(self, member: Member, job_id: str) -> RehearsalStatus:
        """Return a job, its progress, and its counts if it is done. Raises NotFound.

        Tickets kept from `member` are counted, but they are no examples.
        """
        self._managers_only(member)
        job, progress = self._rehearsals.job(job_id)
        done = progress.state is JobState.DONE
        counts = self._rehearsals.result(job_id) if done else None
        if counts is not None:
            counts.hide(self._staff.kept_from(member))
        return RehearsalStatus(job, progress, counts)

    @staticmethod
    def _managers_only(member: Member) -> None:
        if member.role is not Role.MANAGER:
            raise Forbidden("plans are for managers")

    def _begin(self, job: RehearsalJob, draft: dict[str, Any] | None, key: str) -> RehearsalJob:
        """Store the job and start the state machine. `key` is the Idempotency-Key.

        The job's id is also the name of the execution, so a repeated request starts nothing new.
        Raises Unavailable if Step Functions does not say that it has started. With a key the job
        then waits for a repeated request, which starts it. Without a key nobody can ask for this
        job again, so it is marked as failed: should it have started, it ends at its first task
        (`RehearsalJobs.list_parts`).
        """
        if not self._rehearsals.begin(job, draft, self._now()):
            held, progress = self._rehearsals.job(job.id)
            if held.fingerprint != job.fingerprint:
                raise KeyReused("this Idempotency-Key was used for another rehearsal")
            if progress.state is not JobState.WAITING:
                return held
            job = held
        client = self._step_functions()
        try:
            retry.call(
                lambda: client.start_execution(
                    stateMachineArn=self._machine_arn,
                    name=job.id,
                    input=input_of(RunJob(job.id)),
                )
            )
        except client.exceptions.ExecutionAlreadyExists:
            return job  # a repeated request
        except Exception:
            if not key and not self._rehearsals.abandon(job.id, NOT_STARTED, self._now()):
                return job  # its first task has run, so it did start
            raise
        return job

    def _draft(
        self, document: Any, faults: list[Fault]
    ) -> tuple[dict[str, Any] | None, Plan | None]:
        """Return the document as it would be stored, and its plan; None for both if it has faults.

        Appends all faults to `faults`.
        """
        try:
            return prepared(document, self._now())
        except InvalidInput as invalid:
            faults += [Fault("/plan" + f.pointer, f.code, f.detail) for f in invalid.faults]
            return None, None

    def _months(
        self, period: str | None, first: str | None, last: str | None, faults: list[Fault]
    ) -> tuple[str, str] | None:
        """Return the first and the last month; None if there are none. Adds faults to `faults`."""
        if period is not None and (first is not None or last is not None):
            detail = "either a period or from and to"
            faults.append(Fault("/period", "not_both", detail))
            return None
        if period is not None:
            named = {"/period": period}
        else:
            named = {"/from": first or "", "/to": last or ""}
        bounds = []
        zone = self._plans.current().time_zone
        for at, month in named.items():
            try:
                bounds.append(periods.period_bounds(month, zone))
            except ValueError:
                detail = "a month such as 2026-11 is expected"
                faults.append(Fault(at, "period_expected", detail))
        if len(bounds) < len(named):
            return None
        chosen = list(named.values())
        at = next(iter(named))
        if bounds[0][0] > self._now():
            faults.append(Fault(at, "not_begun", "this month has not begun yet"))
        if bounds[-1][0] < bounds[0][0]:
            faults.append(Fault("/to", "backwards", "not before `from`"))
        elif len(list(_by_month(bounds[0][0], bounds[-1][1]))) > MOST_MONTHS + 1:
            faults.append(Fault("/to", "too_long", f"at most {MOST_MONTHS} months"))
        return chosen[0], chosen[-1]

    def _faults_of_applying(self, plan: Plan, dry_run: str | None, reason: str) -> list[Fault]:
        faults: list[Fault] = []
        if not reason:
            faults.append(Fault("/reason", "required", "why the tickets are moved"))
        if not plan.in_force(self._now()):
            faults.append(not_effective_yet("/apply", plan))
        if dry_run is None:
            detail = "name the dry run that says what this does"
            return [*faults, Fault("/dry_run", "required", detail)]
        try:
            job, progress = self._rehearsals.job(dry_run)
        except NotFound:
            return [*faults, Fault("/dry_run", "unknown", "there is no such dry run")]
        if job.kind is not JobKind.MOVE or job.apply or job.plan_version != plan.version:
            faults.append(Fault("/dry_run", "other", "this is no dry run of this move"))
        elif progress.state is not JobState.DONE:
            faults.append(Fault("/dry_run", "not_done", f"the dry run is {progress.state}"))
        elif self._now() - job.begun_at > DRY_RUN_HOLDS:
            detail = "it was begun more than a day ago; let it run again"
            faults.append(Fault("/dry_run", "too_old", detail))
        return faults


def _id(kind: JobKind, key: str) -> str:
    if not key:
        return secrets.token_hex(8)
    return hashlib.sha256(f"{kind}:{key}".encode()).hexdigest()[:16]


# --------------------------------------------------------------------------------- for the machine

_Look = Callable[[str, JobPart], None]
_Pages = Callable[[str | None], Page]


class RehearsalJobs:
    def __init__(
        self,
        rehearsals: RehearsalStore,
        tickets: TicketStore,
        lists: TicketLists,
        changes: TicketChanges,
        staff: StaffStore,
        plans: Plans,
        reports: ReportStore,
        now: Callable[[], datetime],
    ) -> None:
        self._rehearsals, self._tickets, self._staff = rehearsals, tickets, staff
        self._lists, self._changes = lists, changes
        self._plans, self._reports, self._now = plans, reports, now
        self._draft: tuple[str, Plan, Rules] | None = None

    def list_parts(self, job_id: str) -> Listed:
        """List the parts into which a job is divided, and count its tickets.

        Raises ValueError for a job that is marked as failed: it must do nothing any more.
        """
        job, progress = self._rehearsals.job(job_id)
        if progress.state is JobState.FAILED:
            raise ValueError("this job has failed already")
        if job.kind is JobKind.REHEARSAL:
            parts = [
                _slice_name(*piece, shard) for piece in _pieces(job) for shard in range(SHARDS)
            ]
            tickets = sum(self._lists.count_opened(*_slice_of(name)) for name in parts)
        else:
            teams = sorted(known_teams(self._plans, self._staff, self._reports))
            parts = [f"{team}#{shard}" for team in teams for shard in range(SHARDS)]
            tickets = sum(self._lists.count_open(*_team_of(name)) for name in parts)
        self._rehearsals.listed(job_id, len(parts), tickets, self._now())
        return Listed(job_id, MOVE if job.apply else REHEARSE, parts)

    def rehearse_part(self, job_id: str, name: str) -> Worked:
        """Continue a part of a rehearsal or of a dry run, for at most about WORK_FOR."""
        job, _ = self._rehearsals.job(job_id)
        if job.kind is JobKind.MOVE:
            return self._work(job, name, self._open_pages(name), self._count_move(job))
        draft = self._draft_of(job_id)
        start, end, shard = _slice_of(name)
        return self._work(
            job,
            name,
            lambda cursor: self._lists.opened_page(start, end, shard, PAGE, cursor),
            lambda number, part: self._rehearse(job, *draft, number, part.counts),
        )

    def _draft_of(self, job_id: str) -> tuple[Plan, Rules]:
        """Return the plan of the draft, and its rules that classify tickets.

        It is parsed once for all parts that this process works on.

        The plan can be cached because a draft never changes. The cached plan also keeps the days
        that its calendars have computed.
        """
        if self._draft is None or self._draft[0] != job_id:
            plan = parse(self._rehearsals.draft(job_id))
            self._draft = (job_id, plan, Rules(plan.classification))
        return self._draft[1:]

    def move_part(self, job_id: str, name: str) -> Worked:
        """Continue a part of a move that is applied. Raises ValueError for any other job."""
        job, _ = self._rehearsals.job(job_id)
        if not job.apply:
            raise ValueError("this job moves nothing")
        return self._work(job, name, self._open_pages(name), self._move(job), save_after=4 * PAGE)

    def finish(self, job_id: str, results: Sequence[PartResult]) -> RehearsalFinished:
        """Store the sum of all parts as the result. If a part is unfinished, the job fails."""
        _, progress = self._rehearsals.job(job_id)
        whole, finished = Counts(), 0
        for part in self._rehearsals.parts(job_id):
            whole.include(part.counts)
            finished += part.finished
        missing = progress.parts - finished
        if missing:
            errors = [result.error for result in results if result.state == FAILED]
            self._rehearsals.fail(job_id, errors[0] if errors else "unfinished", self._now())
        else:
            self._rehearsals.conclude(job_id, whole, self._now())
        return RehearsalFinished(job_id, progress.parts, missing)

    def fail(self, job_id: str, error: str) -> RehearsalFinished:
        """Mark a job as failed."""
        self._rehearsals.fail(job_id, error, self._now())
        return RehearsalFinished(job_id, 0, 1)

    def stopped(self, execution: str, status: str) -> bool:
        """Mark a job as failed if its execution ended badly, without running its last states.

        `execution` is the name of the execution, which begins with the job's id. `status` is its
        final status. Returns False if nothing changed: the execution did not end badly, or the job
        is over already or does not exist.
        """
        if status not in DEAD:
            return False
        job_id = execution.partition("-")[0]
        return self._rehearsals.fail(job_id, f"execution {status}", self._now())

    # ---------------------------------------------------------------- one part

    def _work(
        self, job: RehearsalJob, name: str, pages: _Pages, look: _Look, save_after: int = SAVE_AFTER
    ) -> Worked:
        """Process a part page by page and save it regularly. `look` processes one ticket.

        If another invocation has saved the part meanwhile, this one continues from what that one
        saved. Only the first round over a part counts as progress.
        """
        stop_at = self._now() + WORK_FOR
        part = self._rehearsals.part(job.id, name)
        while not part.finished and self._now() < stop_at:
            looked, first_round = 0, part.rounds == 0
            while looked < save_after and self._now() < stop_at:
                page = pages(part.cursor)
                for number in page.numbers:
                    look(number, part)
                looked += len(page.numbers)
                part.cursor = page.cursor
                if page.cursor is None:
                    _end_round(part)
                    break
            try:
                done = looked if first_round else 0
                self._rehearsals.save_part(job.id, name, part, done, self._now())
            except PartRaced:
                part = self._rehearsals.part(job.id, name)
        return Worked(name, DONE if part.finished else MORE)

    def _open_pages(self, name: str) -> _Pages:
        team, shard = _team_of(name)
        return lambda cursor: self._lists.open_in_shard(team, shard, cursor, PAGE)

    def _rehearse(
        self, job: RehearsalJob, draft: Plan, rules: Rules, number: str, counts: Counts
    ) -> None:
        try:
            file = self._tickets.file(number, behind=True)
            began = self._plans.get(_first_version(file.ticket, file.history))
            found = rehearse(file.history, began, self._plans.get, draft, job.begun_at, rules)
        except NotFound:
            return  # the index and this read are eventually consistent
        except (LookupError, ValueError, Unreadable):
            # One unreadable history must not prevent the report of all others.
            counting.add_unreadable(counts, number)
            return
        counting.add_comparison(counts, found)

    def _count_move(self, job: RehearsalJob) -> _Look:
        """Return a function that counts how a move would change a ticket. It writes nothing."""
        decide, plan = self._decide(job), self._plans.get(job.plan_version)

        def look(number: str, part: JobPart) -> None:
            try:
                ticket = self._tickets.get(number)
                moment = self._changes.moment(ticket)
                decided = decide(ticket, self._plans.get(ticket.plan_version), moment)
            except (NotFound, NotAllowedNow, LookupError, ValueError, Unreadable):
                counting.add_unreadable(part.counts, number)
                return
            if decided is None:
                _leave_alone(part.counts, ticket, plan)
            else:
                counting.add_move(part.counts, decided)

        return look

    def _move(self, job: RehearsalJob) -> _Look:
        """Return a function that moves a ticket to the plan, unless it is under the plan already.

        If somebody else changes the ticket meanwhile, the move is decided again.
        """
        decide, plan = self._decide(job), self._plans.get(job.plan_version)

        def look(number: str, part: JobPart) -> None:
            moved: list[Change] = []

            def decide_and_keep(ticket: Ticket, old: Plan, at: datetime) -> Change | None:
                moved.clear()
                decided = decide(ticket, old, at)
                if decided is not None:
                    moved.append(decided)
                return decided

            try:
                after = self._changes.change(number, decide_and_keep)
            except VersionConflict as error:
                raise Unavailable(f"{number} is being changed all the time") from error
            except (NotFound, NotAllowedNow, LookupError, ValueError, Unreadable):
                if not part.rounds:
                    counting.add_unreadable(part.counts, number)
                return
            if moved:
                part.acted += 1
                counting.add_move(part.counts, *moved)
            elif not part.rounds:
                _leave_alone(part.counts, after, plan)

        return look

    def _decide(self, job: RehearsalJob) -> Callable[[Ticket, Plan, datetime], Change | None]:
        plan = self._plans.get(job.plan_version)
        actor = Actor(Role(job.role), job.by)
        reason = job.reason or "a dry run"

        def decide(ticket: Ticket, old: Plan, at: datetime) -> Change | None:
            if ticket.closure is not None or ticket.plan_version == plan.version:
                return None
            return by_staff.move_to_plan(ticket, old, plan, actor, reason, at)

        return decide


def _end_round(part: JobPart) -> None:
    """End a round over all pages of a part.

    A move does rounds until one of them moves no ticket, at most MOST_ROUNDS. One round can miss
    tickets: if a ticket is moved, or somebody else changes it, its place in the index changes while
    the round pages through the index. Any other job does one round.
    """
    part.rounds += 1
    part.finished = part.acted == 0 or part.rounds >= MOST_ROUNDS
    part.acted = 0


def _leave_alone(counts: Counts, ticket: Ticket, plan: Plan) -> None:
    why = "already" if ticket.plan_version == plan.version else "closed"
    counting.add_left_alone(counts, ticket, why)


def _first_version(ticket: Ticket, history: Iterable[Event]) -> int:
    """Return the plan version under which a ticket was opened."""
    for event in history:
        if event.type is EventType.PLAN_CHANGED:
            version: int = event.data["from"]
            return version
    return ticket.plan_version


# ---------------------------------------------------------------------------------------- parts

_Slice = tuple[datetime, datetime]


def _pieces(job: RehearsalJob) -> Iterator[_Slice]:
    """Cut the period of a job into pieces. A period that is not over ends when the job began.

    Each piece is within one UTC month, because the index has separate partitions for each month.
    """
    assert job.start is not None
    assert job.end is not None
    months = list(_by_month(job.start, min(job.end, job.begun_at)))
    pieces = PIECES if len(months) <= FINE_MONTHS else 1
    for start, end in months:
        length = (end - start) / pieces
        bounds = [start + length * n for n in range(pieces)]
        yield from zip(bounds, [*bounds[1:], end], strict=True)


def _by_month(start: datetime, end: datetime) -> Iterator[_Slice]:
    at = start.astimezone(UTC)
    while at < end:
        following = (at.replace(day=1) + timedelta(days=32)).replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        )
        yield at, min(following, end.astimezone(UTC))
        at = following


def _slice_name(start: datetime, end: datetime, shard: int) -> str:
    """Return the name of a part: `2026-11-01T00:00:00+00:00/2026-11-08T12:00:00+00:00#3`."""
    return f"{start.isoformat()}/{end.isoformat()}#{shard}"


def _slice_of(name: str) -> tuple[datetime, datetime, int]:
    between, _, shard = name.rpartition("#")
    start, _, end = between.partition("/")
    return datetime.fromisoformat(start), datetime.fromisoformat(end), int(shard)


def _team_of(name: str) -> tuple[str, int]:
    team, _, shard = name.rpartition("#")
    return team, int(shard)
