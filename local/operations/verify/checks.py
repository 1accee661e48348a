"""Every check of a deployed stack: one for each resource, and some for what no resource says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from local.operations.stacks import Stack
from local.operations.verify.comparing import differences
from local.operations.verify.expected import (
    Deployed,
    Expectation,
    Place,
    Unknown,
    Wanted,
)
from local.operations.verify.laptop import not_on_the_laptop
from local.operations.verify.reading import NoAnswer, NotAllowed, NotThere, Reader
from local.operations.verify.resources import LOOKS, Wrong, compared

Status = Literal["ok", "differs", "could not look", "not here"]


@dataclass(frozen=True)
class Result:
    """The result of one check. `what` is the resource or the subject."""

    status: Status
    what: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.status:<15} {self.what:<34} {self.text}".rstrip()


@dataclass(frozen=True)
class Subject:
    """A deployed stack, and what the template says about it.

    `aws` makes the read-only calls. `whole` has the values of the template's parameters, `wanted`
    the template's resources, and `described` the stack as CloudFormation describes it.
    """

    aws: Reader
    whole: Expectation
    wanted: tuple[Wanted, ...]
    described: dict[str, Any]

    @property
    def on_laptop(self) -> bool:
        return self.whole.values.get("OnAws") == "false"

    def of_type(self, *kinds: str) -> list[Wanted]:
        return [one for one in self.wanted if one.type in kinds]


def subject_of(stack: Stack) -> Subject:
    """Return what to compare. Raises NotAllowed or NoAnswer if the stack itself cannot be read."""
    aws = Reader(stack)
    [described] = aws.ask("cloudformation", "DescribeStacks", StackName=stack.name)["Stacks"]
    _, partition, _, region, account, _ = described["StackId"].split(":", 5)
    deployed = {
        one["LogicalResourceId"]: Deployed(
            one["LogicalResourceId"],
            one.get("PhysicalResourceId", ""),
            one["ResourceType"],
            one["ResourceStatus"],
        )
        for one in aws.every(
            "cloudformation",
            "ListStackResources",
            "StackResourceSummaries",
            StackName=stack.name,
        )
    }
    given = {one["ParameterKey"]: one["ParameterValue"] for one in described.get("Parameters", [])}
    known = {name: value for name, value in given.items() if value != "****"}
    place = Place(stack.name, described["StackId"], region, account, partition)

    def asked(resource: Deployed, attribute: str) -> str | None:
        if (resource.type, attribute) == ("AWS::DynamoDB::Table", "StreamArn"):
            table = aws.ask("dynamodb", "DescribeTable", TableName=resource.physical)["Table"]
            return str(table.get("LatestStreamArn"))
        return None

    whole = Expectation(place, known, deployed, asked)
    return Subject(aws, whole, whole.resources, described)


def results(subject: Subject) -> Iterator[Result]:
    """Return the result of every check, in the order of the template; none stops the others."""
    for check in FACTS:
        yield from guarded(subject, check.__name__, partial(check, subject))
    for wanted in subject.wanted:
        yield from guarded(subject, wanted.logical, partial(of_resource, subject, wanted))
    for logical, kind in subject.whole.only_on_aws():
        yield Result("not here", logical, f"{kind}: only on AWS")


def guarded(subject: Subject, what: str, check: Callable[[], Iterator[Result]]) -> Iterator[Result]:
    """Return the results of a check; an error of AWS becomes a result."""
    name = what.replace("_", " ")
    try:
        found = list(check())
    except NotAllowed as error:
        found = [Result("could not look", name, needed(error.action))]
    except NotThere as error:
        found = [Result("differs", name, f"it does not exist: {error}")]
    except Wrong as error:
        found = [Result("differs", name, str(error))]
    except NoAnswer as error:
        found = [Result("could not look", name, str(error))]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        found = [Result("could not look", name, f"an unexpected answer: {error!r}")]
    yield from dict.fromkeys(_as_of_here(subject, one) for one in found)


def _as_of_here(subject: Subject, result: Result) -> Result:
    """The result, or that the local cloud does not have what is compared."""
    if subject.on_laptop and result.status in ("differs", "could not look"):
        reason = not_on_the_laptop(result.what, result.text)
        return Result("not here", result.what, reason) if reason else result
    return result


def needed(action: str) -> str:
    """What a caller must be allowed, as a statement for a policy."""
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return f"{action} is not allowed: add {json.dumps(statement)}"


def of_resource(subject: Subject, wanted: Wanted) -> Iterator[Result]:
    """Compare one resource with the template: a result if all is well, else one per difference."""
    at = subject.whole.find(wanted.logical)
    if at is None or not at.physical:
        yield Result("differs", wanted.logical, f"the stack has no such {wanted.type}")
        return
    look = LOOKS.get(wanted.type)
    if look is None:
        yield Result("could not look", wanted.logical, f"no check knows the type {wanted.type}")
        return
    found = list(differences(compared(wanted), look(subject.aws, wanted, subject.whole)))
    for one in found:
        yield Result("differs", wanted.logical, str(one))
    if not found:
        yield Result("ok", wanted.logical, at.physical.rpartition("/")[2] or at.physical)


# ---------------------------------------------------------------------------- the stack


def the_stack(subject: Subject) -> Iterator[Result]:
    """It is complete, it has every parameter, and nothing in it is unknown to the template."""
    status = subject.described["StackStatus"]
    failed = [
        one.logical
        for one in subject.whole.deployed.values()
        if not one.status.endswith("_COMPLETE") or one.status.startswith(("DELETE", "ROLLBACK"))
    ]
    known = {one.logical for one in subject.wanted}
    known |= {at.logical for one in known if (at := subject.whole.find(one))}
    strange = sorted(set(subject.whole.deployed) - known)
    if not status.endswith("_COMPLETE") or "ROLLBACK" in status:
        yield Result("differs", "the stack", f"it is {status}")
    elif failed:
        yield Result("differs", "the stack", f"not complete: {', '.join(failed)}")
    elif subject.whole.missing:
        names = ", ".join(subject.whole.missing)
        yield Result("differs", "the stack", f"deployed without the parameters {names}")
    elif strange:
        yield Result("differs", "the stack", f"not in the template: {', '.join(strange)}")
    else:
        count = len(subject.whole.deployed)
        yield Result("ok", "the stack", f"{status}, {count} resources")


def termination_protection(subject: Subject) -> Iterator[Result]:
    """Nobody deletes the stack by mistake. `make deploy` sets it after the stack is complete."""
    on = subject.described.get("EnableTerminationProtection", False)
    yield _either(on, "termination protection", "on", "off: `make deploy` sets it")


def deletion_protection_of_the_table(subject: Subject) -> Iterator[Result]:
    for one in subject.of_type("AWS::DynamoDB::Table"):
        table = subject.aws.ask("dynamodb", "DescribeTable", TableName=one.physical)["Table"]
        on = table.get("DeletionProtectionEnabled", False)
        yield _either(on, "deletion protection of the table", "on", "off: `make deploy` sets it")


def deletion_protection_of_sign_in(subject: Subject) -> Iterator[Result]:
    for one in subject.of_type("AWS::Cognito::UserPool"):
        answer = subject.aws.ask("cognito-idp", "DescribeUserPool", UserPoolId=one.physical)
        on = answer["UserPool"].get("DeletionProtection") == "ACTIVE"
        yield _either(on, "deletion protection of sign in", "on", "off: `make deploy` sets it")


def _either(fine: bool, what: str, good: str, bad: str) -> Result:
    return Result("ok", what, good) if fine else Result("differs", what, bad)


# ---------------------------------------------------------------------------- the account


def concurrent_executions(subject: Subject) -> Iterator[Result]:
    """What the mappings use at most leaves something for customers and staff."""
    limits = subject.aws.ask("lambda", "GetAccountSettings")["AccountLimit"]
    limit = int(limits["ConcurrentExecutions"])
    mappings = subject.of_type("AWS::Lambda::EventSourceMapping")
    used = sum(_most_at_once(subject, one) for one in mappings)
    text = f"the account has {limit}, queues and streams use {used} at most"
    advice = "at worst none is left: raise the quota `Concurrent executions` of Lambda"
    yield _either(used < limit, "concurrent executions", text, f"{text}: {advice}")


def _most_at_once(subject: Subject, mapping: Wanted) -> int:
    given = mapping.properties
    if not given.get("Enabled", True):
        return 0
    if "ScalingConfig" in given:
        return int(given["ScalingConfig"]["MaximumConcurrency"])
    arn = given["EventSourceArn"]
    if "StartingPosition" not in given or isinstance(arn, Unknown):
        return 0
    stream = subject.aws.ask("dynamodbstreams", "DescribeStream", StreamArn=arn)
    shards = stream["StreamDescription"].get("Shards", [])
    ended = [one for one in shards if one["SequenceNumberRange"].get("EndingSequenceNumber")]
    return max(1, len(shards) - len(ended)) * int(given.get("ParallelizationFactor", 1))


def sending_of_mail(subject: Subject) -> Iterator[Result]:
    """The account is out of the sandbox of SES and may send as fast as the mailer does."""
    if not subject.of_type("AWS::SES::ConfigurationSet"):
        return
    found = subject.aws.ask("sesv2", "GetAccount")
    rate = float(found.get("SendQuota", {}).get("MaxSendRate", 0))
    at_once = next(
        (
            int(one.properties["ScalingConfig"]["MaximumConcurrency"])
            for one in subject.of_type("AWS::Lambda::EventSourceMapping")
            if one.logical.startswith("Mailer") and "ScalingConfig" in one.properties
        ),
        1,
    )
    what = "sending of mail"
    if not found.get("ProductionAccessEnabled"):
        yield Result("differs", what, "the account is in the sandbox of SES: ask to leave it")
    elif not found.get("SendingEnabled"):
        yield Result("differs", what, f"SES sends nothing: {found.get('EnforcementStatus')}")
    elif rate < at_once:
        yield Result("differs", what, f"SES sends {rate:g} a second: MailsAtOnce is {at_once}")
    else:
        yield Result("ok", what, f"out of the sandbox, {rate:g} mails a second")


def sender_address(subject: Subject) -> Iterator[Result]:
    """SES has verified the address, its domain or a domain above it."""
    if not subject.of_type("AWS::SES::ConfigurationSet"):
        return
    sender = subject.whole.values["SenderAddress"]
    labels = sender.partition("@")[2].split(".")
    names = [sender, *(".".join(labels[i:]) for i in range(len(labels) - 1))]
    for name in names:
        try:
            found = subject.aws.ask("sesv2", "GetEmailIdentity", EmailIdentity=name)
        except NotThere:
            continue
        if found.get("VerifiedForSendingStatus"):
            signed = found.get("DkimAttributes", {}).get("Status", "NOT_STARTED")
            yield Result("ok", "sender address", f"{name} is verified, DKIM {signed}")
            return
    yield Result("differs", "sender address", f"SES has verified none of {', '.join(names)}")


def secret_of_the_relay(subject: Subject) -> Iterator[Result]:
    """The secret that holds the password of the SMTP relay exists. It is not part of the stack."""
    name = subject.whole.values.get("SmtpSecret", "")
    if not name:
        return
    found = subject.aws.ask("secretsmanager", "DescribeSecret", SecretId=name)
    fine = "DeletedDate" not in found
    yield _either(fine, "secret of the relay", name, f"{name} is about to be deleted")


def address_of_incoming_mail(subject: Subject) -> Iterator[Result]:
    """SES has verified the domain. The MX record is in your DNS, which this does not ask."""
    if not subject.of_type("AWS::SES::ReceiptRule"):
        return
    domain, region = subject.whole.values["MailDomain"], subject.whole.place.region
    found = subject.aws.ask("sesv2", "GetEmailIdentity", EmailIdentity=domain)
    hint = f"its MX record must be inbound-smtp.{region}.amazonaws.com"
    verified = bool(found.get("VerifiedForSendingStatus"))
    yield _either(verified, "address of incoming mail", hint, f"{domain} is not verified; {hint}")


def logs_of_the_state_machines(subject: Subject) -> Iterator[Result]:
    """CloudWatch lets the delivery service write into the log groups under /aws/vendedlogs/.

    Step Functions writes this policy when a machine gets its log. Without it a machine runs, and
    its log stays empty.
    """
    if not subject.of_type("AWS::StepFunctions::StateMachine"):
        return
    policies = subject.aws.every("logs", "DescribeResourcePolicies", "resourcePolicies")
    allowed = [one for one in policies if "delivery.logs.amazonaws.com" in one["policyDocument"]]
    what = "logs of the state machines"
    bad = "no policy of CloudWatch Logs lets delivery.logs.amazonaws.com write them"
    yield _either(bool(allowed), what, "the delivery service may write them", bad)


# ---------------------------------------------------------------------------- permissions
# The permission to answer task tokens is compared with the template and not simulated: IAM's
# simulator knows no resource for it, but Step Functions decides by the machine's ARN
# (docs/first-deploy.md).


def missing_objects(subject: Subject) -> Iterator[Result]:
    """Who gets objects may see that one is missing, under the same prefix only."""
    for role, statement in _statements(subject, "s3:ListBucket"):
        arn = statement["Resource"]
        [prefix, *_] = _listed(statement["Condition"]["StringLike"]["s3:prefix"])
        for key, fine in ((prefix.replace("*", "x"), True), ("elsewhere/x", False)):
            context = [
                {
                    "ContextKeyName": "s3:prefix",
                    "ContextKeyValues": [key],
                    "ContextKeyType": "string",
                }
            ]
            actions = ["s3:ListBucket"]
            yield _simulated(subject, "missing objects", role, actions, arn, fine, context)


def starts_by_schedule(subject: Subject) -> Iterator[Result]:
    """The role of the schedules may start each of their targets."""
    for one in subject.of_type("AWS::Scheduler::Schedule"):
        target = one.properties["Target"]
        machine = ":states:" in str(target["Arn"])
        starts = "states:StartExecution" if machine else "lambda:InvokeFunction"
        role = str(target["RoleArn"]).rpartition("/")[2]
        yield _simulated(subject, f"start by {one.logical}", role, [starts], target["Arn"], True)


def _statements(subject: Subject, action: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of a role of the template that allows an action, with the role's name."""
    for one in subject.of_type("AWS::IAM::Role"):
        for policy in one.properties.get("Policies", []):
            for statement in _listed(policy["PolicyDocument"]["Statement"]):
                if action in _listed(statement["Action"]):
                    yield one.physical, statement


