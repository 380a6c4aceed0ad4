"""The nonces that joins and rejoins have spent, for ever.

Rules:

- A DevNonce is accepted once per DevEUI and JoinEUI. Up to 1.0.3 it is random: every one is
  remembered, two bytes each, 65 536 at most; a device that has used them all cannot join again
  under that JoinEUI. From 1.0.4 on, and in 1.1, it also has to rise (TS001-1.0.4 §6.2.4).
- JoinNonce rises per device, over joins and rejoins alike.
- RJcount1 rises per DevEUI and JoinEUI (LoRaWAN 1.1 §6.2.4.2). RJcount0 begins anew in each session
  and stands there.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from gateway.lorawan.session import Changes, Join, Rejoin


class Nonces:
    """Of all devices; what is given here is on disk, or is with the same commit."""

    def __init__(self, joins: Iterable[Join], rejoins: Iterable[Rejoin]) -> None:
        self._dev_nonces: dict[tuple[int, int], array[int]] = {}
        self._rj_counts_1: dict[tuple[int, int], int] = {}
        self._join_nonces: dict[int, int] = {}
        for join in joins:
            self.spend(join)
        for rejoin in rejoins:
            self.spend_rejoin(rejoin)

    def everything(self) -> Changes:
        """All that was ever spent, for a database that has lost it."""
        joins = tuple(
            Join(*whose, nonce, self._join_nonces[whose[0]])
            for whose, spent in self._dev_nonces.items()
            for nonce in spent
        )
        rejoins = tuple(
            Rejoin(*whose, count, self._join_nonces[whose[0]])
            for whose, count in self._rj_counts_1.items()
        )
        return Changes(joins=joins, rejoins=rejoins)

    def next_join_nonce(self, dev_eui: int) -> int:
        return self._join_nonces.get(dev_eui, 0) + 1

    def last_rj_count_1(self, dev_eui: int, join_eui: int) -> int:
        """-1 before the first."""
        return self._rj_counts_1.get((dev_eui, join_eui), -1)

    def spent(self, dev_eui: int) -> int:
        """How many DevNonces a device has spent, under all JoinEUIs."""
        return sum(len(spent) for (eui, _), spent in self._dev_nonces.items() if eui == dev_eui)

    def is_fresh(self, dev_eui: int, join_eui: int, dev_nonce: int, *, rising: bool) -> bool:
        spent = self._dev_nonces.get((dev_eui, join_eui))
        if not spent:
            return True
        if rising:
            return dev_nonce > spent[-1]
        at = bisect_left(spent, dev_nonce)
        return at == len(spent) or spent[at] != dev_nonce

    def has_spent(self, dev_eui: int, join_eui: int, dev_nonce: int) -> bool:
        return not self.is_fresh(dev_eui, join_eui, dev_nonce, rising=False)

    def spend(self, join: Join) -> None:
        if self.is_fresh(join.dev_eui, join.join_eui, join.dev_nonce, rising=False):
            spent = self._dev_nonces.setdefault((join.dev_eui, join.join_eui), array("H"))
            spent.insert(bisect_left(spent, join.dev_nonce), join.dev_nonce)
        self._spend_join_nonce(join.dev_eui, join.join_nonce)

    def spend_rejoin(self, rejoin: Rejoin) -> None:
        self._rj_counts_1[rejoin.dev_eui, rejoin.join_eui] = rejoin.rj_count_1
        self._spend_join_nonce(rejoin.dev_eui, rejoin.join_nonce)

    def _spend_join_nonce(self, dev_eui: int, join_nonce: int) -> None:
        self._join_nonces[dev_eui] = max(self._join_nonces.get(dev_eui, 0), join_nonce)
