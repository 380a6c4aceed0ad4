"""How long a test waits for what must come: against hanging alone, never to judge speed.

A machine that is ten times slower, and busy, is waited for. What the contract promises within a
time is asserted where it is promised.
"""

HUNG = 120.0  # seconds; pytest's own time-out for a test is longer (pyproject.toml)
