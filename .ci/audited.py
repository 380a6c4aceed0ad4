"""What pip-audit has found, in words; 1: a vulnerability that nobody has accepted.

`audited.py REPORT ACCEPTED`: pip-audit's JSON, and lines of an id and the reason why it does not
matter here.
"""

import json
import sys
from pathlib import Path
from typing import Any


def judged(report: dict[str, Any], accepted: dict[str, str]) -> tuple[list[str], bool]:
    """Sentences, and whether all is well as far as it was found out."""
    said, well = [], True
    packages = report["dependencies"]
    unknown = [one["name"] for one in packages if "vulns" not in one]
    for one in packages:
        for found in one.get("vulns", ()):
            names = {found["id"], *found.get("aliases", ())}
            if names & accepted.keys():
                continue
            well = False
            mended = ", ".join(found.get("fix_versions", ())) or "none yet"
            said.append(
                f"{one['name']} {one['version']}: {found['id']} is known; fixed in: {mended}."
                f" https://osv.dev/vulnerability/{found['id']}"
            )
    if not well:
        said.append(
            "Take a fixed version: make lock, then make test; release it (SECURITY.md). If it does"
            " not concern Kogge, write its id and why into .ci/accepted-vulnerabilities.txt."
        )
    if len(unknown) == len(packages):
        said.append("Not audited: the index here knows nothing of vulnerabilities.")
    elif unknown:
        said.append(f"Not audited, the index does not know them: {', '.join(unknown)}.")
    return said, well


def accepted_in(text: str) -> dict[str, str]:
    """Ids and reasons; an id without a reason is not accepted."""
    lines = (line.partition("#")[0].split(None, 1) for line in text.splitlines())
    return {words[0]: words[1].strip() for words in lines if len(words) == 2}


def main() -> int:
    report, accepted = map(Path, sys.argv[1:])
    said, well = judged(
        json.loads(report.read_text(encoding="utf-8")),
        accepted_in(accepted.read_text(encoding="utf-8")),
    )
    for sentence in said:
        print(sentence, file=sys.stderr)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
