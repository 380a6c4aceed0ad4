"""What `kogge watch` shows, line by line, and what its keys do: without a terminal."""

import pytest
import watch_cases as cases
from hypothesis import given
from hypothesis import strategies as st
from screen_cases import STATUS, status
from watch_cases import Told

from gateway.cli import language
from gateway.cli.codes import DROPS, drop
from gateway.cli.watch_model import KEPT, Seen
from gateway.cli.watch_screen import Screen
from gateway.cli.watch_words import bar
from gateway.lorawan.outcome import DropReason

KEYS = ("p", "slash", "enter", "escape", "up", "down", "home", "end", "pageup", "pagedown",
        "backspace", "x")  # fmt: skip
EVERYTHING = [
    cases.uplink(1), cases.reading(1), cases.safe(1), cases.drop(after=1), cases.join(after=2),
    cases.down(after=3), cases.news("radio", state="fault", reason="the board is gone"),
    cases.news("downlink", correlation="c-17", device=cases.DEV_EUI, status="EXPIRED", reason=""),
]  # fmt: skip


pytestmark = pytest.mark.usefixtures("english_in_utc")


def screen(*happenings: Told) -> Screen:
    one = Screen(Seen(), STATUS)
    tell(one, *happenings)
    return one


def tell(one: Screen, *happenings: Told) -> None:
    for happening in happenings:
        one.seen.take(happening)


def drawn(one: Screen, width: int = 80, height: int = 24) -> list[str]:
    return [line.text.replace("\u00a0", " ") for line in one.lines(width, height)]


def table(one: Screen) -> list[str]:
    """The rows, as they are drawn."""
    lines = drawn(one)
    (head,) = [at for at, line in enumerate(lines) if line.startswith(("time", "Zeit"))]
    return [line for line in lines[head + 1 : -1] if line]


def press(one: Screen, *keys: str) -> None:
    for key in keys:
        one.press(key, key if len(key) == 1 else None)


def test_each_kind_of_row_says_in_words_what_it_is() -> None:
    assert table(screen(*EVERYTHING)) == [
        "14:03:03 ! bin-04        order c-17: expired",
        "14:03:03 ! gateway       radio: does not receive: the board is gone",
        "14:03:03 v bin-04        downlink RX1 16 dBm: sent                     SF7 868.1",
        "14:03:02 + bin-04        JOINED as 26011bda      ██░░  -97 ███░   5.0  SF7 868.1",
        "14:03:01 x 0badcafe      drop: unknown device    ██░░  -97 ███░   5.0  SF9 868.1",
        "14:03:00   bin-04        temperature 21.5 °C, f… ██░░  -97 ███░   5.0  SF7 868.1",
    ]


def test_head_tells_the_verdict_and_what_was_counted() -> None:
    name, verdict, counted, channels, first, *_ = drawn(screen(*EVERYTHING))
    assert (name[:8], name[-4:]) == ("Pfahl 17", "LIVE")
    assert verdict.startswith("All is well: broker connected; 3 readings safe on disk")
    assert counted == "accepted 1  safe 1  joins 1  down 1  dropped 1"
    assert channels.split()[:2] == ["MHz", "SF7"]
    assert first.split() == ["868.1", "2", ".", "1", ".", ".", ".", "0.5", "%", "unknown",
                             "device", "1"]  # fmt: skip


def test_verdict_is_the_one_of_status_and_a_daemon_that_is_gone_is_said() -> None:
    one = Screen(Seen(), status("broker_down"))
    assert "Look here: broker unreachable for 3 h 12 min; 4 211 readings" in drawn(one)[1]
    one.fault = "no daemon answers at /run/kogge/kogge.sock"
    assert drawn(one)[1] == one.fault
    assert drawn(one)[0].endswith("WAITING")
    one.tell(STATUS | {"now": cases.AT + 7})
    tell(one, cases.news("radio", state="receiving", reason=""))
    assert drawn(one)[0].endswith("LIVE")
    assert table(one) == ["14:03:07 ! gateway       radio: receiving"]


