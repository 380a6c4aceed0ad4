"""The page: whole, alone, escaped, and readable without its plots."""

from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
import report_case

from gateway.cli import language
from gateway.report.page import POLICY, page

VOID = {"meta", "br", "path"}
MAY_LINK = {"href", "src", "srcset", "action", "data", "xlink:href", "poster", "background"}


class Reader(HTMLParser):
    """Complains of what is not closed; `words` are all texts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [name for name, _ in attrs if name in MAY_LINK or name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(params=["en", "de", "plain"])
def spoken(request: pytest.FixtureRequest) -> Iterator[str]:
    language.speak(request.param)
    yield request.param
    language.speak("en")


@pytest.mark.parametrize("days", [0, 0.5, 7])
def test_page_is_whole_and_links_to_nothing(spoken: str, days: float) -> None:
    text = page(report_case.facts(days))
    reader = read(text)
    assert reader.links == []
    assert set(reader.tags) & {"script", "link", "img", "iframe", "object", "base"} == set()
    assert f'content="{POLICY}"' in text
    assert "url(" not in text
    assert "@import" not in text
    assert report_case.SCRIPT in reader.words
    assert f'<html lang="{"de" if spoken == "de" else "en"}">' in text


def test_verdict_is_the_first_sentence() -> None:
    words = read(page(report_case.facts())).words.replace("\u00a0", " ")
    body = words.partition("</style>")[2] or words
    assert body.index("Look here: broker unreachable for 3 h 12 min") < body.index("FAULT")
    assert body.index("FAULT") < body.index("Traffic")


def test_gateway_without_a_history_says_so() -> None:
    text = page(report_case.facts(0))
    assert "There is no history yet" in text
    assert 'id="traffic"' not in text
    assert 'id="snr"' in text


def test_what_steers_a_terminal_or_a_page_is_shown_as_question_marks() -> None:
    told = report_case.facts(0)._replace(who="a\x1b[31m\u202eb\n</title><b onload=x>")
    text = page(told)
    assert "a?[31m?b &lt;/title&gt;&lt;b onload=x&gt;" in text


def test_page_of_a_large_city_is_no_large_page() -> None:
    many = report_case.facts()._replace(signals=report_case.signals(2000))
    text = page(many)
    assert len(text) < 150_000
    assert "1\u00a0960 more stand in signals.json" in text
