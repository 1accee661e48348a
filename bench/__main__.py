"""`python -m bench`: runs benchmarks, prints their figures, writes `.local/bench/NAME.json`.

Exits 0 if it could measure everything. A missed goal is a finding, not a failure.
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
from rich.markup import escape

from bench import (
    arrivals,
    charsets,
    classify,
    cold,
    day,
    growth,
    life,
    mails,
    report,
    search,
    sleepers,
    throughput,
    warm,
)
from bench.report import Figure, Machine
from local import stack
from local.process import ROOT, CloudError
from local.stack import StackError

WHOLE_S = 15 * 60
"""The time limit of a run of all benchmarks, in seconds."""
DIRECTORY = stack.DIRECTORY / "bench"
COLUMNS = 150


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    `run(console, directory, machine, scale)` measures. It is stopped after `limit_s` seconds and
    must then leave no process behind. `share` is the part of the full size that fits into a run of
    all benchmarks; one with 0 runs alone only.
    """

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
    "charsets": Benchmark(charsets.ABOUT, charsets.LIMIT_S, charsets.run),
    "classify": Benchmark(classify.ABOUT, classify.LIMIT_S, classify.run),
    "arrivals": Benchmark(arrivals.ABOUT, arrivals.LIMIT_S, arrivals.run),
    "day": Benchmark(day.ABOUT, day.LIMIT_S, day.run, 0),
    "growth": Benchmark(growth.ABOUT, growth.LIMIT_S, growth.run),
    "search": Benchmark(search.ABOUT, search.LIMIT_S, search.run),
    "sleepers": Benchmark(sleepers.ABOUT, sleepers.LIMIT_S, sleepers.run, 0.05),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}")
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="share of the full size, for a quick try (0.03); goals are for the full size",
    )
    options = parser.parse_args()
    if unknown := set(options.only) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    if not 0 < options.scale <= 1:
        parser.error("--scale must be above 0 and at most 1")
    return options


def stop_orderly(number: int, frame: FrameType | None) -> None:
    """Turns SIGTERM into SystemExit, so `finally` blocks run and stop the cloud."""
    raise SystemExit(128 + number)


@contextmanager
def alone() -> Iterator[None]:
    """Raises StackError while another run is active: each would measure and stop the other."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    with (DIRECTORY / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError("another `make bench` is running; one at a time") from None
        yield


class OutOfTime(BaseException):
    """A benchmark exceeded its time limit. Not an Exception, so that no retry loop catches it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises OutOfTime if the block takes longer, even while it waits for something.

    It raises only once, so the block's own cleanup is not interrupted.
    """

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
    machine.note_load("at the start")
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
    """Runs these benchmarks, each at its share of the full size and within its own time limit.

    All together have `whole_s` seconds. The last line that it prints sums up the goals. Returns
    whether every benchmark was measured.
    """
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
            console.print(f"[red]{name}: did not end in time[/]; ONLY={name} runs it alone")
            # It may have been stopped during its cleanup.
            sleepers.end_cloud(DIRECTORY)
        except (CloudError, StackError) as error:
            missing.append(name)
            console.print(f"[red]{name} failed:[/] {escape(str(error))}", soft_wrap=True)
        except Exception:
            missing.append(name)
            console.print_exception()
    took = time.monotonic() - began
    small = [f"{name} at {scale:g} of its size" for name, scale in sizes.items() if scale != 1]
    parts = [report.summary(found, missing), *small, f"{took / 60:.1f} minutes"]
    console.print("; ".join(parts), soft_wrap=True)
    return not missing


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, stop_orderly)
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[variable]  # a benchmark must not reach a real account
    os.environ |= {"AWS_ACCESS_KEY_ID": stack.KEY, "AWS_SECRET_ACCESS_KEY": stack.KEY}
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_DEFAULT_REGION": stack.REGION}
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true"}
    # A file has no window width, so give tables the full width there.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else COLUMNS)
    sizes = dict.fromkeys(options.only, options.scale)
    limit = math.inf if sizes else WHOLE_S
    sizes = sizes or {
        name: one.share * options.scale for name, one in BENCHMARKS.items() if one.share
    }
    try:
        with alone():
            return 0 if perform_all(sizes, limit, console) else 1
    except StackError as error:
        console.print(f"[red]Failed:[/] {error}", soft_wrap=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
