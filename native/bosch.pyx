"""Bosch parking lot sensors: the FPort says what the bytes mean.

TPS110: port 1 the lot changed, 2 heartbeat, 3 start-up, 4 and 5 the maker's own, 6 debug; integers
are little-endian. Names are those of the maker's published codec. A payload too short for its port
is an error; an unknown port decodes to nothing.
"""


_RESET_CAUSES = (None, "watchdog", "power on", "system request", "other")

cdef int[7] _SHORTEST = [0, 1, 1, 17, 0, 0, 10]


def tps110_0292(int f_port, bytes payload not None):
    """Decode one uplink of a TPS110 with firmware 0.29 or later."""
    cdef const unsigned char* p = payload
    cdef Py_ssize_t n = len(payload)
    if not 1 <= f_port <= 6:
        return {"data": {}}
    if n < _SHORTEST[f_port]:
        return {"errors": [f"{n} bytes are too few for FPort {f_port}"]}
    if f_port == 1:
        return {"data": {"type": "parking status", "occupied": (p[0] & 1) == 1}}
    if f_port == 2:
        return {"data": _heartbeat(p, n)}
    if f_port == 3:
        return {"data": _startup(p)}
    if f_port == 6:
        return {"data": _debug(p)}
    return {"data": {
        "type": "device information" if f_port == 4 else "device usage", "bytes": list(payload),
    }}


cdef dict _heartbeat(const unsigned char* p, Py_ssize_t n):
    data = {"type": "heartbeat", "occupied": (p[0] & 1) == 1}
    if n >= 2:
        data["temperature"] = <signed char>p[1]
    return data


cdef dict _startup(const unsigned char* p):
    codes = [(p[i + 1] & 0x0F) << 8 | p[i] for i in (0, 4, 8)]
    data = {
        "type": "startup",
        "debugCodes": [code for code in codes if code],
        "firmwareVersion": f"{p[12]}.{p[13]}.{p[14]}",
        "occupied": (p[16] & 1) == 1,
    }
    if 1 <= p[15] < len(_RESET_CAUSES):
        data["resetCause"] = _RESET_CAUSES[p[15]]
    return data


cdef dict _debug(const unsigned char* p):
    # the maker's codec reads the time stamp as a signed 32-bit number
    return {
        "type": "debug",
        "timestamp": <int>(<unsigned int>p[3] << 24 | p[2] << 16 | p[1] << 8 | p[0]),
        "debugCode": (p[5] & 0x0F) << 8 | p[4],
        "sequenceNumber": p[9] << 8 | p[8],
    }
