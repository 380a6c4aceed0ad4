"""The port over a real pseudo-terminal: what is answered, late, wrong, or gone."""

import asyncio
import os

import pytest
from link_bench import GET_STATUS, SPI, STATUS, opened, prompt, silent
from pty_board import frame, pty_board

from drivers.concentrator import LinkLost, McuError


async def test_request_is_answered() -> None:
    with pty_board(prompt) as board:
        async with opened(board) as link:
            assert await link.request(GET_STATUS, b"") == STATUS
            assert await link.request(SPI, b"abc") == b"abc"


async def test_request_and_answer_may_be_larger_than_the_tty_buffer() -> None:
    payload = os.urandom(4200)
    with pty_board(prompt) as board:
        async with opened(board) as link:
            for _ in range(5):
                assert await link.request(SPI, payload) == payload


async def test_constant_answer_id_is_healthy() -> None:
    with pty_board(lambda _, command, payload: prompt(0, command, payload)) as board:
        async with opened(board) as link:
            for _ in range(3):
                assert await link.request(GET_STATUS, b"") == STATUS


async def test_answer_may_come_byte_by_byte() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(GET_STATUS, b""))
            await board.came.wait()
            for byte in prompt(7, GET_STATUS, b""):
                os.write(board.master, bytes((byte,)))
                await asyncio.sleep(0)
            assert await asked == STATUS


async def test_waiting_requests_take_turns() -> None:
    with pty_board(prompt) as board:
        async with opened(board) as link:
            payloads = [bytes((i,)) for i in range(20)]
            answers = await asyncio.gather(*(link.request(SPI, each) for each in payloads))
            assert answers == payloads


async def test_bytes_left_by_an_earlier_program_are_thrown_away() -> None:
    with pty_board(prompt) as board:
        os.write(board.master, b"left over" * 100)
        async with opened(board) as link:
            assert await link.request(GET_STATUS, b"") == STATUS


async def test_late_answer_ends_the_link_and_is_never_anothers() -> None:
    with pty_board(silent) as board:
        async with opened(board, deadline=0.05) as link:
            with pytest.raises(LinkLost, match=r"no answer to command 0x01 within 0.05 s"):
                await link.request(GET_STATUS, b"")
            board.send(prompt(1, GET_STATUS, b""))
            with pytest.raises(LinkLost, match="no answer"):
                await link.request(GET_STATUS, b"")
            assert len(board.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        frame(1, 0x45, b""),
        frame(1, 0xFF, b""),
        frame(1, 0x41, bytes(7)),
        frame(1, 0x41, bytes(5)),
    ],
    ids=["anothers", "refused", "too long", "too short"],
)
async def test_wrong_answer_is_a_mcu_error_and_ends_the_link(answer: bytes) -> None:
    with pty_board(lambda *_: answer) as board:
        async with opened(board) as link:
            with pytest.raises(McuError):
                await link.request(GET_STATUS, b"")
            with pytest.raises(LinkLost):
                await link.request(GET_STATUS, b"")


@pytest.mark.parametrize("answer", [b"$GPGGA,1235", frame(1, 0x41, STATUS) + b"!"])
async def test_garbage_ends_the_link(answer: bytes) -> None:
    with pty_board(lambda *_: answer) as board:
        async with opened(board) as link:
            with pytest.raises(LinkLost):
                await link.request(GET_STATUS, b"")


async def test_port_that_is_readable_and_gives_nothing_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pty_board(prompt) as board:
        async with opened(board) as link:
            monkeypatch.setattr(link._port, "read", lambda _: b"")
            with pytest.raises(LinkLost, match="the port ended"):
                await link.request(GET_STATUS, b"")


async def test_bytes_that_nobody_asked_for_end_the_link() -> None:
    with pty_board(prompt) as board:
        async with opened(board) as link:
            await link.request(GET_STATUS, b"")
            os.write(board.master, b"\x00")
            while link._lost is None:
                await asyncio.sleep(0)
            with pytest.raises(LinkLost, match="nobody asked"):
                await link.request(GET_STATUS, b"")


async def test_answer_before_the_request_is_out_ends_the_link() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(SPI, bytes(60_000)))
            while not link._unsent:
                await asyncio.sleep(0)
            os.write(board.master, frame(1, 0x45, b""))
            link._loop.remove_writer(link._descriptor)
            with pytest.raises(LinkLost, match="nobody asked"):
                await asked


async def test_unplugging_fails_every_waiter() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            waiters = [asyncio.create_task(link.request(GET_STATUS, b"")) for _ in range(3)]
            await board.came.wait()
            board.unplug()
            results = await asyncio.gather(*waiters, return_exceptions=True)
            assert [type(result) for result in results] == [LinkLost] * 3


async def test_unplugging_in_mid_answer_fails_the_waiter() -> None:
    with pty_board(lambda *_: frame(1, 0x41, STATUS)[:5]) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(GET_STATUS, b""))
            await board.came.wait()
            board.unplug()
            with pytest.raises(LinkLost):
                await asked


async def test_cancelled_requests_answer_is_not_taken_for_the_next() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(SPI, b"first"))
            await board.came.wait()
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            board.answer = prompt
            following = asyncio.create_task(link.request(SPI, b"other"))
            board.send(frame(1, 0x45, b"first"))
            assert await following == b"other"


async def test_cancelled_request_that_is_never_answered_ends_the_link_in_its_own_time() -> None:
    with pty_board(silent) as board:
        async with opened(board, deadline=0.05) as link:
            asked = asyncio.create_task(link.request(SPI, b"first"))
            await board.came.wait()
            asked.cancel()
            following = asyncio.create_task(link.request(SPI, b"other"))
            with pytest.raises(LinkLost, match="no answer"):
                await following
            board.send(frame(1, 0x45, b"first"))
            with pytest.raises(LinkLost, match="no answer"):
                await link.request(SPI, b"third")
            assert len(board.requests) == 1


@pytest.mark.parametrize("cancelled", range(6))
async def test_whoever_is_cancelled_the_others_get_their_own_answers(cancelled: int) -> None:
    with pty_board(prompt) as board:
        async with opened(board) as link:
            payloads = [bytes((i,)) for i in range(6)]
            asked = [asyncio.create_task(link.request(SPI, each)) for each in payloads]
            await board.came.wait()
            asked[cancelled].cancel()
            answers = await asyncio.gather(*asked, return_exceptions=True)
            for i, (payload, answer) in enumerate(zip(payloads, answers, strict=True)):
                assert answer == payload or i == cancelled


async def test_request_cancelled_as_the_port_ends_leaves_nobody_waiting() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(SPI, b"first"))
            await board.came.wait()
            asked.cancel()
            link._fail("gone")
            await asyncio.gather(asked, return_exceptions=True)
            with pytest.raises(LinkLost, match="gone"):
                await link.request(SPI, b"other")


async def test_request_cancelled_as_its_answer_comes_does_no_harm() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(SPI, b"first"))
            await board.came.wait()
            board.answer = prompt
            asked.cancel()
            link._accept(frame(1, 0x45, b"first"))
            await asyncio.gather(asked, return_exceptions=True)
            assert await link.request(SPI, b"other") == b"other"


async def test_closing_fails_waiters_and_may_be_repeated() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(GET_STATUS, b""))
            await board.came.wait()
            await link.close()
            await link.close()
            with pytest.raises(LinkLost, match="closed"):
                await asked
