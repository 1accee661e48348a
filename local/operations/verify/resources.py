"""How each type of resource is read from AWS, in the words of CloudFormation.

There is one function per type. It returns the properties that AWS has, under the names of the
template, so `comparing.differences` finds what differs. `LEFT_OUT` names the properties that are
not compared, with the reason. What a type must be besides, such as "active", raises `Wrong`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local.operations.verify.expected import Expectation, Unknown, Wanted
from local.operations.verify.reading import NotThere, Reader

Properties = dict[str, Any]
Look = Callable[[Reader, Wanted, Expectation], Properties]


class Wrong(Exception):
    """A resource exists and is not as it must be. The message says what is wrong."""


TAGS = "the transform and CloudFormation add tags of their own"
LEFT_OUT: dict[str, dict[str, str]] = {
    "AWS::ApiGatewayV2::Api": {
        "Body": "compared as routes and authorizers",
        "FailOnWarnings": "says how the document is imported, and is not kept",
        "BasePath": "says how the document is imported, and is not kept",
    },
    "AWS::ApiGatewayV2::Stage": {},
    "AWS::CloudWatch::Dashboard": {},
    "AWS::Cognito::UserPoolClient": {},
    "AWS::Lambda::Function": {"Code": "an address of the deployment; make template builds it"},
    "AWS::Lambda::LayerVersion": {"Content": "an address of the deployment"},
    "AWS::Lambda::Version": {"FunctionName": "part of its ARN"},
    "AWS::SecretsManager::Secret": {"GenerateSecretString": "used only when it is created"},
    "AWS::StepFunctions::StateMachine": {
        "DefinitionS3Location": "compared as Definition, with the file in statemachines/",
        "DefinitionSubstitutions": "compared as Definition",
    },
    "AWS::Cognito::ManagedLoginBranding": {
        "UserPoolId": "the style is found by it",
        "ClientId": "the style is found by it",
    },
}
"""By type: the properties that are not compared, and why. `Tags` is left out of every type."""

LOOKS: dict[str, Look] = {}


def reads(kind: str) -> Callable[[Look], Look]:
    """Register how resources of a type are read."""

    def register(look: Look) -> Look:
        LOOKS[kind] = look
        return look

    return register


def compared(wanted: Wanted) -> Properties:
    """The properties of a resource that are compared."""
    left_out = {"Tags", "UserPoolTags", *LEFT_OUT.get(wanted.type, {})}
    return {name: value for name, value in wanted.properties.items() if name not in left_out}


def _must(fine: bool, what: str) -> None:
    if not fine:
        raise Wrong(what)


def capitalised(value: Any) -> Any:
    """A document with the names as CloudFormation writes them: `logGroupArn` as `LogGroupArn`."""
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: capitalised(one) for name, one in value.items()}
    return [capitalised(one) for one in value] if isinstance(value, list) else value


# ---------------------------------------------------------------------------- functions


def function_name(reference: Any) -> tuple[str, dict[str, str]]:
    """The name of a function, and its alias as an argument, from a name or an ARN."""
    parts = str(reference).split(":function:")[-1].split(":")
    return parts[0], {"Qualifier": parts[1]} if len(parts) > 1 else {}


def _same_function(reference: Any, arn: Any) -> Any:
    """What is wanted, if the ARN names the same function and alias; else the ARN."""
    return reference if function_name(reference) == function_name(arn) else arn


@reads("AWS::Lambda::Function")
def function(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    """What is compared is the version that its alias names, because callers get that one."""
    aliases = [
        one.properties["Name"]
        for one in whole.resources
        if one.type == "AWS::Lambda::Alias"
        and function_name(one.properties["FunctionName"])[0] == wanted.physical
    ]
    named = {"Qualifier": aliases[0]} if aliases else {}
    found = aws.ask("lambda", "GetFunctionConfiguration", FunctionName=wanted.physical, **named)
    _must(
        found.get("State", "Active") in ("Active", "Inactive"), f"its state is {found.get('State')}"
    )
    _must(
        found.get("LastUpdateStatus", "Successful") == "Successful",
        f"its last update is {found.get('LastUpdateStatus')}",
    )
    return found | {
        "Layers": [layer["Arn"] for layer in found.get("Layers", [])],
        "Architectures": found.get("Architectures", ["x86_64"]),
    }


@reads("AWS::Lambda::Version")
def version(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    found = aws.ask("lambda", "GetFunctionConfiguration", FunctionName=wanted.physical)
    _must(found.get("Version", "").isdecimal(), "it is no published version")
    return found


@reads("AWS::Lambda::Alias")
def alias(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    """A newer version than the stack's is fine: `make deploy` publishes what SAM does not see.

    Its configuration is compared with the function. To an older one somebody rolled back.
    """
    name, _ = function_name(wanted.properties["FunctionName"])
    found = aws.ask("lambda", "GetAlias", FunctionName=name, Name=wanted.properties["Name"])
    stack, now = str(wanted.properties["FunctionVersion"]), str(found["FunctionVersion"])
    if stack.isdecimal() and now.isdecimal() and int(now) > int(stack):
        found |= {"FunctionVersion": stack}
    return found | {"FunctionName": wanted.properties["FunctionName"]}


@reads("AWS::Lambda::LayerVersion")
def layer(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    found = aws.ask("lambda", "GetLayerVersionByArn", Arn=wanted.physical)
    return found | {"LayerName": found["LayerArn"].rpartition(":")[2]}


@reads("AWS::Lambda::EventInvokeConfig")
def event_invoke(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    name, _ = function_name(wanted.properties["FunctionName"])
    qualifier = wanted.properties.get("Qualifier", "$LATEST")
    found = aws.ask(
        "lambda", "GetFunctionEventInvokeConfig", FunctionName=name, Qualifier=qualifier
    )
    return found | {
        "FunctionName": wanted.properties["FunctionName"],
        "Qualifier": function_name(found["FunctionArn"])[1].get("Qualifier", "$LATEST"),
    }


@reads("AWS::Lambda::EventSourceMapping")
def mapping(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    found = aws.ask("lambda", "GetEventSourceMapping", UUID=wanted.physical)
    result = str(found.get("LastProcessingResult", ""))
    _must(not result.startswith("PROBLEM"), f"its last result is {result}")
    return found | {
        "FunctionName": _same_function(wanted.properties["FunctionName"], found["FunctionArn"]),
        "Enabled": found["State"] in ("Enabled", "Enabling", "Creating", "Updating"),
    }


@reads("AWS::Lambda::Permission")
def permission(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    name, qualifier = function_name(wanted.properties["FunctionName"])
    policy = aws.ask("lambda", "GetPolicy", FunctionName=name, **qualifier)["Policy"]
    found: list[Properties] = []
    for statement in _json(policy)["Statement"]:
        conditions = {
            k: v for part in statement.get("Condition", {}).values() for k, v in part.items()
        }
        lower = {key.lower(): value for key, value in conditions.items()}
        principal = statement.get("Principal", {})
        found.append(
            {
                "Action": statement["Action"],
                "FunctionName": wanted.properties["FunctionName"],
                "Principal": principal.get("Service") if isinstance(principal, dict) else principal,
                "SourceArn": lower.get("aws:sourcearn"),
                "SourceAccount": lower.get("aws:sourceaccount"),
            }
        )
    same = [one for one in found if one["SourceArn"] == wanted.properties.get("SourceArn")]
    _must(bool(found), "the policy of the function is empty")
    return (same or found)[0]


# ---------------------------------------------------------------------------- data


@reads("AWS::DynamoDB::Table")
def table(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    name = {"TableName": wanted.physical}
    found: Properties = aws.ask("dynamodb", "DescribeTable", **name)["Table"]
    indexes = found.get("GlobalSecondaryIndexes", [])
    for status in [found["TableStatus"], *(one.get("IndexStatus", "ACTIVE") for one in indexes)]:
        _must(status == "ACTIVE", f"the table or an index is {status}")
    ttl = aws.ask("dynamodb", "DescribeTimeToLive", **name)["TimeToLiveDescription"]
    backups = aws.ask("dynamodb", "DescribeContinuousBackups", **name)
    recovery = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    return found | {
        "BillingMode": found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "SSESpecification": {"SSEEnabled": "SSEDescription" in found},
        "TimeToLiveSpecification": {
            "AttributeName": ttl.get("AttributeName"),
            "Enabled": ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING"),
        },
        "PointInTimeRecoverySpecification": {
            "PointInTimeRecoveryEnabled": recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
            "RecoveryPeriodInDays": recovery.get("RecoveryPeriodInDays"),
        },
    }


@reads("AWS::S3::Bucket")
def bucket(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    """S3 has an operation for each setting, and answers "not found" if there is none."""

    def setting(operation: str) -> Properties:
        try:
            return aws.ask("s3", operation, Bucket=wanted.physical)
        except NotThere:
            return {}

    encryption = setting("GetBucketEncryption").get("ServerSideEncryptionConfiguration", {})
    notified = setting("GetBucketNotificationConfiguration")
    rules = setting("GetBucketLifecycleConfiguration").get("Rules")
    public = setting("GetPublicAccessBlock").get("PublicAccessBlockConfiguration")
    return {
        "BucketName": wanted.physical,
        "CorsConfiguration": {
            "CorsRules": [
                one | {"MaxAge": one.get("MaxAgeSeconds")}
                for one in setting("GetBucketCors").get("CORSRules", [])
            ]
        },
        "VersioningConfiguration": setting("GetBucketVersioning"),
        "PublicAccessBlockConfiguration": public,
        "OwnershipControls": setting("GetBucketOwnershipControls").get("OwnershipControls"),
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                one | {"ServerSideEncryptionByDefault": one["ApplyServerSideEncryptionByDefault"]}
                for one in encryption.get("Rules", [])
            ]
        },
        "NotificationConfiguration": {
            "QueueConfigurations": [
                {
                    "Event": one["Events"],
                    "Queue": one["QueueArn"],
                    "Filter": {"S3Key": {"Rules": _rules(one)}},
                }
                for one in notified.get("QueueConfigurations", [])
            ],
            "EventBridgeConfiguration": {
                "EventBridgeEnabled": "EventBridgeConfiguration" in notified
            },
        },
        "LifecycleConfiguration": {
            "Rules": [
                one
                | {
                    "Id": one["ID"],
                    "Prefix": one.get("Filter", {}).get("Prefix", one.get("Prefix")),
                    "ExpirationInDays": one.get("Expiration", {}).get("Days"),
                    "ExpiredObjectDeleteMarker": one.get("Expiration", {}).get(
                        "ExpiredObjectDeleteMarker"
                    ),
                }
                for one in rules
            ]
        }
        if rules is not None
        else None,
    }


def _rules(notification: Properties) -> list[Properties]:
    """The rules of a filter. S3 answers `Prefix` for `prefix`."""
    rules = notification.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    return [{"Name": rule["Name"].lower(), "Value": rule["Value"]} for rule in rules]


@reads("AWS::S3::BucketPolicy")
def bucket_policy(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    name = wanted.properties["Bucket"]
    policy = aws.ask("s3", "GetBucketPolicy", Bucket=name)["Policy"]
    return {"Bucket": name, "PolicyDocument": _json(policy)}


@reads("AWS::GuardDuty::MalwareProtectionPlan")
def malware_protection_plan(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    """Its status must be ACTIVE. With any other, files stay held and nothing says why."""
    found = aws.ask(
        "guardduty", "GetMalwareProtectionPlan", MalwareProtectionPlanId=wanted.physical
    )
    reasons = ", ".join(one.get("Code", "?") for one in found.get("StatusReasons", []))
    _must(found["Status"] == "ACTIVE", f"its status is {found['Status']}: {reasons}")
    properties: Properties = capitalised(found)
    return properties


@reads("AWS::SecretsManager::Secret")
def secret(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    """Its value is not read."""
    found = aws.ask("secretsmanager", "DescribeSecret", SecretId=wanted.physical)
    _must("DeletedDate" not in found, "it is about to be deleted")
    stages = [stage for one in found.get("VersionIdsToStages", {}).values() for stage in one]
    _must("AWSCURRENT" in stages, "it has no current value")
    return found


# ---------------------------------------------------------------------------- queues and topics


@reads("AWS::SQS::Queue")
def queue(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    found = aws.ask("sqs", "GetQueueAttributes", QueueUrl=wanted.physical, AttributeNames=["All"])[
        "Attributes"
    ]
    return dict(found) | {"QueueName": found["QueueArn"].rpartition(":")[2]}


@reads("AWS::SQS::QueuePolicy")
def queue_policy(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    urls, found = wanted.properties["Queues"], {}
    for url in urls:
        answer = aws.ask("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["Policy"])
        found = {"PolicyDocument": _json(answer.get("Attributes", {}).get("Policy", "{}"))}
    return found | {"Queues": urls}


@reads("AWS::SNS::Topic")
def topic(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    found = aws.ask("sns", "GetTopicAttributes", TopicArn=wanted.physical)["Attributes"]
    return dict(found) | {"TopicName": found["TopicArn"].rpartition(":")[2]}


@reads("AWS::SNS::TopicPolicy")
def topic_policy(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    arns, found = wanted.properties["Topics"], {}
    for arn in arns:
        attributes = aws.ask("sns", "GetTopicAttributes", TopicArn=arn)["Attributes"]
        found = {"PolicyDocument": _json(attributes.get("Policy", "{}"))}
    return found | {"Topics": arns}


@reads("AWS::SNS::Subscription")
def subscription(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    topic_arn, endpoint = wanted.properties["TopicArn"], wanted.properties["Endpoint"]
    every = aws.every("sns", "ListSubscriptionsByTopic", "Subscriptions", TopicArn=topic_arn)
    same = [one for one in every if one["Endpoint"] == endpoint]
    if not same:
        raise NotThere(f"{topic_arn} has no subscription of {endpoint}")
    arn = same[0]["SubscriptionArn"]
    _must(arn.startswith("arn:"), f"{endpoint} has not confirmed it: open the link in its mail")
    attributes = aws.ask("sns", "GetSubscriptionAttributes", SubscriptionArn=arn)["Attributes"]
    _must(
        attributes.get("PendingConfirmation", "false") == "false",
        f"{endpoint} has not confirmed it: open the link in its mail",
    )
    found: Properties = {"RawMessageDelivery": "false"} | same[0] | attributes
    return found


# ---------------------------------------------------------------------------- sign-in


@reads("AWS::Cognito::UserPool")
def user_pool(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    name = {"UserPoolId": wanted.physical}
    found: Properties = aws.ask("cognito-idp", "DescribeUserPool", **name)["UserPool"]
    factors = {}
    if "EnabledMfas" in wanted.properties:
        answer = aws.ask("cognito-idp", "GetUserPoolMfaConfig", **name)
        token = answer.get("SoftwareTokenMfaConfiguration", {}).get("Enabled")
        factors = {"EnabledMfas": ["SOFTWARE_TOKEN_MFA"] if token else []}
    own = {one["Name"] for one in wanted.properties.get("Schema", [])}
    attributes = [
        one | {"Name": one["Name"].removeprefix("custom:")}
        for one in found.get("SchemaAttributes", [])
    ]
    return (
        found
        | factors
        | {
            "UserPoolName": found["Name"],
            "Schema": [one for one in attributes if one["Name"] in own],
        }
    )


@reads("AWS::Cognito::UserPoolClient")
def user_pool_client(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    found: Properties = aws.ask(
        "cognito-idp",
        "DescribeUserPoolClient",
        UserPoolId=wanted.properties["UserPoolId"],
        ClientId=wanted.physical,
    )["UserPoolClient"]
    return (
        {"AllowedOAuthFlowsUserPoolClient": False}
        | found
        | {"GenerateSecret": "ClientSecret" in found}
    )


@reads("AWS::Cognito::UserPoolGroup")
def group(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    names = {name: wanted.properties[name] for name in ("UserPoolId", "GroupName")}
    return dict(aws.ask("cognito-idp", "GetGroup", **names)["Group"])


@reads("AWS::Cognito::UserPoolDomain")
def sign_in_domain(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    name = wanted.properties["Domain"]
    found = aws.ask("cognito-idp", "DescribeUserPoolDomain", Domain=name)["DomainDescription"]
    _must(found.get("Status", "ACTIVE") == "ACTIVE", f"it is {found.get('Status')}")
    return dict(found)


@reads("AWS::Cognito::ManagedLoginBranding")
def branding(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    names = {name: wanted.properties[name] for name in ("UserPoolId", "ClientId")}
    answer = aws.ask("cognito-idp", "DescribeManagedLoginBrandingByClient", **names)
    return dict(answer["ManagedLoginBranding"])


# ---------------------------------------------------------------------------- the API


@reads("AWS::ApiGatewayV2::Api")
def http_api(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    """Also its routes and authorizers, which the template imports as a document."""
    found: Properties = aws.ask("apigatewayv2", "GetApi", ApiId=wanted.physical)
    document = wanted.properties.get("Body", {})
    if document:
        _compare_routes(aws, wanted.physical, document)
        _compare_authorizers(aws, wanted.physical, document)
    return found


def _compare_routes(aws: Reader, api: str, document: Properties) -> None:
    """Raises Wrong with the routes that are missing, too many, or open instead of signed in."""
    wanted = {
        _route_key(path, method): "JWT" if operation.get("security") else "NONE"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }
    every = aws.every("apigatewayv2", "GetRoutes", "Items", ApiId=api)
    found = {one["RouteKey"]: one.get("AuthorizationType", "NONE") for one in every}
    wrong = sorted(key for key in wanted | found if wanted.get(key) != found.get(key))
    _must(not wrong, f"these routes differ: {', '.join(wrong)}")


def _route_key(path: str, method: str) -> str:
    if path == "$default" or path == "/$default":
        return "$default"
    verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
    return f"{verb} {path}"


def _compare_authorizers(aws: Reader, api: str, document: Properties) -> None:
    """Raises Wrong if another issuer or another audience signs in."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    every = aws.every("apigatewayv2", "GetAuthorizers", "Items", ApiId=api)
    found = {one["Name"]: one.get("JwtConfiguration", {}) for one in every}
    for name, scheme in schemes.items():
        given = scheme.get("x-amazon-apigateway-authorizer", {}).get("jwtConfiguration", {})
        _must(name in found, f"the authorizer {name} does not exist")
        if given and not isinstance(given.get("issuer"), Unknown):
            same = given.get("issuer") == found[name].get("Issuer")
            _must(same, f"the authorizer {name} has the issuer {found[name].get('Issuer')}")
        audience = [one for one in given.get("audience", []) if not isinstance(one, Unknown)]
        known = set(audience) <= set(found[name].get("Audience", []))
        _must(known, f"the authorizer {name} has the audience {found[name].get('Audience')}")


