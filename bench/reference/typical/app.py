"""A handler as most tutorials write it: Powertools' resolver and Tracer, pydantic validation.

It stores one item, the ticket, and answers with its number. The product's cold starts are compared
with it.
"""

import os
import uuid
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, EmailStr, Field

logger = Logger(service="typical")
tracer = Tracer(service="typical")
metrics = Metrics(namespace="Typical", service="typical")
app = APIGatewayHttpResolver(enable_validation=True)
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


class Contact(BaseModel):
    name: str = Field(min_length=1, max_length=100)
    email: EmailStr | None = None
    phone: str | None = None


class Submission(BaseModel):
    kind: str = "inquiry"
    subject: str = Field(min_length=1, max_length=200)
    description: str = Field(min_length=1, max_length=20_000)
    wished_remedy: str | None = None
    contact: Contact
    language: str
    consent: bool


@app.post("/tickets")
@tracer.capture_method
def submit(submission: Submission) -> Response[dict[str, str]]:
    number = uuid.uuid4().hex
    table.put_item(
        Item={"pk": f"TICKET#{number}", "sk": "TICKET", "doc": submission.model_dump_json()}
    )
    metrics.add_metric("Submitted", "Count", 1)
    return Response(status_code=201, content_type="application/json", body={"number": number})


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
