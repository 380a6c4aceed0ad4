"""Dingtek level, parking and manhole sensors: one header (80 00, model, data type, length), then a
fixed layout that the payload's length tells apart; integers are big-endian, floats little-endian.

Values are text with their unit ("2000 mm"), as in the maker's published codec, its quirks included:
`battery` is the low-battery alarm, the angle's sign is never read, and a float's mantissa is divided
by 7fffff instead of 800000.
"""

from libc.math cimport INFINITY, fabs, floor, ldexp, nextafter


def df702(int f_port, bytes payload not None):
    """Decode one uplink of a DF702 waste bin level sensor (FPort 3)."""
    cdef const unsigned char* p = payload
    cdef Py_ssize_t n = len(payload)
    if f_port != 3:
        return {"errors": ["unknown FPort"]}
    if n == 17:
        return {"data": _level(p, p + 8)}
    if n != 25:
        return {"errors": ["wrong length"]}
    if p[3] == 3:
        return {"data": _parameters(p)}
    data = _level(p, p + 16)
    data["longitude"] = _fixed6(_float(p + 8))
    data["latitude"] = _fixed6(_float(p + 12))
    return {"data": data}


cdef dict _level(const unsigned char* p, const unsigned char* tail):
    """The level stands at byte 5; what follows the optional position starts at `tail`."""
    return {
        "level": f"{p[5] << 8 | p[6]} mm",
        "temperature": f"{tail[0]} ℃",
        "angle": f"{-<int>tail[2]} °",
        "full": tail[3] > 0x0F,
        "fire": (tail[3] & 0x0F) != 0,
        "tilt": tail[4] > 0x0F,
        "battery": (tail[4] & 0x0F) != 0,
    }


cdef dict _parameters(const unsigned char* p):
    return {
        "periodic_interval": f"{p[7]} hours",
        "detection_interval": f"{p[8]} minutes",
        "full_alarm_threshold": f"{p[9]} cm",
        "fire_alarm_threshold": f"{p[10]} ℃",
        "tilt_alarm_threshold": f"{p[11]} °",
        "tilt_enable": p[12] != 0,
        "ultrasonic_range": "5000 mm" if p[13] else "2000 mm",
    }


cdef double _float(const unsigned char* p) noexcept:
    """IEEE 754 single as the maker reads it: no zero, no infinity, no NaN; always finite."""
    cdef double mantissa = 1 + ((p[2] & 0x7F) << 16 | p[1] << 8 | p[0]) / <double>0x7FFFFF
    cdef int exponent = ((p[3] & 0x7F) << 1 | p[2] >> 7) - 127
    return ldexp(-mantissa if p[3] & 0x80 else mantissa, exponent)


cdef str _fixed6(double value):
    """Six decimals as ECMAScript's toFixed writes them: exact halves away from zero, 1e21 as it is."""
    if fabs(value) >= 1e21:
        return repr(value)
    if fabs(value) < 1 and floor(value * 128) == value * 128:  # only n/128 can be such a half
        value = nextafter(value, INFINITY if value > 0 else -INFINITY)
    return f"{value:.6f}"
