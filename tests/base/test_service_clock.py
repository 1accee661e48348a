"""The clock of a function is corrected by the time of AWS, and operations are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redress.base.service_clock import APART, BOUND_S, TELL_EVERY_S, ServiceClock
from redress.wiring import clients
from tests.wired import REGION
from tests.world import KEEP_SESSION

TRUE = datetime(2026, 11, 27, 9, 30, 0, 250_000, tzinfo=UTC)


@dataclass
class Machine:
    """A machine whose clock is ahead by `ahead` seconds, and AWS, whose time is `true`."""

    ahead: float = 0.0
    true: datetime = TRUE
    told: list[tuple[float, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = ServiceClock(self.local, lambda *told: self.told.append(told), self.elapsed)

    def local(self) -> datetime:
        return self.true + timedelta(seconds=self.ahead)

    def elapsed(self) -> float:
        return (self.true - TRUE).total_seconds() + 1000

    def call(self, there: float = 0.01, back: float = 0.01) -> None:
        """Call AWS. The request takes `there` seconds, the answer `back`."""
        sent = self.clock.mark()
        self.true += timedelta(seconds=there)
        date = format_datetime(self.true, usegmt=True)
        self.true += timedelta(seconds=back)
        self.clock.heard(date, sent)

    @property
    def wrong_by(self) -> float:
        return (self.clock.now() - self.true).total_seconds()


@given(
    ahead=st.floats(-7200, 7200),
    there=st.floats(0, 10),
    back=st.floats(0, 9),
    later=st.floats(0, 3600),
    begin=st.floats(0, 1),
)
def test_time_is_within_half_a_minute_of_aws_after_one_answer(
    ahead: float, there: float, back: float, later: float, begin: float
) -> None:
    machine = Machine(ahead, TRUE + timedelta(seconds=begin))
    machine.call(there, back)
    machine.true += timedelta(seconds=later)
    assert abs(machine.wrong_by) <= APART.total_seconds() / 2


FAST = (0.01, 0.01)
CALLS = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=6)


@given(ahead=st.floats(-7200, 7200), calls=CALLS, set_to=st.floats(-7200, 7200))
@example(ahead=20.0, calls=[FAST, (0.0, 10.0)], set_to=20.0)
def test_no_sequence_of_answers_makes_the_time_wrong_by_half_a_minute(
    ahead: float, calls: list[tuple[float, float]], set_to: float
) -> None:
    """An attempt takes 10 s at most. The clock may be set to another time between the answers."""
    machine = Machine(ahead)
    for machine.ahead in (ahead, set_to):
        for there, back in calls:
            machine.call(there, back)
            assert abs(machine.wrong_by) <= APART.total_seconds() / 2


@pytest.mark.parametrize(
    ("ahead", "there", "back"),
    [(40, 35, 0), (40, 0, 35), (50, 45, 0), (20, 12, 0), (-40, 0, 35), (-20, 12, 0), (15, 10, 0)],
)
def test_slow_answer_does_not_undo_the_correction_of_a_fast_one(
    ahead: float, there: float, back: float
) -> None:
    machine = Machine(ahead)
    machine.call()
    before = machine.wrong_by
    machine.call(there, back)
    assert abs(machine.wrong_by) <= max(abs(before), 0.01)


@given(there=st.floats(0, 600), back=st.floats(0, 600), ahead=st.floats(-1, 1))
def test_right_clock_is_never_changed_however_slow_an_answer_is(
    there: float, back: float, ahead: float
) -> None:
    machine = Machine(ahead)
    machine.call(there, back)
    assert machine.wrong_by == pytest.approx(ahead, abs=1e-5)
    assert machine.told == []


@pytest.mark.parametrize("ahead", [-7200.0, -BOUND_S - 2, BOUND_S + 2, 7200.0])
def test_wrong_clock_is_corrected_and_told_at_the_first_answer(ahead: float) -> None:
    machine = Machine(ahead)
    machine.call()
    [(told, at)] = machine.told
    assert told == pytest.approx(ahead, abs=1)
    assert abs((at - machine.true).total_seconds()) < 1


def test_wrong_clock_is_told_again_only_after_a_minute() -> None:
    machine = Machine(ahead=300)
    for _ in range(5):
        machine.call()
    assert len(machine.told) == 1
    machine.true += timedelta(seconds=TELL_EVERY_S)
    machine.call()
    assert len(machine.told) == 2


def test_corrected_time_does_not_jump_at_each_answer() -> None:
    machine = Machine(ahead=3600)
    machine.call()
    wrong_by = machine.wrong_by
    for begin in (0.1, 0.3, 0.4):
        machine.true += timedelta(seconds=begin)
        machine.call(there=0.2, back=3)
        assert machine.wrong_by == pytest.approx(wrong_by, abs=1e-5)


def test_clock_that_was_set_right_is_used_after_the_next_answer() -> None:
    machine = Machine(ahead=-7200)
    machine.call()
    machine.ahead = 0.0
    machine.call()
    assert machine.wrong_by == 0


@pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 99 Nov 2026 09:30:00 GMT"])
def test_answer_without_a_readable_date_changes_nothing(date: str | None) -> None:
    machine = Machine(ahead=7200)
    machine.clock.heard(date, machine.clock.mark())
    assert (machine.wrong_by, machine.told) == (7200, [])


# ------------------------------------------------------------------------------ in the wiring


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> ServiceClock:
    """The wiring's clock, on a machine that is two hours behind."""
    made = ServiceClock(
        lambda: datetime.now(UTC) - timedelta(hours=2), clients._tell_of_wrong_clock
    )
    monkeypatch.setattr(clients, "_CLOCK", made)
    return made


