"""Adaptive data rate: Semtech's published algorithm ("LoRaWAN: simple rate adaptation", 2016).

Rules:

- Best SNR of the last 20 uplinks, less the demodulation floor of the data rate, less the
  installation margin (10 dB by default); every whole 3 dB of what is left is a step. Steps first
  make the data rate faster, then lower the power, one TXPower index each; negative ones raise the
  power. The network never makes a data rate slower: a device out of reach does it by itself.
- Steps are rounded towards zero, as published: between -3 and 3 dB nothing happens, which is wider
  than what one step alters. That keeps fading from moving the power up and down (with 2 dB of
  fading a tenth of the commands that rounding down would send).
- Faster and quieter is decided from the first uplink on: the best of few is no better than the
  best of twenty, so haste only errs on the safe side. Raising the power and NbTrans wait for
  twenty: a few bad uplinks, or a few lost ones, say nothing yet.
- NbTrans follows from the share of lost frames by the published table.
- A history belongs to one setting: what was heard before a change says nothing of what comes
  after it, and would ask for the same change again. The caller begins a new `History` with each
  change that the device accepted, with each `follow` that alters the link, with a new session, and
  after an outage of its own receiver (frames missing then were not lost on the air).
- Only authentic, accepted, first copies of frames may be added (`outcome.Uplink` without
  `retransmission`): a replayed frame with a beautiful SNR must not move anything. `History.add`
  refuses a counter that does not rise.
- A device that does not set the ADR bit is not commanded.
- A device that hears nothing for long restores its full power, then slows down step by step
  (TS001-1.0.4 §4.3.1.1). So a slower data rate than the one commanded means: full power, start
  again from there (`follow`). Frames with ADRACKReq may already be at full power; the answer they
  need states the settings once more (`Decision.command`), and both sides know again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

HISTORY_SIZE = 20
STEP_DB = 3.0
MAX_NB_TRANS = 3

NB_TRANS = ((0.05, (1, 1, 2)), (0.10, (1, 2, 3)), (0.30, (2, 3, 3)), (float("inf"), (3, 3, 3)))
"""Below this share of lost frames: NbTrans for a device that has 1, 2, 3 now."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a device sends with: data rate, TXPower index (0 is full power), NbTrans."""

    dr: int
    tx_power: int = 0
    nb_trans: int = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What a device may be told; `required_snr` in dB for each LoRa data rate index.

    `eirp` are the powers in dBm by TXPower index.
    """

    min_dr: int
    max_dr: int
    max_tx_power: int
    required_snr: Mapping[int, float]
    eirp: tuple[float, ...]
    installation_margin: float = 10.0

    def clamp(self, link: Link) -> Link:
        """The nearest allowed setting."""
        return Link(
            min(max(link.dr, self.min_dr), self.max_dr),
            min(max(link.tx_power, 0), self.max_tx_power),
            min(max(link.nb_trans, 1), MAX_NB_TRANS),
        )


@dataclass(frozen=True, slots=True)
class Heard:
    """An accepted uplink: its 32-bit counter, and the SNR in dB."""

    f_cnt: int
    snr: float


@dataclass(frozen=True, slots=True)
class History:
    """The last uplinks of a device with one setting, oldest first."""

    frames: tuple[Heard, ...] = ()

    def add(self, f_cnt: int, snr: float) -> "History":
        """One more; ValueError for a counter that does not rise: that frame was no news."""
        if self.frames and f_cnt <= self.frames[-1].f_cnt:
            raise ValueError(f"f_cnt {f_cnt} after {self.frames[-1].f_cnt}")
        return History((*self.frames, Heard(f_cnt, snr))[-HISTORY_SIZE:])

    @property
    def full(self) -> bool:
        return len(self.frames) == HISTORY_SIZE

    @property
    def best_snr(self) -> float:
        """In dB; ValueError of an empty history."""
        return max(frame.snr for frame in self.frames)

    @property
    def loss(self) -> float:
        """The share of frames missing between the first and the last, 0 … 1."""
        if not self.frames:
            return 0.0
        return 1 - len(self.frames) / (self.frames[-1].f_cnt - self.frames[0].f_cnt + 1)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the device should use, whether it is to be told so, and why, for people to read."""

    link: Link
    command: bool
    reason: str


def follow(link: Link, heard_dr: int, requested: Link | None = None) -> Link:
    """What the device uses now that it was heard at `heard_dr`.

    `requested` was sent in a LinkADRReq and not answered yet: its answer may have been lost.
    """
    if heard_dr == link.dr:
        return link
    if requested is not None and heard_dr == requested.dr:
        return requested
    return Link(heard_dr)


def decide(
    history: History, link: Link, limits: Limits, *, adr: bool = True, adr_ack_req: bool = False
) -> Decision:
    """What a device that uses `link` should use; `adr` and `adr_ack_req` are its uplink's bits."""
    if not adr:
        return Decision(link, False, "the device adapts by itself (ADR bit off)")
    start = limits.clamp(link)
    required = limits.required_snr.get(start.dr)
    if not history.frames or required is None:
        goal, reason = start, _without_snr(start, required)
    else:
        margin = history.best_snr - required - limits.installation_margin
        goal = _step(start, limits, int(margin / STEP_DB), history.full)
        goal = replace(goal, nb_trans=_nb_trans(goal.nb_trans, history))
        reason = _explain(history, link, goal, limits, required, margin)
    if adr_ack_req:
        reason += "; it asks whether it is heard (ADRACKReq): told once more"
    return Decision(goal, adr_ack_req or goal != link, reason)


def _step(link: Link, limits: Limits, steps: int, full: bool) -> Link:
    """The published loop over steps, all at once."""
    if steps < 0:
        return replace(link, tx_power=max(link.tx_power + steps, 0)) if full else link
    faster = min(steps, limits.max_dr - link.dr)
    quieter = min(steps - faster, limits.max_tx_power - link.tx_power)
    return replace(link, dr=link.dr + faster, tx_power=link.tx_power + quieter)


def _nb_trans(nb_trans: int, history: History) -> int:
    if not history.full:
        return nb_trans
    row = next(row for below, row in NB_TRANS if history.loss < below)
    return row[nb_trans - 1]


def _without_snr(link: Link, required: float | None) -> str:
    if required is None:
        return f"DR{link.dr} has no LoRa demodulation floor to compare with: left as it is"
    return "nothing heard with these settings yet"


def _explain(
    history: History, before: Link, after: Link, limits: Limits, required: float, margin: float
) -> str:
    heard = len(history.frames)
    best = f"best SNR of {heard} uplink{'s' if heard > 1 else ''} {history.best_snr:.1f} dB"
    needs = f"{required:.1f} dB needed, {limits.installation_margin:.1f} dB kept in hand"
    spare = f"{margin:.1f} dB to spare" if margin >= 0 else f"{-margin:.1f} dB short"
    waits = "" if history.full else f" (power up and NbTrans wait for {HISTORY_SIZE})"
    lost = f"{history.loss:.0%} lost"
    return f"{best}, {needs}: {spare}; {lost}: {_changes(before, after, limits)}{waits}"


def _changes(before: Link, after: Link, limits: Limits) -> str:
    pairs = (
        ("DR", before.dr, after.dr, ""),
        ("TXPower ", before.tx_power, after.tx_power, f" ({limits.eirp[after.tx_power]:g} dBm)"),
        ("NbTrans ", before.nb_trans, after.nb_trans, ""),
    )
    changed = [f"{name}{old} → {name}{new}{more}" for name, old, new, more in pairs if old != new]
    return ", ".join(changed) or "stays"
