"""The page of a report in a real browser: it opens alone, shows its plots, and runs nothing."""

import re
import subprocess

import chromium
import pytest
import report_case

from gateway.cli import language
from gateway.report.page import page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

BAD = (
    "<!DOCTYPE html><title>x</title><img src='http://elsewhere.test/pixel.png'>"
    "<script>document.title = 'it ran'; throw new Error('on purpose')</script>"
)


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> chromium.Seen:
    """A page that does all that ours may not."""
    if chromium.program() is None:
        pytest.skip("no chromium here: apt-get install chromium")
    file = tmp_path_factory.mktemp("control") / "bad.html"
    file.write_text(BAD, encoding="utf-8")
    try:
        seen = chromium.opened(file)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"chromium does not work here: {error}")
    return seen


@pytest.fixture(scope="module")
def seen(control: chromium.Seen, tmp_path_factory: pytest.TempPathFactory) -> chromium.Seen:
    assert control.dom
    file = tmp_path_factory.mktemp("report") / "report.html"
    language.speak("de")
    try:
        file.write_text(page(report_case.facts()), encoding="utf-8")
    finally:
        language.speak("en")
    return chromium.opened(file)


def test_browser_tells_of_requests_scripts_and_complaints(control: chromium.Seen) -> None:
    assert control.asked == ["elsewhere.test"]
    assert "<title>it ran</title>" in control.dom
    assert "on purpose" in "".join(control.said)


def test_page_asks_nobody_and_complains_of_nothing(seen: chromium.Seen) -> None:
    assert (seen.asked, seen.said) == ([], [])


def test_every_plot_is_drawn_and_told_in_words(seen: chromium.Seen) -> None:
    ids = re.findall(r'<figure id="([a-z]+)"', seen.dom)
    assert ids == ["traffic", "waiting", "line", "temperature", "disk", "restarts", "snr"]
    assert len(re.findall(r'<svg role="img" aria-labelledby="[a-z]+-title"', seen.dom)) == 6
    assert len(re.findall(r'<svg class="strip"', seen.dom)) == 12
    drawn = re.findall(r'<path class="[ab]" d="(M[^"]+)"', seen.dom)
    assert len(drawn) > 18
    assert "NaN" not in "".join(drawn)


def test_name_of_a_device_is_a_name_and_no_script(seen: chromium.Seen) -> None:
    assert "<script" not in seen.dom.lower()
    assert seen.dom.count("&lt;script&gt;alert('1')&lt;/script&gt;") == 3  # title, heading, device


def test_page_speaks_german(seen: chromium.Seen) -> None:
    assert '<html lang="de">' in seen.dom
    assert "Bitte prüfen: Broker seit" in seen.dom.replace("\u00a0", " ").replace("&nbsp;", " ")
