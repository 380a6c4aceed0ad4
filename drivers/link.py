"""The port to a concentrator's microcontroller: one request in flight, each with its deadline.

The rules:

- Requests are sent one at a time; who comes while one is in flight waits his turn.
- Every answer has a deadline. After a late, wrong or surplus answer the link is dead: a new one
  has to be opened, so that a late answer is never taken for the next request's.
- A requester that is cancelled leaves its answer in flight; it is awaited and thrown away.
- When the link dies every waiter fails, and so does every later request.
- What an earlier program left unread is thrown away on opening.
- Until the first right answer the port may be anything: what is heard is kept, and where it tells
  what is there instead of a concentrator, the error says so (`strangers`).

The event loop watches the port's descriptor, but bytes go through the pyserial object, so that
`spy://` and `socket://` work. Nothing here toggles DTR or RTS. pyserial spins while a
non-blocking write finds no room, so it is only asked to write when the port is writable.
"""

import asyncio
import contextlib
import grp
import select
import termios
from pathlib import Path
from typing import Protocol

import serial

from drivers import strangers
from drivers.concentrator import LinkLost, McuError
from drivers.sx1302.mcu import Frame, FrameReader, check_answer

DEADLINE = 1.0  # seconds from sending a request to the end of its answer
_READ_SIZE = 8192
_QUIET = 0.02  # seconds without a byte that end the draining on opening
_MAX_DRAINS = 10
_HEAR_OUT = 0.2  # seconds that a stranger gets to say more
_GROUP_MAY = 0o060  # read and write
_NO_SERIAL_PORT = ("Inappropriate ioctl", "Is a directory")
_MEMORY = 512  # bytes of what is heard before the first right answer


class Link(Protocol):
    """What the driver asks of a way to the MCU; a link in memory can stand in for a port."""

    async def request(self, command: int, payload: bytes) -> bytes:
        """Send one request and return its answer's payload. LinkLost or McuError otherwise."""
        ...

    async def close(self) -> None:
        """End the link; waiters fail. Safe to call twice."""
        ...


async def open_link(url: str, deadline: float = DEADLINE) -> "SerialLink":
    """Open a port by path or URL (`/dev/…`, `socket://host:port`, `spy:///dev/…`)."""
    try:
        port = await asyncio.to_thread(_open_port, url)
    except (serial.SerialException, OSError, ValueError, termios.error) as error:
        raise LinkLost(await asyncio.to_thread(_why_not_opened, url, error)) from error
    try:
        link = SerialLink(port, deadline)
    except OSError as error:
        await asyncio.to_thread(port.close)
        raise LinkLost(f"cannot watch {url}: it has no descriptor ({error})") from error
    try:
        await link.drain()
    except BaseException:
        await link.close()
        raise
    return link


def _open_port(url: str) -> serial.Serial:
    """Blocking. What pyserial returns for other URLs has the methods of its Serial too."""
    return serial.serial_for_url(url, baudrate=115200, exclusive=True, timeout=0, write_timeout=0)


def _why_not_opened(url: str, error: Exception) -> str:
    """Blocking: it looks at the file and its group."""
    if "Permission denied" in str(error) and (way_in := _way_in(url)):
        return f"no permission to open {url}: {way_in}"
    if any(sign in str(error) for sign in _NO_SERIAL_PORT):
        return f"{url} is not a serial port: {strangers.ADVICE}"
    if "exclusively lock" in str(error):
        return f"{url} is in use by another program; stop it first"
    if "No such file" in str(error):
        return f"cannot open {url}: there is no such port; plug the board in, or name its port"
    return f"cannot open {url}: {error}"


def _way_in(url: str) -> str:
    """How this program may be let in: by the group, if that has the right; "" where the port is no
    file that this program sees."""
    try:
        port = Path(url.removeprefix("spy://").partition("?")[0]).stat()
    except OSError:
        return ""
    try:
        group = grp.getgrgid(port.st_gid).gr_name
    except KeyError:
        group = str(port.st_gid)
    if port.st_mode & _GROUP_MAY == _GROUP_MAY:
        return f"add this program's user to the group {group}"
    return f"its group {group} has no right to it either; let udev give it to a group (dialout)"


