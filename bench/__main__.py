"""`python -m bench`: runs benchmarks, prints their figures, writes `.local/bench/NAME.json`.

Always ends with 0 when it could measure: a goal that is missed is a finding, not a failure.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from rich.console import Console

from bench import arrivals, cold, growth, life, mails, report, sleepers, throughput, warm
from bench.report import Figure, Machine
from local import stack
from local.process import ROOT, CloudError
from local.stack import StackError

WHOLE_S = 13 * 60
"""When the last benchmark of a whole run may begin, so that it ends within a quarter of an hour."""
DIRECTORY = stack.DIRECTORY / "bench"


@dataclass(frozen=True)
class Benchmark:
    """`run(console, directory, machine, scale)` measures within `limit_s` seconds and leaves no
    process behind. `share` of the full size is what the whole run has time for."""

    about: str
    limit_s: int
    run: Callable[..., list[Figure]]
    share: float = 1.0


BENCHMARKS = {
    "cold": Benchmark(cold.ABOUT, cold.LIMIT_S, cold.run),
    "warm": Benchmark(warm.ABOUT, warm.LIMIT_S, warm.run),
    "life": Benchmark(life.ABOUT, life.LIMIT_S, life.run, 0.5),
    "throughput": Benchmark(throughput.ABOUT, throughput.LIMIT_S, throughput.run),
    "mails": Benchmark(mails.ABOUT, mails.LIMIT_S, mails.run),
    "arrivals": Benchmark(arrivals.ABOUT, arrivals.LIMIT_S, arrivals.run),
    "growth": Benchmark(growth.ABOUT, growth.LIMIT_S, growth.run, 0.2),
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


def perform(name: str, scale: float, console: Console) -> None:
    benchmark = BENCHMARKS[name]
    console.print(f"[bold]{name}[/]: {benchmark.about} (at most {benchmark.limit_s // 60} minutes)")
    machine: Machine = report.this_machine()
    machine.note_load("at the beginning")
    began = time.monotonic()
    figures = benchmark.run(console, DIRECTORY, machine, scale)
    machine.note_load("at the end")
    took = round(time.monotonic() - began, 1)
    path = DIRECTORY / f"{name}.json"
    report.write(path, report.document(name, figures, machine, scale=scale, seconds=took))
    console.print(report.table(name, figures))
    console.print(report.described(machine))
    console.print(f"{took:.0f} s; {path.relative_to(ROOT)}")


def perform_all(scale: float, console: Console) -> None:
    """Every benchmark, at the size that the whole has time for; none begins after WHOLE_S."""
    began = time.monotonic()
    for name, benchmark in BENCHMARKS.items():
        if time.monotonic() - began > WHOLE_S:
            console.print(f"[red]{name}: no time left[/], ONLY={name} runs it alone")
            continue
        perform(name, scale * benchmark.share, console)


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, stop_orderly)
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[variable]  # nothing of a real account may be reached from here
    os.environ |= {"AWS_ACCESS_KEY_ID": stack.KEY, "AWS_SECRET_ACCESS_KEY": stack.KEY}
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_DEFAULT_REGION": stack.REGION}
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true"}
    console = Console(highlight=False)
    try:
        with alone():
            for name in options.only:
                perform(name, options.scale, console)
            if not options.only:
                perform_all(options.scale, console)
    except (CloudError, StackError) as error:
        console.print(f"[red]Failed:[/] {error}", soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
