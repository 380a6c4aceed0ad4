"""ELSYS: type u8, then the value, big-endian, until the payload or the known types end.

One decoder serves the whole family (ERS, EMS, ELT, …). Names and arithmetic are those of the maker's
published codec: an unknown type silently ends the decode, 32-bit values are signed, and a value that
the payload's end cuts off reads as if zeros followed (a one-byte value is left out instead).
"""

cdef enum:  # the forms of a value
    NONE, BYTE, WORD, TENTHS, LONG, THOUSANDTHS, SPECIAL

cdef int[8] _SIZES = [0, 1, 2, 2, 4, 4, 0, 0]

_TYPES = {
    0x01: ("temperature", TENTHS),
    0x02: ("humidity", BYTE),
    0x03: ("acceleration", SPECIAL),
    0x04: ("light", WORD),
    0x05: ("motion", BYTE),
    0x06: ("co2", WORD),
    0x07: ("vdd", WORD),
    0x08: ("analog1", WORD),
    0x09: ("position", SPECIAL),
    0x0A: ("pulse1", WORD),
    0x0B: ("pulseAbs", LONG),
    0x0C: ("externalTemperature", TENTHS),
    0x0D: ("digital", BYTE),
    0x0E: ("distance", WORD),
    0x0F: ("accMotion", BYTE),
    0x10: ("irTemperature", SPECIAL),
    0x11: ("occupancy", BYTE),
    0x12: ("waterleak", BYTE),
    0x13: ("grideye", SPECIAL),
    0x14: ("pressure", THOUSANDTHS),
    0x15: ("sound", SPECIAL),
    0x16: ("pulse2", WORD),
    0x17: ("pulseAbs2", LONG),
    0x18: ("analog2", WORD),
    0x19: ("externalTemperature2", SPECIAL),
    0x1A: ("digital2", BYTE),
    0x1B: ("analogUv", LONG),
    0x1C: ("tvoc", WORD),
}
cdef int[256] _FORMS
cdef list _NAMES = [None] * 256
for _type in range(256):
    _NAMES[_type], _FORMS[_type] = _TYPES.get(_type, (None, NONE))

cdef struct Cursor:
    const unsigned char* p
    Py_ssize_t at
    Py_ssize_t end


def elsys(int f_port, bytes payload not None):
    """Decode one uplink of any ELSYS sensor; the port does not matter."""
    cdef Cursor cursor = Cursor(payload, 0, len(payload))
    cdef dict data = {}
    cdef int type
    while cursor.at < cursor.end:
        type = cursor.p[cursor.at]
        cursor.at += 1
        if _FORMS[type] == NONE:
            break
        if _FORMS[type] != SPECIAL:
            _put(data, _NAMES[type], _FORMS[type], &cursor)
        elif not _put_special(data, type, &cursor):
            return {"errors": ["the Grid-EYE picture is cut off"]}
    return {"data": data}


cdef long long _take(Cursor* cursor, int size) noexcept:
    """The next `size` bytes as an unsigned number; zeros follow the payload's end."""
    cdef long long value = 0
    for _ in range(size):
        value = value << 8 | (cursor.p[cursor.at] if cursor.at < cursor.end else 0)
        cursor.at += 1
    return value


cdef int _put(dict data, str name, int form, Cursor* cursor) except -1:
    cdef bint missing = cursor.at >= cursor.end
    cdef long long value = _take(cursor, _SIZES[form])
    if form == BYTE and missing:
        data.pop(name, None)
    elif form == TENTHS:
        data[name] = <short>value / 10.0
    elif form == LONG:
        data[name] = <int>value
    elif form == THOUSANDTHS:
        data[name] = <int>value / 1000.0
    else:
        data[name] = value
    return 0


cdef bint _put_special(dict data, int type, Cursor* cursor) except -1:
    """Values of several parts; False if they cannot be read."""
    if type == 0x03:
        for name in ("x", "y", "z"):
            data[name] = <signed char>_take(cursor, 1)
    elif type == 0x09:
        data["lat"] = _take(cursor, 3)
        data["long"] = _take(cursor, 3)
    elif type == 0x10:
        _put(data, "irInternalTemperature", TENTHS, cursor)
        _put(data, "irExternalTemperature", TENTHS, cursor)
    elif type == 0x13:
        return _put_grideye(data, cursor)
    elif type == 0x15:
        _put(data, "soundPeak", BYTE, cursor)
        _put(data, "soundAvg", BYTE, cursor)
    elif type == 0x19:
        _put_further_temperature(data, cursor)
    return True


cdef bint _put_grideye(dict data, Cursor* cursor) except -1:
    """8 × 8 infrared pixels: a reference and 64 tenths above it."""
    if cursor.end - cursor.at < 65:
        return False
    cdef double reference = <double>_take(cursor, 1)
    data["grideye"] = [reference + <double>_take(cursor, 1) / 10.0 for _ in range(64)]
    return True


cdef int _put_further_temperature(dict data, Cursor* cursor) except -1:
    """A number; from the second one on, the list of them."""
    cdef double value = <short>_take(cursor, 2) / 10.0
    before = data.get("externalTemperature2")
    if before is None:
        data["externalTemperature2"] = value
    elif isinstance(before, list):
        before.append(value)
    else:
        data["externalTemperature2"] = [before, value]
    return 0
