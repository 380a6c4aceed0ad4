"""Two languages: every sentence has its German, none is stale; local numbers and times."""

import string
from collections.abc import Iterator

import catalogue
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kogge import HOUSE, kogge

from gateway.cli import language
from gateway.cli.heard import heard, parsed

pytestmark = pytest.mark.usefixtures("english_in_utc")


@pytest.mark.tree
def test_every_sentence_has_a_german_one_and_none_is_stale() -> None:
    said, helps = catalogue.said(), catalogue.helps()
    wanted = {(one, 0) for one in said} | {(one, 1) for one, many in said.items() if many}
    there = set(catalogue.german().sentences)
    assert wanted - there == set()
    assert there - wanted - {(one, 0) for one in helps} == set()


def test_no_text_of_the_command_line_is_left_unmarked() -> None:
    assert catalogue.unmarked() == set()


def test_every_help_has_a_german_one() -> None:
    """Verbs, actions, arguments, options, and argparse's own headings."""
    helps, there = catalogue.helps(), set(catalogue.german().sentences)
    assert len(helps) > 100
    assert {one for one in helps if (one, 0) not in there} == set()


def test_each_sentence_stands_on_one_line_and_once() -> None:
    """What it is read by wants it so."""
    text, there = (language.LOCALE / "de.po").read_text(encoding="utf-8"), catalogue.german()
    read = sum(form == 0 for _, form in there.sentences) + len(there.heard)
    assert text.count('\nmsgid "') == read + 1  # the file's own head


def test_german_sentences_take_the_same_values() -> None:
    said = catalogue.said()
    for (message, form), german in catalogue.german().sentences.items():
        if message in said:
            english = said[message] if form else message
            assert fields(german) == fields(english), english


@pytest.mark.tree
def test_every_sentence_of_an_error_has_a_german_one() -> None:
    known = set(heard_skeletons())
    raised = catalogue.raised()
    assert len(raised) > 200
    assert {one: path for one, path in raised.items() if one not in known} == {}


@pytest.mark.tree
def test_every_reason_and_warning_has_a_german_one() -> None:
    """Of the modules that tell without raising: drops, ADR, the broker, the radio's health."""
    known, told = set(heard_skeletons()) | catalogue.PARTS, catalogue.told()
    assert len(told) > 100
    assert {one: path for one, path in told.items() if one not in known} == {}
    assert {
        one.partition("/")[2] for one in catalogue.TELLING if not (HOUSE / one).exists()
    } == set()


@pytest.mark.tree
def test_no_sentence_of_others_is_stale() -> None:
    there = catalogue.all_skeletons() | catalogue.ARGPARSE | catalogue.COMPOSED | catalogue.SYSTEM
    assert {one for one in heard_skeletons() if one not in there} == set()


def test_a_sentence_of_others_keeps_its_values_and_has_words_to_be_known_by() -> None:
    for message, german in catalogue.german().heard.items():
        _, words, names = parsed(message)
        assert fields(german) <= set(names), message
        assert len("".join(words).strip(" :;()")) > 1 or names == ("where", "why"), message


def heard_skeletons() -> Iterator[tuple[str, ...]]:
    return (parsed(message)[1] for message in catalogue.german().heard)


def fields(sentence: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence)} - {None}


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"LANG": "de_DE.UTF-8"}, "de"),
        ({"LANG": "de"}, "de"),
        ({"LANG": "de_AT.UTF-8", "LC_MESSAGES": "C"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "de_DE.UTF-8"}, "de"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": ""}, "de"),
        ({"LANG": "den_CA"}, "en"),
        ({}, "en"),
    ],
)
def test_environment_chooses_as_locale_has_it(env: dict[str, str], name: str) -> None:
    assert language.of_environment(env) == name


@pytest.mark.parametrize("words", [["--lang", "de", "status"], ["status", "--lang=de"]])
def test_option_stands_anywhere_and_wins(words: list[str]) -> None:
    assert language.taken(words, {"LANG": "en_US"}) == ("de", ["status"])


@pytest.mark.parametrize("words", [["--lang", "fr", "status"], ["status", "--lang"]])
def test_unknown_language_is_usage(words: list[str]) -> None:
    done = kogge(*words)
    assert (done.returncode, done.stdout) == (64, "")
    assert "say en or de" in done.stderr


