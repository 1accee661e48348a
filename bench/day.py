"""A day of 20 agents in three teams, played through the public endpoints of the deployed stack.

2,000 tickets of all kinds come in, by the JSON API, the web form, mail and telephone, in bursts of
5 to 20 a second with pauses between them. The first ones come while nobody is at work. Then
everybody comes; some groups of agents have a break at the same time. Agents take the next tickets
from their work lists, answer and resolve; some customers confirm or dispute. Promises are PACE
times shorter than those of plan 1, so some of them fall due.

A burst begins when the tickets before it have an agent, or after WAIT_S. So a slow machine gets
longer pauses, not a longer queue. If it is too slow, the last tickets are left out, and the figure
of opened tickets shows it.

At the end, `tests/chaos/checker.py` recomputes what must hold from the histories. The table's
stream (`bench/daybook.py`) has every state of every agent, so it shows whether somebody had too
much work at any moment, and in which state each ticket was assigned. These states are given to the
router again, in two processes. Where no agent changed after the router began to decide, it must
choose the same one.

"Assigned" is the time from the event `opened` to the event `assigned`, for tickets that somebody
could take at once when they were opened.
"""

from __future__ import annotations

import contextlib
import random
import re
import smtplib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from bench import replay
from bench.daybook import (
    Assignment,
    Daybook,
    Entry,
    History,
    Opening,
    assignments,
    openings,
    over_capacity,
    unevenness,
)
from bench.report import Figure, Machine, at_least, at_most, exactly, percentile
from bench.sleepers import end_cloud
from local import endpoints, process, stack
from local.endpoints import EndpointError, Form, Staff, call, sign_in
from local.process import Cloud
from local.stack import Member, Outputs
from redress.plans.rules.document import parse, scaled
from redress.plans.store.plans import FRESH_FOR_S, shipped_document
from redress.tickets.rules.ticket import EventType
from tests.chaos import checker, reading
from tests.chaos.checker import Check, Known, Violation
from tests.chaos.evidence import Evidence, Said
from tests.chaos.ledger import Ledger, Opened

ABOUT = "a day of 20 agents in three teams: 2,000 tickets assigned, answered and checked"
LIMIT_S = 45 * 60
PLAY_S = 28 * 60
"""How long tickets come in at most."""
CALM_S = 8 * 60
"""How long something may stay wrong after the last one."""
TICKETS = 2_000
SEED = 28
NIGHT = 0.03
"""The share of tickets that come before anybody is at work."""
BURST = 20
"""The most tickets in a burst, and the most of them in a second."""
SLOWEST = 5
"""The lowest rate of a burst, in tickets a second."""
RATE = 2.0
"""Tickets a second, on average over bursts and pauses, on a machine that is quick enough."""
WAIT_S = 10.0
PACE = 10
CAPACITY = 8
LANES = 6
"""Calls at once, of customers and agents together."""
DESKS = 2
"""Agents who work at the same time. Each visit of an agent is one list and some acts."""
ACTS = 3
FIRST_ACTS = {"resolution": 70, "replies": 20, "accept": 6, "decline": 2, "assignment": 2}
"""What agents do first with a ticket, in per cent. An assignment is a hand-over to a colleague."""
ANSWERED = 0.15
"""The share of customers who answer a resolution."""
BREAK = (0.45, 0.6)
"""When the break begins and ends, as shares of the tickets of the day."""

EVEN = 0.10
ASSIGNED_S = 2.0
REPLAYED = 95.0
"""How many replayed decisions must choose the agent of the day, in per cent."""


# ------------------------------------------------------------------------------ who works


@dataclass(frozen=True)
class Group:
    """Agents who are equally eligible: same team, languages, skill, and times of work."""

    team: str
    languages: str
    agents: int
    level: int = 0
    """The level of their skill in orders; 0 if they have none."""
    pauses: bool = False
    """Whether they have a break."""

    @property
    def name(self) -> str:
        skill = f", orders {self.level}" if self.level else ""
        return f"{self.team}, {self.languages}{skill}"


