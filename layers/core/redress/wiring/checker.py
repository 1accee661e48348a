"""The function `checker`: checks uploads and records what scanners found."""

from __future__ import annotations

from functools import cache

from redress.base.settings import Settings
from redress.files.cases.arriving import ArrivingCase, Recognise
from redress.files.cases.asking import AskingCase
from redress.files.cases.verdicts import VerdictCase
from redress.files.store.scans import ScannedFiles
from redress.mail.incoming.cases.checking import MailFilesCase
from redress.wiring import clients, stores


class CheckerSettings(Settings, frozen=True, kw_only=True):
    mail_bucket: str
    files_bucket: str = ""
    """Empty if files are switched off. Then nothing calls this function."""


@cache
def settings() -> CheckerSettings:
    return clients.read(CheckerSettings)


@cache
def arriving(recognise: Recognise) -> ArrivingCase:
    """`recognise` comes from the function, because no other one has its library."""
    return ArrivingCase(
        stores.tickets(),
        stores.changes(),
        stores.attached(),
        stores.plans(),
        stores.files_bucket(settings().files_bucket),
        recognise,
        clients.now,
        clients.pause,
    )


@cache
def verdicts() -> VerdictCase:
    return VerdictCase(stores.changes(), stores.attached(), scanned(), clients.now)


@cache
def scanned() -> ScannedFiles:
    return ScannedFiles(clients.client("s3"), settings().files_bucket)


def asking(recognise: Recognise) -> AskingCase:
    return AskingCase(scanned(), stores.attached(), arriving(recognise), verdicts(), mails().copy)


@cache
def mails() -> MailFilesCase:
    given = settings()
    return MailFilesCase(
        stores.tickets(),
        stores.attached(),
        stores.files_bucket(given.files_bucket),
        given.mail_bucket,
        verdicts().judged,
        clients.now,
    )
