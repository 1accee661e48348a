"""`make verify-aws` finds what differs from the template, of each type and each kind of check.

AWS is played here by answers in its own shapes: botocore's models check each request and each
answer, so a member that does not exist is an error of the test.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Callable, Iterator
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, get_args

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from local.operations import stacks
from local.operations.stacks import Stack
from local.operations.verify import __main__ as command
from local.operations.verify import checks
from local.operations.verify.checks import Result, Subject
from local.operations.verify.comparing import differences
from local.operations.verify.expected import Deployed, Expectation, Place, Unknown, Wanted
from local.operations.verify.reading import READS, NotThere, Reader
from local.operations.verify.resources import LEFT_OUT, LOOKS, Wrong, compared
from tests.builders import ROOT
from tests.template.documents import expanded, written

ACCOUNT, REGION = "123456789012", "eu-central-1"
PLACE = Place(
    "redress",
    f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/redress/0a1b2c3d",
    REGION,
    ACCOUNT,
    "aws",
)
Answers = dict[tuple[str, str], Any]


@cache
def model_of(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


class Aws:
    """A client of a service that gives the answers of a test. An exception is raised."""

    def __init__(self, service: str, answers: Answers) -> None:
        self._service, self._answers = service, answers
        self._model = model_of(service)

    def can_paginate(self, name: str) -> bool:
        return False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        [operation] = [one for one in self._model.operation_names if xform_name(one) == name]
        model = self._model.operation_model(operation)

        def call(**arguments: Any) -> Any:
            _check(arguments, model.input_shape)
            answer = self._answers[self._service, operation]
            answer = answer(arguments) if callable(answer) else answer
            if isinstance(answer, Exception):
                raise answer
            _check(answer, model.output_shape)
            return copy.deepcopy(answer)

        return call


def _check(value: Any, shape: Any) -> None:
    if shape is not None:
        report = ParamValidator().validate(value, shape)
        assert not report.has_errors(), report.generate_report()


def reader(answers: Answers) -> Reader:
    return Reader(Stack("redress", {}, lambda service: Aws(service, answers)))


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "AnOperation")


@cache
def no_machine() -> Expectation:
    """The template of a stack without resources, whose machines have an empty definition."""
    whole = Expectation(PLACE, {"OnAws": "true"}, {})
    whole.definition = lambda logical: {}  # type: ignore[method-assign]
    return whole


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


FUNCTION, TOPIC = arn("lambda", "function:redress-relay"), arn("sns", "redress-operations")
QUEUE = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/redress-mails"
UUID = "0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f"
API_LOG = arn("logs", "log-group:/aws/vendedlogs/apigateway/redress")
MACHINE = arn("states", "stateMachine:redress-ticket")
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "*",
        }
    ],
}

CASES: dict[str, tuple[str, dict[str, Any], Answers]] = {
    "AWS::ApiGatewayV2::Api": (
        "api1",
        {
            "Name": "redress",
            "CorsConfiguration": {"AllowOrigins": ["https://crm.example.org"], "MaxAge": 600},
            "Body": {
                "paths": {
                    "$default": {"x-amazon-apigateway-any-method": {}},
                    "/tickets": {"post": {}},
                    "/staff/work": {"get": {"security": [{"Staff": []}]}},
                },
                "components": {
                    "securitySchemes": {
                        "Staff": {
                            "x-amazon-apigateway-authorizer": {
                                "jwtConfiguration": {"issuer": "https://id", "audience": ["c1"]}
                            }
                        }
                    }
                },
            },
        },
        {
            ("apigatewayv2", "GetApi"): {
                "Name": "redress",
                "CorsConfiguration": {"AllowOrigins": ["https://crm.example.org"], "MaxAge": 600},
            },
            ("apigatewayv2", "GetRoutes"): {
                "Items": [
                    {"RouteKey": "$default", "AuthorizationType": "NONE"},
                    {"RouteKey": "POST /tickets"},
                    {"RouteKey": "GET /staff/work", "AuthorizationType": "JWT"},
                ]
            },
            ("apigatewayv2", "GetAuthorizers"): {
                "Items": [
                    {
                        "Name": "Staff",
                        "JwtConfiguration": {"Issuer": "https://id", "Audience": ["c1"]},
                    }
                ]
            },
        },
    ),
    "AWS::ApiGatewayV2::Stage": (
        "v1",
        {
            "ApiId": "api1",
            "StageName": "v1",
            "AutoDeploy": True,
            "StageVariables": {"base_address": "https://help.example.org"},
            "DefaultRouteSettings": {"ThrottlingRateLimit": "50", "ThrottlingBurstLimit": 100},
            "AccessLogSettings": {"DestinationArn": f"{API_LOG}:*", "Format": '{"a":"$context.b"}'},
        },
        {
            ("apigatewayv2", "GetStage"): {
                "StageName": "v1",
                "AutoDeploy": True,
                "StageVariables": {"base_address": "https://help.example.org"},
                "DefaultRouteSettings": {"ThrottlingRateLimit": 50.0, "ThrottlingBurstLimit": 100},
                "AccessLogSettings": {"DestinationArn": API_LOG, "Format": '{"a":"$context.b"}'},
            }
        },
    ),
    "AWS::CloudWatch::Alarm": (
        "redress-Alarm-1",
        {"Threshold": 0, "Namespace": "AWS/SQS", "AlarmActions": [TOPIC]},
        {
            ("cloudwatch", "DescribeAlarms"): {
                "MetricAlarms": [
                    {
                        "Threshold": 0.0,
                        "Namespace": "AWS/SQS",
                        "AlarmActions": [TOPIC],
                        "ActionsEnabled": True,
                        "StateValue": "OK",
                    }
                ]
            }
        },
    ),
    "AWS::CloudWatch::Dashboard": (
        "redress",
        {"DashboardName": "redress", "DashboardBody": '{"widgets": []}'},
        {
            ("cloudwatch", "GetDashboard"): {
                "DashboardName": "redress",
                "DashboardBody": '{"widgets":[]}',
            }
        },
    ),
    "AWS::Cognito::ManagedLoginBranding": (
        "pool|id",
        {"UserPoolId": "eu_1", "ClientId": "c1", "UseCognitoProvidedValues": True},
        {
            ("cognito-idp", "DescribeManagedLoginBrandingByClient"): {
                "ManagedLoginBranding": {"UserPoolId": "eu_1", "UseCognitoProvidedValues": True}
            }
        },
    ),
    "AWS::Cognito::UserPool": (
        "eu_1",
        {
            "UserPoolName": "redress-staff",
            "UsernameAttributes": ["email"],
            "MfaConfiguration": "OPTIONAL",
            "EnabledMfas": ["SOFTWARE_TOKEN_MFA"],
            "UsernameConfiguration": {"CaseSensitive": False},
            "Schema": [{"Name": "team", "AttributeDataType": "String", "Mutable": True}],
        },
        {
            ("cognito-idp", "DescribeUserPool"): {
                "UserPool": {
                    "Name": "redress-staff",
                    "UsernameAttributes": ["email"],
                    "MfaConfiguration": "OPTIONAL",
                    "UsernameConfiguration": {"CaseSensitive": False},
                    "SchemaAttributes": [
                        {"Name": "email", "AttributeDataType": "String", "Mutable": True},
                        {"Name": "custom:team", "AttributeDataType": "String", "Mutable": True},
                    ],
                }
            },
            ("cognito-idp", "GetUserPoolMfaConfig"): {
                "SoftwareTokenMfaConfiguration": {"Enabled": True}
            },
        },
    ),
    "AWS::Cognito::UserPoolClient": (
        "c1",
        {
            "UserPoolId": "eu_1",
            "ClientName": "staff-api",
            "GenerateSecret": False,
            "WriteAttributes": ["name"],
            "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            "TokenValidityUnits": {"IdToken": "hours"},
        },
        {
            ("cognito-idp", "DescribeUserPoolClient"): {
                "UserPoolClient": {
                    "UserPoolId": "eu_1",
                    "ClientName": "staff-api",
                    "WriteAttributes": ["name"],
                    "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"],
                    "TokenValidityUnits": {"IdToken": "hours"},
                }
            }
        },
    ),
    "AWS::Cognito::UserPoolDomain": (
        "redress-help",
        {"UserPoolId": "eu_1", "Domain": "redress-help", "ManagedLoginVersion": 2},
        {
            ("cognito-idp", "DescribeUserPoolDomain"): {
                "DomainDescription": {
                    "UserPoolId": "eu_1",
                    "Domain": "redress-help",
                    "ManagedLoginVersion": 2,
                    "Status": "ACTIVE",
                }
            }
        },
    ),
    "AWS::Cognito::UserPoolGroup": (
        "agent",
        {"GroupName": "agent", "UserPoolId": "eu_1", "Precedence": 30},
        {
            ("cognito-idp", "GetGroup"): {
                "Group": {"GroupName": "agent", "UserPoolId": "eu_1", "Precedence": 30}
            }
        },
    ),
    "AWS::DynamoDB::Table": (
        "redress-Table",
        {
            "BillingMode": "PAY_PER_REQUEST",
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "SSESpecification": {"SSEEnabled": False},
            "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
            "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "open",
                    "KeySchema": [{"AttributeName": "open_pk", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        },
        {
            ("dynamodb", "DescribeTable"): {
                "Table": {
                    "TableStatus": "ACTIVE",
                    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
                    "StreamSpecification": {
                        "StreamEnabled": True,
                        "StreamViewType": "NEW_AND_OLD_IMAGES",
                    },
                    "GlobalSecondaryIndexes": [
                        {
                            "IndexName": "open",
                            "IndexStatus": "ACTIVE",
                            "KeySchema": [{"AttributeName": "open_pk", "KeyType": "HASH"}],
                            "Projection": {"ProjectionType": "KEYS_ONLY"},
                        }
                    ],
                }
            },
            ("dynamodb", "DescribeTimeToLive"): {
                "TimeToLiveDescription": {
                    "TimeToLiveStatus": "ENABLED",
                    "AttributeName": "expires",
                }
            },
            ("dynamodb", "DescribeContinuousBackups"): {
                "ContinuousBackupsDescription": {
                    "ContinuousBackupsStatus": "ENABLED",
                    "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"},
                }
            },
        },
    ),
    "AWS::Events::Rule": (
        "redress-Ended",
        {
            "EventPattern": {"source": ["aws.states"], "detail": {"status": ["FAILED"]}},
            "Targets": [{"Id": "Repair", "Arn": FUNCTION, "Input": "{}"}],
        },
        {
            ("events", "DescribeRule"): {
                "State": "ENABLED",
                "EventPattern": '{"detail":{"status":["FAILED"]},"source":["aws.states"]}',
            },
            ("events", "ListTargetsByRule"): {
                "Targets": [{"Id": "Repair", "Arn": FUNCTION, "Input": "{}"}]
            },
        },
    ),
    "AWS::IAM::ManagedPolicy": (
        "arn:aws:iam::123456789012:policy/redress-Logs",
        {
            "Description": "What logs need",
            "PolicyDocument": POLICY,
            "Roles": ["redress-RelayRole"],
        },
        {
            ("iam", "GetPolicy"): {
                "Policy": {"Description": "What logs need", "DefaultVersionId": "v2"}
            },
            ("iam", "GetPolicyVersion"): {"PolicyVersion": {"Document": json.dumps(POLICY)}},
            ("iam", "ListEntitiesForPolicy"): {
                "PolicyRoles": [{"RoleName": "redress-RelayRole", "RoleId": "AROA123456789EXAMPLE"}]
            },
        },
    ),
    "AWS::IAM::Role": (
        "redress-RelayRole",
        {
            "AssumeRolePolicyDocument": POLICY,
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/Basic"],
            "Policies": [{"PolicyName": "Own", "PolicyDocument": POLICY}],
        },
        {
            ("iam", "GetRole"): {
                "Role": {
                    "Path": "/",
                    "RoleName": "redress-RelayRole",
                    "RoleId": "AROA123456789EXAMPLE",
                    "Arn": "arn:aws:iam::123456789012:role/redress-RelayRole",
                    "CreateDate": "2026-11-30T00:00:00Z",
                    "AssumeRolePolicyDocument": json.dumps(POLICY),
                }
            },
            ("iam", "ListAttachedRolePolicies"): {
                "AttachedPolicies": [{"PolicyArn": "arn:aws:iam::aws:policy/Basic"}]
            },
            ("iam", "ListRolePolicies"): {"PolicyNames": ["Own"]},
            ("iam", "GetRolePolicy"): {
                "RoleName": "redress-RelayRole",
                "PolicyName": "Own",
                "PolicyDocument": json.dumps(POLICY),
            },
        },
    ),
    "AWS::Lambda::Alias": (
        f"{FUNCTION}:live",
        {"FunctionName": "redress-relay", "Name": "live", "FunctionVersion": "7"},
        {("lambda", "GetAlias"): {"Name": "live", "FunctionVersion": "7"}},
    ),
    "AWS::Lambda::EventInvokeConfig": (
        "redress-relay|live",
        {
            "FunctionName": "redress-relay",
            "Qualifier": "live",
            "MaximumRetryAttempts": 2,
            "DestinationConfig": {"OnFailure": {"Destination": arn("sqs", "dead")}},
        },
        {
            ("lambda", "GetFunctionEventInvokeConfig"): {
                "FunctionArn": f"{FUNCTION}:live",
                "MaximumRetryAttempts": 2,
                "DestinationConfig": {
                    "OnSuccess": {},
                    "OnFailure": {"Destination": arn("sqs", "dead")},
                },
            }
        },
    ),
    "AWS::Lambda::EventSourceMapping": (
        UUID,
        {
            "FunctionName": "redress-relay",
            "EventSourceArn": arn("dynamodb", "table/redress/stream/now"),
            "Enabled": True,
            "BatchSize": 100,
            "BisectBatchOnFunctionError": True,
            "FilterCriteria": {"Filters": [{"Pattern": '{"eventName":["INSERT"]}'}]},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "DestinationConfig": {"OnFailure": {"Destination": arn("sqs", "dead")}},
        },
        {
            ("lambda", "GetEventSourceMapping"): {
                "FunctionArn": FUNCTION,
                "EventSourceArn": arn("dynamodb", "table/redress/stream/now"),
                "State": "Enabled",
                "BatchSize": 100,
                "BisectBatchOnFunctionError": True,
                "FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]},
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "DestinationConfig": {"OnFailure": {"Destination": arn("sqs", "dead")}},
            }
        },
    ),
    "AWS::Lambda::Function": (
        "redress-relay",
        {
            "FunctionName": "redress-relay",
            "Runtime": "python3.13",
            "Architectures": ["arm64"],
            "MemorySize": 512,
            "Timeout": 30,
            "Layers": [arn("lambda", "layer:redress-core:3")],
            "Environment": {"Variables": {"TABLE": "redress-Table"}},
            "TracingConfig": {"Mode": "Active"},
            "LoggingConfig": {"LogGroup": "/aws/lambda/redress-relay"},
        },
        {
            ("lambda", "GetFunctionConfiguration"): {
                "FunctionName": "redress-relay",
                "Runtime": "python3.13",
                "Architectures": ["arm64"],
                "MemorySize": 512,
                "Timeout": 30,
                "Layers": [{"Arn": arn("lambda", "layer:redress-core:3"), "CodeSize": 1}],
                "Environment": {"Variables": {"TABLE": "redress-Table"}},
                "TracingConfig": {"Mode": "Active"},
                "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/redress-relay"},
                "State": "Active",
                "LastUpdateStatus": "Successful",
            }
        },
    ),
    "AWS::Lambda::LayerVersion": (
        arn("lambda", "layer:redress-core:3"),
        {"LayerName": "redress-core", "CompatibleArchitectures": ["arm64"]},
        {
            ("lambda", "GetLayerVersionByArn"): {
                "LayerArn": arn("lambda", "layer:redress-core"),
                "CompatibleArchitectures": ["arm64"],
            }
        },
    ),
    "AWS::Lambda::Permission": (
        "redress-Permission",
        {
            "FunctionName": "redress-relay",
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": arn("events", "rule/redress"),
        },
        {
            ("lambda", "GetPolicy"): {
                "Policy": json.dumps(
                    {
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Principal": {"Service": "events.amazonaws.com"},
                                "Action": "lambda:InvokeFunction",
                                "Resource": FUNCTION,
                                "Condition": {
                                    "ArnLike": {"AWS:SourceArn": arn("events", "rule/redress")}
                                },
                            }
                        ]
                    }
                )
            }
        },
    ),
    "AWS::Lambda::Version": (
        f"{FUNCTION}:7",
        {"FunctionName": "redress-relay"},
        {("lambda", "GetFunctionConfiguration"): {"Version": "7"}},
    ),
    "AWS::Logs::LogGroup": (
        "/aws/lambda/redress-relay",
        {"LogGroupName": "/aws/lambda/redress-relay", "RetentionInDays": "30"},
        {
            ("logs", "DescribeLogGroups"): {
                "logGroups": [
                    {"logGroupName": "/aws/lambda/redress-relay-old"},
                    {"logGroupName": "/aws/lambda/redress-relay", "retentionInDays": 30},
                ]
            }
        },
    ),
    "AWS::Logs::MetricFilter": (
        "redress-Filter",
        {
            "LogGroupName": "/aws/lambda/redress-relay",
            "FilterPattern": '{ $.x = "y" }',
            "MetricTransformations": [{"MetricName": "X", "MetricNamespace": "Redress"}],
        },
        {
            ("logs", "DescribeMetricFilters"): {
                "metricFilters": [
                    {
                        "filterName": "redress-Filter",
                        "logGroupName": "/aws/lambda/redress-relay",
                        "filterPattern": '{ $.x = "y" }',
                        "metricTransformations": [
                            {
                                "metricName": "X",
                                "metricNamespace": "Redress",
                                "metricValue": "1",
                            }
                        ],
                    }
                ]
            }
        },
    ),
    "AWS::Logs::QueryDefinition": (
        "query-1",
        {"Name": "redress/ticket", "QueryString": "fields @message", "LogGroupNames": ["/a"]},
        {
            ("logs", "DescribeQueryDefinitions"): {
                "queryDefinitions": [
                    {
                        "name": "redress/ticket",
                        "queryString": "fields @message",
                        "logGroupNames": ["/a"],
                    }
                ]
            }
        },
    ),
    "AWS::GuardDuty::MalwareProtectionPlan": (
        "c2b7a1",
        {
            "Role": arn("iam", "role/scan"),
            "ProtectedResource": {
                "S3Bucket": {"BucketName": "redress-files", "ObjectPrefixes": ["files/"]}
            },
            "Actions": {"Tagging": {"Status": "ENABLED"}},
        },
        {
            ("guardduty", "GetMalwareProtectionPlan"): {
                "Role": arn("iam", "role/scan"),
                "Status": "ACTIVE",
                "ProtectedResource": {
                    "S3Bucket": {"BucketName": "redress-files", "ObjectPrefixes": ["files/"]}
                },
                "Actions": {"Tagging": {"Status": "ENABLED"}},
            }
        },
    ),
    "AWS::S3::Bucket": (
        "redress-mails",
        {
            "VersioningConfiguration": {"Status": "Enabled"},
            "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                ]
            },
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "kept",
                        "Status": "Enabled",
                        "ExpirationInDays": "1095",
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                    },
                    {"Id": "uploads", "Status": "Enabled", "Prefix": "uploads/"},
                    {"Id": "left", "Status": "Enabled", "ExpiredObjectDeleteMarker": True},
                ]
            },
            "CorsConfiguration": {
                "CorsRules": [
                    {
                        "AllowedMethods": ["GET", "POST"],
                        "AllowedHeaders": ["*"],
                        "AllowedOrigins": ["https://help.example.org"],
                        "MaxAge": 3600,
                    }
                ]
            },
            "NotificationConfiguration": {
                "EventBridgeConfiguration": {"EventBridgeEnabled": True},
                "QueueConfigurations": [
                    {
                        "Event": "s3:ObjectCreated:*",
                        "Queue": arn("sqs", "in"),
                        "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "inbound/"}]}},
                    }
                ],
            },
        },
        {
            ("s3", "GetBucketVersioning"): {"Status": "Enabled"},
            ("s3", "GetPublicAccessBlock"): {
                "PublicAccessBlockConfiguration": {"BlockPublicAcls": True}
            },
            ("s3", "GetBucketOwnershipControls"): {
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
            },
            ("s3", "GetBucketEncryption"): {
                "ServerSideEncryptionConfiguration": {
                    "Rules": [
                        {
                            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                            "BucketKeyEnabled": False,
                        }
                    ]
                }
            },
            ("s3", "GetBucketLifecycleConfiguration"): {
                "Rules": [
                    {
                        "ID": "kept",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "Expiration": {"Days": 1095},
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                    },
                    {"ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": "uploads/"}},
                    {
                        "ID": "left",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "Expiration": {"ExpiredObjectDeleteMarker": True},
                    },
                ]
            },
            ("s3", "GetBucketCors"): {
                "CORSRules": [
                    {
                        "AllowedMethods": ["GET", "POST"],
                        "AllowedHeaders": ["*"],
                        "AllowedOrigins": ["https://help.example.org"],
                        "MaxAgeSeconds": 3600,
                    }
                ]
            },
            ("s3", "GetBucketNotificationConfiguration"): {
                "EventBridgeConfiguration": {},
                "QueueConfigurations": [
                    {
                        "Id": "made-by-s3",
                        "QueueArn": arn("sqs", "in"),
                        "Events": ["s3:ObjectCreated:*"],
                        "Filter": {
                            "Key": {"FilterRules": [{"Name": "Prefix", "Value": "inbound/"}]}
                        },
                    }
                ],
            },
        },
    ),
    "AWS::S3::BucketPolicy": (
        "redress-mails",
        {"Bucket": "redress-mails", "PolicyDocument": POLICY},
        {("s3", "GetBucketPolicy"): {"Policy": json.dumps(POLICY)}},
    ),
    "AWS::SES::ConfigurationSet": (
        "redress",
        {"Name": "redress", "SuppressionOptions": {"SuppressedReasons": []}},
        {
            ("sesv2", "GetConfigurationSet"): {
                "ConfigurationSetName": "redress",
                "SuppressionOptions": {"SuppressedReasons": []},
            }
        },
    ),
    "AWS::SES::ConfigurationSetEventDestination": (
        "redress|feedback",
        {
            "ConfigurationSetName": "redress",
            "EventDestination": {
                "Name": "feedback",
                "Enabled": True,
                "MatchingEventTypes": ["send", "deliveryDelay"],
                "SnsDestination": {"TopicARN": TOPIC},
            },
        },
        {
            ("sesv2", "GetConfigurationSetEventDestinations"): {
                "EventDestinations": [
                    {
                        "Name": "feedback",
                        "Enabled": True,
                        "MatchingEventTypes": ["DELIVERY_DELAY", "SEND"],
                        "SnsDestination": {"TopicArn": TOPIC},
                    }
                ]
            }
        },
    ),
    "AWS::SES::ReceiptRule": (
        "into-the-bucket",
        {
            "RuleSetName": "redress",
            "Rule": {
                "Name": "into-the-bucket",
                "Enabled": True,
                "Recipients": ["in.example.org"],
                "Actions": [{"S3Action": {"BucketName": "b", "TopicArn": TOPIC}}],
            },
        },
        {
            ("ses", "DescribeActiveReceiptRuleSet"): {
                "Metadata": {"Name": "redress"},
                "Rules": [
                    {
                        "Name": "into-the-bucket",
                        "Enabled": True,
                        "Recipients": ["in.example.org"],
                        "Actions": [{"S3Action": {"BucketName": "b", "TopicArn": TOPIC}}],
                    }
                ],
            }
        },
    ),
    "AWS::SES::ReceiptRuleSet": (
        "redress",
        {"RuleSetName": "redress"},
        {("ses", "DescribeReceiptRuleSet"): {"Metadata": {"Name": "redress"}}},
    ),
    "AWS::SNS::Subscription": (
        f"{TOPIC}:1",
        {
            "TopicArn": TOPIC,
            "Protocol": "sqs",
            "Endpoint": arn("sqs", "redress-mails"),
            "RawMessageDelivery": True,
            "RedrivePolicy": {"deadLetterTargetArn": arn("sqs", "dead")},
        },
        {
            ("sns", "ListSubscriptionsByTopic"): {
                "Subscriptions": [
                    {
                        "SubscriptionArn": f"{TOPIC}:1",
                        "TopicArn": TOPIC,
                        "Protocol": "sqs",
                        "Endpoint": arn("sqs", "redress-mails"),
                    }
                ]
            },
            ("sns", "GetSubscriptionAttributes"): {
                "Attributes": {
                    "RawMessageDelivery": "true",
                    "PendingConfirmation": "false",
                    "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn("sqs", "dead")}),
                }
            },
        },
    ),
    "AWS::SNS::Topic": (
        TOPIC,
        {"TopicName": "redress-operations"},
        {("sns", "GetTopicAttributes"): {"Attributes": {"TopicArn": TOPIC}}},
    ),
    "AWS::SNS::TopicPolicy": (
        "redress-TopicPolicy",
        {"Topics": [TOPIC], "PolicyDocument": POLICY},
        {("sns", "GetTopicAttributes"): {"Attributes": {"Policy": json.dumps(POLICY)}}},
    ),
    "AWS::SQS::Queue": (
        QUEUE,
        {
            "SqsManagedSseEnabled": True,
            "VisibilityTimeout": 60,
            "RedrivePolicy": {"deadLetterTargetArn": arn("sqs", "dead"), "maxReceiveCount": 1000},
        },
        {
            ("sqs", "GetQueueAttributes"): {
                "Attributes": {
                    "QueueArn": arn("sqs", "redress-mails"),
                    "SqsManagedSseEnabled": "true",
                    "VisibilityTimeout": "60",
                    "RedrivePolicy": json.dumps(
                        {"deadLetterTargetArn": arn("sqs", "dead"), "maxReceiveCount": 1000}
                    ),
                }
            }
        },
    ),
    "AWS::SQS::QueuePolicy": (
        "redress-QueuePolicy",
        {"Queues": [QUEUE], "PolicyDocument": POLICY},
        {("sqs", "GetQueueAttributes"): {"Attributes": {"Policy": json.dumps(POLICY)}}},
    ),
    "AWS::Scheduler::Schedule": (
        "redress-Sweep",
        {
            "ScheduleExpression": "rate(5 minutes)",
            "ScheduleExpressionTimezone": "Asia/Shanghai",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": FUNCTION, "RoleArn": arn("iam", "role/s"), "Input": '{"task": "x"}'},
        },
        {
            ("scheduler", "GetSchedule"): {
                "State": "ENABLED",
                "ScheduleExpression": "rate(5 minutes)",
                "ScheduleExpressionTimezone": "Asia/Shanghai",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {
                    "Arn": FUNCTION,
                    "RoleArn": arn("iam", "role/s"),
                    "Input": '{"task": "x"}',
                },
            }
        },
    ),
    "AWS::SecretsManager::Secret": (
        arn("secretsmanager", "secret:LinkKey"),
        {"Description": "Key that signs customers' links"},
        {
            ("secretsmanager", "DescribeSecret"): {
                "Description": "Key that signs customers' links",
                "VersionIdsToStages": {UUID: ["AWSCURRENT"]},
            }
        },
    ),
    "AWS::StepFunctions::StateMachine": (
        MACHINE,
        {
            "StateMachineName": "redress-ticket",
            "StateMachineType": "STANDARD",
            "RoleArn": arn("iam", "role/m"),
            "LoggingConfiguration": {
                "Level": "ERROR",
                "IncludeExecutionData": False,
                "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": arn("logs", "x:*")}}],
            },
            "TracingConfiguration": {"Enabled": True},
        },
        {
            ("stepfunctions", "DescribeStateMachine"): {
                "stateMachineArn": MACHINE,
                "name": "redress-ticket",
                "type": "STANDARD",
                "status": "ACTIVE",
                "definition": "{}",
                "roleArn": arn("iam", "role/m"),
                "creationDate": "2026-11-30T00:00:00Z",
                "loggingConfiguration": {
                    "level": "ERROR",
                    "includeExecutionData": False,
                    "destinations": [
                        {"cloudWatchLogsLogGroup": {"logGroupArn": arn("logs", "x:*")}}
                    ],
                },
                "tracingConfiguration": {"enabled": True},
            }
        },
    ),
}
"""By type: the id of a resource, its properties in a template, and AWS's answers about it."""