GROUPS = (
    Group("complaints", "zh-CN,en", 4),
    Group("complaints", "zh-TW,zh-CN", 3, pauses=True),
    Group("service", "en,zh-CN", 4),
    Group("service", "zh-TW,zh-CN", 3),
    Group("orders", "zh-CN,zh-TW,en", 4, level=3),
    Group("orders", "zh-CN,zh-TW,en", 2, level=1, pauses=True),
)
TEAMS = tuple(dict.fromkeys(group.team for group in GROUPS))
RULE = {
    "name": "orders",
    "when": {"kind": ["service_request"]},
    "team": "orders",
    "skill": {"name": "orders", "level": 3},
}
"""The rule of routing that plan 1 has not: service requests go to a team of their own, to somebody
who knows orders well. After the first step of the plan's ladder anybody may have them who knows
orders at all."""


def email_of(group: int, place: int) -> str:
    return f"agent-{group + 1}-{place + 1}@example.com"


def crew() -> tuple[Member, ...]:
    """Everybody: the agents of all groups, a supervisor for each team, a manager."""
    agents = [
        Member(email_of(n, one), f"Agent {n + 1}.{one + 1}", "agent", group.team, group.languages)
        for n, group in enumerate(GROUPS)
        for one in range(group.agents)
    ]
    every = "zh-CN,zh-TW,en"
    leaders = [
        Member(f"leader-{team}@example.com", f"Leader of {team}", "supervisor", team, every)
        for team in TEAMS
    ]
    manager = Member("manager@example.com", "Manager", "manager", TEAMS[0], every)
    return (*agents, *leaders, manager)


# ------------------------------------------------------------------------------ what comes in


@dataclass(frozen=True, slots=True)
class Coming:
    """One ticket to come: how, and what."""

    channel: str
    kind: str
    language: str
    mark: str
    """A text that only this submission contains."""

    @property
    def address(self) -> str:
        return f"{self.mark}@customer.example"


CHANNELS = {"api": 60, "form": 18, "mail": 12, "phone": 10}
KINDS = {"inquiry": 35, "complaint": 25, "service_request": 22, "feedback": 10, "urgent": 8}
LANGUAGES = {"zh-CN": 50, "en": 30, "zh-TW": 20}
DOORS = {"inquiry": "service", "complaint": "complaints", "feedback": "feedback"} | {
    "urgent": "urgent"
}
"""The address of each kind. Nobody can send a service request by mail."""
WORDS = {
    "zh-CN": ("第二天就坏了", "包裹打开时杯子已经碎了，请尽快处理。"),
    "zh-TW": ("第二天就壞了", "包裹打開時杯子已經碎了，請儘快處理。"),
    "en": ("It broke on the second day", "The cup was broken when I opened the parcel."),
}


def coming(seed: int, count: int) -> list[Coming]:
    """The tickets of a day, which depend on the seed only."""
    choose = random.Random(f"day {seed}")

    def one_of(weights: Mapping[str, int]) -> str:
        return choose.choices(list(weights), list(weights.values()))[0]

    found = []
    for _ in range(count):
        channel, kind = one_of(CHANNELS), one_of(KINDS)
        if channel == "mail" and kind not in DOORS:
            channel = "api"
        mark = f"d{choose.getrandbits(40):010x}d"
        found.append(Coming(channel, kind, one_of(LANGUAGES), mark))
    return found


@dataclass(frozen=True, slots=True)
class Burst:
    """Tickets that come one after another, `rate` a second."""

    tickets: list[Coming]
    rate: float


def bursts(seed: int, tickets: Sequence[Coming]) -> Iterator[Burst]:
    """The same tickets in bursts of 1 to BURST, with SLOWEST to BURST of them a second."""
    choose, left = random.Random(f"bursts {seed}"), list(tickets)
    while left:
        size = choose.randint(1, BURST)
        yield Burst(left[:size], choose.uniform(SLOWEST, BURST))
        left = left[size:]


# ------------------------------------------------------------------------------ the stack


