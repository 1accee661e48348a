"""Every parameter is bounded, and the template refuses values that would make a mute stack."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import cfnlint
import pytest

from tests.builders import ROOT
from tests.template.documents import GIVEN, written

type Values = dict[str, str]

PARAMETERS: dict[str, dict[str, Any]] = written()["Parameters"]
RULES: dict[str, dict[str, Any]] = written()["Rules"]
FUNCTIONS_OF_RULES = {"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Contains"}


def accepts(name: str, value: str) -> bool:
    """Whether a parameter's own constraints accept a value, as CloudFormation checks them."""
    given = PARAMETERS[name]
    if "AllowedValues" in given and value not in map(str, given["AllowedValues"]):
        return False
    if given["Type"] == "Number":
        low, high = given.get("MinValue", value), given.get("MaxValue", value)
        return float(low) <= float(value) <= float(high)
    if len(value) > given.get("MaxLength", 4096):
        return False
    # Each value of a list must match the pattern, and the list as one text: see AllowedOrigins.
    values = [value, *(value.split(",") if given["Type"] == "CommaDelimitedList" else [])]
    return all(re.fullmatch(given.get("AllowedPattern", ".*"), one) for one in values)


# ------------------------------------------------------------------ every parameter


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_says_what_it_is(name: str) -> None:
    assert len(PARAMETERS[name]["Description"]) > 20


@pytest.mark.parametrize("name", PARAMETERS)
def test_number_has_a_minimum_and_a_maximum_and_text_a_pattern_or_a_list(name: str) -> None:
    given = PARAMETERS[name]
    if "AllowedValues" in given:
        return
    if given["Type"] == "Number":
        assert given["MinValue"] < given["MaxValue"]
        return
    assert given["Type"] in ("String", "CommaDelimitedList")
    assert given["AllowedPattern"].startswith("^")
    assert given["AllowedPattern"].endswith("$")
    assert len(given["ConstraintDescription"]) > 10


@pytest.mark.parametrize("name", [name for name, one in PARAMETERS.items() if "Default" in one])
def test_default_is_accepted(name: str) -> None:
    assert accepts(name, str(PARAMETERS[name]["Default"]))


@pytest.mark.parametrize("name", ["SenderAddress", "OperatorAddress"])
def test_addresses_have_no_default(name: str) -> None:
    """With a default, a first deployment works and sends no mail and no alarm."""
    assert "Default" not in PARAMETERS[name]
    assert accepts(name, GIVEN[name])


@pytest.mark.parametrize("name", ["SenderAddress", "OperatorAddress"])
@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("service@example.com", True),
        ("first.last+tag@mail.example.co.uk", True),
        ("kefu@xn--fiqs8s.cn", True),
        ("", False),
        ("service", False),
        ("service@localhost", False),
        ("Service <service@example.com>", False),
        ("service@example.com, other@example.com", False),
        ("service@example..com", False),
        (".service@example.com", False),
        ("service@-example.com", False),
        ("${aws:username}@example.com", False),
        (f"{'a' * 250}@example.com", False),
    ],
)
def test_only_a_mail_address_alone_is_accepted(name: str, value: str, accepted: bool) -> None:
    assert accepts(name, value) is accepted


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("MailDomain", "in.example.org", True),
        ("MailDomain", "@in.example.org", False),
        ("MailDomain", "https://in.example.org", False),
        ("TimeZone", "UTC", True),
        ("TimeZone", "America/Argentina/Buenos_Aires", True),
        ("TimeZone", "Etc/GMT+8", True),
        ("TimeZone", "GMT+08:00", False),
        ("BaseAddress", "https://help.example.org/", False),
        ("SmtpHost", "smtp.example.org", True),
        ("SmtpHost", "smtp.example.org:587", False),
        ("SmtpPort", "25", False),
        ("SmtpPort", "465", True),
        ("SmtpSecret", "relay", False),
        (
            "SmtpSecret",
            "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:relay-a1B2c3",
            True,
        ),
        ("SmtpSecret", "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:relay", False),
        ("AllowedOrigins", "https://desk.example.org,http://localhost:5173", True),
        ("TimeZone", f"America/{'a' * 50}", False),
        ("HouseName", '茶馆 & Söhne, "Tea"', True),
        ("HouseName", "<b>Tea</b>", False),
        ("HouseName", "Tea\u202esuoh", False),
        ("HouseName", "Tea\nhouse", False),
        ("HouseName", "x" * 61, False),
        ("HouseColour", "#0b5C7A", True),
        ("HouseColour", "0b5c7a", False),
        ("HouseColour", "red", False),
        ("HouseColourDark", "#fff", False),
        ("HouseLogo", "logo.svg", False),
        ("MailsAtOnce", "1", False),
        ("MailsAtOnce", "1000", True),
        ("ChangesAtOnce", "0", False),
        ("ChangesAtOnce", "11", False),
        ("PartsAtOnce", "41", False),
        ("MailRetentionDays", "7", False),
        ("PublicRequestsPerSecond", "0", False),
    ],
)
def test_values_are_accepted_or_refused(name: str, value: str, accepted: bool) -> None:
    assert accepts(name, value) is accepted