FOUND_BY = {
    "AWS::ApiGatewayV2::Stage": {"ApiId"},
    "AWS::Lambda::Alias": {"FunctionName"},
    "AWS::Lambda::EventInvokeConfig": {"FunctionName"},
    "AWS::Lambda::Permission": {"FunctionName"},
    "AWS::S3::BucketPolicy": {"Bucket"},
    "AWS::SES::ConfigurationSetEventDestination": {"ConfigurationSetName"},
    "AWS::SES::ReceiptRule": {"RuleSetName"},
    "AWS::SNS::TopicPolicy": {"Topics"},
    "AWS::SQS::QueuePolicy": {"Queues"},
}
"""Properties that name the resource of which AWS is asked. Another name is another question."""


def looked(kind: str, properties: dict[str, Any], answers: Answers) -> list[str]:
    """What is found to differ: values, or that something is wrong with the resource itself."""
    wanted = Wanted("Thing", kind, properties, CASES[kind][0])
    try:
        found = LOOKS[kind](reader(answers), wanted, no_machine())
    except (Wrong, NotThere) as error:
        return [str(error)]
    return [str(one) for one in differences(compared(wanted), found)]


def test_every_type_of_the_template_has_a_check() -> None:
    assert {one["Type"] for one in expanded().values()} <= set(LOOKS)