@dataclass
class Office:
    """The deployed stack, who works there, and what clients have sent.

    `plan` is the document of the day's plan. `agents` are by identity; `away` are those who are not
    at work now.
    """

    outputs: Outputs
    plan: dict[str, Any]
    agents: dict[str, Staff]
    groups: dict[str, Group]
    manager: Staff
    ledger: Ledger
    book: Daybook
    away: set[str] = field(default_factory=set)

    @property
    def base(self) -> str:
        return self.outputs.base_url

    def come(self, agents: Sequence[Staff]) -> None:
        for one in agents:
            one.send("PUT", "/presence", {"presence": "available"})
            self.away.discard(one.id)

    def go(self, agents: Sequence[Staff]) -> None:
        for one in agents:
            one.send("PUT", "/presence", {"presence": "away"})
            self.away.add(one.id)


def opened_office(outputs: Outputs, cloud: Cloud) -> Office:
    """Signs everybody in, gives agents their capacity, and sends them home."""
    users, pool = stack.client(cloud, "cognito-idp"), outputs.stack["UserPoolClientId"]

    def signed_in(email: str) -> Staff:
        entry = outputs.staff[email]
        password, role = entry["password"], entry["groups"][0]
        return sign_in(users, pool, outputs.base_url, email, password, role)

    manager = signed_in("manager@example.com")
    plan = publish(manager)
    agents, groups = {}, {}
    for number, group in enumerate(GROUPS):
        for place in range(group.agents):
            one = signed_in(email_of(number, place))
            file = manager.get(f"/members/{one.id}")
            profile = ("name", "role", "team", "languages", "position", "skills", "revision")
            body = {name: file[name] for name in profile}
            body |= {"capacity": CAPACITY, "reason": "the benchmark's day"}
            body |= {"skills": {"orders": group.level} if group.level else {}}
            manager.send("PUT", f"/members/{one.id}", body)
            agents[one.id], groups[one.id] = one, group
    book = Daybook(outputs.endpoint_url, outputs.stack["TableName"], parse(plan))
    office = Office(outputs, plan, agents, groups, manager, Ledger(), book)
    office.go(list(agents.values()))
    time.sleep(FRESH_FOR_S + 1)
    return office


def publish(manager: Staff) -> dict[str, Any]:
    """Publishes plan 1 with shorter promises and a third team. Returns its document."""
    version = manager.get("/plan")["version"] + 1
    document = scaled(shipped_document(), PACE, version)
    document["routing"]["rules"] = [RULE, *document["routing"].get("rules", [])]
    document["team_names"]["orders"] = {"zh-CN": "订单组", "zh-TW": "訂單組", "en": "Orders"}
    manager.send("POST", "/plans", document)
    return document


# ------------------------------------------------------------------------------ customers


