"""How staff sign in: the user pool and its client, its sign-in pages, or another issuer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import ROOT
from tests.template.documents import expanded, functions, written

PARAMETERS = written()["Parameters"]
NOTHING = {"Ref": "AWS::NoValue"}


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = expanded()[name]["Properties"]
    return found


def accepts(parameter: str, value: str) -> bool:
    return re.fullmatch(PARAMETERS[parameter]["AllowedPattern"], value) is not None


# ------------------------------------------------------------------ the user pool


def test_capitals_of_a_user_name_are_decided_by_a_parameter_without_a_default() -> None:
    """Cognito sets it when it creates a pool, and refuses to change it.

    So a pool that was created without the setting must be updated without it.
    """
    given = properties("UserPool")["UsernameConfiguration"]
    assert given == {"Fn::If": ["IgnoresCase", {"CaseSensitive": False}, NOTHING]}
    assert written()["Conditions"]["IgnoresCase"]["Fn::Equals"][1] == "true"
    assert PARAMETERS["UsernamesIgnoreCase"]["AllowedValues"] == ["true", "false"]


def test_second_factor_is_an_app_and_off_by_default() -> None:
    """Cognito takes `EnabledMfas` only if `MfaConfiguration` is not OFF."""
    assert properties("UserPool")["MfaConfiguration"] == {"Ref": "SecondFactor"}
    enabled = {"Fn::If": ["HasSecondFactor", ["SOFTWARE_TOKEN_MFA"], NOTHING]}
    assert properties("UserPool")["EnabledMfas"] == enabled
    assert PARAMETERS["SecondFactor"]["Default"] == "OFF"
    assert PARAMETERS["SecondFactor"]["AllowedValues"] == ["OFF", "OPTIONAL", "ON"]


def test_client_is_public_and_its_users_may_prove_a_password_without_sending_it() -> None:
    client = properties("UserPoolClient")
    assert client["GenerateSecret"] is False
    assert "ALLOW_USER_SRP_AUTH" in client["ExplicitAuthFlows"]


def test_staff_cannot_change_what_decides_about_their_work() -> None:
    assert properties("UserPoolClient")["WriteAttributes"] == ["name"]


def test_challenge_leaves_time_to_choose_a_password_and_to_set_up_an_app() -> None:
    assert properties("UserPoolClient")["AuthSessionValidity"] == 15


# ------------------------------------------------------------------ sign-in pages


def test_sign_in_pages_return_codes_and_no_tokens() -> None:
    client = properties("UserPoolClient")
    for name, value in {
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthFlows": ["code"],
        "AllowedOAuthScopes": ["openid", "email", "profile"],
        "SupportedIdentityProviders": ["COGNITO"],
        "CallbackURLs": {"Fn::Split": [",", {"Ref": "SignInCallbackAddresses"}]},
        "LogoutURLs": {"Fn::Split": [",", {"Ref": "SignInCallbackAddresses"}]},
    }.items():
        assert client[name] == {"Fn::If": ["HasSignInPages", value, NOTHING]}, name


def test_sign_in_pages_have_a_style_because_they_are_empty_without_one() -> None:
    domain, style = expanded()["SignInDomain"], expanded()["SignInStyle"]
    assert (domain["Condition"], style["Condition"]) == ("HasSignInPages", "StylesSignInPages")
    assert domain["Properties"]["ManagedLoginVersion"] == 2
    assert style["Properties"]["UseCognitoProvidedValues"] is True
    assert style["Properties"]["ClientId"] == {"Ref": "UserPoolClient"}
    assert written()["Conditions"]["StylesSignInPages"]["Fn::And"] == [
        {"Condition": "IsOnAws"},
        {"Condition": "HasSignInPages"},
    ]


@pytest.mark.parametrize("prefix", ["", "redress-staff", "a", "0" * 63])
def test_prefix_of_the_sign_in_pages_is_a_label_of_a_host(prefix: str) -> None:
    assert accepts("SignInDomainPrefix", prefix)


@pytest.mark.parametrize(
    "prefix", ["Redress", "-redress", "redress-", "re.dress", "my-cognito", "aws-desk", "a" * 64]
)
def test_prefix_that_cognito_refuses_is_refused_before_it_is_tried(prefix: str) -> None:
    """Source: API reference of Cognito, CreateUserPoolDomain (reserved words)."""
    assert not accepts("SignInDomainPrefix", prefix)


@pytest.mark.parametrize(
    "addresses",
    [
        "",
        "https://desk.example.org/signed-in",
        "https://desk.example.org/,http://localhost:5173/",
        "http://localhost",
    ],
)
def test_addresses_of_clients_are_listed_with_commas(addresses: str) -> None:
    assert accepts("SignInCallbackAddresses", addresses)


@pytest.mark.parametrize(
    "addresses",
    [
        "http://desk.example.org/",
        "https://desk.example.org/#part",
        "https://desk.example.org/?a=b",
        "https://desk.example.org/, http://localhost/",
        "https://desk.example.org/,",
        ",https://desk.example.org/",
        "*",
        "http://localhost.example.org/",
    ],
)
def test_address_that_would_receive_codes_in_the_open_is_refused(addresses: str) -> None:
    assert not accepts("SignInCallbackAddresses", addresses)


# ------------------------------------------------------------------ another issuer


def test_stack_with_another_issuer_has_no_user_pool_and_leaves_an_earlier_one() -> None:
    cognito = {name: one for name, one in expanded().items() if "AWS::Cognito::" in one["Type"]}
    assert len(cognito) == 7
    for name, resource in cognito.items():
        expected = {"SignInDomain": "HasSignInPages", "SignInStyle": "StylesSignInPages"}
        assert resource["Condition"] == expected.get(name, "HasUserPool"), name
    assert written()["Conditions"]["HasUserPool"] == {"Fn::Equals": [{"Ref": "StaffIssuer"}, ""]}
    assert written()["Conditions"]["HasSignInPages"]["Fn::And"][0] == {"Condition": "HasUserPool"}
    assert expanded()["UserPool"]["DeletionPolicy"].startswith("Retain")


def test_nothing_needs_the_user_pool_if_there_is_none() -> None:
    outputs = written()["Outputs"]
    for name, resource in [*expanded().items(), *outputs.items()]:
        if resource.get("Condition") not in ("HasUserPool", "HasSignInPages", "StylesSignInPages"):
            left = list(unconditional(resource))
            assert not [text for text in left if re.search(r"\bUserPool(Client)?\b", text)], name


def unconditional(value: Any) -> Iterator[str]:
    """The texts of a part of the template that also count without a user pool."""
    match value:
        case {"Fn::If": ["HasUserPool", _, otherwise]}:
            yield from unconditional(otherwise)
        case str():
            yield value
        case dict():
            for part in value.values():
                yield from unconditional(part)
        case list():
            for part in value:
                yield from unconditional(part)


def test_function_reads_the_claims_that_the_parameters_name() -> None:
    variables = functions()["StaffFunction"]["Environment"]["Variables"]
    for name, parameter in {
        "STAFF_AUDIENCE": "StaffAudience",
        "ROLE_CLAIM": "RoleClaim",
        "TEAM_CLAIM": "TeamClaim",
        "LANGUAGES_CLAIM": "LanguagesClaim",
        "CAPACITY_CLAIM": "CapacityClaim",
    }.items():
        assert variables[name] == {"Ref": parameter}


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "https://id.example.org/realms/service",
        "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        "https://example.eu.auth0.com/",
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example00",
    ],
)
def test_issuer_is_written_as_tokens_have_it(issuer: str) -> None:
    assert accepts("StaffIssuer", issuer)


@pytest.mark.parametrize(
    "issuer", ["id.example.org", "http://id.example.org", "https://id.example.org/?a=b", "https://"]
)
def test_issuer_without_https_is_refused(issuer: str) -> None:
    assert not accepts("StaffIssuer", issuer)


@pytest.mark.parametrize("claim", ["groups", "https://desk.example.org/role", "cognito:groups"])
def test_claims_have_the_names_that_issuers_use(claim: str) -> None:
    for parameter in ("RoleClaim", "TeamClaim", "LanguagesClaim", "CapacityClaim"):
        assert accepts(parameter, claim)
        assert not accepts(parameter, "")
        assert not accepts(parameter, "realm access")


def test_deployments_in_the_guide_have_parameters_that_exist_with_values_that_are_accepted() -> (
    None
):
    text = (ROOT / "docs/sign-in.md").read_text().replace("\\\n", " ")
    commands = re.findall(r'PARAMETERS="([^"]*)"', text)
    assert len(commands) == 3
    for command in commands:
        for pair in command.split():
            name, _, value = pair.partition("=")
            assert accepts(name, value), pair