class SerialLink:
    """A link over an open pyserial port."""

    def __init__(self, port: serial.Serial, deadline: float = DEADLINE) -> None:
        self._port = port
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._reader = FrameReader()
        self._sent = self._unsent = b""
        self._heard: bytes | None = b""  # None: there is a concentrator, it has answered
        self._answer: asyncio.Future[Frame] | None = None
        self._late = self._loop.call_later(0, lambda: None)
        self._lost: LinkLost | None = None
        self._next_id = 0
        self._descriptor = port.fileno()
        self._loop.add_reader(self._descriptor, self._on_readable)

    async def drain(self) -> None:
        """Throw away what comes unasked, until nothing has come for 20 ms."""
        self._loop.remove_reader(self._descriptor)
        try:
            for _ in range(_MAX_DRAINS):
                await asyncio.sleep(_QUIET)
                data = self._port.read(_READ_SIZE)
                if not data:
                    break
                self._remember(data)
        except (serial.SerialException, OSError) as error:
            raise LinkLost(f"the port ended: {error}") from error
        self._loop.add_reader(self._descriptor, self._on_readable)

    async def request(self, command: int, payload: bytes) -> bytes:
        async with self._turn:
            if self._answer is not None:
                await asyncio.wait([self._answer])
            answer = await self._exchange(command, payload)
            try:
                checked = check_answer(command, payload, answer)
            except McuError as error:
                self._fail(f"the answers no longer fit the requests: {error}")
                raise
            self._heard = None
            return checked

    async def _exchange(self, command: int, payload: bytes) -> Frame:
        answer = self._send(command, payload)
        try:
            return await answer
        except asyncio.CancelledError:
            if self._answer is answer and self._lost is None:
                # it is still to come: the next request waits for it
                self._answer = self._loop.create_future()
            raise

    def _send(self, command: int, payload: bytes) -> "asyncio.Future[Frame]":
        if self._lost is not None:
            raise LinkLost(str(self._lost)) from self._lost
        self._next_id = (self._next_id + 1) % 255
        self._sent = self._unsent = Frame(self._next_id, command, payload).to_bytes()
        answer = self._answer = self._loop.create_future()
        self._late = self._loop.call_later(self._deadline, self._on_deadline, command)
        if select.select((), (self._descriptor,), (), 0)[1]:
            self._write()
        if self._unsent:
            self._loop.add_writer(self._descriptor, self._on_writable)
        return answer

    def _on_writable(self) -> None:
        self._write()
        if not self._unsent:
            self._loop.remove_writer(self._descriptor)

    def _write(self) -> None:
        try:
            written = self._port.write(self._unsent) or 0
        except (serial.SerialException, OSError) as error:
            self._fail(f"the port ended: {error}")
            written = len(self._unsent)
        self._unsent = self._unsent[written:]

    def _on_readable(self) -> None:
        try:
            self._accept(self._port.read(_READ_SIZE))
        except (serial.SerialException, OSError) as error:
            self._fail(f"the port ended: {error}")
        except McuError as error:
            self._doubt(str(error))

    def _accept(self, data: bytes) -> None:
        if not data:
            raise serial.SerialException("there should be bytes to read, but there are none")
        self._remember(data)
        answer = self._answer
        if answer is None or self._unsent:
            raise McuError(f"bytes that nobody asked for: {data[:16].hex(' ')}")
        frame = self._reader.feed(data)
        if frame is None:
            return
        self._answer = None
        self._late.cancel()
        if not answer.cancelled():
            answer.set_result(frame)

    def _remember(self, data: bytes) -> None:
        if self._heard is not None:
            self._heard = (self._heard + data)[-_MEMORY:]

    def _on_deadline(self, command: int) -> None:
        stranger = "" if self._heard is None else ", or this port is not a concentrator"
        self._distrust(
            f"no answer to command 0x{command:02X} within {self._deadline:g} s: the board"
            f" hangs{stranger}; if this comes again, take its power away for a moment"
        )

    def _doubt(self, reason: str) -> None:
        """What came makes no sense; a stranger may go on, so that he is recognised."""
        if self._heard:
            self._loop.call_later(_HEAR_OUT, self._distrust, reason)
        else:
            self._distrust(reason)

    def _distrust(self, reason: str) -> None:
        """What came makes no sense, or nothing came: the end."""
        self._fail(strangers.description(self._heard or b"", self._sent) or reason)

    def _fail(self, reason: str) -> None:
        """The link is dead from here on; who waits for an answer learns it now."""
        if self._lost is not None:
            return
        self._lost = LinkLost(reason)
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        self._late.cancel()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._lost)
            self._answer.exception()  # its requester may have been cancelled: nobody else will ask

    async def close(self) -> None:
        self._fail("the link was closed")
        await asyncio.to_thread(_close_port, self._port)


def _close_port(port: serial.Serial) -> None:
    """Close without waiting for bytes that a hung board never takes (a tty waits up to 30 s)."""
    with contextlib.suppress(serial.SerialException, OSError, termios.error):
        port.reset_output_buffer()
    port.close()