@dataclass
class Customers:
    """Everybody who opens tickets. Sends each submission once."""

    office: Office
    sent_at: list[float] = field(default_factory=list)

    def open(self, one: Coming) -> None:
        ledger, key = self.office.ledger, f"key-{one.mark}"
        ledger.count(one.channel)
        self.sent_at.append(time.monotonic())
        try:
            if one.channel == "mail":
                self._mail(one)
                return
            ledger.submitted(key, one.mark, None)
            by: dict[str, Callable[[Coming, str], tuple[int, Opened | None]]] = {
                "api": self._api,
                "form": self._form,
                "phone": self._phone,
            }
            status, opened = by[one.channel](one, key)
        except (EndpointError, OSError, smtplib.SMTPException) as error:
            ledger.answered(one.channel, type(error).__name__)
            return
        ledger.answered(one.channel, status)
        if opened is not None:
            ledger.submitted(key, one.mark, opened)

    def _body(self, one: Coming) -> dict[str, Any]:
        subject, text = WORDS[one.language]
        return {
            "kind": one.kind,
            "language": one.language,
            "subject": subject,
            "description": f"{text} {one.mark}",
            "contact": {"name": "Li Na", "email": one.address},
            "consent": True,
        }

    def _api(self, one: Coming, key: str) -> tuple[int, Opened | None]:
        headers = {"Idempotency-Key": key}
        answer = call("POST", f"{self.office.base}/tickets", self._body(one), headers=headers)
        if answer.status != 201:
            return answer.status, None
        found = answer.json()
        return 201, Opened(found["number"], found["token"], one.address)

    def _form(self, one: Coming, key: str) -> tuple[int, Opened | None]:
        base, body, form = self.office.base, self._body(one), Form()
        form.feed(call("GET", f"{base}/?lang={one.language}").text)
        contact = body.pop("contact")
        fields = form.fields | {**body, **contact, "consent": "on"}
        answer = call("POST", f"{base}/form", form=fields)
        found = re.search(rf"{re.escape(base)}/t/(([A-Z0-9-]+)\.[\w-]+)", answer.text)
        opened = Opened(found[2], found[1], one.address) if found is not None else None
        return answer.status, opened

    def _phone(self, one: Coming, key: str) -> tuple[int, Opened | None]:
        """Somebody at the switchboard writes down what a caller says."""
        headers = {"Idempotency-Key": key, "Authorization": self.office.manager.token}
        body = self._body(one) | {"channel": "phone"}
        answer = call("POST", f"{self.office.base}/staff/tickets", body, headers=headers)
        if answer.status != 201:
            return answer.status, None
        return 201, Opened(answer.json()["number"], "", one.address)

    def _mail(self, one: Coming) -> None:
        outputs, (subject, text) = self.office.outputs, WORDS[one.language]
        to, mail = f"{DOORS[one.kind]}@{outputs.stack['MailDomain']}", EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = one.address, to, subject
        mail["Message-ID"] = f"<{one.mark}@customer.example>"
        mail.set_content(f"{text} {one.mark}\n")
        with smtplib.SMTP("127.0.0.1", outputs.smtp_port, timeout=60) as server:
            server.send_message(mail)
        self.office.ledger.mailed(one.mark, 1)

    def answer_solution(self, opened: Opened, choose: random.Random) -> None:
        """Confirms a resolution, or disputes it."""
        mark = f"c{choose.getrandbits(40):010x}c"
        path, body = "confirmation", None
        if choose.random() < 0.2:
            path, body = "dispute", {"text": f"It broke again. {mark}"}
        headers = {"Authorization": f"Bearer {opened.token}"}
        url = f"{self.office.base}/tickets/{opened.number}/{path}"
        answer = call("POST", url, body, headers=headers)
        self.office.ledger.answered(path, answer.status)
        if body is not None:
            answered, refused = answer.status in (200, 201), 400 <= answer.status < 500
            said = Said(opened.number, mark, "a dispute", answered, refused)
            self.office.ledger.said(said)


# ------------------------------------------------------------------------------ agents


