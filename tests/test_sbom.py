"""`make sbom` and the audit of `make check`: licences that somebody has looked at, and what a found
vulnerability does. Both programs themselves need an index; here is what they make of its answers.
"""

import importlib.metadata
import json
import re
from copy import deepcopy
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import pytest
from kogge import HOUSE

pytestmark = pytest.mark.tree


def script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, HOUSE / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SBOM, AUDITED = script("finish_sbom"), script("audited")
LICENCES: dict[str, str] = SBOM.known_licences(
    (HOUSE / "docs" / "dependencies.md").read_text(encoding="utf-8")
)
LOCK = (HOUSE / ".ci" / "requirements.lock").read_text(encoding="utf-8")
SHIPPED = re.findall(r"^([A-Za-z0-9._-]+)==", LOCK, re.MULTILINE)


@pytest.mark.parametrize("package", SHIPPED)
def test_licence_of_every_shipped_package_is_in_the_table_and_the_package_s_own(
    package: str,
) -> None:
    known = LICENCES[package.lower()]
    try:
        said = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed here")
    classifiers = [one for one in said.get_all("Classifier") or [] if one.startswith("License")]
    declared = [said["License-Expression"], said["License"], *classifiers]
    for licence in filter(None, declared):
        assert SBOM.agree(licence, known), f"{licence} is not {known}"


def test_no_licence_is_shipped_that_forbids_what_eupl_allows() -> None:
    """Weak copyleft (LGPL, EPL) and permissive ones, each looked at."""
    words = {LICENCES[package.lower()] for package in SHIPPED}
    assert words <= {
        "MIT", "BSD-3-Clause", "Apache-2.0", "public domain", "LGPL-2.1-or-later",
        "EPL-2.0 OR BSD-3-Clause", "BSD-2-Clause", "PSF-2.0", "MPL-2.0",
    }  # fmt: skip


def test_other_licences_do_not_agree() -> None:
    assert SBOM.agree("License :: OSI Approved :: BSD License", "BSD-3-Clause")
    assert SBOM.agree("GNU Lesser General Public License v2 or later", "LGPL-2.1-or-later")
    assert not SBOM.agree("GPL-3.0-only", "MIT")
    assert not SBOM.agree("MIT", "Apache-2.0")


BOM: dict[str, Any] = {
    "metadata": {"component": {"name": "kogge", "licenses": [{"license": {"id": "EUPL-1.2"}}]}},
    "components": [
        {"name": "PyYAML", "version": "6", "licenses": [{"license": {"id": "MIT"}}]},
        {"name": "click_default_group", "version": "1"},
    ],
}


def test_sbom_has_kogge_s_version_and_every_licence() -> None:
    bom, wrong = SBOM.finished(deepcopy(BOM), LICENCES, "9.8.7")
    assert wrong == []
    assert bom["metadata"]["component"]["purl"] == "pkg:pypi/kogge@9.8.7"
    assert [one["licenses"] for one in bom["components"]] == [
        [{"expression": "MIT"}],
        [{"license": {"name": "public domain"}}],
    ]
    told = SBOM.listed(bom)
    assert "| kogge | 9.8.7 | EUPL-1.2 |" in told
    assert "| click_default_group | 1 | public domain |" in told


@pytest.mark.parametrize(
    ("package", "why"),
    [
        ({"name": "leftpad", "version": "1"}, "no row"),
        ({"name": "cbor2", "version": "1", "licenses": [{"expression": "GPL-3.0-only"}]}, "GPL"),
    ],
)
def test_licence_that_nobody_has_looked_at_ends_the_sbom(package: dict[str, Any], why: str) -> None:
    bom = deepcopy(BOM)
    bom["components"].append(package)
    (wrong,) = SBOM.finished(bom, LICENCES, "1")[1]
    assert why in wrong


def report(**vulns: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Of packages with what is known of them, None: the index does not know them."""
    told = [
        {"name": name, "version": "1", **({"skip_reason": "?"} if one is None else {"vulns": one})}
        for name, one in vulns.items()
    ]
    return {"dependencies": json.loads(json.dumps(told))}


BAD = {"id": "GHSA-1", "aliases": ["CVE-2"], "fix_versions": ["1.1"]}


def test_known_vulnerability_fails_with_what_to_do() -> None:
    said, well = AUDITED.judged(report(cbor2=[BAD], msgspec=[]), {})
    assert not well
    assert "cbor2 1: GHSA-1" in said[0]
    assert "1.1" in said[0]
    assert "make lock" in said[1]


@pytest.mark.parametrize("name", ["GHSA-1", "CVE-2"])
def test_vulnerability_that_was_accepted_with_a_reason_does_not_fail(name: str) -> None:
    accepted = AUDITED.accepted_in(f"# why\n{name} only its server is concerned\nGHSA-9\n")
    assert accepted == {name: "only its server is concerned"}
    assert AUDITED.judged(report(cbor2=[BAD]), accepted) == ([], True)


def test_index_that_knows_nothing_is_said_and_no_failure() -> None:
    said, well = AUDITED.judged(report(cbor2=None, msgspec=None), {})
    assert well
    assert said == ["Not audited: the index here knows nothing of vulnerabilities."]
    said, well = AUDITED.judged(report(cbor2=None, msgspec=[]), {})
    assert (said, well) == (["Not audited, the index does not know them: cbor2."], True)


def test_accepted_vulnerabilities_have_their_reasons() -> None:
    text = (HOUSE / ".ci" / "accepted-vulnerabilities.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(AUDITED.accepted_in(text)) == len(lines)
