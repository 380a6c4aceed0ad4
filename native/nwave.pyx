"""Nwave parking sensors: the FPort says what the bytes mean.

NPS4xx: port 1 the lot changed, 2 heartbeat, 3 start-up, 6 debug, 10 a tag registered; integers are
big-endian. Names and arithmetic are those of the maker's published codec, `None` is its null. A
payload too short for its port is an error; an unknown port decodes to nothing.
"""

_RESET_CAUSES = {
    0: "rejoining_lorawan_network", 1: "watchdog", 2: "power_on", 3: "user_request",
    6: "brownout", 7: "other",
}

cdef int[11] _SHORTEST = [0, 1, 3, 5, 0, 0, 0, 0, 0, 0, 5]


def nps405(int f_port, bytes payload not None):
    """Decode one uplink of an NPS405 (surface or flush mount)."""
    cdef const unsigned char* p = payload
    cdef Py_ssize_t n = len(payload)
    if f_port not in (1, 2, 3, 6, 10):
        return {"data": {}}
    if n < _SHORTEST[f_port]:
        return {"errors": [f"{n} bytes are too few for FPort {f_port}"]}
    if f_port == 1:
        return {"data": _with_state({"type": "parking_status"}, p[0])}
    if f_port == 2:
        return {"data": _heartbeat(p)}
    if f_port == 3:
        return {"data": _startup(p)}
    if f_port == 6:
        return {"data": {"type": "debug", "bytes": list(payload)}}
    return {"data": _registration(p)}


cdef dict _with_state(dict data, int byte):
    """Add the lot's state, bit 0, and how long the last one held: minutes, coarser with time."""
    cdef int code = byte >> 1
    data["occupied"] = (byte & 1) == 1
    data["previous_state_duration_overflow"] = code == 127
    if code < 90:
        data["previous_state_duration"], data["previous_state_duration_error"] = code, 0
    elif code < 120:
        data["previous_state_duration"] = 90 + (code - 90) * 5
        data["previous_state_duration_error"] = 4
    else:
        data["previous_state_duration"] = 240 + (code - 120) * 60
        data["previous_state_duration_error"] = None if code == 127 else 59
    return data


cdef dict _heartbeat(const unsigned char* p):
    cdef int millivolts = 2500 + p[1] * 4
    cdef double temperature = <signed char>p[2] / 2.0 + 10
    cdef int low = 3000 if temperature >= -5 else 2900
    return {
        "type": "heartbeat",
        "occupied": (p[0] & 1) == 1,
        "hw_health_status": p[0] & 0x7F,
        "temperature": temperature,
        "battery_voltage": millivolts / 1000.0,
        "battery_health":
            "normal" if millivolts >= low else "low" if millivolts >= low - 100 else "critical",
    }


cdef dict _startup(const unsigned char* p):
    data = {
        "type": "startup",
        "firmware_version": f"{p[0]}.{p[1]}.{p[2]}",
        "occupied": (p[4] & 1) == 1,
    }
    if p[3] in _RESET_CAUSES:
        data["reset_cause"] = _RESET_CAUSES[p[3]]
    return data


cdef dict _registration(const unsigned char* p):
    # the maker's codec prints the tag as a signed 32-bit number: 80345678 reads -7FCBA988
    cdef int tag = <int>(<unsigned int>p[1] << 24 | p[2] << 16 | p[3] << 8 | p[4])
    data = {"type": "user_registration", "tag_id": f"{tag:X}"}
    if p[0] & 1:
        return _with_state(data, p[0])
    data["occupied"] = None
    data["previous_state_duration"] = None
    data["previous_state_duration_error"] = None
    data["previous_state_duration_overflow"] = None
    return data
