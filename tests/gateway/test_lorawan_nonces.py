"""Spent nonces: what is fresh, in how much memory."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from gateway.lorawan.nonces import Nonces
from gateway.lorawan.session import Join, Rejoin

NONCES = st.lists(st.integers(0, 0xFFFF), max_size=50)


@given(NONCES, st.integers(0, 0xFFFF))
def test_each_dev_nonce_is_fresh_once(spent: list[int], asked: int) -> None:
    nonces = Nonces((Join(1, 2, each, n) for n, each in enumerate(spent)), ())
    assert nonces.is_fresh(1, 2, asked, rising=False) is (asked not in spent)
    assert nonces.is_fresh(1, 2, asked, rising=True) is (asked > max(spent, default=-1))
    assert nonces.spent(1) == len(set(spent))
    assert nonces.is_fresh(1, 3, asked, rising=True)
    assert nonces.next_join_nonce(1) == max(len(spent) - 1, 0) + 1


def test_rejoins_keep_the_join_nonce_and_rj_count_1() -> None:
    nonces = Nonces([Join(1, 2, 3, 4)], [Rejoin(1, 2, 7, 9)])
    assert nonces.next_join_nonce(1) == 10
    assert (nonces.last_rj_count_1(1, 2), nonces.last_rj_count_1(1, 3)) == (7, -1)


def test_exhausted_device_costs_128_kib() -> None:
    tracemalloc.start()
    nonces = Nonces((Join(1, 2, each, each) for each in range(0x10000)), ())
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert nonces.spent(1) == 0x10000
    assert not any(nonces.is_fresh(1, 2, each, rising=False) for each in range(0x10000))
    assert used < 160 * 1024
