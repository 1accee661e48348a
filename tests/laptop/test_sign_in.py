"""Sign-in of staff from a terminal: the proof of the password, the challenges of a user pool."""

from __future__ import annotations

import base64
import hashlib
import hmac
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore import UNSIGNED

from local.operations.sign_in import GENERATOR, PRIME, Door, Proof, SignInError, door

POOL = "eu-west-1_Example00"
NOW = datetime(2026, 12, 3, 4, 5, 6, tzinfo=UTC)
SALT = "b1c2d3e4f5061728394a5b6c7d8e9f00"
SECRET_BLOCK = base64.b64encode(b"a block that only the pool can read").decode()


def digest(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


def padded(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


class Pool:
    """The other side of the proof: it knows a verifier of the password and not the password."""

    def __init__(self, password: str, secret: int = 7**300) -> None:
        inner = hashlib.sha256(f"Example00li:{password}".encode()).digest()
        self._verifier = pow(GENERATOR, digest(padded(int(SALT, 16)), inner), PRIME)
        self._secret = secret
        factor = digest(padded(PRIME), padded(GENERATOR))
        public = factor * self._verifier + pow(GENERATOR, secret, PRIME)
        self.public = public % PRIME

    def challenge(self) -> dict[str, str]:
        return {
            "SRP_B": format(self.public, "x"),
            "SALT": SALT,
            "SECRET_BLOCK": SECRET_BLOCK,
            "USER_ID_FOR_SRP": "li",
        }

    def believes(self, public: str, responses: dict[str, str]) -> bool:
        theirs = int(public, 16)
        mixed = digest(padded(theirs), padded(self.public))
        shared = pow(theirs * pow(self._verifier, mixed, PRIME), self._secret, PRIME)
        extracted = hmac.digest(padded(mixed), padded(shared), "sha256")
        key = hmac.digest(extracted, b"Caldera Derived Key\x01", "sha256")[:16]
        message = b"Example00li" + base64.b64decode(SECRET_BLOCK) + responses["TIMESTAMP"].encode()
        expected = hmac.digest(key, message, "sha256")
        return base64.b64decode(responses["PASSWORD_CLAIM_SIGNATURE"]) == expected


def test_right_password_is_believed_and_another_one_is_not() -> None:
    pool, proof = Pool("Right-12345"), Proof(POOL)
    for password, believed in (("Right-12345", True), ("right-12345", False), ("", False)):
        responses = proof.responses(pool.challenge(), password, NOW)
        assert pool.believes(proof.public, responses) is believed
        assert password not in "".join(responses.values()) or not password


@pytest.mark.parametrize("secret", range(1, 40))
def test_proof_holds_for_numbers_with_and_without_a_high_bit(secret: int) -> None:
    """Both sides put a zero byte before a number whose highest bit is set, also before hashing."""
    pool, proof = Pool("Right-12345", 3**secret), Proof(POOL, 5**secret)
    assert pool.believes(proof.public, proof.responses(pool.challenge(), "Right-12345", NOW))


def test_timestamp_is_english_and_has_a_day_without_a_zero() -> None:
    responses = Proof(POOL).responses(Pool("x").challenge(), "x", NOW)
    assert responses["TIMESTAMP"] == "Thu Dec 3 04:05:06 UTC 2026"


@pytest.mark.parametrize("public", [0, PRIME, 2 * PRIME])
def test_answer_that_would_make_the_proof_worthless_is_refused(public: int) -> None:
    """RFC 5054, 2.5.3: the client must abort if B % N is zero."""
    challenge = Pool("x").challenge() | {"SRP_B": format(public, "x")}
    with pytest.raises(SignInError, match="forged"):
        Proof(POOL).responses(challenge, "x", NOW)


class Users:
    """A user pool that gives these challenges, one after the other, and then tokens."""

    def __init__(self, *challenges: str) -> None:
        self._left = list(challenges)
        self.answered: list[tuple[str, dict[str, str]]] = []

    def initiate_auth(self, **given: Any) -> Any:
        return {"ChallengeParameters": Pool("Old-1234567").challenge(), "Session": "s"}

    def respond_to_auth_challenge(self, **given: Any) -> Any:
        self.answered.append((given["ChallengeName"], given["ChallengeResponses"]))
        if self._left:
            return {"ChallengeName": self._left.pop(0), "Session": "s"}
        return {"AuthenticationResult": {"IdToken": "id"}}

    def associate_software_token(self, **given: Any) -> Any:
        assert given == {"Session": "s"}
        return {"SecretCode": "ABCDEFGH", "Session": "t"}

    def verify_software_token(self, **given: Any) -> Any:
        assert (given["Session"], given["UserCode"]) == ("t", "123456")
        return {"Session": "u"}


def opened(users: Users, *typed: str) -> tuple[Door, list[str]]:
    """The door of this pool, where somebody types these texts, and what they are told."""
    answers, told = iter(typed), list[str]()
    return Door(users, POOL, "client", lambda _: next(answers), told.append), told


def test_first_sign_in_takes_a_new_password_and_sets_up_an_app() -> None:
    users = Users("NEW_PASSWORD_REQUIRED", "MFA_SETUP")
    typed = ("Old-1234567", "New-12345678", "New-12345678", "123456")
    entrance, told = opened(users, *typed)
    assert entrance.signed_in("li@example.org") == {"IdToken": "id"}
    assert [name for name, _ in users.answered] == [
        "PASSWORD_VERIFIER",
        "NEW_PASSWORD_REQUIRED",
        "MFA_SETUP",
    ]
    assert users.answered[1][1] == {"USERNAME": "li", "NEW_PASSWORD": "New-12345678"}
    assert "otpauth://totp/Redress%3Ali%40example.org?secret=ABCDEFGH&issuer=Redress" in told[-1]


def test_code_of_the_app_is_asked_for() -> None:
    users = Users("SOFTWARE_TOKEN_MFA")
    entrance, _ = opened(users, "Old-1234567", "654321")
    entrance.signed_in("li@example.org")
    assert users.answered[1][1] == {"USERNAME": "li", "SOFTWARE_TOKEN_MFA_CODE": "654321"}


def test_new_passwords_that_differ_change_nothing() -> None:
    users = Users("NEW_PASSWORD_REQUIRED")
    entrance, _ = opened(users, "Old-1234567", "New-12345678", "New-1234567")
    with pytest.raises(SignInError, match="differ"):
        entrance.signed_in("li@example.org")
    assert len(users.answered) == 1


def test_challenge_that_nobody_can_answer_here_is_named() -> None:
    entrance, _ = opened(Users("SMS_MFA"), "Old-1234567")
    with pytest.raises(SignInError, match="SMS_MFA"):
        entrance.signed_in("li@example.org")


@pytest.mark.parametrize(("pool", "client"), [(POOL, None), (None, "abc"), ("Example00", "abc")])
def test_pool_and_client_are_named_together(pool: str | None, client: str | None) -> None:
    given = Namespace(pool=pool, client=client, stack=None, directory=Path("nowhere"))
    with pytest.raises(SignInError, match="--pool"):
        door(given, str, print)


def test_pool_is_reached_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    entrance = door(Namespace(pool=POOL, client="abc", stack=None), str, print)
    assert entrance._users.meta.region_name == "eu-west-1"
    assert entrance._users.meta.config.signature_version is UNSIGNED
