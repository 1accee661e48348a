"""Connectors: what managers decide, what machines may do, and what a wrong signature gets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest

from redress.base.people import Actor, Role
from redress.connectors.cases.attempts import APART
from redress.connectors.rules.connector import Scope
from redress.connectors.webhooks import TOLERANCE
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import EventType, State
from redress.wiring import clients
from tests.builders import ROOT, Clock, run_alone
from tests.functions.conftest import BASE_ADDRESS, ENVIRONMENT, LINK_KEY
from tests.functions.staff.api import KEEP, Api, Reply
from tests.machines import digest, signed_headers, webhook_headers
from tests.world import Act, Context, Opener, Stores, aws, merge, unmerge_at_a_read

ALL_SCOPES = [scope.value for scope in Scope]


class Machine:
    """Another system with the keys of a connector. `clock` is its own clock."""

    def __init__(self, api: Api, clock: Clock, made: dict[str, Any]) -> None:
        self._api, self._clock, self._count = api, clock, 0
        self.take(made)

    def take(self, made: dict[str, Any]) -> None:
        """Use the keys that a manager was shown."""
        self.id, self.key_id = made["connector"]["id"], made["keyid"]
        self.secret, self.key = made["webhook_secret"], base64.b64decode(made["api_key"])

    def message(
        self,
        delivery: str | None = None,
        *,
        ahead: timedelta = timedelta(),
        connector: str | None = None,
        alter: Callable[[dict[str, Any]], None] = lambda event: None,
        of: str = "message",
        **fields: Any,
    ) -> Reply:
        """Hand over a message, or a `call`. `alter` changes the event after it was signed."""
        event = self._sample(f"staff-machine-{of}", id=connector or self.id)
        body = json.loads(event["body"]) | fields
        event["body"] = json.dumps({k: v for k, v in body.items() if v is not None})
        self._count += 1
        at = self._clock.now() + ahead
        event["headers"] |= webhook_headers(
            self.secret, delivery or f"msg_{self._count}", at, event["body"].encode()
        )
        alter(event)
        return self._api.send(event)

    def call(
        self,
        name: str,
        *,
        body: Any = KEEP,
        query: dict[str, str] | None = None,
        ahead: timedelta = timedelta(),
        nonce: str | None = None,
        alter: Callable[[dict[str, Any]], None] = lambda event: None,
        signing: dict[str, Any] | None = None,
        **path: str,
    ) -> Reply:
        """Send a signed request. `alter` changes the event after it was signed."""
        event = self._sample(f"staff-machine-{name}", query, **path)
        if body is not KEEP:
            event["body"] = json.dumps(body)
        method, _, route = event["routeKey"].partition(" ")
        for part, value in event.get("pathParameters", {}).items():
            route = route.replace(f"{{{part}}}", value)
        url = BASE_ADDRESS + route
        if event["rawQueryString"]:
            url += f"?{event['rawQueryString']}"
        self._count += 1
        given = nonce or f"nonce-{self._count}"
        options = {"nonce": given} if method != "GET" or nonce else {}
        event["headers"] |= signed_headers(
            self.key_id,
            self.key,
            method,
            url,
            event.get("body", "").encode(),
            self._clock.now() + ahead,
            **(options | (signing or {})),
        )
        alter(event)
        return self._api.send(event)

    def _sample(
        self, name: str, query: dict[str, str] | None = None, **path: str
    ) -> dict[str, Any]:
        from tests.functions.conftest import altered
        from tests.world import read_sample

        return altered(read_sample(name), query=query, path=path)


def make(api: Api, id_: str = "crm", **fields: Any) -> dict[str, Any]:
    """Let the manager wei make a connector, with all scopes unless `fields` says otherwise."""
    body = {"id": id_, "name": "The CRM", "scopes": ALL_SCOPES, "team": None, "reason": "a test"}
    found = api("connector-make", "wei", body=body | fields)
    assert found.status == 201, found.body
    answer: dict[str, Any] = found.body
    return answer


@pytest.fixture
def crm(api: Api, clock: Clock) -> Machine:
    """A connector with all scopes that sees all teams."""
    return Machine(api, clock, make(api))


def problem(found: Reply) -> str:
    return str(found.body["type"]).removeprefix("urn:redress:problem:")


def rotate_secret_of_the_stack(*keys: str) -> None:
    """Rotate it to each of these keys in turn, and let this process know the last two only."""
    for key in keys:
        aws("secretsmanager").put_secret_value(
            SecretId=ENVIRONMENT["LINK_KEY_SECRET"], SecretString=key
        )
    forget_secrets()


def forget_secrets() -> None:
    from redress.wiring import staff as wiring

    clients.link_keys.cache_clear()
    wiring.calling.cache_clear()
    wiring.connectors.cache_clear()


# ---------------------------------------------------------------------- what managers decide


def test_keys_are_shown_once_and_never_stored(api: Api) -> None:
    made = make(api)
    assert made["keyid"] == "crm.1"
    secret = base64.b64decode(made["webhook_secret"].removeprefix("whsec_"))
    assert len(secret) == len(base64.b64decode(made["api_key"])) == 32
    assert secret != base64.b64decode(made["api_key"])
    later = json.dumps([api("connector", "wei").body, api("connectors", "wei").body])
    items = json.dumps(aws("dynamodb").scan(TableName="redress-test")["Items"])
    for shown in (made["webhook_secret"], made["api_key"]):
        assert shown not in later
        assert shown.removeprefix("whsec_") not in items


def test_id_of_a_connector_is_never_given_away_again(api: Api) -> None:
    make(api)
    found = api("connector-make", "wei")
    assert (found.status, problem(found)) == (409, "already-done")


def test_connector_of_a_team_that_nobody_is_in_is_refused(api: Api) -> None:
    body = {"id": "erp", "name": "ERP", "scopes": ALL_SCOPES, "team": "nobody", "reason": "-"}
    found = api("connector-make", "wei", body=body)
    assert (found.status, found.codes) == (422, {"/team": "unknown_team"})


def test_all_faults_of_a_new_connector_are_named(api: Api) -> None:
    body = {"id": "No Id", "name": "", "scopes": ["all"], "team": 1, "reason": "", "more": 1}
    found = api("connector-make", "wei", body=body)
    assert found.pointers == {"/id", "/name", "/scopes/0", "/team", "/reason", "/more"}


def test_each_change_says_who_when_what_why_and_from_where(api: Api, clock: Clock) -> None:
    make(api)
    changed = api("connector-change", "wei")
    assert changed.status == 200
    latest = changed.body["changes"][0]
    assert (latest["revision"], latest["kind"], latest["by"]) == (2, "changed", "m-wei")
    assert (latest["why"], latest["source"]) == ("it shows tickets", "203.0.113.7")
    assert {one["field"] for one in latest["what"]} == {"name", "scopes"}
    assert [one["kind"] for one in changed.body["changes"]] == ["changed", "made"]


def test_change_of_an_older_revision_is_refused_and_a_repeat_is_not(api: Api) -> None:
    make(api)
    assert api("connector-change", "wei").status == 200
    assert api("connector-change", "wei").body["revision"] == 2, "the same request again"
    body = {"revision": 1, "name": "Else", "scopes": ALL_SCOPES, "team": None, "reason": "-"}
    found = api("connector-change", "wei", body=body)
    assert (found.status, found.body["current_version"]) == (409, 2)


def test_manager_who_was_suspended_meanwhile_changes_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redress.wiring import staff as wiring

    make(api)
    sign_in = wiring.sign_in()
    original = sign_in.caller

    def caller(*given: Any) -> Any:
        member = original(*given)
        aws("dynamodb").update_item(
            TableName="redress-test",
            Key={"pk": {"S": "STAFF"}, "sk": {"S": "AGENT#m-wei"}},
            UpdateExpression="SET revision = revision + :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
        return member

    monkeypatch.setattr(sign_in, "caller", caller)
    found = api("connector-suspension", "wei")
    assert found.status == 503
    monkeypatch.undo()


# ---------------------------------------------------------------------- rotation


def test_two_keys_are_valid_until_the_old_one_ends(api: Api, clock: Clock, crm: Machine) -> None:
    old = (crm.key_id, crm.key, crm.secret)
    rotated = api("connector-rotation", "wei")
    assert (rotated.status, rotated.body["keyid"]) == (201, "crm.2")
    assert crm.call("me").status == 200, "the old key"
    assert crm.message().status == 201, "the old secret"
    crm.take(rotated.body)
    assert crm.call("me").status == 200
    assert crm.message(message="m-2").status == 200
    again = {"revision": 2, "old_ends_at": None, "reason": "once more"}
    third = api("connector-rotation", "wei", body=again)
    assert (third.status, problem(third)) == (409, "already-done")
    clock.advance(days=1, seconds=1)
    assert crm.call("me").status == 200
    crm.key_id, crm.key, crm.secret = old
    assert (crm.call("me").status, crm.message().status) == (401, 401)


def test_key_that_is_ended_by_a_manager_counts_for_nothing_at_once(api: Api, crm: Machine) -> None:
    assert crm.call("me").status == 200
    ended = api("connector-key-end", "wei")
    assert ended.body["keys"][0]["standing"] == "ended"
    assert problem(crm.call("me")) == "signature-wrong"
    assert problem(crm.message()) == "signature-wrong"
    assert api("connector-key-end", "wei").body["revision"] == 2, "it may be repeated"
    assert api("connector-key-end", "wei", generation="7").status == 404


def test_end_of_old_keys_in_the_past_is_refused(api: Api, crm: Machine) -> None:
    body = {"revision": 1, "old_ends_at": "2026-11-01T00:00:00Z", "reason": "-"}
    found = api("connector-rotation", "wei", body=body)
    assert (found.status, found.codes) == (422, {"/old_ends_at": "passed"})


def test_webhook_with_signatures_of_both_keys_is_taken(
    api: Api, clock: Clock, crm: Machine
) -> None:
    """A sender that rotates its keys may send several signatures in one header."""

    def more(event: dict[str, Any]) -> None:
        right = event["headers"]["webhook-signature"]
        wrong = base64.b64encode(b"0" * 32).decode()
        event["headers"]["webhook-signature"] = f"v1a,{wrong} v1,{wrong} v1,broken {right}"

    assert crm.message(alter=more).status == 201


@pytest.mark.parametrize(
    ("rotations", "standing", "status"), [(1, "outdated", 200), (2, "lost", 401)]
)
def test_keys_outlive_one_rotation_of_the_secret_of_the_stack(
    api: Api, clock: Clock, crm: Machine, rotations: int, standing: str, status: int
) -> None:
    rotate_secret_of_the_stack(*(f"another key {number}" for number in range(rotations)))
    clock.advance(minutes=11)
    assert crm.call("me").status == status
    assert api("connector", "wei").body["keys"][0]["standing"] == standing
    rotated = api("connector-rotation", "wei")
    if standing == "lost":  # it does not count as valid for the bound of two, but it has not ended
        assert rotated.status == 201
    crm.take(rotated.body)
    assert crm.call("me").status == 200


def test_key_that_is_younger_than_a_rotation_of_the_secret_is_asked_for_again(
    api: Api, clock: Clock, crm: Machine
) -> None:
    """For five minutes a process may not know the newest secret. Nothing is wrong with the key."""
    rotate_secret_of_the_stack("another key", "one more key")
    found = crm.call("me")
    assert (found.status, found.headers["Retry-After"]) == (503, "60")


def test_older_valid_key_counts_while_the_secret_of_the_newer_one_is_not_known_yet(
    api: Api, clock: Clock, crm: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has made the newer key, with a secret that this one does not know yet."""
    from redress.wiring import staff as wiring

    rotate_secret_of_the_stack("the next key")
    rotated = api("connector-rotation", "wei")
    assert rotated.status == 201
    with monkeypatch.context() as earlier:
        earlier.setattr(clients, "link_keys", lambda _: lambda: iter([LINK_KEY]))
        wiring.calling.cache_clear()
        assert crm.message().status == 201, "the old secret"
        assert crm.call("me").status == 200, "the old key"
        crm.take(rotated.body)
        for found in (crm.message(), crm.call("me")):
            assert (found.status, found.headers["Retry-After"]) == (503, "60")
    forget_secrets()
    assert crm.message(message="m-2").status == 200