def test_daemon_that_is_gone_is_said_in_german_too() -> None:
    language.speak("de")
    one = Screen(Seen(), STATUS)
    one.fault = (
        "no daemon answers at /run/kogge.sock: it is not running, or uses another control_socket;"
        " start it with: sudo systemctl start kogge"
    )
    assert drawn(one)[1].startswith("an /run/kogge.sock antwortet kein Dienst: er läuft nicht")


def test_news_that_are_too_long_for_the_line_end_in_dots() -> None:
    one = screen(cases.news("radio", state="fault", reason="the board is gone " * 9))
    (row,) = table(one)
    assert len(row) == 80
    assert row.endswith("…")


def test_long_name_keeps_its_end_which_tells_it_from_its_neighbour() -> None:
    one = screen(cases.uplink(1, name="bin-am-hafen-4"))
    assert table(one)[0].startswith("14:03:00   …n-am-hafen-4 ")
    (row,) = [line for line in drawn(one, width=120) if line.startswith("14:03")]
    assert row.startswith("14:03:00   bin-am-hafen-4 ")
    assert len(row) == 120


def test_what_was_left_out_is_said_in_the_line_that_counts() -> None:
    one = screen({"event": "left_out", "count": 4211})
    assert drawn(one)[2].startswith("LEFT OUT 4 211: too fast")


def test_newest_is_on_top_and_a_selected_row_stays_selected_while_others_come() -> None:
    one = screen(cases.uplink(1), cases.uplink(2))
    press(one, "down")
    assert [row.count(">") for row in table(one)] == [1, 0]
    tell(one, cases.drop())
    assert [row.count(">") for row in table(one)] == [0, 1, 0]
    press(one, "down", "down", "down")
    assert [row.count(">") for row in table(one)] == [0, 0, 1]
    press(one, "home")
    assert ">" not in "".join(table(one))


def test_row_far_down_is_scrolled_to() -> None:
    one = screen(*(cases.drop(dev_addr=f"{n:08x}") for n in range(100)))
    drawn(one)
    press(one, "end")
    assert "00000000" in table(one)[-1]
    press(one, "pageup")
    assert sum(">" in row for row in table(one)) == 1


def test_paused_rows_stand_still_and_counting_goes_on_within_bounds() -> None:
    one = screen(cases.uplink(1))
    press(one, "p")
    before = table(one)
    tell(one, *(cases.drop() for _ in range(KEPT + 10)))
    assert table(one) == before
    assert drawn(one)[0].endswith("PAUSED, 2 010 new")
    assert drawn(one)[2].endswith("dropped 2 010")
    assert len(one.seen.rows) == KEPT
    press(one, "p")
    assert drawn(one)[0].endswith("LIVE")
    assert "drop: " in table(one)[0]


@pytest.mark.parametrize(
    ("text", "rows"),
    [("BIN-04", 4), ("0badcafe", 1), (cases.DEV_EUI, 4), ("unknown_dev", 1), ("mic wrong", 0),
     ("temperature", 1), ("26011bda", 2)],
)  # fmt: skip
def test_filter_finds_by_device_address_reason_and_what_is_said(text: str, rows: int) -> None:
    one = screen(*EVERYTHING)
    press(one, "slash", *text, "enter")
    assert len(one.rows()) == rows
    assert f'"{text}"' in drawn(one)[-1]


def test_filter_is_typed_in_the_last_line_and_cleared_with_escape() -> None:
    one = screen(*EVERYTHING)
    press(one, "slash", "b", "i", "q", "backspace")
    assert drawn(one)[-1].startswith("/bi█")
    assert len(one.rows()) == 4
    press(one, "escape")
    assert (one.typing, len(one.rows())) == (False, 6)
    press(one, "slash", "z", "enter")
    assert table(one) == ["nothing fits the filter"]


