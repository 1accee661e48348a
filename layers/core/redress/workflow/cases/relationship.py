"""Relationship calls: act on the rungs of planned calls, and plan calls as a new plan says.

The sweep does both. It reads one index, in which a planned call is listed by when its next rung is
due: half a read unit if none is due. No execution waits for a call, however many customers are
called.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from datetime import datetime
from typing import Protocol

from redress.base.errors import RedressError, Unavailable
from redress.customers.rules import relationship
from redress.customers.rules.profile import Profile, revised
from redress.customers.rules.relationship import Notice
from redress.customers.store import CustomerStore
from redress.plans.rules import relationship as planned
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.store.transaction import Raced
from redress.workflow.store import CallsPlanned, CallsPlannedStore

PAGE = 100
"""How many customers are read before the sweep looks at the time."""
ATTEMPTS = 3
ACTED, PLANNED = "call_due", "calls_planned"
"""The names of the acts in the trail of a profile."""


class Ask(Protocol):
    def __call__(self, notice: Notice) -> None:
        """Ask the mailer for a notice. Raises an error if the request is not accepted."""


class _Changing:
    """Changes the planned call of one customer, and decides again after a lost race."""

    def __init__(self, customers: CustomerStore) -> None:
        self._customers = customers

    def change(
        self, customer: str, act: str, why: str, at: datetime, decide: Callable[[Profile], Profile]
    ) -> bool:
        """Write what `decide` returns, unless it changes nothing. Returns whether it was written.

        Raises NotFound, Unreadable or Unavailable, and the errors of `decide`.
        """
        for _ in range(ATTEMPTS):
            profile = self._customers.get(customer)
            after = decide(profile)
            if after == profile:
                return False
            try:
                self._customers.write([revised(profile, after, act, at, why=why)])
            except Raced:
                continue
            return True
        raise Unavailable("this profile is being changed all the time")


class CallWatch:
    """Acts on rungs of planned calls: each tells staff, once."""

    def __init__(
        self, customers: CustomerStore, plans: Plans, ask: Ask, now: Callable[[], datetime]
    ) -> None:
        self._customers, self._changing = customers, _Changing(customers)
        self._plans, self._ask, self._now = plans, ask, now

    def watch(self, seconds_left: Callable[[], float]) -> dict[str, int]:
        """Act on all rungs that are due, while seconds are left. The next sweep does the rest.

        Returns for how many customers a rung `acted`, how many `notices` were asked for, and how
        many customers were `left` because of a fault, without zeros. A notice is asked for before
        it is recorded that its rung has acted. If the worker dies in between, the next sweep asks
        for the same notice, and the mailer sends it only once.
        """
        done = dict.fromkeys(("acted", "notices", "left"), 0)
        now, after = self._now(), None
        while seconds_left() > 0:
            page = self._customers.calls_to_act_on(now, PAGE, after)
            for customer in page.ids:
                try:
                    asked = self._act(customer, now)
                except RedressError:
                    # It cannot be read (which was reported), or others change it all the time.
                    done["left"] += 1
                    continue
                done["acted"] += 1
                done["notices"] += asked
            if (after := page.cursor) is None:
                break
        return {name: count for name, count in done.items() if count}

    def _act(self, customer: str, now: datetime) -> int:
        # A process that has not read the plan yet needs 48 units for it. So it reads the plan here,
        # where a rung is due, and not in every sweep.
        plan, asked = self._plans.current(), list[Notice]()

        def decide(profile: Profile) -> Profile:
            after, notices = relationship.climbed(profile, plan, now)
            asked[:] = notices
            for one in notices:
                self._ask(one)
            return after

        self._changing.change(customer, ACTED, "", now, decide)
        return len(asked)


class CallPlanning:
    """Plans calls as a new plan says: once for each version that comes into force.

    It walks the customers of each type that has calls, and then all customers to whom a call is
    planned, because their type may have none any more. It stores its progress after each page, so
    it resumes where a killed run stopped. What it does may be repeated.
    """

    def __init__(
        self,
        store: CallsPlannedStore,
        customers: CustomerStore,
        plans: Plans,
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._plans, self._now = store, plans, now
        self._customers, self._changing = customers, _Changing(customers)
        self.goes_on = False
        """Whether the last run of this process ended before its work was done."""
        self._done_for: int | None = None

    def run(self, seconds_left: Callable[[], float]) -> CallsPlanned | None:
        """Continue while seconds are left. Return the progress; None if the plan was done before.

        If another run continues it at the same time, this one stops.
        """
        plan, self.goes_on = self._plans.current(), False
        if plan.version == self._done_for:
            return None
        progress = self._store.progress()
        if progress is None:
            progress = CallsPlanned(plan.version)
        elif progress.plan_version != plan.version:
            progress = CallsPlanned(plan.version, revision=progress.revision)
        elif progress.ended_at is not None:
            self._done_for = plan.version
            return None
        while progress.ended_at is None and seconds_left() > 0:
            saved = self._store.save(self._page(progress, plan))
            if saved is None:
                break
            progress = saved
        self.goes_on = progress.ended_at is None
        return progress

    def _page(self, progress: CallsPlanned, plan: Plan) -> CallsPlanned:
        types = planned.types(plan)
        of_type = progress.place < len(types)
        if of_type:
            name = types[progress.place]
            page = self._customers.of_type(name, PAGE, progress.cursor)
        else:
            page = self._customers.planned_calls(PAGE, progress.cursor)
        now, why = self._now(), f"service plan {plan.version}"
        written = left = 0
        for customer in page.ids:
            try:
                written += self._changing.change(
                    customer,
                    PLANNED,
                    why,
                    now,
                    lambda one: relationship.aligned(one, plan, now, spread=True),
                )
            except RedressError:
                left += 1
        after = replace(
            progress,
            cursor=page.cursor,
            customers=progress.customers + len(page.ids),
            planned=progress.planned + written,
            left=progress.left + left,
        )
        if page.cursor is not None:
            return after
        if of_type:
            return replace(after, place=progress.place + 1)
        return replace(after, ended_at=now)