def test_every_check_of_a_type_has_a_case() -> None:
    assert set(CASES) == set(LOOKS)


@pytest.mark.parametrize("kind", CASES)
def test_resource_as_the_template_wants_it_is_fine(kind: str) -> None:
    _, properties, answers = CASES[kind]
    assert looked(kind, properties, answers) == []


def changes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The value with one leaf changed, once for each leaf, with the path of the leaf."""
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in items:
            for at, changed in changes(one, (*path, key)):
                copied = copy.deepcopy(value)
                copied[key] = changed
                yield at, copied
    else:
        other = [*value, "x"] if isinstance(value, list) else f"{value}x"
        yield ".".join(map(str, path)), (not value if isinstance(value, bool) else other)


EVERY_LEAF = [
    pytest.param(kind, changed, id=f"{kind.removeprefix('AWS::')}-{path}")
    for kind, (_, properties, _) in CASES.items()
    for path, changed in changes(properties)
    if path.partition(".")[0]
    not in FOUND_BY.get(kind, set()) | (set(LEFT_OUT.get(kind, {})) - {"Body"})
    and not path.startswith("Body.paths")  # see the test of the routes
]


@pytest.mark.parametrize(("kind", "properties"), EVERY_LEAF)
def test_each_value_that_differs_is_found(kind: str, properties: dict[str, Any]) -> None:
    assert looked(kind, properties, CASES[kind][2]) != []


@pytest.mark.parametrize(
    ("routes", "fault"),
    [
        ([("POST /tickets", "NONE"), ("GET /staff/work", "JWT")], r"\$default"),
        ([("$default", "NONE"), ("POST /tickets", "NONE"), ("GET /staff/work", "NONE")], "work"),
        (
            [
                ("$default", "NONE"),
                ("POST /tickets", "NONE"),
                ("GET /staff/work", "JWT"),
                ("GET /x", "NONE"),
            ],
            "GET /x",
        ),
    ],
    ids=["missing", "open to everybody", "too many"],
)
def test_route_that_differs_is_found(routes: list[tuple[str, str]], fault: str) -> None:
    _, properties, answers = CASES["AWS::ApiGatewayV2::Api"]
    items = [{"RouteKey": key, "AuthorizationType": kind} for key, kind in routes]
    changed = answers | {("apigatewayv2", "GetRoutes"): {"Items": items}}
    [said] = looked("AWS::ApiGatewayV2::Api", properties, changed)
    assert re.search(fault, said)


def with_value(answers: Answers, call: tuple[str, str], path: str, value: Any) -> Answers:
    """The answers with one value changed."""
    changed = copy.deepcopy(answers)
    inner: Any = changed[call]
    *parents, last = path.split(".")
    for name in parents:
        inner = inner[int(name)] if isinstance(inner, list) else inner[name]
    inner[last] = value
    return changed


PENDING = {"RawMessageDelivery": "true", "PendingConfirmation": "true"}


@pytest.mark.parametrize(
    ("kind", "operation", "path", "value", "fault"),
    [
        ("Lambda::Function", "GetFunctionConfiguration", "State", "Failed", "Failed"),
        ("Lambda::Function", "GetFunctionConfiguration", "LastUpdateStatus", "Failed", "update"),
        ("Lambda::Version", "GetFunctionConfiguration", "Version", "$LATEST", "no published"),
        ("Lambda::EventSourceMapping", "GetEventSourceMapping", "State", "Disabled", "Enabled"),
        (
            "Lambda::EventSourceMapping",
            "GetEventSourceMapping",
            "LastProcessingResult",
            "PROBLEM: Function call failed",
            "PROBLEM",
        ),
        ("DynamoDB::Table", "DescribeTable", "Table.TableStatus", "ARCHIVED", "ARCHIVED"),
        ("Events::Rule", "DescribeRule", "State", "DISABLED", "DISABLED"),
        ("Scheduler::Schedule", "GetSchedule", "State", "DISABLED", "DISABLED"),
        (
            "GuardDuty::MalwareProtectionPlan",
            "GetMalwareProtectionPlan",
            "Status",
            "WARNING",
            "its status is WARNING",
        ),
        ("CloudWatch::Alarm", "DescribeAlarms", "MetricAlarms.0.StateValue", "ALARM", "in ALARM"),
        ("CloudWatch::Alarm", "DescribeAlarms", "MetricAlarms.0.ActionsEnabled", False, "disabled"),
        ("SNS::Subscription", "GetSubscriptionAttributes", "Attributes", PENDING, "not confirmed"),
        ("SecretsManager::Secret", "DescribeSecret", "DeletedDate", "2026-12-07", "deleted"),
        ("SecretsManager::Secret", "DescribeSecret", "VersionIdsToStages", {}, "no current"),
        (
            "Cognito::UserPoolDomain",
            "DescribeUserPoolDomain",
            "DomainDescription.Status",
            "FAILED",
            "FAILED",
        ),
        ("SES::ReceiptRule", "DescribeActiveReceiptRuleSet", "Rules", [], "without the rule"),
        ("SES::ConfigurationSet", "GetConfigurationSet", "SuppressionOptions", {}, "missing"),
        ("StepFunctions::StateMachine", "DescribeStateMachine", "definition", "[1]", "definition"),
        ("StepFunctions::StateMachine", "DescribeStateMachine", "status", "DELETING", "DELETING"),
    ],
)
def test_resource_in_a_wrong_state_is_found(
    kind: str, operation: str, path: str, value: Any, fault: str
) -> None:
    _, properties, answers = CASES[f"AWS::{kind}"]
    [call] = [one for one in answers if one[1] == operation]
    found = looked(f"AWS::{kind}", properties, with_value(answers, call, path, value))
    assert any(fault in one for one in found), found


def test_alias_that_was_rolled_back_is_found_and_a_newer_version_is_fine() -> None:
    """`make deploy` publishes a version of its own if only the value of a parameter changed."""
    kind, call = "AWS::Lambda::Alias", ("lambda", "GetAlias")
    _, properties, answers = CASES[kind]
    assert looked(kind, properties, with_value(answers, call, "FunctionVersion", "12")) == []
    assert looked(kind, properties, with_value(answers, call, "FunctionVersion", "6")) != []


def test_role_may_have_the_policies_of_the_stack_that_name_it_and_no_others() -> None:
    """`ChangesFeedPolicy` names the follower's role. The role does not name the policy."""
    whole, resources = whole_stack()
    by_name = {one.logical: one for one in resources}
    feed, role = by_name["ChangesFeedPolicy"], by_name["FollowerFunctionRole"]
    assert feed.properties["Roles"] == [role.physical]

    def found(wanted: Wanted, *policies: str) -> list[str]:
        own = [{"PolicyArn": one} for one in wanted.properties["ManagedPolicyArns"]]
        more = [{"PolicyArn": one} for one in policies]
        call = ("iam", "ListAttachedRolePolicies")
        answers = CASES["AWS::IAM::Role"][2] | {call: {"AttachedPolicies": own + more}}
        read = LOOKS[wanted.type](reader(answers), wanted, whole)
        return [one.path for one in differences(compared(wanted), read)]

    attached = "ManagedPolicyArns"
    assert attached not in found(role, feed.physical)
    assert attached in found(role, feed.physical, arn("iam", "policy/Administrator"))
    assert attached in found(by_name["RelayFunctionRole"], feed.physical)


