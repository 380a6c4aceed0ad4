"""config/schema/cli: every verb with --json has its schema, every schema its verb."""

import json

import json_judge
import pytest
from kogge import HOUSE

from gateway.cli import VERBS
from gateway.cli.whole import below, leaves, whole

WITHOUT = {("run",), ("emulator",), ("completion",)}
"""The two that run until they are stopped, and the one that prints a script."""
JOIN: dict[str, object] = {
    "join": "open",
    "seconds_left": None,
    "allow": [],
    "joins_per_minute": 60,
}


def test_every_verb_and_action_has_json() -> None:
    assert {words for words, _ in leaves(whole())} - json_judge.LEAVES == WITHOUT


def test_every_schema_is_a_verbs_and_every_verb_has_one() -> None:
    verbs = {leaf[0] for leaf in json_judge.LEAVES}
    assert {file.stem for file in json_judge.SCHEMAS.glob("*.json")} == verbs


@pytest.mark.parametrize("leaf", sorted(json_judge.LEAVES), ids=" ".join)
def test_every_action_has_a_schema_that_is_documented(leaf: tuple[str, ...]) -> None:
    verb, *action = leaf
    schema = json.loads((json_judge.SCHEMAS / f"{verb}.json").read_text(encoding="utf-8"))
    assert schema["$id"] == f"urn:kogge:schema:cli:{verb}:1"
    assert schema["description"]
    if action:
        assert {"$ref": f"#/$defs/{action[0]}"} in schema["anyOf"]
        assert len(schema["anyOf"]) == len(below(below(whole())[verb]))
    assert list(json_judge.validator(leaf).iter_errors(None)), "it takes anything"


def test_interfaces_lead_to_every_schema() -> None:
    guide = (HOUSE / "docs" / "interfaces.md").read_text(encoding="utf-8")
    assert "](../config/schema/cli/)" in guide
    assert {leaf[0] for leaf in json_judge.LEAVES} < set(VERBS)


def test_judge_takes_what_is_right() -> None:
    json_judge.judge(["join", "status", "--json"], json.dumps(JOIN))


@pytest.mark.parametrize(
    "wrong", [{"join": "ajar"}, {"more": 1}, {"seconds_left": "5"}, {"allow": [5]}]
)
def test_judge_misses_nothing(wrong: dict[str, object]) -> None:
    with pytest.raises(AssertionError, match="join status"):
        json_judge.judge(["join", "status"], json.dumps(JOIN | wrong))
    with pytest.raises(AssertionError, match="required"):
        json_judge.judge(["join", "status"], "{}")
