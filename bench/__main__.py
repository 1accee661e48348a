"""`python -m bench`: runs benchmarks, prints their figures, writes `.local/bench/NAME.json`.

Ends with 0 when it could measure everything: a goal that is missed is a finding, not a failure.
"""

from __future__ import annotations

import argparse
import fcntl
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from rich.console import Console

from bench import arrivals, cold, growth, life, mails, report, sleepers, throughput, warm
from bench.report import Figure, Machine
from local import stack
from local.process import ROOT, CloudError
from local.stack import StackError

WHOLE_S = 15 * 60
"""The time that a whole run has."""
DIRECTORY = stack.DIRECTORY / "bench"
COLUMNS = 150


@dataclass(frozen=True)
class Benchmark:
    """`run(console, directory, machine, scale)` measures, and leaves no process behind when it is
    stopped after `limit_s` seconds. `share` of the full size is what the whole run has time for."""

    about: str
    limit_s: int
    run: Callable[..., list[Figure]]
    share: float = 1.0


BENCHMARKS = {
    "cold": Benchmark(cold.ABOUT, cold.LIMIT_S, cold.run),
    "warm": Benchmark(warm.ABOUT, warm.LIMIT_S, warm.run),
    "life": Benchmark(life.ABOUT, life.LIMIT_S, life.run),
    "throughput": Benchmark(throughput.ABOUT, throughput.LIMIT_S, throughput.run),
    "mails": Benchmark(mails.ABOUT, mails.LIMIT_S, mails.run),
    "arrivals": Benchmark(arrivals.ABOUT, arrivals.LIMIT_S, arrivals.run),
    "growth": Benchmark(growth.ABOUT, growth.LIMIT_S, growth.run),
    "sleepers": Benchmark(sleepers.ABOUT, sleepers.LIMIT_S, sleepers.run, 0.05),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="a share of the full size, to try a benchmark itself (0.03); goals are of the full",
    )
    options = parser.parse_args()
    if unknown := set(options.only) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    if not 0 < options.scale <= 1:
        parser.error("--scale is above 0 and at most 1")
    return options


def stop_orderly(number: int, frame: FrameType | None) -> None:
    """A terminated run stops its cloud as well: `finally` is what does it."""
    raise SystemExit(128 + number)


@contextmanager
def alone() -> Iterator[None]:
    """Raises StackError while another run goes on: they would measure, and stop, each other."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    with (DIRECTORY / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError("another `make bench` is running; one at a time") from None
        yield


class OutOfTime(BaseException):
    """A benchmark did not end within its time. No Exception: nothing that tries again takes it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises OutOfTime where the block takes longer, in whatever it waits for; once only, so that
    what it cleans up then is not cut off as well."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def perform(name: str, scale: float, console: Console) -> list[Figure]:
    benchmark = BENCHMARKS[name]
    size = "" if scale == 1 else f", at {scale:g} of the full size"
    limit = f"at most {math.ceil(benchmark.limit_s / 60)} minutes"
    console.print(f"[bold]{name}[/]{size}: {benchmark.about} ({limit})", soft_wrap=True)
    machine: Machine = report.this_machine()
    machine.note_load("at the beginning")
    began = time.monotonic()
    figures = benchmark.run(console, DIRECTORY, machine, scale)
    machine.note_load("at the end")
    took = round(time.monotonic() - began, 1)
    path = DIRECTORY / f"{name}.json"
    report.write(path, report.document(name, figures, machine, scale=scale, seconds=took))
    console.print(report.table(name + size, figures))
    console.print(report.described(machine), soft_wrap=True)
    console.print(f"{took:.0f} s; {path.relative_to(ROOT)}")
    return figures


def perform_all(sizes: Mapping[str, float], whole_s: float, console: Console) -> bool:
    """These benchmarks, each at its share of the full size and within its time, all within
    `whole_s`. Ends with a line on all goals. Whether each was measured."""
    began = time.monotonic()
    found: list[Figure] = []
    missing = []
    for name, scale in sizes.items():
        left = whole_s - (time.monotonic() - began)
        try:
            with within(min(BENCHMARKS[name].limit_s, left)):
                found += perform(name, scale, console)
        except OutOfTime:
            missing.append(name)
            console.print(f"[red]{name}: not done in its time[/]; ONLY={name} runs it alone")
            # It may have been stopped while it cleaned up.
            sleepers.end_cloud(DIRECTORY)
        except (CloudError, StackError) as error:
            missing.append(name)
            console.print(f"[red]{name} failed:[/] {error}", soft_wrap=True)
        except Exception:
            missing.append(name)
            console.print_exception()
    took = time.monotonic() - began
    small = [f"{name} at {scale:g} of its size" for name, scale in sizes.items() if scale != 1]
    told = [report.summary(found, missing), *small, f"{took / 60:.1f} minutes"]
    console.print("; ".join(told), soft_wrap=True)
    return not missing


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, stop_orderly)
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[variable]  # nothing of a real account may be reached from here
    os.environ |= {"AWS_ACCESS_KEY_ID": stack.KEY, "AWS_SECRET_ACCESS_KEY": stack.KEY}
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_DEFAULT_REGION": stack.REGION}
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true"}
    # A file has no width: its tables need not fit a small window.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else COLUMNS)
    sizes = dict.fromkeys(options.only, options.scale)
    limit = math.inf if sizes else WHOLE_S
    sizes = sizes or {name: one.share * options.scale for name, one in BENCHMARKS.items()}
    try:
        with alone():
            return 0 if perform_all(sizes, limit, console) else 1
    except StackError as error:
        console.print(f"[red]Failed:[/] {error}", soft_wrap=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