class Desks:
    """Agents at work: those who have tickets take turns, as many at once as there are desks."""

    def __init__(self, office: Office, customers: Customers) -> None:
        self._office, self._customers = office, customers
        self._over, self._lock = threading.Event(), threading.Lock()
        self._last: dict[str, float] = {}
        self._failures: list[str] = []
        self._choose = random.Random(f"desks {SEED}")
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(DESKS)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends the work; raises EndpointError if a desk could not go on."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise EndpointError("; ".join(self._failures))

    def _work(self) -> None:
        while not self._over.is_set():
            agent = self._next()
            if agent is None:
                time.sleep(0.2)
                continue
            try:
                self._visit(agent)
            except EndpointError as error:
                self._office.ledger.answered("visit", type(error.__cause__).__name__)
            except Exception as error:
                self._failures.append(repr(error))
                raise

    def _next(self) -> Staff | None:
        """Who has work, is here, and was not at a desk for the longest time."""
        office = self._office
        loaded = office.book.loaded()
        with self._lock:
            here = [one for one in loaded if one in office.agents and one not in office.away]
            now = time.monotonic()
            rested = [one for one in here if now - self._last.get(one, 0.0) > 1.0]
            if not rested:
                return None
            agent = min(rested, key=lambda one: self._last.get(one, 0.0))
            self._last[agent] = now
            return office.agents[agent]

    def _visit(self, agent: Staff) -> None:
        """Does one thing with each of the next tickets of an agent's list."""
        found = agent.call("GET", "/work?limit=20")
        self._office.ledger.answered("work", found.status)
        if found.status != 200:
            return
        wanted = [one for one in found.json()["items"] if one["state"] in ("new", "open")]
        for item in wanted[:ACTS]:
            if self._over.is_set():
                return
            self._act(agent, item)

    def _act(self, agent: Staff, item: Mapping[str, Any]) -> None:
        with self._lock:
            choose = random.Random(self._choose.getrandbits(48))
        number, mark = item["number"], f"s{choose.getrandbits(40):010x}s"
        path, more = self._chosen(choose, agent, item, mark)
        body = {"version": item["version"], **more}
        answer = agent.call("POST", f"/tickets/{number}/{path}", body)
        self._office.ledger.answered(path, answer.status)
        ok, refused = answer.status in (200, 201), 400 <= answer.status < 500
        if path != "accept":  # it has no text
            self._office.ledger.said(Said(number, mark, f"the agent's {path}", ok, refused))
        if ok and path == "resolution" and choose.random() < ANSWERED:
            known = {one.number: one for one in self._office.ledger.tickets()[-400:]}
            if (opened := known.get(number)) and opened.token:
                self._customers.answer_solution(opened, choose)

    def _chosen(
        self, choose: random.Random, agent: Staff, item: Mapping[str, Any], mark: str
    ) -> tuple[str, dict[str, Any]]:
        """What an agent does with a ticket: the last part of the path, and the body."""
        text = f"Dear customer, a new one left today. {mark}"
        solved: dict[str, Any] = {"text": text}
        if item["kind"] == "complaint":
            solved |= {"outcome": "upheld", "remedy": "refund", "root_cause": "packing"}
        if item["state"] != "new":
            return "resolution", solved
        reason = f"Somebody else knows this better. {mark}"
        bodies: dict[str, dict[str, Any]] = {
            "accept": {},
            "decline": {"reason": reason},
            "assignment": {"reason": reason, "agent": self._colleague(choose, agent)},
            "replies": {"text": text, "wait_for_customer": choose.random() < 0.1},
            "resolution": solved,
        }
        (path,) = choose.choices(list(FIRST_ACTS), list(FIRST_ACTS.values()))
        return path, bodies[path]

    def _colleague(self, choose: random.Random, agent: Staff) -> str:
        groups = self._office.groups
        return choose.choice(
            [one for one in groups if groups[one] == groups[agent.id] and one != agent.id]
        )


# ------------------------------------------------------------------------------ the day


@dataclass(frozen=True)
class Day:
    """What was played: when each submission was sent, and what is known afterwards."""

    plan: dict[str, Any]
    sent_at: list[float]
    asked: int
    seconds: float
    entries: list[Entry]
    evidence: Evidence
    ledger: Ledger
    groups: Mapping[str, Group]
    calm_s: float


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Measures; leaves no process behind, however it ends."""
    end_cloud(directory)
    with contextlib.ExitStack() as leaving:
        leaving.callback(end_cloud, directory)
        outputs = stack.up(0, None, console, directory, crew())
        cloud = process.find(directory)
        assert cloud is not None
        endpoints.widen(LANES)
        leaving.callback(endpoints.widen, 3)
        office = opened_office(outputs, cloud)
        leaving.callback(office.book.close)
        machine.note_load("everybody at home")
        day = play(console, office, coming(SEED, max(40, round(TICKETS * scale))))
        machine.note_load("after the day")
    return figures(day)


def play(console: Console, office: Office, tickets: Sequence[Coming]) -> Day:
    began, moment = datetime.now(UTC), time.monotonic()
    customers = Customers(office)
    night = round(NIGHT * len(tickets))
    everybody = list(office.agents.values())
    pausing = [one for one in everybody if office.groups[one.id].pauses]
    with ThreadPoolExecutor(LANES) as pool:
        send(pool, customers, Burst(list(tickets[:night]), SLOWEST))
        settled(office, night)
        office.come(everybody)
        desks = Desks(office, customers)
        try:
            done = night
            for burst in track(list(bursts(SEED, tickets[night:])), "bursts", console=console):
                if time.monotonic() - moment > PLAY_S:
                    break
                for share, change in zip(BREAK, (office.go, office.come), strict=True):
                    if done < share * len(tickets) <= done + len(burst.tickets):
                        change(pausing)
                started = time.monotonic()
                send(pool, customers, burst)
                done += len(burst.tickets)
                pause = len(burst.tickets) / RATE
                time.sleep(max(0.0, started + pause - time.monotonic()))
                settled(office, done)
            office.come(pausing)
            seconds = time.monotonic() - moment
            time.sleep(WAIT_S)
        finally:
            desks.close()
    evidence, calm_s = until_right(console, office, began)
    return Day(
        office.plan,
        customers.sent_at,
        len(tickets),
        seconds,
        office.book.entries,
        evidence,
        office.ledger,
        office.groups,
        calm_s,
    )


def send(pool: ThreadPoolExecutor, customers: Customers, burst: Burst) -> None:
    """Sends the submissions of a burst at its rate, and waits for their answers."""
    began, sent = time.monotonic(), []
    for index, one in enumerate(burst.tickets):
        time.sleep(max(0.0, began + index / burst.rate - time.monotonic()))
        sent.append(pool.submit(customers.open, one))
    for future in sent:
        future.result()


def settled(office: Office, count: int) -> None:
    """Waits until no ticket waits that an agent may take now, but not longer than WAIT_S."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if office.book.waiting() == 0:
            return
        time.sleep(0.25)