def test_defaults_leave_most_of_ten_executions_to_customers() -> None:
    """An account may have only ten (docs/deploy.md, "Regions and accounts")."""
    assert PARAMETERS["MailsAtOnce"]["Default"] == PARAMETERS["MailsAtOnce"]["MinValue"] == 2
    assert PARAMETERS["ChangesAtOnce"]["Default"] == 1
    assert PARAMETERS["PartsAtOnce"]["Default"] == 2


# ------------------------------------------------------------------ rules


def evaluate(expression: Any, values: Values) -> Any:
    """The value of an expression of a rule. Only functions that rules may use are known."""
    if isinstance(expression, list):
        return [evaluate(one, values) for one in expression]
    if not isinstance(expression, dict):
        return expression
    [(name, given)] = expression.items()
    match name:
        case "Ref":
            return values[given]
        case "Fn::Equals":
            left, right = evaluate(given, values)
            return left == right
        case "Fn::Contains":
            among, one = evaluate(given, values)
            return one in among
        case "Fn::And":
            return all(evaluate(given, values))
        case "Fn::Or":
            return any(evaluate(given, values))
        case "Fn::Not":
            [one] = evaluate(given, values)
            return not one
    raise AssertionError(f"CloudFormation's rules do not know {name}")


def refused(**changed: str) -> set[str]:
    """The rules that refuse the default parameters with these changes; `region` is the region."""
    region = changed.pop("region", "us-east-1")
    defaults = {name: str(one["Default"]) for name, one in PARAMETERS.items() if "Default" in one}
    values = {"AWS::Region": region} | defaults | GIVEN | changed
    return {
        name
        for name, rule in RULES.items()
        if evaluate(rule.get("RuleCondition", {"Fn::Not": [False]}), values)
        and not all(evaluate(one["Assert"], values) for one in rule["Assertions"])
    }


ISSUER = {"StaffIssuer": "https://id.example.org", "StaffAudience": "redress-desk"}
PAGES = {
    "SignInDomainPrefix": "example-desk",
    "SignInCallbackAddresses": "https://desk.example.org/",
}
RELAY = {
    "SmtpHost": "smtp.example.org",
    "SmtpSecret": "arn:aws:secretsmanager:ap-east-1:123456789012:secret:relay-a1B2c3",
}


@pytest.mark.parametrize("name", RULES)
def test_refusal_says_what_to_do(name: str) -> None:
    for assertion in RULES[name]["Assertions"]:
        assert (
            "Deploy again" in assertion["AssertDescription"]
            or "Give" in (assertion["AssertDescription"])
        )


def test_functions_that_only_rules_have_are_written_as_cloudformation_documents_them() -> None:
    """YAML's short form is documented for functions of conditions only."""
    only_rules = "Contains|EachMemberEquals|EachMemberIn|RefAll|ValueOf|ValueOfAll"
    assert not re.findall(rf"!(?:{only_rules})\b", (ROOT / "template.yaml").read_text())


@pytest.mark.parametrize("name", RULES)
def test_conditions_of_rules_have_between_two_and_ten_parts(name: str) -> None:
    def check(expression: Any) -> None:
        if isinstance(expression, dict):
            for function, given in expression.items():
                assert function in FUNCTIONS_OF_RULES | {"Ref"}
                if function in ("Fn::And", "Fn::Or"):
                    assert 2 <= len(given) <= 10
                check(given)
        elif isinstance(expression, list):
            for one in expression:
                check(one)

    check(RULES[name].get("RuleCondition"))
    check([one["Assert"] for one in RULES[name]["Assertions"]])


