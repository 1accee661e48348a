"""What `template.yaml` creates with the parameters of a deployed stack.

The template goes through SAM's transform. Then every reference is replaced by its value in the
deployed stack: the name of a resource, its ARN, a parameter. So a difference between this and AWS
is a difference between the template and AWS, and nothing has to be written down twice.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from local.process import ROOT

PACKED = "s3://bucket/key"
"""Where `sam package` puts code. The transform asks for an address and does not open it."""
HASHED = re.compile(r"(.+?)[0-9a-f]{10}")
"""A logical id that ends in a hash of the code's address, which differs in each deployment."""


class Absent:
    """A value that the template leaves out under a condition (`AWS::NoValue`)."""


ABSENT = Absent()


@dataclass(frozen=True)
class Unknown:
    """A value that only AWS knows, so nothing is compared with it."""

    what: str


@dataclass(frozen=True)
class Place:
    """The stack's own facts: what pseudo parameters stand for."""

    stack: str
    stack_id: str
    region: str
    account: str
    partition: str

    @property
    def suffix(self) -> str:
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"


@dataclass(frozen=True)
class Deployed:
    """A resource of the deployed stack. `physical` is the id that other resources get by Ref."""

    logical: str
    physical: str
    type: str
    status: str


@dataclass(frozen=True)
class Wanted:
    """A resource that the template creates, with the values that its properties have."""

    logical: str
    type: str
    properties: dict[str, Any]
    physical: str = ""