def until_right(console: Console, office: Office, began: datetime) -> tuple[Evidence, float]:
    """Reads and checks until nothing is wrong, or until CALM_S is over."""
    start = time.monotonic()
    while True:
        evidence = reading.read(office.outputs, office.ledger, began)
        wrong = [one for found in checked(evidence).values() for one in found]
        seconds = time.monotonic() - start
        if not wrong or seconds > CALM_S:
            for one in wrong[:10]:
                console.print(f"[red]wrong:[/] {one}", soft_wrap=True)
            return evidence, seconds
        console.print(f"{len(wrong)} not right yet, such as {wrong[0]}", style="dim")
        time.sleep(5)


# ------------------------------------------------------------------------------ what must hold


def owned(evidence: Evidence, known: list[Known]) -> Iterator[Violation]:
    """An open ticket that needs an agent has one, or is listed in the queue of its team."""
    for one in known:
        head = one.stored.head or {}
        queue = str(head.get("owner_pk", "")).startswith("QUEUE#")
        if one.ticket.needs_agent and one.ticket.assignee is None and not queue:
            yield Violation(one.number, "it has no agent and is in no queue")


CHECKED: Mapping[str, tuple[Check, ...]] = {
    "tickets without agent and queue": (owned,),
    "promises lost": (checker.rungs, checker.timers, checker.executions),
    "illegal steps in histories": (checker.steps, checker.times),
    "snapshots that differ from their history": (checker.heads,),
    "loads that differ from the tickets": (checker.loads,),
    "submissions and words lost or doubled": (
        checker.submissions,
        checker.arrivals,
        checker.words,
    ),
    "mails lost or doubled, messages left": (checker.mails, checker.queues),
    "facts that differ from their history": (checker.facts,),
}
"""Each figure, and the checks whose findings it counts."""


def checked(evidence: Evidence) -> dict[str, list[Violation]]:
    """What does not hold, by figure. A history that cannot be read is an illegal one."""
    known, broken = checker.histories(evidence)
    found = {
        name: [v for one in checks for v in one(evidence, known)]
        for name, checks in CHECKED.items()
    }
    found["illegal steps in histories"] += broken
    return found


# ------------------------------------------------------------------------------ figures


def figures(day: Day) -> list[Figure]:
    known, _ = checker.histories(day.evidence)
    histories = {one.number: History(one.events, one.states) for one in known}
    opened = openings(day.entries, histories, parse(day.plan))
    given = assignments(day.entries, histories)
    return [
        *opened_figures(day, opened),
        *(exactly(name, len(found), "", 0) for name, found in checked(day.evidence).items()),
        exactly("agents over capacity, at any moment", len(over_capacity(day.entries)), "", 0),
        *lateness_figures(known),
        *assigned_figures(opened),
        *even_figures(given, day.groups),
        *replay_figures(day.plan, given),
        *(Figure(f"answers: {name}", count) for name, count in sorted(day.ledger.answers.items())),
        Figure("until all was right", day.calm_s, "s"),
    ]


def opened_figures(day: Day, opened: Sequence[Opening]) -> list[Figure]:
    kinds = Counter(one.ticket.kind for one in opened)
    note = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return [
        Figure("tickets", len(opened), "", f"= {day.asked}", len(opened) == day.asked, note),
        Figure("  a second, with all pauses", len(opened) / day.seconds, "/s"),
        at_most("  in the busiest second", busiest(day.sent_at), "", BURST),
    ]