def test_given_addresses_are_enough() -> None:
    assert refused() == set()


def test_defaults_of_earlier_versions_are_refused_on_aws_only() -> None:
    """A stack that was deployed with them is mute: no mail was ever sent."""
    old = {"SenderAddress": "service@example.org", "OperatorAddress": "operations@example.org"}
    assert refused(**old) == {"NoExampleSender", "NoExampleOperator"}
    assert refused(**old, OnAws="false") == set()


def test_operator_is_not_the_sender() -> None:
    assert refused(OperatorAddress=GIVEN["SenderAddress"]) == {"OperatorIsNotTheSender"}


@pytest.mark.parametrize("region", ["cn-north-1", "cn-northwest-1", "ap-east-1", "mx-central-1"])
def test_region_without_ses_needs_a_relay(region: str) -> None:
    assert "SesSendsMailHere" in refused(region=region)
    assert "SesSendsMailHere" not in refused(region=region, **RELAY)


@pytest.mark.parametrize("region", ["eu-central-2", "us-gov-west-1", "ap-southeast-5"])
def test_region_where_ses_only_sends_takes_no_mail_domain(region: str) -> None:
    assert not refused(region=region) & {"SesSendsMailHere", "SesReceivesMailHere"}
    assert "SesReceivesMailHere" in refused(region=region, MailDomain="in.example.org")


def test_region_that_is_not_known_is_not_refused() -> None:
    assert refused(region="xx-new-1", MailDomain="in.example.org") == set()


def test_laptop_takes_mail_without_ses() -> None:
    assert refused(region="ap-east-1", MailDomain="in.example.org", OnAws="false") == set()


def test_relay_and_its_secret_belong_together() -> None:
    assert refused(**RELAY) == set()
    for name in RELAY:
        assert refused(**{name: RELAY[name]}) == {"RelayHasSecret"}


def test_issuer_and_its_audience_belong_together() -> None:
    assert refused(**ISSUER) == set()
    assert refused(StaffIssuer=ISSUER["StaffIssuer"]) == {"IssuerHasAnAudience"}
    assert refused(StaffAudience=ISSUER["StaffAudience"]) == {"AudienceHasAnIssuer"}


@pytest.mark.parametrize("region", ["cn-north-1", "cn-northwest-1"])
def test_region_without_user_pools_needs_another_issuer(region: str) -> None:
    assert refused(region=region, **RELAY) == {"RegionWithoutUserPoolsNeedsAnIssuer"}
    assert refused(region=region, **RELAY, **ISSUER) == set()


def test_regions_that_need_an_issuer_are_those_without_user_pools() -> None:
    condition = RULES["RegionWithoutUserPoolsNeedsAnIssuer"]["RuleCondition"]
    assert set(condition["Fn::Contains"][0]) == lacking("AWS::Cognito::UserPool")


def test_sign_in_pages_have_a_host_and_clients_to_return_to() -> None:
    assert refused(**PAGES) == set()
    for name in PAGES:
        assert refused(**{name: PAGES[name]}) == {"SignInPagesKnowTheirClients"}


@pytest.mark.parametrize("changed", [PAGES, {"SecondFactor": "ON"}, {"SecondFactor": "OPTIONAL"}])
def test_pages_and_second_factor_are_those_of_the_issuer(changed: Values) -> None:
    assert refused(**ISSUER, **changed) == {"IssuerHasAnAudience"}


SUBNETS, GROUPS = "subnet-0123456789abcdef0,subnet-1123456789abcdef0", "sg-0123456789abcdef0"
NETWORK = {"ScannerSubnets": SUBNETS, "ScannerSecurityGroups": GROUPS}
CLAMAV = {"Files": "clamav", "ScannerHost": "clamav.internal"}


