"""The function `scanner`: it scans the files of tickets."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from redress.base.settings import Settings
from redress.files.cases.scanning import ScanCase, only_eicar
from redress.files.store.clamd import Clamd
from redress.files.store.scans import ScannedFiles
from redress.wiring import clients


class ScannerSettings(Settings, frozen=True, kw_only=True):
    files_bucket: str = ""
    """Empty if the stack has no files. Then nothing calls this function."""
    scanner_host: str = ""
    """The host of clamd. Without it, only the test file of EICAR is found."""
    scanner_port: int = 3310


@cache
def settings() -> ScannerSettings:
    return clients.read(ScannerSettings)


@cache
def files() -> ScannedFiles:
    return ScannedFiles(clients.client("s3"), settings().files_bucket)


def scanning(seconds_left: Callable[[], float]) -> ScanCase:
    given = settings()
    if not given.scanner_host:
        return ScanCase(files(), only_eicar)
    clamd = Clamd(given.scanner_host, given.scanner_port, seconds_left)
    return ScanCase(files(), clamd.scan)
