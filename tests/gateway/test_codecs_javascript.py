"""TS013 as real codecs are written, each trait with a codec of its own, in the real worker."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.javascript import STRIKES, Example, JavaScript, Script, output_of
from gateway.codecs.worker import Worker

GOOD = Script("function decodeUplink(input) { return {data: {first: input.bytes[0]}}; }")
NEXT_WITHIN = 0.5  # seconds; what is next after a hostile codec


@pytest.fixture
async def in_service() -> AsyncIterator[JavaScript]:
    engine = JavaScript(Worker(lambda: 0.5))
    yield engine
    await engine.close()


@pytest.fixture
def javascript(in_service: JavaScript, codecs_have_time: None) -> JavaScript:
    return in_service


def decode_uplink(body: str, before: str = "") -> Script:
    return Script(f"{before}\nfunction decodeUplink(input) {{ {body} }}")


# fmt: off
TRAITS = [
        (decode_uplink("return {data: {a: input.bytes.constructor === Array}}"), {"a": True}),
        (decode_uplink("n = input.bytes.length; return {data: {n: n}}"), {"n": 2}),
        (decode_uplink("return {data: {port: input.fPort}}"), {"port": 7}),
        (
            decode_uplink("return {data: {at: input.recvTime.toISOString()}}"),
            {"at": "2001-09-09T01:46:40.250Z"},
        ),
        (decode_uplink("return {data: {date: input.recvTime instanceof Date}}"), {"date": True}),
        (decode_uplink("return {data: {v: typeof input.variables.x}}"), {"v": "undefined"}),
        (decode_uplink("console.log('a'); console.error(1); return {data: {a: 1}}"), {"a": 1}),
        (decode_uplink("return {data: {zone: new Date(0).getTimezoneOffset()}}"), {"zone": 0}),
        (decode_uplink("return {data: {hour: new Date(0).getHours()}}"), {"hour": 0}),
        (decode_uplink("return {data: {a: 0/0, b: 1/0, c: undefined}}"), {"a": None, "b": None}),
        (
            decode_uplink(
                "const b = Buffer.from(input.bytes);"
                "return {data: {hex: b.toString('hex'), le: b.readUInt16LE(0), i: b.readInt8(1)}}"
            ),
            {"hex": "01ff", "le": 0xFF01, "i": -1},
        ),
        (decode_uplink("return {data: {a: typeof module}}"), {"a": "undefined"}),
        (Script("const decodeUplink = ({bytes}) => ({data: {a: bytes[1]}})"), {"a": 255}),
        (Script("'use strict'; function decodeUplink() { return {data: {a: !this}}}"), {"a": True}),
        (decode_uplink("return {data: {global: this === globalThis}}"), {"global": True}),
        (Script("function Decoder(b, port) { return {n: b[1], p: port}; }"), {"n": 255, "p": 7}),
        (Script("function Decode(fPort, bytes, vars) { return {n: bytes[1], p: fPort, v: vars}; }"),
         {"n": 255, "p": 7, "v": {}}),
        (decode_uplink("input.bytes.push(1); return {data: {n: input.bytes.length}}"), {"n": 3}),
        (decode_uplink("return {data: {a: 1}};", "1n"), {"a": 1}),
    ]
# fmt: on

PROXY_OF_MANY = """
  const keys = Array.from({length: 1e5}, (_, i) => "k" + i);
  const told = {enumerable: true, configurable: true, value: 1};
  const all = {ownKeys: () => keys, getOwnPropertyDescriptor: () => told, get: () => 1};
  return {data: new Proxy({}, all)};