def test_clamav_needs_a_host_in_a_network_because_clamd_has_no_encryption() -> None:
    assert refused(**CLAMAV, **NETWORK) == set()
    assert refused(**CLAMAV) == {"ScannerIsInTheNetworkOfItsHost"}
    assert refused(Files="clamav", **NETWORK) == {"ClamavHasAHost"}
    for other in ("off", "guardduty", "eicar"):
        assert refused(Files=other) == set()
        assert refused(Files=other, ScannerHost="clamav.internal") == {"ClamavHasAHost"}
    for name, value in NETWORK.items():
        assert "ScannerHasBothOrNeither" in refused(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("ScannerHost", "10.0.3.7", True),
        ("ScannerHost", "clamav.internal", True),
        ("ScannerHost", "clamav.internal:3310", False),
        ("ScannerHost", "tcp://clamav", False),
        ("ScannerPort", "0", False),
        ("ScannerSubnets", SUBNETS, True),
        ("ScannerSubnets", f"{SUBNETS},", False),
        ("ScannerSubnets", SUBNETS.replace(",", ", "), False),
        ("ScannerSecurityGroups", GROUPS, True),
        ("ScannerSecurityGroups", SUBNETS, False),
        ("Files", "on", False),
        ("FileRetentionDays", "29", False),
    ],
)
def test_parameter_of_files_is_bounded(name: str, value: str, accepted: bool) -> None:
    assert accepts(name, value) is accepted


def refused_regions(rule: str) -> set[str]:
    [assertion] = RULES[rule]["Assertions"]
    [contains] = assertion["Assert"]["Fn::Not"]
    return set(contains["Fn::Contains"][0])


@cache
def _types() -> dict[str, list[str]]:
    """The types of resources of each region, as cfn-lint got them from CloudFormation's registry.

    It has no own list for the regions of isolated partitions.
    """
    providers = Path(cfnlint.__file__).parent / "data" / "schemas" / "providers"
    return {path.stem: json.loads(path.read_text()) for path in providers.glob("*-*.json")}


def known() -> set[str]:
    return set(_types())


def lacking(kind: str) -> set[str]:
    """The regions that lack a type of resource."""
    return {region for region, types in _types().items() if kind not in types}


def test_regions_that_lack_ses_are_those_of_the_registry() -> None:
    assert refused_regions("SesSendsMailHere") == lacking("AWS::SES::ConfigurationSet")
    assert refused_regions("SesReceivesMailHere") == lacking("AWS::SES::ReceiptRule")


def test_guide_lists_each_region_with_what_runs_there() -> None:
    guide = (ROOT / "docs/deploy.md").read_text().partition("### Regions and accounts")[2]
    rows = re.findall(r"^\| ((?:[a-z]+-)+\d(?:, [a-z0-9-]+)*) \|", guide, re.MULTILINE)
    everything, sending, relay, issuer = (set(row.split(", ")) for row in rows)
    without_pools = lacking("AWS::Cognito::UserPool")
    assert issuer == without_pools
    assert relay == lacking("AWS::SES::ConfigurationSet") - without_pools
    assert sending == lacking("AWS::SES::ReceiptRule") - lacking("AWS::SES::ConfigurationSet")
    assert not everything & lacking("AWS::SES::ReceiptRule")
    isolated = {region for region in known() if "-iso" in region} | {"eusc-de-east-1"}
    assert everything | sending | relay | issuer == known() - isolated


def test_regions_that_lack_ses_have_no_endpoint_of_it() -> None:
    session = boto3.Session()
    for region in refused_regions("SesSendsMailHere"):
        partition = session.get_partition_for_region(region)
        assert region not in session.get_available_regions("ses", partition)


@pytest.mark.parametrize(
    "kind",
    [
        "AWS::ApiGatewayV2::Api",
        "AWS::DynamoDB::Table",
        "AWS::Lambda::Function",
        "AWS::Scheduler::Schedule",
        "AWS::SecretsManager::Secret",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::StepFunctions::StateMachine",
    ],
)
def test_every_region_has_what_no_parameter_replaces(kind: str) -> None:
    assert lacking(kind) == set()


def test_colour_of_dark_pages_needs_that_of_light_ones() -> None:
    assert refused(HouseColourDark="#6cc1e0") == {"DarkColourHasALightOne"}
    assert refused(HouseColourDark="#6cc1e0", HouseColour="#0b5c7a") == set()
