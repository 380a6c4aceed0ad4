"""The sides of the daemon, each in a file: its parts, and what they say to each other.

`gateway/daemon.py` builds them one after the other; each is handed those before it, and none builds
another. All stand on `ground.py`: `keeping.py` (buffer and disk), `air.py` (radio, uplinks and
downlinks), `city.py` (the broker), `technician.py` (control socket, history and metrics).
"""
