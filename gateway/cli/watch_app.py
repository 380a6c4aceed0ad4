"""`kogge watch` on a terminal, with Textual: the keys, and a picture of gateway.cli.watch_screen.

The only file that imports Textual, and only `kogge watch` on a terminal imports it. What comes is
taken as it comes; the picture is drawn `DRAW_SECONDS` apart, and only when it has changed.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key
from textual.widget import Widget

from gateway.cli.watch_model import Seen
from gateway.cli.watch_screen import Screen
from gateway.cli.watch_table import Line, Look
from gateway.diagnostics.client import follow
from gateway.errors import ControlError

DRAW_SECONDS: Final = 0.25
ASK_SECONDS: Final = 2.0
STYLES: Final[dict[Look, str]] = {
    "plain": "", "heading": "bold", "selected": "reverse",
    "ok": "green", "note": "yellow", "bad": "bold red", "unknown": "cyan",
}  # fmt: skip


class Picture(Widget):
    """The whole screen."""

    def __init__(self, view: Screen) -> None:
        super().__init__()
        self._view = view
        self._drawn: list[Line] = []

    def draw(self) -> None:
        """If there is anything new."""
        if self._view.lines(*self.size) != self._drawn:
            self.refresh()

    def render(self) -> Text:
        self._drawn = self._view.lines(*self.size)
        text = Text(no_wrap=True, overflow="crop", end="")
        for one in self._drawn:
            text.append(one.text + "\n", STYLES[one.look])
        return text


class WatchApp(App[None]):
    """`asked` is what `kogge status` asks, and may block; `status` what it has said first."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "quit", priority=True)]

    def __init__(
        self, socket: Path, asked: Callable[[Path], dict[str, Any]], status: dict[str, Any]
    ) -> None:
        super().__init__(ansi_color=True)
        self._socket, self._asked = socket, asked
        self.view = Screen(Seen(now=status.get("now")), status)
        self._picture = Picture(self.view)

    def compose(self) -> ComposeResult:
        yield self._picture

    def on_mount(self) -> None:
        self.run_worker(self._listen())
        self.run_worker(self._ask())
        self.set_interval(DRAW_SECONDS, self._picture.draw)

    def on_key(self, pressed: Key) -> None:
        if pressed.key == "q" and not self.view.typing:
            self.exit()
        self.view.press(pressed.key, pressed.character)
        self._picture.draw()

    def on_mouse_scroll_down(self) -> None:
        self.on_key(Key("down", None))

    def on_mouse_scroll_up(self) -> None:
        self.on_key(Key("up", None))

    async def _listen(self) -> None:
        """For as long as it takes: a daemon that was started anew is watched anew."""
        while True:
            with suppress(ControlError, PermissionError):
                async with aclosing(follow(self._socket, "watch")) as happenings:
                    async for one in happenings:
                        self.view.seen.take(one)
            await asyncio.sleep(ASK_SECONDS)  # `_ask` says why

    async def _ask(self) -> None:
        while True:
            try:
                self.view.tell(await asyncio.to_thread(self._asked, self._socket))
            except (ControlError, PermissionError) as error:
                self.view.fault = str(error)
            await asyncio.sleep(ASK_SECONDS)