# ---------------------------------------------------------------------------- facts of the stack


STREAM = arn("dynamodb", "table/redress-Table/stream/2026-11-30T00:00:00.000")
GOOD: Answers = {
    ("dynamodb", "DescribeTable"): {
        "Table": {"DeletionProtectionEnabled": True, "LatestStreamArn": STREAM}
    },
    ("cognito-idp", "DescribeUserPool"): {"UserPool": {"DeletionProtection": "ACTIVE"}},
    ("lambda", "GetAccountSettings"): {"AccountLimit": {"ConcurrentExecutions": 1000}},
    ("dynamodbstreams", "DescribeStream"): {
        "StreamDescription": {
            "Shards": [
                {"ShardId": "a" * 28, "SequenceNumberRange": {"StartingSequenceNumber": "1" * 21}},
                {
                    "ShardId": "b" * 28,
                    "SequenceNumberRange": {
                        "StartingSequenceNumber": "1" * 21,
                        "EndingSequenceNumber": "2" * 21,
                    },
                },
            ]
        }
    },
    ("sesv2", "GetAccount"): {
        "ProductionAccessEnabled": True,
        "SendingEnabled": True,
        "EnforcementStatus": "HEALTHY",
        "SendQuota": {"MaxSendRate": 14.0},
    },
    ("sesv2", "GetEmailIdentity"): lambda given: (
        {"VerifiedForSendingStatus": True, "DkimAttributes": {"Status": "SUCCESS"}}
        if "@" not in given["EmailIdentity"]
        else error("NotFoundException")
    ),
    ("logs", "DescribeResourcePolicies"): {
        "resourcePolicies": [{"policyDocument": '{"Service": "delivery.logs.amazonaws.com"}'}]
    },
    ("iam", "SimulatePrincipalPolicy"): lambda given: {
        "EvaluationResults": [
            {
                "EvalActionName": action,
                "EvalDecision": "implicitDeny"
                if "elsewhere" in json.dumps(given.get("ContextEntries", []))
                else "allowed",
            }
            for action in given["ActionNames"]
        ]
    },
}
"""Answers about an account and a stack as they should be."""


