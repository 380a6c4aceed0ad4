"""The judge finds each way in which a reading can go wrong: a check that cannot fail is none."""

from dataclasses import replace

from gateway.demo.judge import LATE_S, Arrival, Frame, FrameKey, identity, judge

KEYS = [FrameKey("70b3d57ed0000001", "0102a30001", f_cnt) for f_cnt in range(3)]
FRAMES = [Frame(key, 100.0 + key.f_cnt, heard=True) for key in KEYS]
ARRIVALS = [Arrival(identity(frame.key), frame.key, frame.at + 0.5) for frame in FRAMES]
IDS = {arrival.id for arrival in ARRIVALS}


def test_id_is_that_of_the_specification() -> None:
    # printf '70b3d57ed00000010102a3000100000002' | xxd -r -p | sha256sum | cut -c1-32
    assert identity(KEYS[2]) == "dbc973d866182ba976f2ee438d376897"


def test_all_well() -> None:
    verdict = judge(FRAMES, ARRIVALS, IDS, safe=IDS)
    assert verdict.json(joined=5, seconds=30.04) == {
        "sent": 3,
        "received": 3,
        "lost": 0,
        "duplicates": 0,
        "redelivered": 0,
        "late": 0,
        "joined": 5,
        "seconds": 30.0,
    }


def test_reading_that_never_arrives_is_lost() -> None:
    assert judge(FRAMES, ARRIVALS[1:], IDS).lost == 1


def test_reading_that_no_acknowledged_publish_carried_is_lost() -> None:
    assert judge(FRAMES, ARRIVALS, IDS - {ARRIVALS[0].id}).lost == 1


def test_safe_id_that_never_arrives_is_lost() -> None:
    safe = IDS | {"00" * 16}
    assert judge(FRAMES, ARRIVALS, IDS, safe).lost == 1
    assert judge(FRAMES, ARRIVALS, IDS | safe, safe).lost == 1


def test_reading_missing_and_safe_is_lost_once() -> None:
    assert judge(FRAMES, ARRIVALS[1:], IDS, safe=IDS).lost == 1


def test_frame_that_the_antenna_never_received_is_no_loss() -> None:
    frames = [replace(FRAMES[0], heard=False), *FRAMES[1:]]
    verdict = judge(frames, ARRIVALS[1:], IDS)
    assert (verdict.lost, verdict.collided, verdict.sent) == (0, 1, 2)


def test_second_id_for_one_frame_is_a_duplicate() -> None:
    verdict = judge(FRAMES, [*ARRIVALS, replace(ARRIVALS[0], id="11" * 16)], IDS)
    assert (verdict.duplicates, verdict.lost) == (1, 0)


def test_one_frame_under_two_sessions_is_a_duplicate() -> None:
    other = KEYS[0]._replace(session="0102a30002")
    twin = Arrival(identity(other), other, 100.5)
    assert judge(FRAMES, [*ARRIVALS, twin], IDS).duplicates == 1


def test_two_frames_under_one_id_lose_one() -> None:
    merged = [ARRIVALS[0], replace(ARRIVALS[1], id=ARRIVALS[0].id), ARRIVALS[2]]
    assert judge(FRAMES, merged, IDS).lost == 1


def test_same_id_again_is_redelivered_and_no_duplicate() -> None:
    verdict = judge(FRAMES, [*ARRIVALS, ARRIVALS[0], ARRIVALS[0]], IDS)
    assert (verdict.received, verdict.redelivered, verdict.duplicates) == (3, 2, 0)


def test_reading_that_took_long_is_late() -> None:
    late = replace(ARRIVALS[0], at=FRAMES[0].at + LATE_S + 0.1)
    assert judge(FRAMES, [late, *ARRIVALS[1:]], IDS).late == 1
