"""Cayenne Low Power Payload: repeated channel u8, type u8, value; all big-endian.

A type is an IPSO object id minus 3200 and fixes the value's size; there is no length, so the first
unknown type ends the decode: what stands before it is kept beside the error. The decoded form is a
list of {channel, type, name, value}, the names those that RAKwireless publishes; a value is a number
or, for types of several parts, a dict of numbers.
"""

# type: (name, parts); a part: (key or None, bytes, signed, divisor)
_AXES = ("x", "y", "z")

_TYPES = {
    0x00: ("digital_in", ((None, 1, False, 1),)),
    0x01: ("digital_out", ((None, 1, False, 1),)),
    0x02: ("analog_in", ((None, 2, True, 100),)),
    0x03: ("analog_out", ((None, 2, True, 100),)),
    0x64: ("generic", ((None, 4, False, 1),)),
    0x65: ("illuminance", ((None, 2, False, 1),)),
    0x66: ("presence", ((None, 1, False, 1),)),
    0x67: ("temperature", ((None, 2, True, 10),)),
    0x68: ("humidity", ((None, 1, False, 2),)),
    0x71: ("accelerometer", tuple((axis, 2, True, 1000) for axis in _AXES)),
    0x73: ("barometer", ((None, 2, False, 10),)),
    0x74: ("voltage", ((None, 2, False, 100),)),
    0x75: ("current", ((None, 2, False, 1000),)),
    0x76: ("frequency", ((None, 4, False, 1),)),
    0x78: ("percentage", ((None, 1, False, 1),)),
    0x79: ("altitude", ((None, 2, True, 1),)),
    0x7A: ("load", ((None, 3, False, 1000),)),
    0x7D: ("concentration", ((None, 2, False, 1),)),
    0x80: ("power", ((None, 2, False, 1),)),
    0x82: ("distance", ((None, 4, False, 1000),)),
    0x83: ("energy", ((None, 4, False, 1000),)),
    0x84: ("direction", ((None, 2, False, 1),)),
    0x85: ("time", ((None, 4, False, 1),)),
    0x86: ("gyrometer", tuple((axis, 2, True, 100) for axis in _AXES)),
    0x87: ("colour", tuple((colour, 1, False, 1) for colour in ("r", "g", "b"))),
    0x88: ("gps", (
        ("latitude", 3, True, 10000), ("longitude", 3, True, 10000), ("altitude", 3, True, 100),
    )),
    0x8E: ("switch", ((None, 1, False, 1),)),
}
_RAK_TYPES = {
    0x70: ("humidity_prec", ((None, 2, True, 10),)),
    0x89: ("gps", (
        ("latitude", 4, True, 1000000), ("longitude", 4, True, 1000000), ("altitude", 3, True, 100),
    )),
    0x8A: ("voc", ((None, 2, False, 1),)),
    0xBC: ("soil_moist", ((None, 2, False, 10),)),
    0xBE: ("wind_speed", ((None, 2, False, 100),)),
    0xBF: ("wind_direction", ((None, 2, False, 1),)),
    0xC0: ("soil_ec", ((None, 2, False, 1000),)),
    0xC1: ("soil_ph_h", ((None, 2, False, 100),)),
    0xC2: ("soil_ph_l", ((None, 2, False, 10),)),
    0xC3: ("pyranometer", ((None, 2, False, 1),)),
    0xCB: ("light", ((None, 1, False, 1),)),
}

cdef enum:
    _PRECISE_GPS = 0x89

cdef struct Part:
    int size
    bint is_signed
    int divisor

cdef struct Type:
    int size
    int count
    Part[3] parts

cdef Type[256] _types           # size 0: no such type
cdef bint[256] _only_rak
cdef list _names = [None] * 256
cdef list _keys = [None] * 256


cdef int _learn(dict types, bint only_rak) except -1:
    """Lay the tables out for the decoder."""
    cdef int number, i
    for number, (name, parts) in types.items():
        _names[number], _only_rak[number] = name, only_rak
        _keys[number] = tuple(part[0] for part in parts)
        _types[number].count = <int>len(parts)
        _types[number].size = sum(part[1] for part in parts)
        for i in range(len(parts)):
            _types[number].parts[i] = Part(parts[i][1], parts[i][2], parts[i][3])
    return 0


_learn(_TYPES, False)
_learn(_RAK_TYPES, True)


def cayennelpp(int f_port, bytes payload not None):
    """Decode the basic and the extended types; the port does not matter."""
    return _decode(payload, False)


def cayennelpp_rak(int f_port, bytes payload not None):
    """Decode the basic, the extended and RAKwireless's own types; the port does not matter."""
    return _decode(payload, True)


def rak_standard(int f_port, bytes payload not None):
    """Decode as RAKwireless's published codec says it: one object, `temperature_3` of channel 3.

    Its quirks: a cut-off or unknown type is an error for the whole; 4-byte numbers are signed; the
    precise position is one millionth short of a positive angle, and stands there as text too.
    """
    cdef dict output = _decode(payload, True), data = {}
    cdef int number
    if "errors" in output:
        return {"errors": output["errors"]}
    for entry in output["data"]:
        number, value, suffix = entry["type"], entry["value"], f"_{entry['channel']}"
        if number == _PRECISE_GPS:
            value = {key: _short(key, angle) for key, angle in value.items()}
            data["location" + suffix] = f"({_text(value['latitude'])},{_text(value['longitude'])})"
            data["altitude" + suffix] = value["altitude"]
        elif _types[number].count == 1 and _types[number].size == 4:
            value = _signed(value, _types[number].parts[0].divisor)
        data[_names[number] + suffix] = value
    return {"data": data}


cdef object _short(str key, double angle):
    return (angle * 1000000 - 1) / 1000000 if angle > 0 and key != "altitude" else angle


cdef object _signed(value, int divisor):
    cdef double limit = (1LL << 31) / <double>divisor
    return value - 2 * limit if value >= limit else value


cdef str _text(double number):
    """As ECMAScript writes a number."""
    return f"{int(number)}" if number == int(number) else repr(round(number, 6))


cdef dict _decode(bytes payload, bint rak):
    cdef const unsigned char* p = payload
    cdef Py_ssize_t at = 0, end = len(payload)
    cdef list entries = []
    cdef int number
    while at + 2 <= end:
        number = p[at + 1]
        if _types[number].size == 0 or (_only_rak[number] and not rak):
            return _stopped(entries, at, f"unknown type {number}")
        if at + 2 + _types[number].size > end:
            return _stopped(entries, at, f"the {_names[number]} is cut off")
        entries.append({
            "channel": p[at], "type": number, "name": _names[number],
            "value": _value(p + at + 2, number),
        })
        at += 2 + _types[number].size
    if at < end:
        return _stopped(entries, at, "a channel without a type")
    return {"data": entries}


cdef dict _stopped(list entries, Py_ssize_t at, str why):
    return {"data": entries, "errors": [f"byte {at}: {why}"]}


cdef object _value(const unsigned char* p, int number):
    cdef Type* type = &_types[number]
    if type.count == 1:
        return _number(p, &type.parts[0])
    value = {}
    for i in range(type.count):
        value[_keys[number][i]] = _number(p, &type.parts[i])
        p += type.parts[i].size
    return value


cdef object _number(const unsigned char* p, Part* part):
    """One big-endian integer, or its division; at most 4 bytes, so a long holds it."""
    cdef long long value = 0
    for i in range(part.size):
        value = value << 8 | p[i]
    if part.is_signed and p[0] & 0x80:
        value -= 1LL << (8 * part.size)
    if part.divisor == 1:
        return value
    return value / <double>part.divisor
