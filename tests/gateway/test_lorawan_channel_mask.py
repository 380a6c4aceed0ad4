"""Channel masks against a device that applies LinkADRReq by the book, form by form."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lorawan.channel_mask import CN470, DYNAMIC, US915_AU915, MaskFamily, channel_mask

Channels = set[int]
Requests = list[tuple[int, int]]


def sixteen(on: Channels, base: int, ch_mask: int) -> Channels:
    own = {base + bit for bit in range(16)}
    return on - own | {base + bit for bit in range(16) if ch_mask & 1 << bit}


def dynamic_device(on: Channels, ch_mask_cntl: int, ch_mask: int) -> Channels:
    """EU868 and the like (RP002-1.0.4): sixteen channels, here all defined."""
    if ch_mask_cntl == 0:
        return sixteen(on, 0, ch_mask)
    assert ch_mask_cntl == 6, "RFU: the device refuses the channel mask"
    return set(range(16))


def us915_device(on: Channels, ch_mask_cntl: int, ch_mask: int) -> Channels:
    """US915 and AU915 (RP002-1.0.4): 64 channels of 125 kHz, eight of 500 kHz."""
    wide = {64 + bit for bit in range(8) if ch_mask & 1 << bit}
    if ch_mask_cntl <= 4:
        after = sixteen(on, 16 * ch_mask_cntl, ch_mask)
        assert max(after, default=0) < 72, "a channel that does not exist: refused"
        return after
    assert ch_mask < 256, "the upper byte is RFU"
    if ch_mask_cntl == 5:
        blocks = [bit for bit in range(8) if ch_mask & 1 << bit]
        return {8 * block + channel for block in blocks for channel in range(8)} | wide
    return (set(range(64)) if ch_mask_cntl == 6 else set()) | wide


def cn470_device(on: Channels, ch_mask_cntl: int, ch_mask: int) -> Channels:
    """CN470 before RP002: 96 channels."""
    if ch_mask_cntl <= 5:
        return sixteen(on, 16 * ch_mask_cntl, ch_mask)
    assert ch_mask_cntl == 6, "RFU: the device refuses the channel mask"
    return set(range(96))


Device = Callable[[Channels, int, int], Channels]
PLANS = [(DYNAMIC, dynamic_device), (US915_AU915, us915_device), (CN470, cn470_device)]
NAMES = ["dynamic", "us915", "cn470"]


def apply(device: Device, on: Channels, requests: Requests) -> Channels:
    for ch_mask_cntl, ch_mask in requests:
        assert 0 <= ch_mask_cntl <= 7
        assert 0 <= ch_mask <= 0xFFFF
        on = device(on, ch_mask_cntl, ch_mask)
    return on


def channel_sets(family: MaskFamily) -> st.SearchStrategy[Channels]:
    """Any channels, and the ones people have: whole blocks, and a few beside them."""
    some = st.sets(st.integers(0, family.channels - 1))
    blocks = st.sets(st.integers(0, family.channels // 8 - 1)).map(
        lambda chosen: {8 * block + bit for block in chosen for bit in range(8)}
    )
    return st.one_of(some, st.tuples(blocks, some).map(lambda both: both[0] ^ both[1]), blocks)


@pytest.mark.parametrize(("family", "device"), PLANS, ids=NAMES)
@given(data=st.data())
def test_exactly_the_wanted_channels_are_left_on(
    family: MaskFamily, device: Device, data: st.DataObject
) -> None:
    wanted = data.draw(channel_sets(family).filter(bool))
    current = data.draw(channel_sets(family))
    assert apply(device, current, channel_mask(wanted, family, current)) == wanted
    assert apply(device, current, channel_mask(wanted, family, None)) == wanted


@given(st.data())
def test_no_single_request_would_have_done_where_two_are_sent(data: st.DataObject) -> None:
    wanted = data.draw(channel_sets(US915_AU915).filter(bool))
    current = data.draw(channel_sets(US915_AU915))
    requests = channel_mask(wanted, US915_AU915, current)
    words = [(word, {c for c in wanted if c // 16 == word}) for word in range(5)]
    singles = [(word, sum(1 << c % 16 for c in own)) for word, own in words]
    singles += [(form, mask) for form in (5, 6, 7) for mask in range(256)]
    enough = any(us915_device(current, *single) == wanted for single in singles)
    assert (len(requests) == 1) == enough


@pytest.mark.parametrize(
    ("wanted", "current", "expected"),
    [
        # sub-band 2, from all on: one block
        ({*range(8, 16), 65}, set(range(72)), [(5, 0b10)]),
        # the same when nobody knows what is on
        ({*range(8, 16), 65}, None, [(5, 0b10)]),
        # without its 500 kHz channel: all 125 kHz off, then the word
        (set(range(8, 16)), set(range(72)), [(7, 0), (0, 0xFF00)]),
        (set(range(72)), {0}, [(5, 0xFF)]),
        ({*range(64), 70}, {0}, [(6, 0x40)]),
        ({64, 71}, set(range(72)), [(7, 0x81)]),
        # one word differs
        ({0, 1, 20}, {0, 1, 21}, [(1, 0x0010)]),
        # nothing to alter: said again
        ({20, 64}, {20, 64}, [(1, 0x0010)]),
    ],
)
def test_us915_by_hand(wanted: Channels, current: Channels | None, expected: Requests) -> None:
    found = channel_mask(wanted, US915_AU915, current)
    assert len(found) == len(expected)
    assert apply(us915_device, current or set(), found) == wanted
    assert apply(us915_device, current or set(), expected) == wanted


def test_sixteen_channels_take_one_request() -> None:
    assert channel_mask({0, 1, 2}, DYNAMIC, set(range(8))) == [(0, 0b111)]
    assert channel_mask(range(16), DYNAMIC, None) == [(0, 0xFFFF)]


def test_cn470_by_hand() -> None:
    assert channel_mask(range(96), CN470, {0}) == [(6, 0)]
    assert channel_mask(range(80, 88), CN470, range(80, 96)) == [(5, 0x00FF)]


@pytest.mark.parametrize("wanted", [set(), {16}, {-1}])
def test_impossible_channels_are_our_fault(wanted: Channels) -> None:
    with pytest.raises(ValueError):
        channel_mask(wanted, DYNAMIC, {0})
