"""Sign in as a member of staff and print the ID token: `make sign-in EMAIL=li@example.org`.

The password is proven and not sent (Secure Remote Password, the flow USER_SRP_AUTH of Cognito). A
first sign-in asks for a new password. The command sets up an authenticator app if the stack demands
one, or if `--app` asks for it. It needs no credentials of AWS if `--pool` and `--client` name the
user pool and its client. Questions go to the terminal and the token to the output, so a shell can
keep it: ID_TOKEN="$(make -s sign-in EMAIL=li@example.org)".
"""

from __future__ import annotations

import argparse
import base64
import getpass
import hashlib
import hmac
import json
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.operations import stacks
from local.operations.stacks import NoStack

Ask = Callable[[str], str]
"""Asks the person for something, such as "password", and returns what they typed."""
Tell = Callable[[str], None]

# ------------------------------------------------------------------------------ SRP

PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"
    "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05"
    "98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB"
    "9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"
    "3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33"
    "A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864"
    "D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2"
    "08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
"""The 3072-bit group of RFC 3526, which Cognito uses. Its generator is 2."""
GENERATOR = 2


def _padded(number: int) -> bytes:
    """The bytes of a number, with a zero byte in front if its highest bit is set."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _hash(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


class Proof:
    """Proves that somebody knows a password (SRP-6a, as the SDKs of Cognito do it).

    `pool` is the id of the user pool, such as `eu-west-1_Example00`.
    """

    def __init__(self, pool: str, secret: int | None = None) -> None:
        self._pool = pool.partition("_")[2]
        self._secret = secrets.randbits(1024) if secret is None else secret
        self._public = pow(GENERATOR, self._secret, PRIME)

    @property
    def public(self) -> str:
        """The value SRP_A, with which a sign-in begins."""
        return format(self._public, "x")

    def responses(self, challenge: dict[str, str], password: str, now: datetime) -> dict[str, str]:
        """The responses to the challenge PASSWORD_VERIFIER. Raises SignInError for a forged one."""
        theirs = int(challenge["SRP_B"], 16)
        if theirs % PRIME == 0:
            raise SignInError("the answer of the user pool is forged")
        user = challenge["USER_ID_FOR_SRP"]
        inner = hashlib.sha256(f"{self._pool}{user}:{password}".encode()).digest()
        private = _hash(_padded(int(challenge["SALT"], 16)), inner)
        mixed = _hash(_padded(self._public), _padded(theirs))
        factor = _hash(_padded(PRIME), _padded(GENERATOR))
        base = theirs - factor * pow(GENERATOR, private, PRIME)
        shared = pow(base, self._secret + mixed * private, PRIME)
        extracted = hmac.digest(_padded(mixed), _padded(shared), "sha256")
        key = hmac.digest(extracted, b"Caldera Derived Key\x01", "sha256")[:16]
        # The names of days and months are English in every locale, and the day has no zero.
        at = now.astimezone(UTC)
        written = (
            f"{_DAYS[at.weekday()]} {_MONTHS[at.month - 1]} {at.day} {at:%H:%M:%S} UTC {at.year}"
        )
        block = base64.b64decode(challenge["SECRET_BLOCK"])
        message = f"{self._pool}{user}".encode() + block + written.encode()
        return {
            "USERNAME": user,
            "TIMESTAMP": written,
            "PASSWORD_CLAIM_SECRET_BLOCK": challenge["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(
                hmac.digest(key, message, "sha256")
            ).decode(),
        }


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# ------------------------------------------------------------------------------ the sign-in


class SignInError(Exception):
    """The sign-in failed. The message says what to do."""


class Door:
    """Signs members of staff in at one client of a user pool."""

    def __init__(self, users: Any, pool: str, client: str, ask: Ask, tell: Tell) -> None:
        self._users, self._pool, self._client = users, pool, client
        self._ask, self._tell = ask, tell

    def signed_in(self, email: str) -> dict[str, Any]:
        """The tokens of a member of staff: IdToken, AccessToken, RefreshToken, ExpiresIn (seconds).

        Answers every challenge with what the person types. Raises SignInError.
        """
        proof = Proof(self._pool)
        begun = self._users.initiate_auth(
            AuthFlow="USER_SRP_AUTH",
            ClientId=self._client,
            AuthParameters={"USERNAME": email, "SRP_A": proof.public},
        )
        user = begun["ChallengeParameters"]["USER_ID_FOR_SRP"]
        responses = proof.responses(
            begun["ChallengeParameters"], self._ask("password"), datetime.now(UTC)
        )
        found = self._respond("PASSWORD_VERIFIER", begun.get("Session"), responses)
        while "AuthenticationResult" not in found:
            name, session = found["ChallengeName"], found["Session"]
            if name == "NEW_PASSWORD_REQUIRED":
                answer = {"USERNAME": user, "NEW_PASSWORD": self._new_password()}
            elif name == "SOFTWARE_TOKEN_MFA":
                answer = {"USERNAME": user, "SOFTWARE_TOKEN_MFA_CODE": self._ask("code of the app")}
            elif name == "MFA_SETUP":
                session = self._set_up(email, {"Session": session})["Session"]
                answer = {"USERNAME": user}
            else:
                raise SignInError(f"the user pool asks for {name}, which this command cannot give")
            found = self._respond(name, session, answer)
        tokens: dict[str, Any] = found["AuthenticationResult"]
        return tokens

    def add_app(self, email: str, access_token: str) -> None:
        """Set up an authenticator app for somebody who has signed in. Later sign-ins ask for it."""
        self._set_up(email, {"AccessToken": access_token})
        self._users.set_user_mfa_preference(
            AccessToken=access_token,
            SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True},
        )

    def _respond(self, name: str, session: str | None, answer: dict[str, str]) -> Any:
        about = {"Session": session} if session else {}
        return self._users.respond_to_auth_challenge(
            ClientId=self._client, ChallengeName=name, ChallengeResponses=answer, **about
        )

    def _new_password(self) -> str:
        chosen = self._ask("new password")
        if self._ask("new password, again") != chosen:
            raise SignInError(
                "the two passwords differ: sign in again with the one that you were sent"
            )
        return chosen

    def _set_up(self, email: str, by: dict[str, str]) -> Any:
        """Connect an app. `by` is a session or an access token."""
        begun = self._users.associate_software_token(**by)
        about = urlencode({"secret": begun["SecretCode"], "issuer": "Redress"})
        self._tell(f"Add this key to your authenticator app: {begun['SecretCode']}")
        self._tell(f"or open there: otpauth://totp/{quote(f'Redress:{email}')}?{about}")
        by = {"Session": begun["Session"]} if "Session" in by else by
        return self._users.verify_software_token(
            UserCode=self._ask("code of the app"), FriendlyDeviceName="app", **by
        )


def door(given: argparse.Namespace, ask: Ask, tell: Tell) -> Door:
    """The client of the named stack, or the one that `--pool` and `--client` name."""
    if given.pool or given.client:
        if not (given.pool and given.client and "_" in given.pool):
            raise SignInError("give both --pool, such as eu-west-1_Example00, and --client")
        session: Any = boto3.Session()
        region = given.pool.partition("_")[0]
        unsigned = Config(signature_version=UNSIGNED)
        users = session.client("cognito-idp", region_name=region, config=unsigned)
        return Door(users, given.pool, given.client, ask, tell)
    stack = stacks.found(given.stack, given.directory)
    outputs = stack.outputs
    if "UserPoolId" not in outputs:
        issuer = outputs.get("StaffIssuer", "another issuer")
        raise SignInError(f"staff of {stack.name} sign in at {issuer}, not at a user pool")
    users = stack.client("cognito-idp")
    return Door(users, outputs["UserPoolId"], outputs["UserPoolClientId"], ask, tell)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.operations.sign_in",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--email", required=True, help="the user name of the member of staff")
    parser.add_argument("--stack", help="name of a stack on AWS (default: the one on this laptop)")
    parser.add_argument("--pool", help="id of a user pool on AWS, instead of a stack")
    parser.add_argument("--client", help="id of its client")
    parser.add_argument("--app", action="store_true", help="set up an authenticator app")
    parser.add_argument("--json", action="store_true", help="print all tokens as JSON")
    parser.add_argument("--directory", type=Path, default=stacks.LAPTOP, help="of the local stack")
    return parser.parse_args()


def main() -> int:
    given = _parsed()

    def tell(text: str) -> None:
        print(text, file=sys.stderr)

    def ask(what: str) -> str:
        # Without a terminal, the answers are lines of the input: a script can give them.
        if sys.stdin.isatty():
            return getpass.getpass(f"{what}: ")
        return sys.stdin.readline().removesuffix("\n")

    try:
        opened = door(given, ask, tell)
        tokens = opened.signed_in(given.email)
        if given.app:
            opened.add_app(given.email, tokens["AccessToken"])
    except (SignInError, NoStack) as error:
        tell(str(error))
    except ClientError as error:
        tell(f"refused: {error.response['Error']['Message']}")
    except (BotoCoreError, OSError) as error:
        tell(f"no answer: {type(error).__name__}")
    else:
        print(json.dumps(tokens) if given.json else tokens["IdToken"])
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