def test_key_counts_at_once_after_a_rotation_of_the_secret_of_the_stack(
    crm: Machine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may have read the previous secret minutes before the rotation."""
    seconds = [1000.0]
    held = SimpleNamespace(monotonic=lambda: seconds[0])
    monkeypatch.setattr(clients, "time", held)
    forget_secrets()
    assert crm.call("me").status == 200
    seconds[0] += 200
    list(clients.link_keys(ENVIRONMENT["LINK_KEY_SECRET"])())  # it reads the previous one, too
    aws("secretsmanager").put_secret_value(
        SecretId=ENVIRONMENT["LINK_KEY_SECRET"], SecretString="the next key"
    )
    seconds[0] += clients.REFRESH_S - 199
    clock.advance(minutes=11)
    assert crm.call("me").status == 200
    assert crm.message().status == 201


def test_keys_whose_answer_was_lost_are_ended_and_made_anew(
    api: Api, clock: Clock, crm: Machine
) -> None:
    """As docs/connectors.md says. The keys that are in use stay valid all the time."""
    assert api("connector-rotation", "wei").status == 201, "this answer is lost"
    lost = api("connector-rotation", "wei")
    assert (lost.status, lost.body["current_version"]) == (409, 2)
    ended = api("connector-key-end", "wei", generation="2")
    assert [key["standing"] for key in ended.body["keys"]] == ["ended", "valid"]
    body = {"revision": ended.body["revision"], "old_ends_at": None, "reason": "lost"}
    again = api("connector-rotation", "wei", body=body)
    assert (again.status, again.body["keyid"]) == (201, "crm.3")
    assert again.body["connector"]["keys"][-1]["ends_at"] is not None, "the end that was given"
    assert crm.call("me").status == 200, "the key in use"
    crm.take(again.body)
    assert crm.call("me").status == 200


# ---------------------------------------------------------------------- suspended, scopes


def test_suspended_connector_is_told_so_and_a_stranger_is_not(
    api: Api, clock: Clock, crm: Machine
) -> None:
    assert api("connector-suspension", "wei").body["state"] == "suspended"
    for found in (crm.call("me"), crm.message()):
        assert (found.status, problem(found)) == (403, "forbidden")
        assert "suspended" in found.body["detail"]
    crm.key, crm.secret = b"0" * 32, "whsec_" + base64.b64encode(b"0" * 32).decode()
    for found in (crm.call("me"), crm.message()):
        assert (found.status, problem(found)) == (401, "signature-wrong")
    assert api("connector-reinstatement", "wei").body["state"] == "active"


ROUTES = {
    "tickets": Scope.READ_TICKETS,
    "ticket": Scope.READ_TICKETS,
    "changes": Scope.READ_CHANGES,
    "customers": Scope.READ_CUSTOMERS,
    "note": Scope.WRITE_NOTES,
    "tags": Scope.WRITE_TAGS,
    "me": None,
}
"""Sample event of each signed route -> its scope."""
WEBHOOKS = {
    "message": Scope.WRITE_MESSAGES,
    "call": Scope.WRITE_CALLS,
    "receipt": Scope.WRITE_RECEIPTS,
}
"""Sample event of each route for webhooks -> its scope."""


def test_table_of_routes_is_complete(api: Api) -> None:
    declared = {key: route.scope for key, route in api.module.MACHINE_ROUTES.items() if route.roles}
    from tests.world import read_sample

    named = {
        tuple(read_sample(f"staff-machine-{name}")["routeKey"].split(" ")): scope
        for name, scope in (ROUTES | WEBHOOKS).items()
    }
    assert named == declared


@pytest.mark.parametrize("name", [name for name, scope in ROUTES.items() if scope])
@pytest.mark.parametrize("given", [None, *Scope])
def test_each_route_needs_its_scope_and_no_other(
    api: Api, clock: Clock, open_ticket: Opener, name: str, given: Scope | None
) -> None:
    """The matrix of scopes and routes."""
    scopes = [given.value] if given else [Scope.WRITE_MESSAGES.value]
    machine = Machine(api, clock, make(api, scopes=scopes))
    number = open_ticket().number
    path: dict[str, Any] = {"number": number} if name in ("ticket", "note", "tags") else {}
    found = machine.call(name, **path)
    assert (found.status == 403) == (given is not ROUTES[name]), found.body
    for webhook, scope in WEBHOOKS.items():
        assert (machine.message(of=webhook).status == 403) == (scopes != [scope.value])
    assert machine.call("me").status == 200


def test_scope_that_was_taken_away_counts_from_the_next_request_on(
    api: Api, crm: Machine, open_ticket: Opener
) -> None:
    number = open_ticket().number
    assert crm.call("tags", number=number).status == 200
    assert api("connector-change", "wei").status == 200  # it leaves tickets:read and notes:write
    found = crm.call("tags", body={"version": 1, "tags": ["else"]}, number=number)
    assert (found.status, found.body["detail"]) == (
        403,
        "this connector lacks the scope tags:write",
    )


# ---------------------------------------------------------------------- what a machine sees


def test_connector_of_a_team_sees_no_ticket_of_another_team(
    api: Api, clock: Clock, open_ticket: Opener
) -> None:
    number = open_ticket().number
    of_team = Machine(api, clock, make(api, "complaints-crm", team="complaints"))
    of_other = Machine(api, clock, make(api, "service-crm", team="service"))
    assert of_team.call("ticket", number=number).status == 200
    assert [one["number"] for one in of_team.call("tickets").body["items"]] == [number]
    for name in ("ticket", "note", "tags"):
        assert of_other.call(name, number=number).status == 404
    assert of_other.call("tickets").status == 403
    assert of_other.call("tickets", query={"view": "queue"}).body["items"] == []


def test_machine_is_not_told_who_views_a_ticket(
    api: Api, open_ticket: Opener, crm: Machine
) -> None:
    number = open_ticket(agent="a-mei").number
    assert api("viewing", "mei", number=number).status == 200
    assert len(api("ticket", "jun", number=number).body["viewers"]) == 1
    assert "viewers" not in crm.call("ticket", number=number).body


def test_machine_that_asks_who_it_is_costs_one_read(
    crm: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redress.wiring import staff as wiring

    store = wiring.connector_store()
    calls: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            calls.append(name)
            return real(*given)

        return call

    for name in ("get", "changes"):
        monkeypatch.setattr(store, name, counted(name, getattr(store, name)))
    assert crm.call("me").body["id"] == "crm"
    assert calls == ["get"]


def test_ticket_says_to_a_machine_what_it_may_do(
    api: Api, clock: Clock, open_ticket: Opener, crm: Machine
) -> None:
    number = open_ticket(agent="a-mei").number
    assert crm.call("ticket", number=number).body["can"] == ["note", "set_tags"]
    reader = Machine(api, clock, make(api, "reader", scopes=["tickets:read"]))
    assert reader.call("ticket", number=number).body["can"] == []


def test_note_and_tags_of_a_machine_are_by_the_machine_and_conflict_with_no_agent(
    api: Api, open_ticket: Opener, crm: Machine
) -> None:
    ticket = open_ticket(agent="a-mei")
    assert crm.call("note", number=ticket.number).status == 200
    assert crm.call("note", number=ticket.number).body["version"] == ticket.version + 1, "once"
    tagged = crm.call(
        "tags", body={"version": ticket.version, "tags": ["Kettle"]}, number=ticket.number
    )
    assert tagged.body["tags"] == ["kettle"]
    file = api("ticket", "mei", number=ticket.number).body
    assert [event["by"] for event in file["timeline"][-2:]] == [
        {"role": "machine", "id": "crm"}
    ] * 2
    body = {"version": ticket.version, "text": "We are on it."}
    assert api("reply", "mei", body=body, number=ticket.number).status == 200


def test_machine_never_makes_another_change_of_a_ticket(api: Api, open_ticket: Opener) -> None:
    """The right to make one kind of change does not include any other kind."""
    from redress.connectors.rules.connector import Connector, State
    from redress.tickets.rules import access

    connector = Connector("crm", "CRM", tuple(Scope), None, State.ACTIVE, (), 1)
    ticket = open_ticket(agent="a-mei")
    may = {act for act in access.ACTIONS if access.may_make(connector.machine, ticket, act)}
    assert may == {"note", "set_tags"}
    assert not access.may_act(connector.machine, ticket)


def test_list_without_a_team_is_refused_with_all_faults(crm: Machine) -> None:
    found = crm.call("tickets", query={"kind": "nothing"})
    assert found.pointers == {"/team", "/kind"}


def test_machine_follows_changes(crm: Machine, open_ticket: Opener) -> None:
    first = crm.call("changes")
    assert (first.status, first.body["tickets"]) == (200, [])
    assert crm.call("changes", query={"since": first.body["next"]}).status == 200


# ---------------------------------------------------------------------- wrong signatures


def test_a_body_that_was_changed_after_signing_is_refused(
    crm: Machine, open_ticket: Opener, stores: Stores
) -> None:
    number = open_ticket().number

    def change(event: dict[str, Any]) -> None:
        event["body"] = event["body"].replace("parcel", "secret")

    found = crm.call("note", number=number, alter=change)
    assert (found.status, problem(found)) == (401, "signature-wrong")
    assert "Content-Digest" in found.body["detail"]

    def change_both(event: dict[str, Any]) -> None:
        change(event)
        event["headers"]["content-digest"] = digest(event["body"].encode())

    assert problem(crm.call("note", number=number, alter=change_both)) == "signature-wrong"

    def forge(event: dict[str, Any]) -> None:
        event["body"] = event["body"].replace("li.na@", "eve@")

    assert problem(crm.message(alter=forge)) == "signature-wrong"
    assert stores.tickets.get(number).version == 1


@pytest.mark.parametrize(
    "alter",
    [
        lambda event: event.update(rawQueryString="team=service"),
        lambda event: event.update(routeKey="GET /machines/customers"),
        lambda event: event["headers"].update(signature="sig1=:AAAA:"),
        lambda event: event["stageVariables"].update(base_address="https://other.example.org/v1"),
        lambda event: event["headers"].update(
            {"signature-input": event["headers"]["signature-input"].replace("crm.1", "crm.2")}
        ),
        lambda event: event["headers"].update(
            {"signature-input": event["headers"]["signature-input"].replace("crm.1", "none.1")}
        ),
    ],
    ids=["query", "path", "signature", "address", "generation", "connector"],
)
def test_a_request_that_differs_from_what_was_signed_is_refused(
    crm: Machine, alter: Callable[[dict[str, Any]], None]
) -> None:
    found = crm.call("tickets", alter=alter)
    assert (found.status, problem(found)) == (401, "signature-wrong")
    assert found.headers["WWW-Authenticate"] == "Signature"


def test_signature_of_another_connector_is_worth_nothing(
    api: Api, clock: Clock, crm: Machine
) -> None:
    """The words are those that a stranger gets who names a connector that does not exist."""
    chat = Machine(api, clock, make(api, "chat"))
    foreign = chat.message(connector="crm")
    assert (foreign.status, problem(foreign)) == (401, "signature-wrong")
    assert chat.message(connector="nowhere").body == foreign.body
    chat.key_id = "crm.1"
    named, chat.key_id = chat.call("me"), "nowhere.1"
    assert (named.status, problem(named)) == (401, "signature-wrong")
    assert chat.call("me").body == named.body


@pytest.mark.parametrize("name", ["c" * 2_000, "CRM", "a#b", "连接", "crm "])
def test_name_that_no_connector_can_have_is_refused_like_an_unknown_one(
    crm: Machine, name: str
) -> None:
    assert problem(crm.message(connector=name)) == "signature-wrong"
    if name.isascii():  # a keyid is a structured field, which is ASCII
        crm.key_id = f"{name}.1"
        assert problem(crm.call("me")) == "signature-wrong"


def test_secret_of_webhooks_signs_no_request_and_the_other_way_round(crm: Machine) -> None:
    secret, key = crm.secret, crm.key
    crm.key = base64.b64decode(secret.removeprefix("whsec_"))
    crm.secret = "whsec_" + base64.b64encode(key).decode()
    assert (crm.call("me").status, crm.message().status) == (401, 401)


@pytest.mark.parametrize("sign", [1, -1])
def test_client_whose_clock_is_off_is_told_the_time_here(
    crm: Machine, clock: Clock, sign: int
) -> None:
    within, beyond = sign * TOLERANCE, sign * (TOLERANCE + timedelta(seconds=1))
    assert crm.call("me", ahead=within).status == 200
    assert crm.message(ahead=within).status == 201
    for found in (crm.call("me", ahead=beyond), crm.message(ahead=beyond, message="m-2")):
        assert (found.status, problem(found)) == (401, "signature-expired")
        assert str(int(clock.now().timestamp())) in found.body["detail"]
        assert ("after" if sign > 0 else "before") in found.body["detail"]


def test_signature_whose_expiry_has_passed_is_refused(crm: Machine, clock: Clock) -> None:
    early = {"expires": clock.now() - 2 * TOLERANCE}
    found = crm.call("me", signing=early)
    assert (found.status, problem(found)) == (401, "signature-expired")


def test_request_that_changes_something_counts_once(crm: Machine, open_ticket: Opener) -> None:
    number = open_ticket().number
    sent: list[dict[str, Any]] = []
    assert crm.call("note", number=number, alter=lambda event: sent.append(event)).status == 200
    again = crm._api.send(sent[0])
    assert (again.status, problem(again)) == (401, "signature-repeated")
    other = crm.call("note", body={"text": "Else"}, number=number, nonce="nonce-1")
    assert problem(other) == "signature-repeated"
    without = crm.call("note", number=number, signing={"nonce": None})
    assert (problem(without), "`nonce`" in without.body["detail"]) == ("signature-missing", True)


def test_reading_may_be_repeated(crm: Machine) -> None:
    """A reading changes nothing, so its nonces are not recorded."""
    sent: list[dict[str, Any]] = []
    crm.call("me", alter=lambda event: sent.append(event))
    assert crm._api.send(sent[0]).status == 200


def _header(name: str, value: str) -> Callable[[dict[str, Any]], None]:
    return lambda event: event["headers"].update({name: value})


def _input(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(event: dict[str, Any]) -> None:
        given = event["headers"]["signature-input"]
        assert old in given
        event["headers"]["signature-input"] = given.replace(old, new)

    return change


def _twice(event: dict[str, Any]) -> None:
    """API Gateway joins two headers of a name with a comma."""
    for name in ("signature", "signature-input"):
        event["headers"][name] = ",".join([event["headers"][name]] * 2)


def _two_labels(event: dict[str, Any]) -> None:
    for name in ("signature", "signature-input"):
        given = event["headers"][name]
        event["headers"][name] = f"{given}, {given.replace('sig1', 'sig2')}"


@pytest.mark.parametrize(
    ("alter", "word"),
    [
        (lambda event: event["headers"].pop("signature"), "signature is missing"),
        (lambda event: event["headers"].pop("signature-input"), "signature-input is missing"),
        (_header("signature", "sig1=nothing"), "byte sequence"),
        (_header("signature", "sig1=:!:"), "not a dictionary"),
        (_header("signature", "sig2=:AAAA:"), "same labels"),
        (_header("signature-input", "sig1=水"), "not a dictionary"),
        (_header("signature-input", 'sig1=1;keyid="crm.1"'), "list of components"),
        (_header("signature-input", "sig1=()"), "keyid"),
        (_header("signature-input", "sig1=(" + '"x" ' * 3000 + ")"), "too long"),
        (_twice, "`sig1` twice"),
        (_two_labels, "2 have"),
        (_input('"@target-uri"', '"@target-uri" "@status"'), "@status is not known"),
        (_input('"@target-uri"', '"@target-uri" "x-nothing"'), "x-nothing, which the request"),
        (_input('"@target-uri"', '"@target-uri" "Accept"'), "lower case"),
        (_input('"@target-uri"', '"@target-uri" "@method"'), "twice"),
        (_input('"@target-uri"', '"@target-uri" "accept";bs'), "parameters of a component"),
        (_input('"@target-uri"', '"@authority"'), "@target-uri"),
        (_input('"@method"', '"@scheme"'), "@method"),
        (_input("hmac-sha256", "rsa-pss-sha512"), "`alg` must be hmac-sha256"),
        (_input("created=", "expires="), "`created`"),
    ],
)
def test_malformed_signature_is_refused_with_what_is_wrong(
    crm: Machine, alter: Callable[[dict[str, Any]], None], word: str
) -> None:
    found = crm.call("me", alter=alter)
    assert (found.status, problem(found)) == (401, "signature-missing"), found.body
    assert word in found.body["detail"]


def test_signature_beside_those_of_others_is_taken(crm: Machine) -> None:
    """A proxy may sign the request, too, under another label and with a key of its own."""

    def add(event: dict[str, Any]) -> None:
        event["headers"]["signature"] += ", proxy=:AAAA:"
        event["headers"]["signature-input"] += ', proxy=("@method");keyid="proxy";created=1'

    assert crm.call("me", alter=add).status == 200


@pytest.mark.parametrize(
    "components",
    [
        ("@method", "@authority", "@path", "@query"),
        ("@method", "@target-uri", "@scheme", "@request-target", "user-agent"),
    ],
)
def test_parts_of_the_address_may_be_signed_instead_of_the_whole(
    crm: Machine, components: tuple[str, ...]
) -> None:
    signing = {"components": components, "headers": {"user-agent": "chat/1.0"}}
    assert crm.call("tickets", signing=signing).status == 200


def test_signature_without_the_query_is_refused(crm: Machine) -> None:
    found = crm.call("tickets", signing={"components": ("@method", "@authority", "@path")})
    assert problem(found) == "signature-missing"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", ""),
        ("webhook-id", "msg.1"),
        ("webhook-id", "消息"),
        ("webhook-id", "m" * 201),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "1e9"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "１２"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,="),
        ("webhook-signature", "v2,AAAA"),
    ],
)
def test_malformed_header_of_a_webhook_is_named(crm: Machine, name: str, value: str) -> None:
    found = crm.message(alter=_header(name, value))
    assert (found.status, problem(found)) == (401, "signature-missing")
    assert f"malformed: {name};" in found.body["detail"]


def test_body_in_base64_is_signed_as_its_bytes(crm: Machine) -> None:
    def encode(event: dict[str, Any]) -> None:
        event["body"] = base64.b64encode(event["body"].encode()).decode()
        event["isBase64Encoded"] = True

    assert crm.message(alter=encode).status == 201

    def break_it(event: dict[str, Any]) -> None:
        event["body"], event["isBase64Encoded"] = "!", True

    assert crm.message(alter=break_it).status == 400


# ---------------------------------------------------------------------- messages


def test_first_message_of_a_conversation_opens_a_ticket_and_the_next_is_added(
    crm: Machine, stores: Stores
) -> None:
    first = crm.message()
    assert first.status == 201
    assert first.body["status_url"].startswith(f"{BASE_ADDRESS}/t/{first.body['number']}.")
    ticket = stores.tickets.get(first.body["number"])
    assert (ticket.channel, ticket.language, ticket.subject) == (
        "chat",
        "zh-CN",
        "水壶漏水，怎么办？",
    )
    second = crm.message(message="m-2", text="急！")
    assert (second.status, second.body["number"]) == (200, ticket.number)
    opened, *_, wrote = stores.tickets.history(ticket.number)
    source = {"connector": "crm", "conversation": "c-20261123-17", "message": "m-1"}
    assert opened.data["source"] == source | {"sent_at": "2026-11-23T01:00:00.000Z"}
    assert (wrote.type, wrote.data["text"]) == (EventType.CUSTOMER_WROTE, "急！")
    assert wrote.data["source"]["message"] == "m-2"
    other = crm.message(conversation="c-2", message="m-1")
    assert (other.status, other.body["number"] != ticket.number) == (201, True)


def test_repeat_of_a_delivery_gets_the_same_answer(crm: Machine, stores: Stores) -> None:
    """Story 50: answers were lost, and nothing could be replayed (zammad 1239)."""
    first = crm.message("msg_a")
    again = crm.message("msg_a")
    assert (again.status, again.body) == (first.status, first.body)
    added = crm.message("msg_b", message="m-2")
    assert crm.message("msg_b", message="m-2").body == added.body
    assert stores.tickets.get(first.body["number"]).version == added.body["version"]
    assert crm.message("msg_a").body == first.body, "also after another message"


def test_same_message_of_the_source_in_another_delivery_is_not_doubled(
    crm: Machine, stores: Stores
) -> None:
    first = crm.message("msg_a")
    again = crm.message("msg_b")
    assert (again.status, again.body) == (first.status, first.body)


def test_id_that_comes_with_other_content_is_refused(crm: Machine) -> None:
    crm.message("msg_a")
    same_delivery = crm.message("msg_a", text="Else")
    same_message = crm.message("msg_b", text="Else")
    for found, word in ((same_delivery, "webhook-id"), (same_message, "message")):
        assert (found.status, problem(found)) == (409, "key-reused")
        assert word in found.body["detail"]


def test_message_that_was_refused_is_taken_later_with_the_same_id(
    api: Api, clock: Clock, crm: Machine
) -> None:
    """A sender keeps a message after 401 and 403, and sends it when the cause is mended."""
    right = crm.secret
    crm.secret = "whsec_" + base64.b64encode(b"0" * 32).decode()
    assert crm.message("msg_a").status == 401
    crm.secret = right
    assert crm.message("msg_a", ahead=-2 * TOLERANCE).status == 401
    api("connector-suspension", "wei")
    assert crm.message("msg_a").status == 403
    api("connector-reinstatement", "wei")
    found = crm.message("msg_a")
    assert (found.status, found.body["opened"]) == (201, True)


def test_two_connectors_do_not_share_ids(api: Api, clock: Clock, crm: Machine) -> None:
    chat = Machine(api, clock, make(api, "chat"))
    first, other = crm.message("msg_a"), chat.message("msg_a")
    assert (other.status, other.body["number"] != first.body["number"]) == (201, True)


def test_message_of_a_merged_ticket_goes_to_its_target(
    crm: Machine, stores: Stores, open_ticket: Opener
) -> None:
    source, target = crm.message().body["number"], open_ticket().number
    merge(stores, source, target)
    found = crm.message(message="m-2", text="急！")
    assert (found.status, found.body["number"]) == (200, target)
    last = stores.tickets.history(target)[-1]
    assert (last.data["text"], last.data["sent_to"]) == ("急！", source)
    third = crm.message(message="m-3", text="急！急！")
    assert (third.status, third.body["number"]) == (200, target)


def test_message_during_the_end_of_a_merge_is_written_in_the_ticket_to_which_it_was_sent(
    crm: Machine, stores: Stores, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = crm.message().body["number"], open_ticket().number
    merge(stores, source, target)
    unmerge_at_a_read(monkeypatch, stores, source, target)
    found = crm.message(message="m-2", text="急！")
    assert (found.status, found.body["number"]) == (200, source)
    assert "sent_to" not in stores.tickets.history(source)[-1].data


def test_message_to_a_closed_ticket_opens_one_that_says_what_it_follows(
    crm: Machine, stores: Stores, act: Act
) -> None:
    from redress.tickets.rules.steps import by_customer

    first = crm.message().body["number"]
    closed = act(stores.tickets.get(first), by_customer.withdraw, "never mind")
    assert closed.state is State.CLOSED
    second = crm.message(message="m-2")
    assert second.status == 201
    opened = stores.tickets.history(second.body["number"])[0]
    assert opened.data["source"]["follows"] == first
    third = crm.message(message="m-3")
    assert (third.status, third.body["number"]) == (200, second.body["number"])


def test_thanks_to_a_closed_ticket_opens_no_other_ticket(
    crm: Machine, stores: Stores, act: Act
) -> None:
    from redress.tickets.rules.steps import by_customer

    first = crm.message().body["number"]
    act(stores.tickets.get(first), by_customer.withdraw, "never mind")
    thanked = crm.message(message="m-2", text="好的，谢谢🙏")
    assert (thanked.status, thanked.body["number"]) == (200, first)
    last = stores.tickets.history(first)[-1]
    assert (last.type, last.data["thanks"]) == ("customer_wrote", "谢谢")
    assert stores.tickets.get(first).state is State.CLOSED
    other = crm.message(message="m-3", text="谢谢，但是还没好")
    assert (other.status, other.body["number"] != first) == (201, True)


def test_message_that_comes_twice_at_once_is_taken_once(
    crm: Machine, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redress.wiring import staff as wiring

    store = wiring.connector_messages()._messages
    original, sent = store.known, list[Reply]()

    begun: list[bool] = []

    def known(*given: Any, **options: Any) -> Any:
        found = original(*given, **options)
        if not begun:
            begun.append(True)
            sent.append(crm.message("msg_a"))  # the other delivery is faster
        return found

    monkeypatch.setattr(store, "known", known)
    slower = crm.message("msg_a")
    assert slower.body == sent[0].body
    assert len(stores.tickets.history(slower.body["number"])) == slower.body["version"]


def test_all_faults_of_a_message_are_named(crm: Machine) -> None:
    found = crm.message(
        conversation="",
        message=1,
        channel="fax",
        text=None,
        language="de",
        customer={"name": "", "fax": "1"},
        consent=False,
        sent_at="yesterday",
        more=1,
    )
    assert found.pointers == {
        *("/conversation", "/message", "/channel", "/text", "/language", "/consent", "/sent_at"),
        *("/customer/name", "/customer/fax", "/customer/email", "/more"),
    }


def test_a_message_that_is_no_json_is_refused_and_seen(api: Api, crm: Machine) -> None:
    event = crm._sample("staff-machine-message")
    event["body"] = "[" * 100
    event["headers"] |= webhook_headers(crm.secret, "msg_a", crm._clock.now(), b"[" * 100)
    assert api.send(event).status == 400
    [seen] = api("connector-attempts", "wei").body["items"]
    assert (seen["delivery"], seen["status"], seen["problem"]) == ("msg_a", 400, "not-json")


# ---------------------------------------------------------------------- a connector's day


def test_a_connectors_day(
    api: Api, clock: Clock, open_ticket: Opener, stores: Stores, act: Act
) -> None:
    """A chat hands over a conversation, shows the answer, and is stopped in the middle of it."""
    chat = Machine(api, clock, make(api, "chat", name="The chat"))
    position = chat.call("changes").body["next"]
    first: dict[str, Any] = {"text": "The kettle leaks.", "language": "en", "kind": "complaint"}
    number = chat.message("msg_a", **first).body["number"]
    clock.advance(minutes=1)
    again = chat.message("msg_a", **first)
    assert (again.status, again.body["number"]) == (201, number), "its answer had been lost"
    given = act(stores.tickets.get(number), by_system.assign, "a-mei", "for a test")
    assert chat.call("tags", body={"version": 1, "tags": ["chat"]}, number=number).status == 200
    body = {"version": given.version, "text": "Please send us a photo.", "wait_for_customer": True}
    assert api("reply", "mei", body=body, number=number).status == 200
    file = chat.call("ticket", number=number).body
    [reply] = [event for event in file["timeline"] if event["type"] == "replied"]
    assert reply["data"]["text"] == "Please send us a photo."
    assert file["state"] == "waiting"
    assert chat.call("changes", query={"since": position}).status == 200

    clock.advance(minutes=1)
    rotated = api("connector-rotation", "wei", id="chat")
    assert chat.message(message="m-2", text="Here it is.").body["number"] == number
    chat.take(rotated.body)
    assert chat.call("ticket", number=number).body["state"] == "open"
    clock.advance(minutes=1)
    api("connector-suspension", "wei", id="chat")
    assert chat.message(message="m-3", text="Are you there?").status == 403
    clock.advance(minutes=1)
    api("connector-reinstatement", "wei", id="chat")
    assert chat.message("msg_9", message="m-3", text="Are you there?").status == 200
    texts = [event.data.get("text") for event in stores.tickets.history(number)]
    assert texts.count("Are you there?") == texts.count("Here it is.") == 1
    outcomes = [one["status"] for one in api("connector-attempts", "wei", id="chat").body["items"]]
    assert outcomes == [200, 403, 200, 201, 201]


# ---------------------------------------------------------------------- attempts (story 50)


def test_each_attempt_is_visible_with_its_outcome(api: Api, clock: Clock, crm: Machine) -> None:
    """Story 50: there was no history of webhooks (zammad 3372)."""
    number = crm.message("msg_a").body["number"]
    clock.advance(seconds=1)
    crm.message("msg_a")
    clock.advance(seconds=1)
    crm.message("msg_a", text="Else")
    clock.advance(seconds=1)
    crm.message("msg_b", ahead=-2 * TOLERANCE)
    items = api("connector-attempts", "wei").body["items"]
    assert [(one["status"], one["problem"], one["again"], one["ticket"]) for one in items] == [
        (401, "signature-expired", False, None),
        (409, "key-reused", False, None),
        (201, None, True, number),
        (201, None, False, number),
    ]
    page = api("connector-attempts", "wei", query={"limit": "3"}).body
    rest = api("connector-attempts", "wei", query={"limit": "3", "cursor": page["next"]}).body
    assert page["items"] + rest["items"] == items
    assert rest["next"] is None


def test_wrong_signatures_are_recorded_now_and_then_only(
    api: Api, clock: Clock, crm: Machine, logs: StringIO
) -> None:
    """Anybody can send them, and each record costs a write. The log has each of them."""
    wrong = _header("webhook-signature", "v1,AAAA")
    for _ in range(3):
        assert crm.message(alter=wrong).status == 401
    clock.advance(seconds=APART.total_seconds() + 1)
    crm.message(alter=wrong)
    assert len(api("connector-attempts", "wei").body["items"]) == 2
    assert logs.getvalue().count('"fault":"SignatureWrong"') == 4
    crm.message(connector="nowhere")
    assert api("connector-attempts", "wei", id="nowhere").status == 404


def test_message_is_taken_also_if_its_attempt_cannot_be_recorded(
    api: Api, crm: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redress.wiring import staff as wiring

    def broken(*_: Any) -> None:
        raise RuntimeError("no attempt")

    monkeypatch.setattr(wiring.connector_store(), "record", broken)
    assert crm.message().status == 201


def test_log_names_the_connector_and_no_key_and_no_customer(
    crm: Machine, open_ticket: Opener, logs: StringIO
) -> None:
    crm.message()
    crm.call("ticket", number=open_ticket().number)
    written = logs.getvalue()
    assert '"connector":"crm"' in written
    for secret in ("whsec_", crm.secret[8:], "li.na", "李娜", "signature-input"):
        assert secret not in written


def test_document_of_machines_needs_no_signature(api: Api, context: Context) -> None:
    from tests.answers import DOCUMENTS
    from tests.world import read_sample

    found = api.send(read_sample("staff-machine-openapi"))
    assert (found.status, found.body) == (200, DOCUMENTS["machines"])


def test_actor_of_a_machine_is_no_person_and_no_member_of_the_staff() -> None:
    machine = Actor(Role.MACHINE, "crm")
    assert not machine.is_person
    assert not machine.is_staff


def test_requests_of_people_load_no_parser_of_signatures() -> None:
    """The first signed request loads it."""
    run_alone(
        "import sys\n"
        f"sys.path[:0] = [{str(ROOT / 'functions/staff')!r}]\n"
        "import app\n"
        "assert app.MACHINE_ROUTES\n"
        "assert 'http_sf' not in sys.modules\n"
        "assert 'redress.connectors.store' not in sys.modules\n"
    )


# ---------------------------------------------------------------------- calls


def test_record_of_a_call_opens_a_ticket_for_its_agent(api: Api, crm: Machine) -> None:
    found = crm.message(of="call")
    assert found.status == 201, found.body
    assert (found.body["outcome"], found.body["version"]) == ("opened", 5)
    assert crm.message(of="call").body == found.body, "a repeat gets the same answer"
    seen = api("ticket", "wei", number=found.body["number"]).body
    [event] = [one for one in seen["timeline"] if one["type"] == "call_recorded"]
    assert event["data"]["seconds"] == {
        "menu": 20,
        "queue": 4,
        "talk": 166,
        "hold": 30,
        "after": 60,
    }
    assert (event["by"], event["data"]["agent"]) == ({"role": "machine", "id": "crm"}, "s-lin")
    attempts = api("connector-attempts", "wei", id="crm").body["items"]
    assert {one["ticket"] for one in attempts} == {found.body["number"]}


def test_faults_of_a_record_are_all_named_and_the_attempt_is_recorded(
    api: Api, crm: Machine
) -> None:
    found = crm.message(of="call", result="lost", answered="soon", more=1)
    assert (found.status, found.pointers) == (422, {"/result", "/answered", "/more"})
    [attempt] = api("connector-attempts", "wei", id="crm").body["items"]
    assert (attempt["status"], attempt["problem"]) == (422, "invalid-input")


def test_record_that_opens_nothing_says_so(api: Api, crm: Machine) -> None:
    fields: dict[str, Any] = {
        "result": "abandoned_in_menu",
        "left_menu": None,
        "answered": None,
        "held": None,
    }
    found = crm.message(of="call", after_work_ended=None, agent=None, **fields)
    assert (found.status, found.body["outcome"], found.body["number"]) == (200, "kept", None)


# ---------------------------------------------------------------------- messages that never came


def test_gap_in_the_numbers_of_messages_is_shown_to_staff_managers_and_the_sender(
    api: Api, crm: Machine, stores: Stores, clock: Clock
) -> None:
    """A message was lost on the way, and nobody knew that the customer had said more."""
    first = crm.message(sequence=6)
    number = first.body["number"]
    assert first.body["missing"] == []
    clock.advance(seconds=1)
    found = crm.message(message="m-3", sequence=9)
    assert found.body["missing"] == [7, 8]
    wrote = stores.tickets.history(number)[-1].data["source"]
    assert (wrote["sequence"], wrote["missing"]) == (9, [7, 8])
    [attempt, _] = api("connector-attempts", "wei", id="crm").body["items"]
    assert attempt["missing"] == [7, 8]
    assert crm.message(message="m-2", sequence=7, text="It is hot.").body["missing"] == [8]
    late = crm.message("msg_late", message="m-2b", sequence=8, text="And it smells.")
    assert late.body["missing"] == []
    assert "missing" not in stores.tickets.history(number)[-1].data["source"]
    again = crm.message("msg_late", message="m-2b", sequence=8, text="And it smells.")
    assert again.body == late.body, "a repeat gets the same answer"


def test_messages_without_numbers_have_no_gaps_and_write_nothing_for_them(
    crm: Machine, stores: Stores
) -> None:
    number = crm.message().body["number"]
    crm.message(message="m-2")
    assert "sequence" not in stores.tickets.history(number)[-1].data["source"]
    items = aws("dynamodb").scan(TableName="redress-test")["Items"]
    assert not [item for item in items if item["sk"]["S"].startswith("SEQUENCE#")]


def test_number_of_a_message_is_a_whole_number(crm: Machine) -> None:
    for wrong in ("7", -1, 1.5, True, 10**16):
        found = crm.message(sequence=wrong)
        assert found.codes == {"/sequence": "whole_number_expected"}