@cache
def whole_stack() -> tuple[Expectation, tuple[Wanted, ...]]:
    """What verification expects of a stack on AWS with incoming mail and the feed of changes.

    Each resource has an invented physical id.
    """
    parameters = {
        name: str(one.get("Default", "")) for name, one in written()["Parameters"].items()
    }
    parameters |= {"MailDomain": "in.example.org", "SenderAddress": "a@b.example"}
    parameters |= {"ChangesFeed": "on"}
    empty = Expectation(PLACE, parameters, {})
    deployed = {}
    for one in empty.resources:
        physical = f"redress-{one.logical}"
        if one.type == "AWS::StepFunctions::StateMachine":
            physical = arn("states", f"stateMachine:redress-{one.logical}")
        if one.type == "AWS::Lambda::EventSourceMapping":
            physical = UUID
        deployed[one.logical] = Deployed(one.logical, physical, one.type, "CREATE_COMPLETE")

    def asked(resource: Deployed, attribute: str) -> str | None:
        return STREAM if attribute == "StreamArn" else None

    whole = Expectation(PLACE, parameters, deployed, asked)
    return whole, whole.resources


def subject(answers: Answers, **described: Any) -> Subject:
    whole, wanted = whole_stack()
    facts = {"StackStatus": "UPDATE_COMPLETE", "EnableTerminationProtection": True, **described}
    return Subject(reader(answers), whole, wanted, facts)


