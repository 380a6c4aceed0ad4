"""The judge of `--json`: config/schema/cli has a schema for each verb, with one for each action.

They are closed here: a key that no schema knows is a fault, so that what is told is written down.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from gateway import files
from gateway.cli.parser import in_order
from gateway.cli.whole import actions_of, below, leaves, whole

Leaf = tuple[str, ...]

SCHEMAS = files.shipped() / "schema" / "cli"
VERBS = below(whole())
LEAVES = frozenset(
    words
    for words, parser in leaves(whole())
    if any("--json" in one.option_strings for one in actions_of(parser))
)


def judge(arguments: Sequence[str], out: str) -> Leaf:
    """Whose lines these are; an AssertionError says what in them is not as its schema has it."""
    leaf = leaf_of(arguments)
    for line in out.splitlines():
        error = best_match(validator(leaf).iter_errors(json.loads(line)))
        assert error is None, f"{' '.join(leaf)}: {error.json_path}: {error.message}\n{line}"
    return leaf


def leaf_of(arguments: Sequence[str]) -> Leaf:
    """The verb is in front; its action may stand behind options."""
    verb, *words = arguments
    parser = VERBS[verb]
    ordered = in_order(words, parser.options(), bool(parser.actions))
    return next(leaf for leaf in LEAVES if leaf == (verb, *ordered)[: len(leaf)])


@cache
def validator(leaf: Leaf) -> Draft202012Validator:
    verb, *action = leaf
    where = f"urn:kogge:schema:cli:{verb}:1" + "".join(f"#/$defs/{one}" for one in action)
    return Draft202012Validator({"$ref": where}, registry=_registry())


@cache
def _registry() -> Registry[Any]:
    ours = [_closed(json.loads(file.read_text())) for file in SCHEMAS.glob("*.json")]
    citys = [json.loads(file.read_text()) for file in SCHEMAS.parent.glob("*.json")]
    for schema in [*ours, *citys]:
        Draft202012Validator.check_schema(schema)
    return Registry[Any]().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in [*ours, *citys]
    )


def _closed(schema: Any) -> Any:
    """No object has other keys than those that its schema names."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        return {"additionalProperties": False, **found}
    return found
