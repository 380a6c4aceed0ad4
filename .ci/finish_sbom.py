"""The last word on an SBOM: Kogge's version, each package's licence, a list of licences to read.

`finish_sbom.py PACKAGES.json DIRECTORY`: what cyclonedx-py has read, and where the result goes. The
licences are those of docs/dependencies.md, where somebody has looked; what a package declares of
itself must agree. 1: a package has no row there, or declares another licence.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parents[1]
SPDX = re.compile(r"[A-Za-z0-9.+-]+-[A-Za-z0-9.+-]+( OR [A-Za-z0-9.+-]+)*|MIT")
FAMILIES = ("MIT", "BSD", "Apache", "LGPL", "EPL", "MPL", "PSF", "public domain")


def known_licences(text: str) -> dict[str, str]:
    """By package, of the tables of docs/dependencies.md."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) >= 5:
            names = re.sub(r"\(.*?\)", "", cells[0]).split(",")
            found.update({_plain(name): cells[2].replace(" or ", " OR ") for name in names})
    return found


def declared(component: dict[str, Any]) -> Iterator[str]:
    """What a package says of its own licence; nothing if it does not say."""
    for one in component.get("licenses", ()):
        licence = one.get("license", {})
        yield one.get("expression") or licence.get("id") or licence.get("name", "")


def agree(says: str, known: str) -> bool:
    """Whether a declared licence, perhaps only a family's name, is the known one."""
    said = says.replace("GNU Lesser General Public License", "LGPL").casefold()
    families = [one for one in FAMILIES if one.casefold() in said]
    return said == known.casefold() or any(one.casefold() in known.casefold() for one in families)


def finished(
    bom: dict[str, Any], licences: dict[str, str], version: str
) -> tuple[dict[str, Any], list[str]]:
    """With versions and licences, and what is wrong in words."""
    wrong = []
    bom["metadata"]["component"] |= {"version": version, "purl": f"pkg:pypi/kogge@{version}"}
    for one in bom["components"]:
        known = licences.get(_plain(one["name"]))
        if known is None:
            wrong.append(f"{one['name']} is shipped and has no row in docs/dependencies.md")
            continue
        wrong += [
            f"{one['name']} declares {says!r}; docs/dependencies.md says {known}"
            for says in declared(one)
            if not agree(says, known)
        ]
        is_spdx = SPDX.fullmatch(known)
        one["licenses"] = [{"expression": known} if is_spdx else {"license": {"name": known}}]
    return bom, wrong


def listed(bom: dict[str, Any]) -> str:
    """The licences, as a table for people."""
    lines = [f"# Licences in Kogge {bom['metadata']['component']['version']}", ""]
    lines += ["| package | version | licence |", "|---|---|---|"]
    for one in [bom["metadata"]["component"], *bom["components"]]:
        lines.append(f"| {one['name']} | {one['version']} | {', '.join(declared(one))} |")
    return "\n".join([*lines, ""])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _version() -> str:
    source = (HOUSE / "gateway" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'VERSION(?:: \w+)? = "([^"]+)"', source)
    assert found
    return found[1]


def _check_schema(text: str) -> None:
    """Raises ValueError. It is there where cyclonedx-py is."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        raise ValueError(f"the SBOM is no CycloneDX 1.6: {error}")


def main() -> int:
    packages, directory = map(Path, sys.argv[1:])
    licences = known_licences((HOUSE / "docs" / "dependencies.md").read_text(encoding="utf-8"))
    bom, wrong = finished(json.loads(packages.read_text(encoding="utf-8")), licences, _version())
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    if wrong:
        return 1
    text = json.dumps(bom, indent=1, sort_keys=True)
    _check_schema(text)
    stem = f"kogge_{_version()}"
    for name, content in ((f"{stem}.cdx.json", text), (f"{stem}_licences.md", listed(bom))):
        (directory / name).write_text(content, encoding="utf-8")
        print(directory / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