def test_help_is_german_too() -> None:
    whole = kogge("--lang", "de", "--help").stdout
    assert "der Dienst: empfangen" in whole
    assert whole.startswith("Aufruf: kogge")
    assert "\nOptionen:\n  -h, --help  " in whole
    assert "diese Hilfe zeigen" in whole
    assert "\n\neine Probesendung im" in kogge("radio", "send", "--lang", "de", "--help").stdout
    assert kogge("join", "--lang", "de").stderr.startswith("Aufruf: kogge join")
    assert "alle 2 s neu, bis Strg-C" in kogge("status", "--lang", "de", "--help").stdout
    assert "Geräte beitreten lassen" in kogge("join", "--lang", "de", "--help").stdout


def test_numbers_and_times_are_as_one_writes_them() -> None:
    at = 1_795_356_180.0
    language.speak("de")
    assert (language.number(4211.5, 1), language.moment(at)) == (
        "4\u00a0211,5", "22.11.2026\u00a014:03",
    )  # fmt: skip
    assert language.plural("{n} reading", "{n} readings", 1) == "1 Messwert"
    language.speak("en")
    assert (language.number(4211.5, 1), language.moment(at).replace("\u00a0", " ")) == (
        "4\u00a0211.5", "22 Nov 2026 14:03",
    )  # fmt: skip
    language.speak(language.PLAIN)
    assert (language.number(4211.5, 1), language.moment(at)) == ("4211.5", "2026-11-22T14:03:00Z")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (0.4, "0.4 s"), (119.9, "119 s"), (120, "2 min"), (11_520, "3 h 12 min"),
     (7200, "2 h"), (90_000, "1 d 1 h"), (8_640_000, "100 d")],
)  # fmt: skip
def test_span_is_told_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert language.span(seconds).replace("\u00a0", " ") == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (45_000_000, "45 MB"), (11_811_160_064, "11.8 GB"),
     (2_500_000_000_000, "2 500.0 GB")],
)  # fmt: skip
def test_size_is_told_as_a_person_says_it(count: float, said: str) -> None:
    assert language.size(count).replace("\u00a0", " ") == said


@pytest.mark.parametrize(
    ("said", "german"),
    [
        ("/x/kogge.toml: mqtt.url is 'a b'; there is no such key; did you mean 'mqtt.urls'?",
         "/x/kogge.toml: mqtt.url ist 'a b'; diesen Schlüssel gibt es nicht; gemeint ist vielleicht"
         " 'mqtt.urls'"),
        ("cannot open /dev/x: there is no such port; plug the board in, or name its port",
         "/dev/x lässt sich nicht öffnen: diesen Anschluss gibt es nicht; die Platine einstecken"
         " oder ihren Anschluss nennen"),
        ("the chip's counter went on by 0.123 s in 2.5 s",
         "der Zähler des Chips ging in 2,5 s um 0,123 s weiter"),
        ("the daemon refused: minutes are for opening",
         "der Dienst lehnt ab: Minuten sind zum Öffnen da"),
        ("argument --sf: invalid choice: 3 (choose from 5, 6)",
         "--sf: 3 gibt es hier nicht (möglich: 5, 6)"),
        ("x.toml: store.window is 0; give a number, at least 0.1 (Expected `float` >= 0.1)",
         "x.toml: store.window ist 0; hier gehört eine Zahl hin, mindestens 0,1 (Expected `float`"
         " >= 0.1)"),
        ("best SNR of 5 uplinks 8.0 dB, -7.5 dB needed, 10.0 dB kept in hand: 5.5 dB short; 12%"
         " lost: stays (power up and NbTrans wait for 20)",
         "bestes SNR von 5 Uplinks 8,0 dB, nötig -7,5 dB, Reserve 10,0 dB: 5,5 dB zu wenig; 12%"
         " verloren: bleibt (mehr Leistung und NbTrans erst nach 20)"),
        ("mqtts://a:8883 refuses the connection: Banned (0x8a); the broker has banned this gateway:"
         " lift the ban there",
         "mqtts://a:8883 lehnt die Verbindung ab: Banned (0x8a); der Broker hat dieses Gateway"
         " gesperrt: die Sperre dort aufheben"),
        ("data.x: expected nothing, got 1", "data.x: erwartet nichts, ergab 1"),
        ("nobody has ever said this", "nobody has ever said this"),
        ("", ""),
    ],
)  # fmt: skip
def test_sentence_of_others_is_found_again(said: str, german: str) -> None:
    assert heard(said) == said
    language.speak("de")
    assert heard(said) == german


@given(st.text(max_size=60))
def test_no_text_of_others_breaks_anything(text: str) -> None:
    language.speak("de")
    assert isinstance(heard(text), str)
    assert heard(f"the daemon refused: {text}").endswith(heard(text))