@dataclass
class Expectation:
    """The template, resolved with a stack's parameters and resources.

    Values that cannot be known without asking a service, such as the ARN of a stream, come from
    `asked`: a function of the resource and the attribute, which returns None if it cannot tell.
    """

    place: Place
    parameters: dict[str, str]
    deployed: dict[str, Deployed]
    asked: Callable[[Deployed, str], str | None] = lambda resource, attribute: None
    document: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        written: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
        self.written = copy.deepcopy(written)
        defaults = {
            name: str(one["Default"])
            for name, one in written["Parameters"].items()
            if "Default" in one
        }
        self.missing = sorted(set(written["Parameters"]) - set(self.parameters))
        self.values = defaults | self.parameters
        self.document = transformed(written, self.values, self.place.region)

    @cached_property
    def resources(self) -> tuple[Wanted, ...]:
        """Every resource that the template creates with these parameters, in its order."""
        found = []
        for logical, resource in self.document["Resources"].items():
            if self.holds(resource.get("Condition")):
                properties = self.resolved(resource.get("Properties", {}))
                at = self.find(logical)
                found.append(
                    Wanted(logical, resource["Type"], properties, at.physical if at else "")
                )
        return tuple(found)

    def only_on_aws(self) -> list[tuple[str, str]]:
        """The resources, with their types, that this stack lacks because it is on a laptop."""
        there = replace(self, parameters=self.parameters | {"OnAws": "true"})
        here = {one.logical for one in self.resources}
        return [(one.logical, one.type) for one in there.resources if one.logical not in here]

    def find(self, logical: str) -> Deployed | None:
        """The deployed resource with this id; for versions, the one that is deployed now."""
        if logical in self.deployed:
            return self.deployed[logical]
        if hashed := HASHED.fullmatch(logical):
            same = [
                one
                for name, one in self.deployed.items()
                if (other := HASHED.fullmatch(name)) and other[1] == hashed[1]
            ]
            return same[-1] if same else None
        return None

    def holds(self, condition: Any) -> bool:
        """Whether a condition holds: its name, or an expression."""
        match condition:
            case None:
                return True
            case str():
                return self.holds(self.document["Conditions"][condition])
            case {"Condition": str(name)}:
                return self.holds(name)
            case {"Fn::Not": [one]}:
                return not self.holds(one)
            case {"Fn::And": list(all_of)}:
                return all(self.holds(one) for one in all_of)
            case {"Fn::Or": list(any_of)}:
                return any(self.holds(one) for one in any_of)
            case {"Fn::Equals": [one, other]}:
                return bool(self.resolved(one) == self.resolved(other))
        raise ValueError(f"a condition that is not understood: {condition}")

    def resolved(self, value: Any) -> Any:
        """A value of the template with every function evaluated."""
        match value:
            case {"Ref": str(name)}:
                return self._ref(name)
            case {"Fn::GetAtt": [str(name), *rest]}:
                return self._attribute(name, ".".join(rest))
            case {"Fn::GetAtt": str(both)}:
                return self._attribute(*both.split(".", 1))
            case {"Fn::Sub": [str(text), dict(values)]}:
                return self._substituted(text, {k: self.resolved(v) for k, v in values.items()})
            case {"Fn::Sub": str(text)}:
                return self._substituted(text, {})
            case {"Fn::If": [condition, one, other]}:
                return self.resolved(one if self.holds(condition) else other)
            case {"Fn::Join": [str(glue), parts]}:
                texts = self.resolved(parts)
                lost = [one for one in texts if isinstance(one, Unknown)]
                return lost[0] if lost else glue.join(map(str, texts))
            case {"Fn::Select": [index, parts]}:
                return self.resolved(parts)[int(self.resolved(index))]
            case {"Fn::Split": [str(glue), text]}:
                return str(self.resolved(text)).split(glue)
            case {"Fn::FindInMap": [name, first, second]}:
                path = [self.resolved(one) for one in (name, first, second)]
                return self.resolved(self.document["Mappings"][path[0]][path[1]][path[2]])
            case dict():
                pairs = {key: self.resolved(one) for key, one in value.items()}
                return {key: one for key, one in pairs.items() if one is not ABSENT}
            case list():
                return [one for one in map(self.resolved, value) if one is not ABSENT]
        return value

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::StackName": self.place.stack,
            "AWS::StackId": self.place.stack_id,
            "AWS::Region": self.place.region,
            "AWS::AccountId": self.place.account,
            "AWS::Partition": self.place.partition,
            "AWS::URLSuffix": self.place.suffix,
            "AWS::NoValue": ABSENT,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.written["Parameters"]:
            given = self.values.get(name, Unknown(f"the parameter {name}"))
            of_list = "List" in self.written["Parameters"][name]["Type"]
            return given.split(",") if of_list and isinstance(given, str) else given
        found = self.find(name)
        return found.physical if found else Unknown(name)

    def _attribute(self, name: str, attribute: str) -> Any:
        resource = self.find(name)
        if resource is None:
            return Unknown(f"{name}.{attribute}")
        known = attribute_of(resource, attribute, self.place)
        known = self.asked(resource, attribute) if known is None else known
        return Unknown(f"{name}.{attribute}") if known is None else known

    def _substituted(self, text: str, values: dict[str, Any]) -> Any:
        lost: list[Unknown] = []

        def put(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in values:
                value = values[name]
            elif "." in name:
                value = self._attribute(*name.split(".", 1))
            else:
                value = self._ref(name)
            lost.extend([value] if isinstance(value, Unknown) else [])
            return str(value)

        done = re.sub(r"\$\{([^}]+)\}", put, text)
        return lost[0] if lost else done

    def definition(self, logical: str) -> Any:
        """The definition of a state machine: its file, with the names of this stack."""
        file = self.written["Resources"][logical]["Properties"]["DefinitionUri"]
        text = (ROOT / file).read_text()
        # As transformed, because there `Ref: Function.Alias` has become a reference to a resource.
        properties = self.document["Resources"][logical]["Properties"]
        for name, value in properties.get("DefinitionSubstitutions", {}).items():
            known = self.resolved(value)
            if isinstance(known, Unknown):
                return known
            text = text.replace(f"${{{name}}}", str(known))
        return json.loads(text)


def transformed(document: dict[str, Any], values: dict[str, str], region: str) -> dict[str, Any]:
    """The template after SAM's transform, which this changes."""
    document.get("Globals", {}).get("Function", {})["CodeUri"] = PACKED
    for resource in document["Resources"].values():
        for name in ("CodeUri", "DefinitionUri", "ContentUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = PACKED
    # The transform asks this object only for its region.
    session: Any = SimpleNamespace(region_name=region)
    translator = Translator({}, Parser(), boto_session=session)
    done: dict[str, Any] = json.loads(json.dumps(translator.translate(document, dict(values))))
    translator.metrics.publish()  # nowhere; else the transform warns that it has some
    return done


ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{id}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::S3::Bucket": "s3:::{id}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{id}",
    "AWS::IAM::Role": "iam::{account}:role/{id}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{id}:*",
    "AWS::Events::Rule": "events:{region}:{account}:rule/{id}",
    "AWS::Cognito::UserPool": "cognito-idp:{region}:{account}:userpool/{id}",
    "AWS::CloudWatch::Alarm": "cloudwatch:{region}:{account}:alarm:{id}",
}
"""The ARN of a resource by its type, without the beginning. `name` is the last part of its id."""


def attribute_of(resource: Deployed, attribute: str, place: Place) -> str | None:
    """Return an attribute that follows from a resource's id; None if it does not follow."""
    name = resource.physical.rstrip("/").rpartition("/")[2]
    if attribute == "Arn":
        if resource.physical.startswith("arn:"):
            return resource.physical
        if form := ARNS.get(resource.type):
            rest = form.format(
                region=place.region, account=place.account, id=resource.physical, name=name
            )
            return f"arn:{place.partition}:{rest}"
    if attribute in ("QueueName", "TopicName", "Name"):
        return name.rpartition(":")[2]
    if attribute == "Version" and resource.type == "AWS::Lambda::Version":
        return resource.physical.rpartition(":")[2]
    if attribute == "QueueUrl":
        return resource.physical
    return None