def test_letters_of_a_filter_are_no_keys() -> None:
    one = screen(*EVERYTHING)
    press(one, "slash", "p")
    assert (one.paused, one.needle) == (False, "p")


def test_detail_stays_on_its_frame_and_steps_to_the_next() -> None:
    one = screen(cases.drop(), cases.uplink(1))
    press(one, "enter")
    tell(one, *(cases.drop("bad_mic") for _ in range(20)))
    assert "UnconfirmedDataUp" in "".join(drawn(one))
    assert drawn(one)[4].startswith("14:03:00  bin-04")
    press(one, "down")
    assert drawn(one)[4].startswith("14:03:00  0badcafe")
    press(one, "escape")
    assert not one.detail


def test_long_detail_is_paged_and_says_where_it_is() -> None:
    long = cases.frame(cases.AIR.uplink(1, bytes(222), 2), "accepted", frm_payload="00" * 222)
    one = screen(long)
    press(one, "enter")
    first = drawn(one)
    assert " 1–19 / " in first[3]
    press(one, "pagedown", "pagedown", "pagedown", "pagedown")
    last = drawn(one)
    assert last[-2].startswith(" 208")
    assert last[3] != first[3]


def test_more_channels_and_reasons_than_there_is_room_for_are_summed_up() -> None:
    one = screen(*(cases.drop(code, frequency=902_300_000 + 200_000 * n, sf=n % 8 and 7)
                   for n, code in enumerate(DROPS)))  # fmt: skip
    text = "\n".join(drawn(one))
    assert "  on 12 other channels 12" in text
    assert "other reasons             12" in text
    assert "FSK" in text


def test_every_reason_has_a_word_that_fits() -> None:
    assert set(DROPS) == {str(one) for one in DropReason}
    for name in ("en", "de"):
        language.speak(name)
        longest = max(DROPS, key=lambda code: len(drop(code)))
        one = screen(cases.drop(longest))
        assert f": {drop(longest)} " in table(one)[0]


def test_bars_are_bounded() -> None:
    assert [bar(value, -130, -60) for value in (-999, -130, -95, -60, 20)] == [
        "░░░░", "░░░░", "██░░", "████", "████",
    ]  # fmt: skip


def test_german_screen() -> None:
    language.speak("de")
    one = screen(*EVERYTHING)
    text = "\n".join(drawn(one))
    assert "angenommen 1  sicher 1  Beitritte 1  gesendet 1  verworfen 1" in text
    assert "weg: unbekanntes Gerät" in text
    assert "Funk: FAULT" not in text
    assert drawn(one)[-1] == "↑↓ wählen  Enter Einzelheiten  p Pause  / Filter  q Ende"


def test_names_and_errors_of_strangers_steer_no_terminal() -> None:
    evil = "\x1b[2Jx\n"
    one = screen(
        cases.uplink(1, name=evil), cases.reading(1, measurements={}, error=evil),
        cases.refused(evil), cases.news("city", what="refused", reason=evil),
    )  # fmt: skip
    press(one, "end")
    for key in ("enter", "up", "up"):
        press(one, key)
        assert "\x1b" not in "".join(drawn(one))
        assert not any("\n" in line for line in drawn(one))


@given(
    st.lists(st.sampled_from(EVERYTHING), max_size=30),
    st.lists(st.sampled_from(KEYS), max_size=12),
    st.integers(80, 200), st.integers(12, 60),
)  # fmt: skip
def test_any_keys_leave_a_screen_of_the_right_size(
    happenings: list[Told], keys: list[str], width: int, height: int
) -> None:
    one = screen()
    for at, key in enumerate(keys):
        tell(one, *happenings[at : at + 3])
        press(one, key)
        lines = one.lines(width, height)
        assert len(lines) == height
        assert max(len(line.text) for line in lines) <= width
