"""Files of a ticket on a deployed stack: uploaded by the real form, checked, opened or kept shut.

The stack looks for EICAR's test file only. What GuardDuty does cannot run here.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local import stack
from local.endpoints import call
from local.stack import Outputs
from redress.files.rules import eicar
from tests import uploads
from tests.files import samples
from tests.local.laboratory import eventually
from tests.uploads import Answered


@dataclass(frozen=True)
class Customer:
    """A customer with one ticket, who calls the JSON API."""

    outputs: Outputs
    number: str
    token: str

    def call(self, method: str, path: str = "", body: Any = None) -> Any:
        url = f"{self.outputs.base_url}/tickets/{self.number}/files{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        return call(method, url, body, headers=headers)

    def offered(self, content: bytes, name: str = "杯子.jpg", **more: str) -> dict[str, Any]:
        answer = self.call("POST", body={"name": name, "size": len(content)} | more)
        assert answer.status == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def send(self, content: bytes, name: str = "杯子.jpg", **more: str) -> str:
        made = self.offered(content, name, **more)
        sent = put(made["upload"], content)
        assert sent.status == 201 or sent.status == 204, sent
        file: str = made["id"]
        return file

    def files(self) -> dict[str, dict[str, Any]]:
        return {one["id"]: one for one in self.call("GET").json()["files"]}

    def state_of(self, file: str, *wanted: str) -> dict[str, Any]:
        """Wait until a file has one of these states, and return it."""

        def there() -> dict[str, Any] | None:
            found = self.files().get(file)
            return found if found is not None and found["state"] in wanted else None

        return eventually(there, f"the file is {' or '.join(wanted)}", seconds=40)

    def item(self, id_: str) -> dict[str, Any]:
        """An item of the checklist, as the customer sees it."""
        url = f"{self.outputs.base_url}/tickets/{self.number}"
        shown = call("GET", url, headers={"Authorization": f"Bearer {self.token}"}).json()
        return next(one for one in shown["checklist"] if one["id"] == id_)

    def as_staff(self, method: str = "GET", path: str = "", body: Any = None) -> dict[str, Any]:
        """Call the ticket as a manager."""
        email = next(one for one, who in self.outputs.staff.items() if "manager" in who["groups"])
        token = stack.sign_in(self.outputs, email)
        path = f"/staff/tickets/{self.number}{path}"
        found: dict[str, Any] = stack.call_api(self.outputs, method, path, body, token)
        return found

    def timeline(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.as_staff()["timeline"]
        return found


def put(form: dict[str, Any], content: bytes, **changed: str) -> Answered:
    return uploads.put_by_form(form["url"], form["fields"] | changed, content)


@pytest.fixture
def customer(deployed: Outputs) -> Customer:
    return customer_of(deployed, {"kind": "complaint"})


@pytest.fixture
def requester(deployed: Outputs) -> Customer:
    """A customer whose request needs a copy of a document."""
    category = {"kind": "service_request", "category": "account/personal_data"}
    return customer_of(deployed, category)


def customer_of(deployed: Outputs, fields: dict[str, Any]) -> Customer:
    body = fields | {
        "subject": "Cup",
        "description": "It came broken.",
        "contact": {"name": "Li Na", "email": "li.na@example.com"},
        "language": "en",
        "consent": True,
    }
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    answer = call("POST", f"{deployed.base_url}/tickets", body, headers=headers)
    assert answer.status == 201, answer.text
    return Customer(deployed, answer.json()["number"], answer.json()["token"])


@pytest.fixture
def bucket(deployed: Outputs) -> str:
    return deployed.stack["FilesBucketName"]


def refused(action: Callable[[], Any]) -> str:
    """The code of the error with which AWS refuses a call."""
    with pytest.raises(ClientError) as error:
        action()
    return str(error.value.response["Error"]["Code"])


def test_photo_is_uploaded_checked_and_opened_under_its_name(
    customer: Customer, aws: Callable[[str], Any], bucket: str
) -> None:
    file = customer.send(samples.JPEG)
    shown = customer.state_of(file, "clean")
    assert (shown["name"], shown["type"]) == ("杯子.jpg", "image/jpeg")
    link = customer.call("GET", f"/{file}").json()["url"]
    opened = uploads.get(link)
    assert opened.status == 200
    assert opened.headers["content-type"] == "application/octet-stream"
    assert opened.headers["content-disposition"].startswith("attachment")
    key = f"files/{customer.number}/{file}"
    assert aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read() == samples.JPEG
    [event] = [one for one in customer.timeline() if one["type"] == "customer_wrote"]
    assert [one["id"] for one in event["data"]["files"]] == [file]


def test_file_that_is_sent_for_an_item_of_a_checklist_is_checked_and_accepted(
    requester: Customer,
) -> None:
    """Story 13: what is missing, given and accepted is known for each item."""
    file = requester.send(samples.JPEG, item="identity")
    requester.state_of(file, "clean")
    assert requester.item("identity")["state"] == "given"
    assert requester.call("POST", f"/{file}/withdrawal").status == 200
    assert requester.item("identity")["state"] == "open", "the customer has taken it back"
    other = requester.send(samples.JPEG, item="identity")
    requester.state_of(other, "clean")
    version = requester.as_staff()["version"]
    accepted = "/checklist/identity/acceptance"
    requester.as_staff("POST", accepted, {"version": version})
    shown = requester.item("identity")
    assert (shown["state"], shown["can"]) == ("accepted", None)
    kinds = [one["type"] for one in requester.timeline()]
    assert kinds.count("item_given") == 2
    assert "customer_wrote" not in kinds, "it is no ordinary message"
    late = {"name": "id.jpg", "size": len(samples.JPEG), "item": "identity"}
    assert requester.call("POST", body=late).status == 409
    # Agents have a limited capacity, and nobody can resolve it while its other items are missing.
    url = f"{requester.outputs.base_url}/tickets/{requester.number}/withdrawal"
    headers = {"Authorization": f"Bearer {requester.token}"}
    assert call("POST", url, {"text": "I found it."}, headers=headers).status == 200


def test_test_file_is_found_stands_on_the_ticket_and_opens_for_nobody(
    customer: Customer, aws: Callable[[str], Any], bucket: str
) -> None:
    file = customer.send(eicar.TEST, "order.txt")
    shown = customer.state_of(file, "found", "refused")
    assert (shown["state"], shown["reason"]) == ("found", None), "its name is for staff"
    assert customer.call("GET", f"/{file}").status == 409
    texts = [one["data"].get("text", "") for one in customer.timeline()]
    assert any("EICAR-Test-File" in text for text in texts)
    key = f"files/{customer.number}/{file}"
    assert refused(lambda: aws("s3").get_object(Bucket=bucket, Key=key)) == "AccessDenied"


def test_held_file_opens_for_nobody_until_its_verdict_which_the_sweep_asks_for(
    customer: Customer, aws: Callable[[str], Any], bucket: str
) -> None:
    """The scanner is switched off, so its events are lost. The ticket itself goes on."""
    events, objects = aws("events"), aws("s3")
    [rule] = [one["Name"] for one in events.list_rules()["Rules"] if "FileCopied" in one["Name"]]
    events.disable_rule(Name=rule)
    try:
        file = customer.send(samples.JPEG)
        assert customer.state_of(file, "held", "clean")["state"] == "held"
        problem = customer.call("GET", f"/{file}")
        assert (problem.status, problem.json()["reason"]) == (409, "held")
        place = {"Bucket": bucket, "Key": f"files/{customer.number}/{file}"}
        eventually(lambda: copied(objects, place), "the file is copied")
        link = objects.generate_presigned_url("get_object", place)
        assert uploads.get(link).status == 403
        clean = {"TagSet": [{"Key": "redress-scan", "Value": "clean"}]}
        upload = place | {"Key": f"uploads/{customer.number}/{file}"}
        for action in (
            lambda: objects.get_object(**place),
            lambda: objects.put_object_tagging(**place, Tagging=clean),
            lambda: objects.copy_object(Bucket=bucket, Key="elsewhere", CopySource=place),
            lambda: objects.get_object(**upload),
        ):
            assert refused(action) == "AccessDenied"
        text = {"text": "Here is a photo."}
        url = f"{customer.outputs.base_url}/tickets/{customer.number}/messages"
        headers = {"Authorization": f"Bearer {customer.token}"}
        assert call("POST", url, text, headers=headers).status in (200, 201), "the ticket goes on"
    finally:
        events.enable_rule(Name=rule)
    asked = json.dumps({"held": customer.number, "file": file}).encode()
    aws("lambda").invoke(
        FunctionName=f"{stack.NAME}-checker:live", InvocationType="Event", Payload=asked
    )
    customer.state_of(file, "clean")
    assert uploads.get(link).status == 200


def copied(objects: Any, place: dict[str, str]) -> bool:
    listed = objects.list_objects_v2(Bucket=place["Bucket"], Prefix=place["Key"])
    return bool(listed["KeyCount"] == 1)


def test_form_that_was_changed_or_is_over_puts_nothing_into_the_bucket(
    customer: Customer, deployed: Outputs, bucket: str, aws: Callable[[str], Any]
) -> None:
    form = customer.offered(samples.JPEG)["upload"]
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    for condition in policy["conditions"]:
        if isinstance(condition, list) and condition[0] == "content-length-range":
            most = condition[2]
            condition[2] = 10**12
    forged = base64.b64encode(json.dumps(policy).encode()).decode()
    wrong = {
        "another key": {"key": "uploads/R-7K3M9-QW0X2/9f86d081884c7d65"},
        "another author": {"x-amz-meta-by": "agent:a-mei"},
        "a wider policy": {"policy": forged},
        "a tag": {"tagging": "<Tagging/>"},
        "no signature": {"x-amz-signature": "0" * 64},
    }
    assert {why: put(form, samples.JPEG, **one).status for why, one in wrong.items()} == (
        dict.fromkeys(wrong, 403)
    )
    assert put(form, b"").status == 400
    assert put(form, bytes(most + 1)).status == 400
    over = boto3.client(
        "s3", **deployed.client_arguments(), config=Config(signature_version="s3v4")
    ).generate_presigned_post(bucket, form["fields"]["key"], ExpiresIn=-60)
    assert put(over, samples.JPEG).status == 403
    found = aws("s3").list_objects_v2(Bucket=bucket, Prefix=f"uploads/{customer.number}/")
    assert found["KeyCount"] == 0
    assert customer.files() == {}


def test_file_of_a_wrong_type_is_refused_in_words_and_gone(
    customer: Customer, aws: Callable[[str], Any], bucket: str
) -> None:
    file = customer.send(samples.EXE, "photo.jpg")
    assert customer.state_of(file, "refused", "clean", "found")["state"] == "refused"
    found = aws("s3").list_objects_v2(Bucket=bucket, Prefix=f"files/{customer.number}/")
    assert found["KeyCount"] == 0


def test_withdrawn_file_opens_for_nobody(
    customer: Customer, aws: Callable[[str], Any], bucket: str
) -> None:
    file = customer.send(samples.JPEG)
    customer.state_of(file, "clean")
    link = customer.call("GET", f"/{file}").json()["url"]
    assert customer.call("POST", f"/{file}/withdrawal").status == 200
    assert customer.files()[file]["state"] == "withdrawn"
    assert uploads.get(link).status == 403
    key = f"files/{customer.number}/{file}"
    assert refused(lambda: aws("s3").get_object(Bucket=bucket, Key=key)) == "AccessDenied"