def busiest(moments: Sequence[float]) -> int:
    """The most moments (seconds) within one second."""
    ordered, most, first = sorted(moments), 0, 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def lateness_figures(known: Sequence[Known]) -> list[Figure]:
    """How many promises fell due, and how late the product acted on them."""
    late = [
        (event.at - datetime.fromisoformat(event.data["due_at"])).total_seconds()
        for one in known
        for event in one.events
        if event.type is EventType.RUNG_FIRED
    ]
    return [
        Figure("reminders and breaches", len(late)),
        Figure("  late: 99 %", percentile(late, 0.99), "s"),
        Figure("  late: maximum", max(late, default=None), "s"),
    ]


def assigned_figures(opened: Sequence[Opening]) -> list[Figure]:
    """How long tickets waited whom somebody could take at once, and how long the others."""
    free = [one.waited_s for one in opened if one.free and one.waited_s is not None]
    queued = [one.waited_s for one in opened if not one.free and one.waited_s is not None]
    return [
        Figure("assigned although nobody was free at first", len(queued)),
        Figure("  after: median", percentile(queued, 0.5), "s"),
        Figure("  after: maximum", max(queued, default=None), "s"),
        Figure("assigned, somebody was free", len(free)),
        Figure("  after: median", percentile(free, 0.5), "s"),
        Figure("  after: 90 %", percentile(free, 0.9), "s"),
        at_most("  after: 99 %", percentile(free, 0.99), "s", ASSIGNED_S),
        Figure("  after: maximum", max(free, default=None), "s"),
    ]


def even_figures(given: Sequence[Assignment], groups: Mapping[str, Group]) -> list[Figure]:
    """How evenly the router divided the tickets among agents who are equally eligible."""
    counts = Counter(one.agent for one in given)
    names = {agent: group.name for agent, group in groups.items()}
    found = unevenness(counts, names)
    shares: defaultdict[str, list[int]] = defaultdict(list)
    for agent, name in names.items():
        shares[name].append(counts[agent])
    return [
        Figure(
            f"tickets from the mean: {name}",
            100 * found[name],
            "%",
            f"≤ {100 * EVEN:.0f}",
            found[name] <= EVEN,
            ", ".join(map(str, sorted(shares[name]))),
        )
        for name in found
    ]


def replay_figures(plan: Mapping[str, Any], given: Sequence[Assignment]) -> list[Figure]:
    """Whether two processes decide the same, and how often it is what was decided on the day.

    While tickets are assigned at once, an agent may have changed between the router's read and its
    write. Then the state just before the write is not the one that it has read. If no agent of the
    team has (`Assignment.settled`), the replay must choose the agent of the day.
    """
    states = replay.states_of(given)
    first, second = (replay.replayed(plan, states, seed) for seed in (1, 2))
    other = sum(one != two for one, two in zip(first, second, strict=True))
    pairs = list(zip(given, first, strict=True))
    agents = sum(one.agent == again.agent for one, again in pairs)
    whole = sum(
        one.agent == again.agent and _reasons(one.decision) == _reasons(again.decision)
        for one, again in pairs
    )

    settled = [one.agent == again.agent for one, again in pairs if one.settled]

    def share(count: int, of: int) -> float | None:
        return 100 * count / of if of else None

    return [
        Figure("decisions replayed", len(states)),
        exactly("  two processes decide differently", other, "", 0),
        at_least("  the agent is that of the day", share(agents, len(pairs)), "%", REPLAYED),
        Figure("  and all reasons why not another", share(whole, len(pairs)), "%"),
        Figure("  whose agents did not change meanwhile", len(settled)),
        exactly("    the agent is that of the day", share(sum(settled), len(settled)), "%", 100),
    ]


def _reasons(decision: Mapping[str, Any]) -> dict[str, Any]:
    """A decision without `last`, which says what the assignment depended on."""
    listed = {why: sorted(agents) for why, agents in decision.get("not", {}).items()}
    return {**decision, "not": listed, "last": None}
