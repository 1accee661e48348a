"""S3: who may put an object by a form, and what the policy of a bucket denies."""

from __future__ import annotations

import re
from typing import Any

from ministack.core import iam_actions, iam_evaluator, sigv4
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc, s3

from local.patches.checking import expect

type Answer = tuple[int, dict[str, str], bytes]

SIGNING_KEY = "test"
"""The secret key of every client of the local cloud, which the functions have too."""


def check_signatures_of_forms() -> None:
    """A form whose policy nobody signed puts nothing into a bucket.

    AWS: calculates the signature of the policy, and refuses a form with another one. A form without
    a signature is anonymous. A private bucket refuses it.
    Emulator: checks the conditions of the policy, but the signature only if it checks all
    permissions (AUTH), which it does not here.
    Patch: checks the signature, too, and refuses forms that have none, or one of version 2.
    """
    check = s3._enforce_signed_post_policy
    expect(
        check.__code__.co_varnames[:5] == ("fields", "bucket_name", "region", "size", "sigv4"),
        "_enforce_signed_post_policy(fields, bucket_name, region, size, sigv4)",
    )
    expect(callable(s3._enforce_post_policy_size), "_enforce_post_policy_size(policy, size)")
    expect(callable(sigv4.calculate_signature), "sigv4.calculate_signature")

    def checked(
        fields: dict[str, str], bucket: str, region: str, size: int, of_version_4: bool
    ) -> Any:
        if refused := check(fields, bucket, region, size, of_version_4):
            return refused
        day = fields.get("x-amz-credential", "").split("/")[1:2]
        wanted = of_version_4 and sigv4.calculate_signature(
            SIGNING_KEY, day[0], region, "s3", fields["policy"]
        )
        if fields.get("x-amz-signature") != wanted:
            return s3._error("SignatureDoesNotMatch", "The policy is not signed so", 403)
        return None

    def anonymous(policy: str, size: int) -> Any:
        return s3._error("AccessDenied", "Access Denied", 403)

    s3._enforce_signed_post_policy, s3._enforce_post_policy_size = checked, anonymous


_CALLER = re.compile(r"\bapp/([\w-]+)\.\d+")
"""The name of a function in the header of its calls (`local/patches/worker.py`)."""


def deny_what_bucket_policies_deny() -> None:
    """What the policy of a bucket denies is refused, whoever asks.

    AWS: a Deny of the policy holds for everybody, with its conditions about the caller's role and
    about the tags of the object.
    Emulator: evaluates policies only if it checks all permissions (AUTH), which it does not here.
    Patch: evaluates the statements that deny. The caller is the role of the function that sends the
    request, or the root user of the account for all others. Whoever opens a signed link is the
    latter, too. A policy that asks for TLS is satisfied, because the local cloud has none.
    """
    dispatch = s3._dispatch
    expect(
        dispatch.__code__.co_varnames[:6]
        == ("method", "bucket", "key", "headers", "body", "query_params"),
        "_dispatch(method, bucket, key, headers, body, query_params)",
    )
    expect(callable(iam_evaluator.evaluate_resource_policy), "evaluate_resource_policy")

    def checked(
        method: str,
        bucket: str,
        key: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
    ) -> Answer:
        if policy := s3._bucket_policies.get(bucket):
            asked = [(method, key, query_params)]
            if source := headers.get("x-amz-copy-source"):
                place, _, _ = source.lstrip("/").partition("?")
                if place.partition("/")[0] == bucket:
                    asked.append(("GET", place.partition("/")[2], {}))
            for wanted in asked:
                if _is_denied(policy, bucket, headers, *wanted):
                    refused: Answer = s3._error("AccessDenied", "Access Denied", 403)
                    return refused
        answer: Answer = dispatch(method, bucket, key, headers, body, query_params)
        return answer

    s3._dispatch = checked


def _is_denied(
    policy: str,
    bucket: str,
    headers: dict[str, str],
    method: str,
    key: str,
    query_params: dict[str, Any],
) -> bool:
    path = f"/{bucket}/{key}" if key else f"/{bucket}"
    action = f"s3:{iam_actions._s3_action(method, path, query_params) or 'GetObject'}"
    context = iam_actions.s3_service_context(action, query_params, path, headers)
    found = iam_evaluator.evaluate_resource_policy(
        policy,
        iam_evaluator.EvalContext(
            principal_arn=_role(headers.get("user-agent", "")),
            principal_type="AssumedRole",
            principal_account=get_account_id(),
            action=action,
            resource_arn=f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else ""),
            region=get_region(),
            secure_transport=True,
            service_context={name.lower(): value for name, value in context.items()},
        ),
    )
    return bool(found.decision == "Deny")


def _role(user_agent: str) -> str:
    """The ARN of the role of the function that sends a request, or that of the root user."""
    named = _CALLER.search(user_agent)
    function = lambda_svc._functions.get(named[1]) if named else None
    root = f"arn:aws:iam::{get_account_id()}:root"
    return str(function["config"].get("Role", root)) if function else root
