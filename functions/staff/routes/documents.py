"""Documents that are deployed with the function: the schema of plans and the OpenAPI document."""

from __future__ import annotations

from importlib import resources

from route import EVERYBODY, STAFF, Request, Route

from redress.edge.http import SECURITY, Answer


def read_plan_schema(request: Request) -> Answer:
    return shipped("plan.schema.json")


def read_open_api(request: Request) -> Answer:
    return shipped("openapi-staff.json")


def shipped(name: str) -> Answer:
    """A document of the layer, as JSON."""
    document = resources.files("redress").joinpath(f"data/{name}").read_text("utf-8")
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json", **SECURITY},
        "body": document,
    }


ROUTES = (
    Route("GET", "/staff/plan/schema", STAFF, read_plan_schema, answer="PlanSchema"),
    Route("GET", "/staff/openapi.json", EVERYBODY, read_open_api, answer="Document"),
)
