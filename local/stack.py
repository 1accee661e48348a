"""Redress complete on a laptop: `python -m local.stack up` and `down`.

`up` starts the local cloud in the background, runs the real `sam build` and `sam deploy` against
it, creates members of staff, and writes the result (`Outputs`) to `.local/outputs.json`. A second
`up` deploys what has changed to the running cloud. Tests use the same functions.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import functools
import hashlib
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from local import process
from local.operations import versions
from local.operations.deploy import before, finish
from local.operations.stacks import ALIAS, described
from local.process import ROOT, Cloud, CloudError

NAME = "redress"
REGION = "us-east-1"
KEY = "test"
DIRECTORY = ROOT / ".local"
PORT = 4566
KEPT_BUILDS = 4
# The sources of a deployment. A change of any other file needs no new build.
SOURCES = ("template.yaml", "functions", "layers", "statemachines")


class StackError(RuntimeError):
    """Building, deploying or seeding failed; the message says why, and which log to read."""


@dataclass(frozen=True)
class Member:
    """A member of staff to create at the start; each cloud generates a new password."""

    email: str
    name: str
    group: str
    team: str
    languages: str


MAIL_DOMAIN = "in.example.org"
SENDER = "service@example.org"
OPERATOR = "operations@example.org"

ORIGINS = ("https://desk.example.org", "http://localhost:5173")
"""Origins of web pages that may call the API of a local stack. The last one is where a client under
development usually runs."""

SIGN_IN_PREFIX = "redress-staff"
WITH_ALL = {"Search": "on"}
"""Parameters of `make up`, with what a deployment leaves out by default."""

STAFF = (
    Member("li@example.com", "李静", "agent", "complaints", "zh-CN,en"),
    Member("chen@example.com", "陳怡君", "agent", "complaints", "zh-TW,zh-CN"),
    Member("wang@example.com", "王强", "agent", "service", "zh-CN,zh-TW"),
    Member("smith@example.com", "Anna Smith", "agent", "service", "en,zh-CN"),
    Member("zhao@example.com", "赵敏", "supervisor", "complaints", "zh-CN,zh-TW,en"),
    Member("lin@example.com", "林志明", "supervisor", "service", "zh-TW,zh-CN,en"),
    Member("garcia@example.com", "Elena Garcia", "manager", "complaints", "en,zh-CN,zh-TW"),
)


@dataclass(frozen=True)
class Outputs:
    """What was deployed, and the members of staff.

    `stack` has the template's outputs. `base_url` is the address of the pages and the API:
    "http://localhost:4566/restapis/ID/v1/_user_request_". `staff` has, for each mail address,
    {"password", "name", "groups": ["agent"], "team", "languages": ["zh-CN", "en"], "sub"}.
    `directory` is the cloud's: it holds the log, and these outputs as `outputs.json`. Port
    `smtp_port` of 127.0.0.1 accepts mail to the domain `stack["MailDomain"]`.
    """

    stack: dict[str, str]
    base_url: str
    port: int
    endpoint_url: str
    staff: dict[str, dict[str, Any]]
    directory: Path
    smtp_port: int

    def client_arguments(self) -> dict[str, Any]:
        """Arguments for `boto3.client(name, **outputs.client_arguments())`."""
        return {
            "endpoint_url": self.endpoint_url,
            "region_name": REGION,
            "aws_access_key_id": KEY,
            "aws_secret_access_key": KEY,
        }

    def to_json(self) -> str:
        """One flat object with the stack's outputs: `jq -r .TableName .local/outputs.json`."""
        content = self.stack | {
            "base_url": self.base_url,
            "port": self.port,
            "endpoint_url": self.endpoint_url,
            "smtp_port": self.smtp_port,
            "staff": self.staff,
            "credentials": {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": KEY},
            "region": REGION,
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


# ------------------------------------------------------------------------------ build and deploy


def architecture() -> str:
    """This machine's architecture as Lambda names it; the emulator loads no foreign libraries."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def fingerprint(target: str) -> str:
    """A hash of the target and of every source file of the deployment."""
    digest = hashlib.sha256(target.encode())
    for source in SOURCES:
        path = ROOT / source
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def build(directory: Path = DIRECTORY) -> Path:
    """Runs `sam build`, unless these sources are already built. Returns the build's folder.

    Each version of the sources has its own folder, so one build can be deployed while the next
    one runs. The KEPT_BUILDS last used ones are kept.
    """
    target = architecture()
    builds = directory / "builds"
    with process.alone(directory / "build.lock"):
        built = builds / fingerprint(target)[:16]
        if not built.exists():
            started = builds / "started"
            shutil.rmtree(started, ignore_errors=True)
            command = ["sam", "build", "--template-file", str(ROOT / "template.yaml")]
            command += ["--base-dir", str(ROOT), "--build-dir", str(started)]
            command += ["--parameter-overrides", f"Architecture={target}"]
            _run(command, directory / "build.log", _tools())
            started.rename(built)
        os.utime(built)
        folders = [entry for entry in builds.iterdir() if entry.is_dir()]
        by_use = sorted(folders, key=lambda folder: folder.stat().st_mtime)
        for old in by_use[:-KEPT_BUILDS]:
            shutil.rmtree(old)
    return built


def deploy(cloud: Cloud, built: Path, parameters: dict[str, str] | None = None) -> dict[str, str]:
    """Runs `sam deploy` and what `make deploy` does after it. Returns the stack's outputs."""
    chosen = {
        "Architecture": architecture(),
        "OnAws": "false",
        "SenderAddress": SENDER,
        "OperatorAddress": OPERATOR,
        "MailDomain": MAIL_DOMAIN,
        "RunbookAddress": "https://redress.example/docs/runbooks",
        "UsernamesIgnoreCase": "true",
        "ChangesFeed": "on",
        "Files": "eicar",
        "AllowedOrigins": ",".join(ORIGINS),
        "SignInDomainPrefix": SIGN_IN_PREFIX,
        # The terminal client listens at the second address (client/redress_cli/config.py).
        "SignInCallbackAddresses": f"{ORIGINS[-1]}/,http://localhost:8976/",
    } | (parameters or {})
    command = ["sam", "deploy", "--template-file", str(built / "template.yaml")]
    command += ["--stack-name", NAME, "--resolve-s3", "--no-confirm-changeset"]
    command += ["--no-fail-on-empty-changeset", "--no-progressbar"]
    command += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    # sam accepts an empty value only in quotes.
    pairs = (f"{key}={value or '""'}" for key, value in chosen.items())
    command += ["--parameter-overrides", *pairs]
    clients = functools.cache(functools.partial(client, cloud))
    functions, began = clients("lambda"), datetime.now(UTC)
    was: versions.Versions = {}
    if before(clients("cloudformation"), NAME).status:
        was = versions.live(functions, versions.functions_of(clients("cloudformation"), NAME))
    _run(command, cloud.directory / "deploy.log", _tools() | cloud.environment())
    made = described(NAME, clients)
    publish_address(cloud, made.outputs)
    finish(made, was, began)
    return made.outputs


def address_of(cloud: Cloud, stack: dict[str, str]) -> str:
    """Address of the pages and the API."""
    # Browsers resolve host names below localhost, Python does not. The emulator serves HTTP APIs
    # at this long path too.
    api = f"restapis/{stack['ApiId']}/{stack['StageName']}/_user_request_"
    return f"http://localhost:{cloud.port}/{api}"


def publish_address(cloud: Cloud, stack: dict[str, str]) -> None:
    """Tells the API and the mailer the address of the pages; the template knows it on AWS only.

    Must run after each deployment, because a deployment overwrites it. The alias of the mailer
    moves to a version that has the address.
    """
    address = address_of(cloud, stack)
    client(cloud, "apigatewayv2").update_stage(
        ApiId=stack["ApiId"],
        StageName=stack["StageName"],
        StageVariables={"base_address": address},
    )
    functions, mailer = client(cloud, "lambda"), f"{NAME}-mailer"
    known = functions.get_function_configuration(FunctionName=mailer)["Environment"]["Variables"]
    if known["BASE_ADDRESS"] != address:
        functions.update_function_configuration(
            FunctionName=mailer, Environment={"Variables": known | {"BASE_ADDRESS": address}}
        )
    versions.settle(functions, [mailer])


def verify_sender(cloud: Cloud) -> None:
    """Makes the template's sender a verified identity, as an operator does once on AWS."""
    parameters = client(cloud, "cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]
    sender = next(
        pair["ParameterValue"]
        for pair in parameters["Parameters"]
        if pair["ParameterKey"] == "SenderAddress"
    )
    mail = client(cloud, "sesv2")
    with contextlib.suppress(mail.exceptions.AlreadyExistsException):
        mail.create_email_identity(EmailIdentity=sender)


def _tools() -> dict[str, str]:
    """The shell's environment with this Python's folder first on PATH: sam looks there."""
    # Leave out settings of a real account and its build, and of make: sam runs make itself.
    left_out = ("AWS_", "MAKE", "ARCHITECTURE")
    shell = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    folder = str(Path(sys.executable).parent)
    return shell | {
        "PATH": f"{folder}{os.pathsep}{shell['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
    }


def _run(command: list[str], log: Path, environment: dict[str, str]) -> None:
    with log.open("wb") as output:
        # Use an empty configuration: samconfig.toml is meant for the real account.
        done = subprocess.run(
            [*command, "--config-file", str(_no_configuration(log.parent))],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        step = " ".join(command[:2])
        raise StackError(f"`{step}` failed. The end of its log, {log}:\n{process.tail(log)}")


def _no_configuration(directory: Path) -> Path:
    empty = directory / "samconfig.toml"
    empty.write_text("version = 0.1\n")
    return empty


def client(cloud: Cloud, service: str) -> Any:
    """A boto3 client of this cloud, independent of the shell's environment."""
    session: Any = boto3.Session(
        aws_access_key_id=KEY, aws_secret_access_key=KEY, region_name=REGION
    )
    return session.client(service, endpoint_url=cloud.endpoint)


# ------------------------------------------------------------------------------ data


WORKERS = 3
"""Environments of each function to start in advance. The emulator starts one more for each call
that overlaps another; on two cores, many starts during the demo would delay every ticket."""
WARM_TRIES = 4
"""How often a function is called that does not start within its timeout."""


def warm(cloud: Cloud) -> list[str]:
    """Calls every function, so the first visitors do not meet a cold start. Returns their names.

    Raises StackError with the log of each function that does not start.
    """
    names = versions.functions_of(client(cloud, "cloudformation"), NAME)
    functions = client(cloud, "lambda")

    def call(name: str) -> str | None:
        # All starts share the processors. On a busy machine some last longer than the timeout.
        for _ in range(WARM_TRIES):
            answer = functions.invoke(
                FunctionName=name, Qualifier=ALIAS, Payload=b'{"warm": true}', LogType="Tail"
            )
            if "FunctionError" not in answer:
                return None
            said = answer["Payload"].read().decode()
            if "Task timed out" not in said:
                break
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        return f"{name}: {said}\n{log}"

    with ThreadPoolExecutor(max_workers=len(names) * WORKERS) as pool:
        broken = [error for error in pool.map(call, names * WORKERS) if error]
    if broken:
        raise StackError("functions do not start:\n" + "\n".join(broken))
    return names


def reconcile(cloud: Cloud) -> dict[str, Any]:
    """Compares every open ticket with its workflow and repairs differences. Returns the report.

    On AWS a schedule does so every day. After a deployment it moves tickets that wait under the
    state machine's old definition to the new one.
    """
    answer = client(cloud, "lambda").invoke(
        FunctionName=f"{NAME}-repair:{ALIAS}", Payload=b'{"task": "reconcile"}'
    )
    report: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise StackError(f"the workflows could not be reconciled: {report}")
    return report


def summary(report: dict[str, Any]) -> str:
    """A report in one line: `12 open tickets, 12 workflows; followed 1 (R-7K3M9-QW0X2)`."""
    found = [
        f"{finding.replace('_', ' ')} {number} ({', '.join(report['examples'][finding])})"
        for finding, number in sorted(report["found"].items())
    ]
    found += [f"left for the next run {report['left']}"] if report["left"] else []
    compared = f"{report['open']} open tickets, {report['running']} workflows"
    return "; ".join([compared, *(found or ["nothing to repair"])])


def seed(
    cloud: Cloud, pool: str, known: dict[str, Any], members: Sequence[Member] = STAFF
) -> dict[str, dict[str, Any]]:
    """Creates the members of staff in this user pool. Passwords in `known` are kept."""
    users = client(cloud, "cognito-idp")
    staff: dict[str, dict[str, Any]] = {}
    for member in members:
        password = known.get(member.email, {}).get("password") or new_password()
        attributes = {
            "email": member.email,
            "email_verified": "true",
            "name": member.name,
            "custom:team": member.team,
            "custom:languages": member.languages,
        }
        pairs = [{"Name": name, "Value": value} for name, value in attributes.items()]
        try:
            made = users.admin_create_user(
                UserPoolId=pool,
                Username=member.email,
                UserAttributes=pairs,
                MessageAction="SUPPRESS",
            )["User"]["Attributes"]
        except users.exceptions.UsernameExistsException:
            made = users.admin_get_user(UserPoolId=pool, Username=member.email)["UserAttributes"]
        users.admin_set_user_password(
            UserPoolId=pool, Username=member.email, Password=password, Permanent=True
        )
        users.admin_add_user_to_group(
            UserPoolId=pool, Username=member.email, GroupName=member.group
        )
        staff[member.email] = {
            "password": password,
            "name": member.name,
            "groups": [member.group],
            "team": member.team,
            "languages": member.languages.split(","),
            "sub": next(pair["Value"] for pair in made if pair["Name"] == "sub"),
        }
    return staff


def new_password() -> str:
    """A random password that meets the user pool's policy."""
    return f"Aa1{secrets.token_urlsafe(15)}"


def sign_in(outputs: Outputs, email: str) -> str:
    """The ID token of a member of staff."""
    users: Any = boto3.client("cognito-idp", **outputs.client_arguments())
    answer = users.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=outputs.stack["UserPoolClientId"],
        AuthParameters={"USERNAME": email, "PASSWORD": outputs.staff[email]["password"]},
    )
    return str(answer["AuthenticationResult"]["IdToken"])


def come_to_work(outputs: Outputs) -> None:
    """Signs everybody in once, which makes their items. Agents are available, others away."""
    for email, member in outputs.staff.items():
        presence = "available" if "agent" in member["groups"] else "away"
        call_api(outputs, "PUT", "/staff/presence", {"presence": presence}, sign_in(outputs, email))


def publish_pace(outputs: Outputs, pace: int) -> None:
    """Publishes the shipped service plan with all its times divided by `pace`."""
    core = ROOT / "layers" / "core"
    if str(core) not in sys.path:
        sys.path.insert(0, str(core))
    from redress.plans.rules.document import scaled

    shipped = json.loads((core / "redress" / "data" / "plan-1.json").read_text(encoding="utf-8"))
    manager = next(email for email, who in outputs.staff.items() if "manager" in who["groups"])
    token = sign_in(outputs, manager)
    version = call_api(outputs, "GET", "/staff/plan", None, token)["version"]
    call_api(outputs, "POST", "/staff/plans", scaled(shipped, pace, version + 1), token)


def call_api(outputs: Outputs, method: str, path: str, body: object, token: str = "") -> Any:
    """One request to the product's own API. Raises StackError with the response on failure."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(outputs.base_url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read()
    except urllib.error.HTTPError as error:
        raise StackError(f"{method} {path}: {error.code} {error.read().decode()}") from error
    return json.loads(text) if text else None


# ------------------------------------------------------------------------------ up and down


def install(
    cloud: Cloud,
    *,
    pace: int | None = None,
    parameters: dict[str, str] | None = None,
    builds: Path = DIRECTORY,
    console: Console | None = None,
    change: Callable[[Path], Path] | None = None,
    members: Sequence[Member] = STAFF,
) -> Outputs:
    """Installs Redress in a running cloud: builds, deploys, seeds, writes `outputs.json`.

    `change` gets the build's folder and returns the one to deploy, for a test of another product.
    """
    file = cloud.directory / "outputs.json"
    known = json.loads(file.read_text(encoding="utf-8"))["staff"] if file.exists() else {}
    with _step(console, "built"):
        built = build(builds)
        if change is not None:
            built = change(built)
    with _step(console, "deployed"):
        stack = deploy(cloud, built, parameters)
        address = address_of(cloud, stack)
        verify_sender(cloud)
    with _step(console, "functions started"):
        warm(cloud)
    with _step(console, "staff at work"):
        staff = seed(cloud, stack["UserPoolId"], known, members)
        outputs = Outputs(
            stack, address, cloud.port, cloud.endpoint, staff, cloud.directory, cloud.smtp_port
        )
        come_to_work(outputs)
        if pace is not None:
            publish_pace(outputs, pace)
    with _step(console, "workflows compared with their tickets"):
        report = reconcile(cloud)
    if console is not None:
        console.print(f"  {summary(report)}", style="dim")
    file.write_text(outputs.to_json(), encoding="utf-8")
    return outputs


@contextlib.contextmanager
def _step(console: Console | None, what: str) -> Iterator[None]:
    began = time.monotonic()
    if console is None:
        yield
        return
    with console.status(f"{what} …"):
        yield
    console.print(f"[green]✓[/] {what} [dim]({time.monotonic() - began:.0f} s)[/]")


def up(
    port: int | None = None,
    pace: int | None = None,
    console: Console | None = None,
    directory: Path = DIRECTORY,
    members: Sequence[Member] = STAFF,
) -> Outputs:
    """Starts a cloud in this directory unless one runs, then deploys. Port 0: any free port."""
    cloud = process.find(directory)
    if cloud is None:
        # The outputs of an earlier cloud name a user pool that no longer exists.
        (directory / "outputs.json").unlink(missing_ok=True)
        with _step(console, "local cloud started"):
            chosen = PORT if port is None else port or process.free_port()
            cloud = process.start(directory, chosen)
    elif port not in (None, 0, cloud.port):
        raise StackError(f"the cloud runs on port {cloud.port}; run `make down` first to move it")
    return install(cloud, pace=pace, parameters=WITH_ALL, console=console, members=members)


def down(console: Console | None = None, directory: Path = DIRECTORY) -> None:
    """Stops the cloud of this directory, if one runs. Its data is not kept."""
    cloud = process.find(directory)
    if cloud is not None:
        process.stop(cloud)
    (directory / "outputs.json").unlink(missing_ok=True)
    if console is not None:
        console.print("local cloud stopped" if cloud else "no local cloud was running")


def show(outputs: Outputs, console: Console, directory: Path = DIRECTORY) -> None:
    """Prints all addresses, and the staff with their passwords."""
    base, cloud = outputs.base_url, outputs.endpoint_url
    addresses = {
        "customers' web form": f"{base}/",
        "API": f"{base}/openapi.json",
        "staff API": f"{base}/staff/openapi.json",
        "incoming mail (SMTP)": f"127.0.0.1:{outputs.smtp_port}, *@{outputs.stack['MailDomain']}",
        "sent mail": f"{directory / 'mailbox'} (a Maildir; `make mailbox` shows it)",
        "AWS APIs": f"{cloud} (key and secret: {KEY})",
        "all outputs, passwords": str(directory / "outputs.json"),
    }
    console.print()
    for what, where in addresses.items():
        console.print(f"[bold]{what:<22}[/]  {where}", soft_wrap=True)
    people = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("staff", "name", "role", "team", "languages", "password"):
        people.add_column(heading, no_wrap=True)
    for email, member in outputs.staff.items():
        languages = ", ".join(member["languages"])
        row = (email, member["name"], member["groups"][0], member["team"], languages)
        people.add_row(*row, member["password"])
    console.print()
    # In a narrow window lines wrap, but passwords are never cut.
    Console(file=console.file, width=max(console.width, 120)).print(people)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.stack", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    start = actions.add_parser("up", help="start, build, deploy, seed; if it runs, deploy changes")
    start.add_argument("--port", type=int, help=f"port on 127.0.0.1 (default {PORT})")
    start.add_argument(
        "--pace", type=int, help="make the plan's times pass this many times faster (for demos)"
    )
    end = actions.add_parser("down", help="stop; nothing is kept")
    for action in (start, end):
        action.add_argument(
            "--directory",
            type=Path,
            default=DIRECTORY,
            help="folder of its logs and outputs, one cloud for each (default .local)",
        )
    options = parser.parse_args()
    console = Console()
    # Ignore any profile of a real account; boto3 must not even look for it.
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        os.environ.pop(name, None)
    try:
        if options.action == "up":
            outputs = up(options.port, options.pace, console, options.directory)
            show(outputs, console, options.directory)
        else:
            down(console, options.directory)
    except (CloudError, StackError) as error:
        console.print("[red]Failed:[/] ", end="")
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 1
    except (BotoCoreError, ClientError, OSError) as error:
        log = options.directory / "cloud.log"
        console.print("[red]Failed:[/] unexpected answer of the cloud: ", end="")
        ending = f"{error}\nThe end of its log, {log}:\n{process.tail(log)}"
        console.print(ending, markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