"""


@pytest.mark.parametrize(("script", "data"), TRAITS)
async def test_codec_finds_what_it_expects(
    unhurried: None, javascript: JavaScript, script: Script, data: dict[str, Any]
) -> None:
    for _ in range(2):
        output = await javascript.decode_uplink(script, 7, b"\x01\xff", 1_000_000_000.25)
        assert output == {"data": data}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ("return {errors: ['too short']}", ["too short"]),
        ("return {errors: 'one text'}", ["one text"]),
        ("throw new RangeError('no such byte')", ["RangeError: no such byte"]),
        ("throw 'a text'", ["a text"]),
        ("return input.nothing.at_all", ["TypeError: cannot read property 'at_all' of undefined"]),
        ("return 5", ["it returned 5 instead of an object with data"]),
        ("", ["it returned null instead of an object with data"]),
        ("return {data: 1n}", ["TypeError: BigInt are forbidden in JSON.stringify"]),
        ("throw '\\ud800'", ["what it threw is no text"]),
        ("throw 'a\\u001b[31m\\nb'", ["a?[31m b"]),
        ("return {errors: [{a: 1}, 'x\\u001b\\n', null]}", ['{"a":1}', "x? ", "null"]),
        (PROXY_OF_MANY, ["the codec was stopped: it wanted more than 8 MiB"]),
    ],
)
async def test_what_is_not_decoded_says_why(
    unhurried: None, javascript: JavaScript, body: str, errors: list[str]
) -> None:
    output = await javascript.decode_uplink(decode_uplink(body), 1, b"")
    assert output == {"errors": errors}


@pytest.mark.parametrize(
    "source", ["function decodeUplink(", "throw new Error('at once')", "1", "'\0'"]
)
async def test_codec_that_cannot_be_used_says_why_each_time(
    javascript: JavaScript, source: str
) -> None:
    said = [await javascript.decode_uplink(Script(source), 1, b"\0") for _ in range(2)]
    assert said[0] == said[1]
    assert said[0]["errors"]


HOSTILE = [
    "while (true) {}",
    "while (true) { try { while (true) {} } catch (e) {} }",
    "return {data: {toJSON() { while (true) {} }}}",
    "throw {toString() { while (true) {} }}",
    "return /^(a+)+$/.test('a'.repeat(40) + 'b')",
    "return Array.prototype.indexOf.call({length: 1e12}, 1)",
    "return {data: new Array(4294967295).join('')}",
    "const s = 'ab'.repeat(1e6); return s.indexOf('ab'.repeat(5e5) + 'c')",
    "const a = []; while (true) a.push(new Array(1000).fill(1))",
    "const a = []; while (true) a.push('x'.repeat(100000))",
    "const a = []; while (true) a.push(new ArrayBuffer(100000))",
    "return {data: 'x'.repeat(1e6)}",
    "return (function f() { return f() + 1; })()",
    "Object.prototype.toJSON = function () { while (true) {} }; return {data: {}}",
]


async def outlived(javascript: JavaScript, hostile: Script) -> list[float]:
    """Seconds that a reading behind a hostile one took, for each of its strikes."""
    loop = asyncio.get_running_loop()
    await javascript.decode_uplink(GOOD, 1, b"\7")
    took = []
    for _ in range(STRIKES):
        one = asyncio.create_task(javascript.decode_uplink(hostile, 1, b"\1"))
        began = loop.time()
        await asyncio.sleep(0)
        assert await javascript.decode_uplink(GOOD, 1, b"\7") == {"data": {"first": 7}}
        took.append(loop.time() - began)
        assert (await one)["errors"]
    return took


@pytest.mark.parametrize("body", HOSTILE)
async def test_hostile_codec_is_disabled_and_the_next_reading_comes(
    javascript: JavaScript, body: str
) -> None:
    script = decode_uplink(body)
    await outlived(javascript, script)
    assert "disabled" in javascript.disabled(script)
    output = await javascript.decode_uplink(script, 1, b"\1")
    assert output["errors"] == [javascript.disabled(script)]


@pytest.mark.bench
@pytest.mark.parametrize("body", HOSTILE)
async def test_reading_behind_a_hostile_codec_comes_in_time(
    in_service: JavaScript, body: str
) -> None:
    took = await outlived(in_service, decode_uplink(body))
    assert min(took) < NEXT_WITHIN, "what else the machine does only adds to it"


async def test_hostile_script_is_stopped_while_it_is_loaded(javascript: JavaScript) -> None:
    script = Script("new Array(4294967295).join('')")
    for _ in range(STRIKES):
        assert (await javascript.decode_uplink(script, 1, b""))["errors"]
    assert javascript.disabled(script)
    assert await javascript.decode_uplink(GOOD, 1, b"\7") == {"data": {"first": 7}}


async def test_replaced_codec_has_no_strikes(javascript: JavaScript) -> None:
    bad = decode_uplink("while (true) {}")
    for _ in range(STRIKES):
        await javascript.decode_uplink(bad, 1, b"")
    good = decode_uplink("return {data: {a: 1}}; while (true) {}")
    assert await javascript.decode_uplink(good, 1, b"") == {"data": {"a": 1}}


async def test_codec_spoils_only_itself(javascript: JavaScript) -> None:
    spoiler = decode_uplink(
        "return {data: {a: 1}}",
        "Object.prototype.first = 9; Array.prototype[Symbol.iterator] = null; leaked = 1;"
        "JSON.stringify = JSON.parse = Date = String = Array = null;"
        "Function.prototype.call = Function.prototype.apply = null; delete globalThis.console;",
    )
    other = decode_uplink("return {data: {leaked: typeof leaked, first: typeof {}.first}}")
    for _ in range(2):
        assert (await javascript.decode_uplink(spoiler, 1, b""))["data"]["a"] == 1
        output = await javascript.decode_uplink(other, 1, b"")
        assert output == {"data": {"leaked": "undefined", "first": "undefined"}}


COUNTS = "var n = 0; function decodeUplink(input) { return {data: {n: n++}}; }"


async def test_codec_whose_examples_show_that_it_remembers_begins_anew_each_time(
    unhurried: None, javascript: JavaScript
) -> None:
    script = Script(COUNTS, (Example(1, b"a"), Example(1, b"b")))
    said = [await javascript.decode_uplink(script, 1, b"") for _ in range(3)]
    assert said == [{"data": {"n": 0}}] * 3


async def test_codec_without_examples_stays_warm(javascript: JavaScript) -> None:
    said = [await javascript.decode_uplink(Script(COUNTS), 1, b"") for _ in range(3)]
    assert [output["data"]["n"] for output in said] == [0, 1, 2]


async def test_more_codecs_than_the_worker_holds_are_all_decoded(javascript: JavaScript) -> None:
    scripts = [decode_uplink(f"return {{data: {{n: {n}}}}}") for n in range(40)]
    for _ in range(2):
        for n, script in enumerate(scripts):
            assert await javascript.decode_uplink(script, 1, b"") == {"data": {"n": n}}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.text() | st.dictionaries(st.sampled_from(["data", "errors", "warnings"]), JSON))
def test_any_result_is_an_output(result: str | dict[str, Any]) -> None:
    output = output_of(result if isinstance(result, str) else json.dumps(result))
    for name in ("errors", "warnings"):
        assert all(isinstance(one, str) for one in output.get(name, []))


async def test_downlink_is_encoded_and_decoded(javascript: JavaScript) -> None:
    script = Script(
        "function encodeDownlink(input) { return {bytes: [input.data.a, 255], fPort: 9}; }"
        "function decodeDownlink(input) { return {data: {a: input.bytes[0]}}; }"
    )
    assert await javascript.encode_downlink(script, {"a": 3}, 1) == {"bytes": [3, 255], "fPort": 9}
    assert await javascript.decode_downlink(script, 9, b"\3\xff") == {"data": {"a": 3}}
    said = await javascript.encode_downlink(GOOD, {"a": 3}, 1)
    assert said == {"errors": ["TypeError: the codec has no function encodeDownlink"]}