def facts_of(answers: Answers, **described: Any) -> list[Result]:
    """The results of the checks that belong to no single resource."""
    given = subject(answers, **described)
    return [
        result
        for check in checks.FACTS
        for result in checks.guarded(given, check.__name__, partial(check, given))
    ]


def test_stack_and_account_as_they_should_be_are_fine() -> None:
    found = facts_of(GOOD)
    assert [str(one) for one in found if one.status != "ok"] == []
    names = {one.what for one in found}
    checked = {check.__name__.replace("_", " ") for check in checks.FACTS}
    assert checked - names == {"starts by schedule", "secret of the relay"}
    assert "start by SweepSchedule" in names


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"Name": "smtp"}, "ok"),
        ({"Name": "smtp", "DeletedDate": "2026-12-07"}, "differs"),
        (error("ResourceNotFoundException"), "differs"),
    ],
)
def test_secret_of_the_relay_is_looked_for_if_there_is_a_relay(answer: Any, status: str) -> None:
    given = subject({("secretsmanager", "DescribeSecret"): answer})
    values = given.whole.values | {"SmtpSecret": arn("secretsmanager", "secret:smtp")}
    whole = copy.copy(given.whole)
    whole.values = values
    relayed = Subject(given.aws, whole, given.wanted, given.described)
    check = checks.secret_of_the_relay
    [found] = checks.guarded(relayed, check.__name__, partial(check, relayed))
    assert found.status == status


