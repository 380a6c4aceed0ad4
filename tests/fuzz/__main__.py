"""`make fuzz SECONDS=60`: libFuzzer (atheris) on each target, in a process of its own.

Python is instrumented, the compiled modules are not: there it is luck and the seeds. Ends with 1
when a target has raised; libFuzzer writes the bytes that did it to `--crashes`.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="names out of TARGETS; else all")
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument("--at-once", type=int, default=1, help="targets that run side by side")
    parser.add_argument("--crashes", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        _fuzz(args.one, args.seconds, args.crashes)
    names = args.targets or _names()
    args.crashes.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(args.at_once) as pool:
        found = list(pool.map(partial(_in_a_process, args), names))
    return 1 if any(found) else 0


def _names() -> list[str]:
    from fuzz.targets import TARGETS

    return [target.__name__ for target in TARGETS]


def _in_a_process(args: argparse.Namespace, name: str) -> bool:
    """Whether the target has raised."""
    command = [sys.executable, "-m", "fuzz", "--one", name, "--seconds", str(args.seconds)]
    done = subprocess.run(
        [*command, "--crashes", str(args.crashes)], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    ran = re.findall(r"(?:number_of_executed_units: |^#)(\d+)", said, re.MULTILINE)
    raised = re.findall(r"Uncaught Python exception: ===\n(.+)|ERROR: libFuzzer: (.+)", said)
    words = "".join(raised[0]) if raised else said[-300:]
    verdict = "nothing raised" if done.returncode == 0 else f"RAISED {words}"
    print(f"{name:24}{int(ran[-1]) if ran else 0:>10} runs  {verdict}", flush=True)
    return done.returncode != 0


def _fuzz(name: str, seconds: int, crashes: Path) -> None:
    """Never returns."""
    import atheris

    with atheris.instrument_imports(include=["gateway", "drivers"]):
        from fuzz.targets import TARGETS
    from fuzz.seeds import SEEDS

    (target,) = (one for one in TARGETS if one.__name__ == name)
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [f"-max_total_time={seconds}", "-print_final_stats=1", "-max_len=600"]
        atheris.Setup([name, *options, f"-artifact_prefix={crashes}/{name}-", corpus], target)
        atheris.Fuzz()


sys.exit(main())
