"""A week of a gateway from fixed data: days and nights, an outage, restarts, a device with a name.

`python tests/report_case.py FILE.html` writes the page.
"""

import math
import random
import sys
from pathlib import Path

from screen_cases import AT, found, status

from gateway.cli import language, status_screen
from gateway.history import EVERY, HOUR, Sample
from gateway.report.page import Facts, page

DAY = 24 * HOUR
SCRIPT = "<script>alert('1')</script>"
OUTAGE = range(400, 520)
OFF = range(1000, 1040)
RESTARTS = {0: 20, 700: 400_000, 1040: 25}


def samples(days: float = 7) -> list[Sample]:
    dice = random.Random(17)
    count = int(days * DAY / EVERY)
    return [sample(n, count, dice) for n in range(count) if n not in OFF]


def sample(n: int, count: int, dice: random.Random) -> Sample:
    at = int(AT - (count - n) * EVERY)
    day = math.sin((at % DAY) / DAY * 2 * math.pi - 2)
    waiting = 0 if n not in OUTAGE else (n - OUTAGE.start) * 35
    return Sample(
        at=at,
        up=RESTARTS.get(n, 500_000 + n * 300),
        began=n in RESTARTS,
        readings=round(35 + 15 * day + dice.random() * 6),
        drops=round(8 + dice.random() * 4),
        waiting=waiting + round(dice.random() * 3),
        oldest=round((n - OUTAGE.start) * EVERY) if waiting else 2,
        board=48 + 9 * day + dice.random(),
        concentrator=31 + 8 * day + dice.random(),
        disk=0.58 + n / count * 0.03,
        connected=0.0 if waiting else 1.0,
        receiving=0.93 if n == 700 else 1.0,
    )


def signals(devices: int = 12) -> list[dict[str, object]]:
    dice = random.Random(4)
    names = [SCRIPT, "parking-neuer-markt-07", "Müll & Glas, Hafen", *map(str, range(devices))]
    return [
        {
            "dev_eui": f"{0x70B3D57ED0000000 + n:016x}",
            "name": name if not name.isdecimal() else f"level-{n:02}",
            "uplinks": [
                [7 + n % 6, round(dice.gauss(9 - 2 * n, 2.0), 1)] for _ in range(24 if n else 3)
            ],
        }
        for n, name in enumerate(names[:devices])
    ]


def facts(days: float = 7) -> Facts:
    told = status("broker_down")
    rows = list(status_screen.parts(told))
    verdict, level = status_screen.said_first(told, rows)
    return Facts(
        who=f"{SCRIPT} 0016c001ff10a235",
        version="0.1.0",
        at=AT,
        level=level,
        verdict=verdict,
        rows=rows,
        findings=found("broker_down"),
        samples=samples(days) if days else [],
        signals=signals(),
        absent=[("metrics.txt", "this daemon knows no metrics")],
    )


if __name__ == "__main__":
    language.speak(sys.argv[2] if len(sys.argv) > 2 else "en")
    days = float(sys.argv[3]) if len(sys.argv) > 3 else 7
    Path(sys.argv[1]).write_text(page(facts(days)), encoding="utf-8")