DENY = {"EvaluationResults": [{"EvalActionName": "states:any", "EvalDecision": "explicitDeny"}]}


@pytest.mark.parametrize(
    ("what", "call", "answer"),
    [
        ("deletion protection of the table", ("dynamodb", "DescribeTable"), {"Table": {}}),
        ("deletion protection of sign in", ("cognito-idp", "DescribeUserPool"), {"UserPool": {}}),
        (
            "concurrent executions",
            ("lambda", "GetAccountSettings"),
            {"AccountLimit": {"ConcurrentExecutions": 2}},
        ),
        ("sending of mail", ("sesv2", "GetAccount"), {"SendingEnabled": True}),
        ("sending of mail", ("sesv2", "GetAccount"), {"ProductionAccessEnabled": True}),
        (
            "sending of mail",
            ("sesv2", "GetAccount"),
            {
                "ProductionAccessEnabled": True,
                "SendingEnabled": True,
                "SendQuota": {"MaxSendRate": 1.0},
            },
        ),
        ("sender address", ("sesv2", "GetEmailIdentity"), error("NotFoundException")),
        (
            "address of incoming mail",
            ("sesv2", "GetEmailIdentity"),
            {"VerifiedForSendingStatus": False},
        ),
        (
            "logs of the state machines",
            ("logs", "DescribeResourcePolicies"),
            {"resourcePolicies": []},
        ),
        ("missing objects", ("iam", "SimulatePrincipalPolicy"), DENY),
        ("start by SweepSchedule", ("iam", "SimulatePrincipalPolicy"), DENY),
    ],
)
def test_fact_that_differs_is_found(what: str, call: tuple[str, str], answer: Any) -> None:
    found = facts_of(GOOD | {call: answer})
    assert "differs" in {one.status for one in found if one.what == what}, found


def test_role_that_may_do_too_much_is_found() -> None:
    def everything(given: dict[str, Any]) -> dict[str, Any]:
        names = given["ActionNames"]
        return {
            "EvaluationResults": [
                {"EvalActionName": name, "EvalDecision": "allowed"} for name in names
            ]
        }

    found = facts_of(GOOD | {("iam", "SimulatePrincipalPolicy"): everything})
    wrong = [one.what for one in found if one.status == "differs"]
    assert set(wrong) == {"missing objects"}


@pytest.mark.parametrize(
    ("what", "described"),
    [
        ("termination protection", {"EnableTerminationProtection": False}),
        ("the stack", {"StackStatus": "UPDATE_ROLLBACK_COMPLETE"}),
        ("the stack", {"StackStatus": "UPDATE_IN_PROGRESS"}),
    ],
)
def test_stack_that_is_not_as_it_should_be_is_found(what: str, described: dict[str, Any]) -> None:
    assert [one.what for one in facts_of(GOOD, **described) if one.status == "differs"] == [what]