@reads("AWS::ApiGatewayV2::Stage")
def stage(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    api, name = wanted.properties["ApiId"], wanted.properties["StageName"]
    found: Properties = aws.ask("apigatewayv2", "GetStage", ApiId=api, StageName=name)
    log = found.get("AccessLogSettings")
    if log:
        # API Gateway keeps the ARN of a log group without the `:*` that CloudFormation gives it.
        log["DestinationArn"] = log["DestinationArn"].removesuffix(":*") + ":*"
    return found | {"ApiId": api}


# ---------------------------------------------------------------------------- workflows and times


@reads("AWS::StepFunctions::StateMachine")
def machine(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    found = aws.ask("stepfunctions", "DescribeStateMachine", stateMachineArn=wanted.physical)
    _must(found.get("status", "ACTIVE") == "ACTIVE", f"it is {found.get('status')}")
    definition = whole.definition(wanted.logical)
    if not isinstance(definition, Unknown) and definition != _json(found["definition"]):
        raise Wrong("its definition is not that of statemachines/ with the names of this stack")
    return {
        "StateMachineName": found["name"],
        "StateMachineType": found["type"],
        "RoleArn": found["roleArn"],
        "LoggingConfiguration": capitalised(found.get("loggingConfiguration", {})),
        "TracingConfiguration": capitalised(found.get("tracingConfiguration", {})),
    }


@reads("AWS::Events::Rule")
def rule(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    bus, _, name = wanted.physical.rpartition("|")
    at = {"EventBusName": bus} if bus else {}
    found = aws.ask("events", "DescribeRule", Name=name, **at)
    _must(found["State"] == wanted.properties.get("State", "ENABLED"), f"it is {found['State']}")
    targets = aws.every("events", "ListTargetsByRule", "Targets", Rule=name, **at)
    return found | {"Targets": targets}


@reads("AWS::Scheduler::Schedule")
def schedule(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    found = aws.ask("scheduler", "GetSchedule", Name=wanted.physical.rpartition("|")[2])
    _must(found["State"] == wanted.properties.get("State", "ENABLED"), f"it is {found['State']}")
    return found


# ---------------------------------------------------------------------------- permissions


@reads("AWS::IAM::Role")
def role(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    """A policy of the stack that names the role in its `Roles` is compared with that policy."""
    name = {"RoleName": wanted.physical}
    elsewhere = {
        one.physical
        for one in whole.resources
        if one.type == "AWS::IAM::ManagedPolicy"
        and wanted.physical in one.properties.get("Roles", [])
    }
    found: Properties = aws.ask("iam", "GetRole", **name)["Role"]
    attached = aws.every("iam", "ListAttachedRolePolicies", "AttachedPolicies", **name)
    inline = aws.every("iam", "ListRolePolicies", "PolicyNames", **name)
    policies = [
        {
            "PolicyName": one,
            "PolicyDocument": _json(
                aws.ask("iam", "GetRolePolicy", PolicyName=one, **name)["PolicyDocument"]
            ),
        }
        for one in inline
    ]
    return found | {
        "AssumeRolePolicyDocument": _json(found["AssumeRolePolicyDocument"]),
        "ManagedPolicyArns": [
            one["PolicyArn"] for one in attached if one["PolicyArn"] not in elsewhere
        ],
        "Policies": policies,
    }


@reads("AWS::IAM::ManagedPolicy")
def managed_policy(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    arn = {"PolicyArn": wanted.physical}
    found: Properties = aws.ask("iam", "GetPolicy", **arn)["Policy"]
    now = aws.ask("iam", "GetPolicyVersion", VersionId=found["DefaultVersionId"], **arn)
    roles = aws.every("iam", "ListEntitiesForPolicy", "PolicyRoles", EntityFilter="Role", **arn)
    return found | {
        "PolicyDocument": _json(now["PolicyVersion"]["Document"]),
        "Roles": [one["RoleName"] for one in roles],
    }


# ---------------------------------------------------------------------------- operations


@reads("AWS::CloudWatch::Alarm")
def alarm(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    name = wanted.physical.rpartition(":alarm:")[2]
    answer = aws.ask("cloudwatch", "DescribeAlarms", AlarmNames=[name], AlarmTypes=["MetricAlarm"])
    if not answer.get("MetricAlarms"):
        raise NotThere(f"there is no alarm {name}")
    found: Properties = answer["MetricAlarms"][0]
    _must(found.get("ActionsEnabled", True), "its actions are disabled")
    _must(found["StateValue"] != "ALARM", f"it is in ALARM: {found.get('StateReason', '')}")
    return found


@reads("AWS::CloudWatch::Dashboard")
def dashboard(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    return aws.ask("cloudwatch", "GetDashboard", DashboardName=wanted.physical)


@reads("AWS::Logs::LogGroup")
def log_group(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    every = aws.every("logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=wanted.physical)
    same = [one for one in every if one["logGroupName"] == wanted.physical]
    if not same:
        raise NotThere(f"there is no log group {wanted.physical}")
    found: Properties = capitalised(same[0])
    return found | {"RetentionInDays": found.get("RetentionInDays", "never expires")}


@reads("AWS::Logs::MetricFilter")
def metric_filter(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    every = aws.every(
        "logs",
        "DescribeMetricFilters",
        "metricFilters",
        logGroupName=wanted.properties["LogGroupName"],
    )
    return _named(every, "filterName", wanted.physical, "metric filter")


@reads("AWS::Logs::QueryDefinition")
def query_definition(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    every = aws.every(
        "logs",
        "DescribeQueryDefinitions",
        "queryDefinitions",
        queryDefinitionNamePrefix=wanted.properties["Name"],
    )
    return _named(every, "name", wanted.properties["Name"], "saved query")


def _named(every: list[dict[str, Any]], key: str, name: str, what: str) -> Properties:
    """Return the properties of the one with this name. Raises NotThere if there is none."""
    for one in every:
        if one[key] == name:
            found: Properties = capitalised(one)
            return found
    raise NotThere(f"there is no {what} {name}")


# ---------------------------------------------------------------------------- mail


@reads("AWS::SES::ConfigurationSet")
def configuration_set(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    found = aws.ask("sesv2", "GetConfigurationSet", ConfigurationSetName=wanted.physical)
    options = found.get("SuppressionOptions") or {}
    if "SuppressedReasons" not in options:
        # An empty list switches the account's list off. Without a list, the account's list applies.
        options = None
    return found | {"Name": found["ConfigurationSetName"], "SuppressionOptions": options}


@reads("AWS::SES::ConfigurationSetEventDestination")
def event_destination(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    """SES has its own names for events: `DELIVERY_DELAY` is `deliveryDelay` in a template."""
    name = wanted.properties["ConfigurationSetName"]
    answer = aws.ask("sesv2", "GetConfigurationSetEventDestinations", ConfigurationSetName=name)
    given = wanted.properties["EventDestination"]
    same = [one for one in answer.get("EventDestinations", []) if one["Name"] == given["Name"]]
    if not same:
        raise NotThere(f"the configuration set {name} has no destination {given['Name']}")
    plain = {event.lower(): event for event in given["MatchingEventTypes"]}
    events = [event.replace("_", "").lower() for event in same[0].get("MatchingEventTypes", [])]
    return {
        "ConfigurationSetName": name,
        "EventDestination": same[0]
        | {
            "MatchingEventTypes": [plain.get(event, event) for event in events],
            "SnsDestination": {"TopicARN": same[0].get("SnsDestination", {}).get("TopicArn")},
        },
    }


@reads("AWS::SES::ReceiptRuleSet")
def receipt_rule_set(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    name = wanted.properties["RuleSetName"]
    found = aws.ask("ses", "DescribeReceiptRuleSet", RuleSetName=name)
    return {"RuleSetName": found["Metadata"]["Name"]}


@reads("AWS::SES::ReceiptRule")
def receipt_rule(aws: Reader, wanted: Wanted, whole: Expectation) -> Properties:
    """The rule must be in the active set: that of the stack, or one of yours with this rule."""
    given = wanted.properties["Rule"]
    active = aws.ask("ses", "DescribeActiveReceiptRuleSet")
    name = active.get("Metadata", {}).get("Name")
    same = [one for one in active.get("Rules", []) if one["Name"] == given["Name"]]
    _must(bool(same), f"the active rule set is {name or 'none'}, without the rule {given['Name']}")
    return {"RuleSetName": wanted.properties["RuleSetName"], "Rule": same[0]}


def _json(value: Any) -> Any:
    """A document that some services return as text."""
    return json.loads(value) if isinstance(value, str) else value