def moto(monkeypatch: pytest.MonkeyPatch) -> Any:
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    return mock_aws(config=KEEP_SESSION)


def dated(session: Any) -> None:
    """Give moto's answers of this session the `Date` that those of AWS have."""

    def add(response_dict: dict[str, Any], **_: Any) -> None:
        response_dict["headers"]["Date"] = format_datetime(datetime.now(UTC), usegmt=True)

    session.register("before-parse", add)


def ask_full_client(session: Any) -> None:
    client = session.create_client("dynamodb", region_name=REGION)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_table(TableName="none")


def ask_success(session: Any) -> None:
    session.create_client("sqs", region_name=REGION).list_queues()


@pytest.mark.parametrize("ask", [ask_full_client, ask_success], ids=["an error", "a success"])
def test_each_answer_of_a_botocore_client_is_heard(
    behind: ServiceClock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ask: Callable[[Any], None],
) -> None:
    import botocore.session

    with moto(monkeypatch):
        session = botocore.session.get_session()
        dated(session)
        clients.listen(session)
        ask(session)
    assert abs((clients.now() - datetime.now(UTC)).total_seconds()) < 3
    metric = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (metric["alarm"], metric["ClockWrong"]) == ("ClockWrong", [1.0])
    assert (metric["level"], metric["seconds_ahead"]) == ("ERROR", pytest.approx(-7200, abs=3))
    at = datetime.fromtimestamp(metric["_aws"]["Timestamp"] / 1000, UTC)
    assert abs((at - datetime.now(UTC)).total_seconds()) < 3, "the time of AWS"


def test_only_the_attempt_that_was_answered_counts_as_slow(
    behind: ServiceClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt hangs for 10 s. How long it took says nothing about the second answer."""
    import botocore.session
    from botocore.exceptions import ReadTimeoutError

    moment, sent, heard = [0.0], [], []
    monkeypatch.setattr(behind, "_elapsed", lambda: moment[0])
    monkeypatch.setattr(behind, "heard", lambda date, mark: heard.append(mark))
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)

    def hang_once(**_: Any) -> None:
        sent.append(moment[0])
        if len(sent) == 1:
            moment[0] += 10
            raise ReadTimeoutError(endpoint_url="https://sqs.example")

    with moto(monkeypatch):
        session = botocore.session.get_session()
        clients.listen(session)
        client: Any = session.create_client("sqs", region_name=REGION)
        client.meta.events.register_first("before-send", hang_once)
        client.list_queues()
    assert (sent, heard) == ([0.0, 10.0], [10.0])


def test_each_answer_of_pynamodb_is_heard(
    behind: ServiceClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redress.db.rows import Models

    def listen(session: Any) -> None:
        dated(session)
        clients.listen(session)

    with moto(monkeypatch):
        models = Models("none", REGION, listen=listen)
        with pytest.raises(Exception, match="ResourceNotFound"):
            models.timer.get("TICKET#R-7K3M9-QW0X2", "TIMER")
    assert abs((clients.now() - datetime.now(UTC)).total_seconds()) < 3