def _simulated(
    subject: Subject,
    what: str,
    role: str,
    actions: list[str],
    resource: Any,
    fine: bool,
    context: list[dict[str, Any]] | None = None,
) -> Result:
    """Whether IAM decides about the actions of a role on a resource as it should."""
    place = subject.whole.place
    asked: dict[str, Any] = {
        "PolicySourceArn": f"arn:{place.partition}:iam::{place.account}:role/{role}",
        "ActionNames": actions,
        "ResourceArns": [resource],
    }
    asked |= {"ContextEntries": context} if context else {}
    found = subject.aws.every("iam", "SimulatePrincipalPolicy", "EvaluationResults", **asked)
    allowed = [one["EvalDecision"] == "allowed" for one in found]
    said = f"{', '.join(actions)} on {str(resource).rpartition(':')[2]} by {role}"
    words = "allowed" if fine else "refused"
    right = len(allowed) == len(actions) and all(one is fine for one in allowed)
    return _either(right, what, f"{words}: {said}", f"not {words}: {said}")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


FACTS: tuple[Callable[[Subject], Iterator[Result]], ...] = (
    the_stack,
    termination_protection,
    deletion_protection_of_the_table,
    deletion_protection_of_sign_in,
    concurrent_executions,
    sending_of_mail,
    sender_address,
    secret_of_the_relay,
    address_of_incoming_mail,
    logs_of_the_state_machines,
    missing_objects,
    starts_by_schedule,
)
"""What no single resource says. The name of the function is the subject of its results."""
