"""When a connection that holds is left of our own will: what is in flight is finished first.

- When certificates have changed, or the time is known by which their dates can be checked.
- For the first broker, when it is back.
"""

import asyncio
from contextlib import suppress
from typing import Final

from aiomqtt import MqttError

from gateway.northbound.brokers import Brokers
from gateway.northbound.sending import Sender
from gateway.northbound.tls import Certificates

CERTIFICATES_SECONDS: Final = 30.0  # how often their files are looked at
FINISH_SECONDS: Final = 10.0  # for what is in flight


class Leaving(MqttError):
    """The connection is ended by us, and why; `for_first`: for the first broker."""

    def __init__(self, text: str, for_first: bool = False) -> None:
        super().__init__(text)
        self.for_first = for_first


class Occasions:
    """For one forwarder."""

    def __init__(self, certificates: Certificates, brokers: Brokers, sender: Sender) -> None:
        self._certificates, self._brokers, self._sender = certificates, brokers, sender

    def watch(self, tasks: asyncio.TaskGroup, sending: asyncio.Task[None]) -> None:
        """One of the tasks raises `Leaving` when it is time; `sending` has ended then."""
        tasks.create_task(self._watch_certificates(sending), name="forward.certificates")
        if self._brokers.is_fallback:
            tasks.create_task(self._watch_first(sending), name="forward.first")

    async def _watch_certificates(self, sending: asyncio.Task[None]) -> None:
        while True:
            await asyncio.sleep(CERTIFICATES_SECONDS)
            if reason := await asyncio.to_thread(self._certificates.outdated):
                await self._finish(sending)
                raise Leaving(reason)

    async def _watch_first(self, sending: asyncio.Task[None]) -> None:
        while True:
            await asyncio.sleep(self._brokers.next_look())
            if await self._brokers.first_listens():
                await self._finish(sending)
                raise Leaving("the first broker listens again", for_first=True)

    async def _finish(self, sending: asyncio.Task[None]) -> None:
        """Nothing new is sent; what is in flight has its time, so that it need not go twice."""
        sending.cancel()
        await asyncio.wait({sending})
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISH_SECONDS):
                await self._sender.finished()