def test_missing_permission_is_named_with_the_statement_that_it_needs() -> None:
    found = facts_of(GOOD | {("lambda", "GetAccountSettings"): error("AccessDeniedException")})
    [one] = [one for one in found if one.status == "could not look"]
    assert one.what == "concurrent executions"
    statement = json.loads(one.text.partition("add ")[2])
    assert statement == {"Effect": "Allow", "Action": "lambda:GetAccountSettings", "Resource": "*"}


def test_one_failing_check_does_not_stop_the_others() -> None:
    """Every resource has a result, even if no call at all is answered."""

    def lost(given: dict[str, Any]) -> Exception:
        return error("InternalFailure")

    every = {(s, o): lost for s, operations in READS.items() for o in operations}
    given = subject(every)
    found = list(checks.results(given))
    assert {one.logical for one in given.wanted} <= {one.what for one in found}
    names = {one.logical for one in given.wanted}
    assert "ok" not in {one.status for one in found if one.what in names}


def test_resource_that_is_gone_is_found() -> None:
    given = subject({("sqs", "GetQueueAttributes"): error("QueueDoesNotExist")})
    [queue] = [one for one in given.wanted if one.logical == "MailQueue"]
    [found] = checks.guarded(given, "MailQueue", lambda: checks.of_resource(given, queue))
    assert found.status == "differs"
    assert "does not exist" in found.text


# ---------------------------------------------------------------------------- it only reads


def test_every_operation_only_reads_and_exists() -> None:
    for service, operations in READS.items():
        for operation in operations:
            assert operation.startswith(("Get", "List", "Describe", "Simulate")), operation
            assert operation in model_of(service).operation_names, operation


def test_operation_that_is_not_listed_is_refused_before_it_is_called() -> None:
    with pytest.raises(PermissionError, match="DeleteTable"):
        reader({}).ask("dynamodb", "DeleteTable", TableName="redress-Table")
    with pytest.raises(PermissionError, match="GetSecretValue"):
        reader({}).ask("secretsmanager", "GetSecretValue", SecretId="x")


def test_only_the_reader_has_a_client() -> None:
    folder = ROOT / "local/operations/verify"
    using = [path.name for path in folder.glob("*.py") if ".client(" in path.read_text()]
    assert using == ["reading.py"]


def test_every_page_is_read() -> None:
    pages = {
        None: {"policies": [], "PolicyNames": ["a"], "IsTruncated": True, "Marker": "m"},
        "m": {"PolicyNames": ["b"], "IsTruncated": False},
    }
    pages[None].pop("policies")

    class Paged(Aws):
        def can_paginate(self, name: str) -> bool:
            return True

        def get_paginator(self, name: str) -> Any:
            return SimpleNamespace(
                _pagination_cfg={"input_token": "Marker", "output_token": "Marker"}
            )

    answers: Answers = {("iam", "ListRolePolicies"): lambda given: pages[given.get("Marker")]}
    aws = Reader(Stack("redress", {}, lambda service: Paged(service, answers)))
    assert aws.every("iam", "ListRolePolicies", "PolicyNames", RoleName="r") == ["a", "b"]


def test_references_and_conditions_of_the_template_are_resolved() -> None:
    _, wanted = whole_stack()
    by_name = {one.logical: one.properties for one in wanted}
    dead = arn("sqs", "redress-MailDeadLetterQueue")
    assert by_name["MailQueue"]["RedrivePolicy"]["deadLetterTargetArn"] == dead
    assert by_name["RelayFunctionChanges"]["EventSourceArn"] == STREAM
    assert by_name["ReceiptRule"]["Rule"]["Recipients"] == ["in.example.org"]
    assert "ReceiptRule" not in {one.logical for one in no_machine().resources}
    unknown = [text for one in wanted for text in _unknown(one.properties)]
    assert unknown == []


def _unknown(value: Any) -> Iterator[str]:
    if isinstance(value, Unknown):
        yield value.what
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _unknown(one)


def test_definition_of_each_machine_has_the_names_of_the_stack() -> None:
    whole, wanted = whole_stack()
    for one in wanted:
        if one.type == "AWS::StepFunctions::StateMachine":
            assert "${" not in json.dumps(whole.definition(one.logical))


# ---------------------------------------------------------------------------- what a caller needs


def test_policy_of_a_caller_allows_what_is_read_and_nothing_else() -> None:
    text = (ROOT / "docs/first-deploy.md").read_text()
    [block] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    [statement] = json.loads(block)["Statement"]
    needed = sorted({action for operations in READS.values() for action in operations.values()})
    assert statement == {"Effect": "Allow", "Action": needed, "Resource": "*"}


def test_document_names_each_word_that_a_line_begins_with() -> None:
    text = (ROOT / "docs/first-deploy.md").read_text()
    for status in get_args(checks.Status):
        assert f"| `{status}` |" in text


class Throttling(BaseHTTPRequestHandler):
    """CloudFormation that refuses two calls before it answers."""

    calls: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.calls.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        late = len(self.calls) > 2
        body = STACKS if late else "<E><Error><Code>Throttling</Code></Error></E>"
        self.send_response(200 if late else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: object) -> None:
        """Nothing is written to the terminal."""


STACKS = """<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
<StackName>redress</StackName></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""


def test_throttled_call_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    server = HTTPServer(("127.0.0.1", 0), Throttling)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    try:
        assert stacks.found("redress").name == "redress"
    finally:
        server.shutdown()
        server.server_close()
    assert len(Throttling.calls) == 3


# ---------------------------------------------------------------------------- the command


def run_with(
    given: list[Result], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[str]]:
    """The status of the command, and its lines, if the checks have these results."""
    monkeypatch.setattr(command, "subject_of", lambda stack: None)
    monkeypatch.setattr(stacks, "found", lambda name, directory: None)
    monkeypatch.setattr(command, "results", lambda subject: iter(given))
    status = command.main(["--stack", "redress"])
    return status, capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        (["ok", "not here"], 0),
        (["ok", "differs", "could not look"], 1),
        (["ok", "could not look"], 2),
    ],
)
def test_status_says_whether_all_is_well(
    kinds: list[Any],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [Result(kind, "Thing", "a text") for kind in kinds]
    found, lines = run_with(given, monkeypatch, capsys)
    assert found == status
    assert [line[:15].strip() for line in lines[:-1]] == kinds
    assert lines[-1] == ", ".join(f"1 {kind}" for kind in sorted(kinds))


def test_command_says_that_there_is_no_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--directory", str(tmp_path)]) == 3
    assert "make up" in capsys.readouterr().err
