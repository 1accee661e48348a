"""The only door to AWS of this command: named operations, each of which reads.

`READS` lists every operation with the IAM action that it needs. An operation that is not listed is
refused before it is called, so the command cannot change anything.
"""

from __future__ import annotations

from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from local.operations.stacks import Stack

READS: dict[str, dict[str, str]] = {
    "apigatewayv2": {
        "GetApi": "apigateway:GET",
        "GetAuthorizers": "apigateway:GET",
        "GetRoutes": "apigateway:GET",
        "GetStage": "apigateway:GET",
    },
    "cloudformation": {
        "DescribeStacks": "cloudformation:DescribeStacks",
        "ListStackResources": "cloudformation:ListStackResources",
    },
    "cloudwatch": {
        "DescribeAlarms": "cloudwatch:DescribeAlarms",
        "GetDashboard": "cloudwatch:GetDashboard",
    },
    "cognito-idp": {
        "DescribeManagedLoginBrandingByClient": "cognito-idp:DescribeManagedLoginBrandingByClient",
        "DescribeUserPool": "cognito-idp:DescribeUserPool",
        "DescribeUserPoolClient": "cognito-idp:DescribeUserPoolClient",
        "DescribeUserPoolDomain": "cognito-idp:DescribeUserPoolDomain",
        "GetGroup": "cognito-idp:GetGroup",
        "GetUserPoolMfaConfig": "cognito-idp:GetUserPoolMfaConfig",
    },
    "dynamodb": {
        "DescribeContinuousBackups": "dynamodb:DescribeContinuousBackups",
        "DescribeTable": "dynamodb:DescribeTable",
        "DescribeTimeToLive": "dynamodb:DescribeTimeToLive",
    },
    "dynamodbstreams": {"DescribeStream": "dynamodb:DescribeStream"},
    "events": {
        "DescribeRule": "events:DescribeRule",
        "ListTargetsByRule": "events:ListTargetsByRule",
    },
    "guardduty": {"GetMalwareProtectionPlan": "guardduty:GetMalwareProtectionPlan"},
    "iam": {
        "GetPolicy": "iam:GetPolicy",
        "GetPolicyVersion": "iam:GetPolicyVersion",
        "GetRole": "iam:GetRole",
        "GetRolePolicy": "iam:GetRolePolicy",
        "ListAttachedRolePolicies": "iam:ListAttachedRolePolicies",
        "ListEntitiesForPolicy": "iam:ListEntitiesForPolicy",
        "ListRolePolicies": "iam:ListRolePolicies",
        "SimulatePrincipalPolicy": "iam:SimulatePrincipalPolicy",
    },
    "lambda": {
        "GetAccountSettings": "lambda:GetAccountSettings",
        "GetAlias": "lambda:GetAlias",
        "GetEventSourceMapping": "lambda:GetEventSourceMapping",
        "GetFunctionConfiguration": "lambda:GetFunctionConfiguration",
        "GetFunctionEventInvokeConfig": "lambda:GetFunctionEventInvokeConfig",
        "GetLayerVersionByArn": "lambda:GetLayerVersion",
        "GetPolicy": "lambda:GetPolicy",
    },
    "logs": {
        "DescribeLogGroups": "logs:DescribeLogGroups",
        "DescribeMetricFilters": "logs:DescribeMetricFilters",
        "DescribeQueryDefinitions": "logs:DescribeQueryDefinitions",
        "DescribeResourcePolicies": "logs:DescribeResourcePolicies",
    },
    "s3": {
        "GetBucketCors": "s3:GetBucketCORS",
        "GetBucketEncryption": "s3:GetEncryptionConfiguration",
        "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
        "GetBucketNotificationConfiguration": "s3:GetBucketNotification",
        "GetBucketOwnershipControls": "s3:GetBucketOwnershipControls",
        "GetBucketPolicy": "s3:GetBucketPolicy",
        "GetBucketVersioning": "s3:GetBucketVersioning",
        "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    },
    "scheduler": {"GetSchedule": "scheduler:GetSchedule"},
    "secretsmanager": {"DescribeSecret": "secretsmanager:DescribeSecret"},
    "ses": {
        "DescribeActiveReceiptRuleSet": "ses:DescribeActiveReceiptRuleSet",
        "DescribeReceiptRuleSet": "ses:DescribeReceiptRuleSet",
    },
    "sesv2": {
        "GetAccount": "ses:GetAccount",
        "GetConfigurationSet": "ses:GetConfigurationSet",
        "GetConfigurationSetEventDestinations": "ses:GetConfigurationSetEventDestinations",
        "GetEmailIdentity": "ses:GetEmailIdentity",
    },
    "sns": {
        "GetSubscriptionAttributes": "sns:GetSubscriptionAttributes",
        "GetTopicAttributes": "sns:GetTopicAttributes",
        "ListSubscriptionsByTopic": "sns:ListSubscriptionsByTopic",
    },
    "sqs": {"GetQueueAttributes": "sqs:GetQueueAttributes"},
    "stepfunctions": {"DescribeStateMachine": "states:DescribeStateMachine"},
}
"""By service of boto3: its operations, and the action that a caller must be allowed."""

DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")
MISSING = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "ResourceNotFound")


class NotAllowed(Exception):
    """The caller may not call an operation. `action` is what a policy has to allow."""

    def __init__(self, action: str) -> None:
        super().__init__(action)
        self.action = action


class NotThere(Exception):
    """AWS does not have what was asked for."""


class NoAnswer(Exception):
    """A call failed, so nothing is known. The message says how."""


class Reader:
    """Calls operations that are in READS, and no other. boto3 tries throttled calls again."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def ask(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Return the answer of one call.

        Raises NotAllowed, NotThere and NoAnswer, and PermissionError for an operation that is not
        in READS.
        """
        action = READS.get(service, {}).get(operation)
        if action is None:
            raise PermissionError(f"{service} {operation} is not an operation that reads")
        client = self._stack.client(service)
        try:
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**arguments)
        except ClientError as error:
            raise _told(error, action) from error
        except BotoCoreError as error:
            raise NoAnswer(f"{service} {operation}: {error}") from error
        return answer

    def every(self, service: str, operation: str, member: str, **arguments: Any) -> list[Any]:
        """Return a member of the answer, of all pages. Raises what `ask` raises."""
        client = self._stack.client(service)
        found = []
        tokens: dict[str, Any] = {}
        able = client.can_paginate(xform_name(operation))
        paging = client.get_paginator(xform_name(operation))._pagination_cfg if able else {}
        given, got = paging.get("input_token", "NextToken"), paging.get("output_token", "NextToken")
        while True:
            answer = self.ask(service, operation, **arguments, **tokens)
            found += answer.get(member, [])
            following = answer.get(got)
            if not following or {given: following} == tokens:
                return found
            tokens = {given: following}


def _told(error: ClientError, action: str) -> Exception:
    """The error of this module for an error of AWS."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in DENIED:
        return NotAllowed(action)
    if any(part in code for part in MISSING):
        return NotThere(str(error))
    return NoAnswer(str(error))
