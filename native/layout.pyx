"""Payloads as data: fields at fixed places (Layout), or after a channel and a type (Channels).

A Field is a number of 1 to 8 bytes, perhaps some bits of it, perhaps scaled, perhaps put in words;
or several of them joined to a text, or an object. Tables of fields stand in config/devices/*.toml;
gateway/codecs/layouts.py says what may stand there. A field that the payload's end cuts off is left
out. The tables are checked when they are loaded; the decode never raises.
"""

from libc.math cimport INFINITY, isfinite, ldexp

cdef object _ABSENT = object()


cdef class Field:
    """One value. `words`: all that it can be; `instead`: the few that are no numbers.

    Numbers become (number + add) * multiply / divide, rounded to `decimals`, or with `fixed` decimals
    a text; `wraps`: larger numbers than that are negative; `most`: the largest result; `digits`: at least so many hexadecimal digits; `parts` are joined by `join`, and read as a
    number of `base` if there is one; `fields` make an object. Text goes between `prefix` and `suffix`. ValueError if a field cannot be.
    """

    cdef str name, source, join, prefix, suffix
    cdef int at, size, shift, fixed, digits, decimals, base
    cdef long long wraps
    cdef bint little, signed, floating, plain, is_text
    cdef unsigned long long mask
    cdef double add, multiply, divide, most
    cdef dict words, instead
    cdef object otherwise, constant
    cdef list parts, fields, when

    def __init__(
        self, str name, *, int at=0, int size=1, bint little=False, bint signed=False,
        bint floating=False, int shift=0, unsigned long long mask=0, double add=0, double multiply=1,
        double divide=1, double most=INFINITY, long long wraps=0, dict words=None, otherwise=None, dict instead=None, constant=None,
        str source="", int fixed=-1, int digits=0, int decimals=-1, str prefix="", str suffix="",
        list parts=None, str join="", int base=0, list fields=None, list when=None,
    ):
        if not 1 <= size <= 8 or at < 0 or at > 255 or shift < 0 or shift > 63 or divide == 0:
            raise ValueError(f"{name}: no such bytes, bits or division")
        if base and (base != 16 or not parts or join or any(not (<Field>part).digits for part in parts)):
            raise ValueError(f"{name}: only hexadecimal parts are read as a number")
        if floating and size != 4:
            raise ValueError(f"{name}: a floating number has 4 bytes")
        self.name, self.at, self.size, self.little, self.signed = name, at, size, little, signed
        self.floating, self.shift, self.mask = floating, shift, mask
        self.add, self.multiply, self.divide = add, multiply, divide
        self.most, self.wraps = most, wraps
        self.words, self.otherwise, self.instead = words, otherwise, instead
        self.constant, self.source, self.fixed, self.digits = constant, source, fixed, digits
        self.decimals, self.prefix, self.suffix = decimals, prefix, suffix
        self.parts, self.join, self.fields, self.when = parts, join, fields, when
        self.base = base
        self.plain = add == 0 and multiply == 1 and divide == 1 and most == INFINITY
        self.is_text = bool(prefix or suffix)

    cdef object of(self, const unsigned char* p, Py_ssize_t n, int f_port, Py_ssize_t length):
        """The value in the `n` bytes at `p`; _ABSENT if it is not there."""
        cdef unsigned long long raw
        if self.constant is not None:
            return self.constant
        if self.source is not None and self.source != "":
            return self._about(p, n, f_port, length)
        if self.fields is not None:
            return _object(self.fields, p, n, f_port, length)
        if self.parts is not None:
            return self._joined(p, n, f_port, length)
        if self.at + self.size > n:
            return _ABSENT
        raw = _read(p + self.at, self.size, self.little)
        if self.digits:
            return self._between(f"{raw:0{self.digits}x}")
        return self._value(raw)

    cdef object _about(self, const unsigned char* p, Py_ssize_t n, int f_port, Py_ssize_t length):
        """What the message is, not what it says."""
        if self.source == "bytes":
            return list(p[:n])
        return f_port if self.source == "port" else length

    cdef object _joined(self, const unsigned char* p, Py_ssize_t n, int f_port, Py_ssize_t length):
        cdef list texts = []
        cdef Field part
        for part in self.parts:
            value = part.of(p, n, f_port, length)
            if value is _ABSENT:
                return _ABSENT
            texts.append(value if isinstance(value, str) else str(value))
        text = self.join.join(texts)
        return int(text, self.base) if self.base else self._between(text)

    cdef object _value(self, unsigned long long raw):
        cdef long long number
        cdef double real
        if self.floating:
            return self._scaled(_single(<unsigned int>raw))
        number = <long long>raw
        if self.size < 8 and (
            number > self.wraps if self.wraps else self.signed and raw >> (8 * self.size - 1)
        ):
            number -= 1LL << (8 * self.size)
        if self.shift:
            number >>= self.shift
        if self.mask:
            number &= <long long>self.mask
        if self.words is not None:
            found = self.words.get(number, self.otherwise)
            return _ABSENT if found is None else found
        if self.instead is not None and number in self.instead:
            return self.instead[number]
        if self.plain and self.fixed < 0:
            return f"{self.prefix}{number}{self.suffix}" if self.is_text else number
        return self._scaled(<double>number)

    cdef object _scaled(self, double real):
        real = (real + self.add) * self.multiply / self.divide
        if not isfinite(real):
            return _ABSENT
        real = min(real, self.most)
        if self.fixed >= 0:
            return self._between(f"{real:.{self.fixed}f}")
        if self.decimals >= 0:
            real = round(real, self.decimals)
        if self.is_text:
            return self._between(f"{int(real)}" if real == int(real) else repr(real))
        return real

    cdef str _between(self, str text):
        return f"{self.prefix}{text}{self.suffix}" if self.is_text else text


cdef unsigned long long _read(const unsigned char* p, int size, bint little) noexcept:
    cdef unsigned long long value = 0
    cdef int i
    for i in range(size):
        value = value << 8 | p[size - 1 - i if little else i]
    return value


cdef double _single(unsigned int bits) noexcept:
    """IEEE 754 single, its infinities and NaNs read as numbers: what the makers' codecs do."""
    cdef int exponent = bits >> 23 & 0xFF
    cdef unsigned int mantissa = bits & 0x7FFFFF
    mantissa = mantissa | 0x800000 if exponent else mantissa << 1
    return ldexp(-<double>mantissa if bits >> 31 else <double>mantissa, exponent - 150)


cdef bint _holds(list conditions, const unsigned char* p, Py_ssize_t n) except -1:
    for at, mask, value in conditions:
        if at >= n or (p[<Py_ssize_t>at] & <int>mask) != <int>value:
            return False
    return True


cdef dict _object(
    list fields, const unsigned char* p, Py_ssize_t n, int f_port, Py_ssize_t length
):
    cdef dict found = {}
    _put(found, fields, p, n, f_port, length)
    return found


cdef int _put(
    dict data, list fields, const unsigned char* p, Py_ssize_t n, int f_port, Py_ssize_t length
) except -1:
    cdef Field field
    for field in fields:
        if field.when is None or _holds(field.when, p, n):
            value = field.of(p, n, f_port, length)
            if value is not _ABSENT:
                data[field.name] = value
    return 0


cdef class Frame:
    """One form of payload: of these ports (none: of any), this length (negative: at least so many).

    `error`: what is wrong with such a payload.
    """

    cdef list ports, when, fields
    cdef Py_ssize_t length
    cdef str error

    def __init__(self, list ports, int length, list when, list fields, error=None):
        self.ports, self.length, self.when, self.fields = ports, length, when, fields
        self.error = error

    cdef bint fits(self, const unsigned char* p, Py_ssize_t n) except -1:
        if n != self.length if self.length > 0 else n < -self.length:
            return False
        return self.when is None or _holds(self.when, p, n)


cdef class Layout:
    """A device whose payloads have a fixed form each; the first frame that fits is taken."""

    cdef list frames

    def __init__(self, list frames):
        self.frames = frames

    def decode(self, int f_port, bytes payload not None):
        """Decode one uplink."""
        cdef const unsigned char* p = payload
        cdef Py_ssize_t n = len(payload)
        cdef bint known = False
        cdef Frame frame
        for frame in self.frames:
            if frame.ports is not None and f_port not in frame.ports:
                continue
            known = True
            if frame.fits(p, n):
                if frame.error is not None:
                    return {"errors": [frame.error]}
                return {"data": _object(frame.fields, p, n, f_port, n)}
        return {"errors": ["wrong length" if known else "unknown FPort"]}


cdef class Channel:
    """What follows a channel and a type: `size` bytes; `into`: the list that its objects go to."""

    cdef int size
    cdef list fields
    cdef str into

    def __init__(self, int size, list fields, into=None):
        if size < 0 or size > 255:
            raise ValueError("no such size")
        self.size, self.fields, self.into = size, fields, into


cdef class Channels:
    """A device that sends channel u8, type u8, value, again and again.

    `table`: Channel by (channel << 8 | type). The first unknown one silently ends the decode, as in
    the maker's codecs; in one of the channels `refused` it is an error.
    """

    cdef dict table
    cdef list refused

    def __init__(self, dict table, list refused):
        self.table, self.refused = table, refused

    def decode(self, int f_port, bytes payload not None):
        """Decode one uplink; the port does not matter."""
        cdef const unsigned char* p = payload
        cdef Py_ssize_t at = 0, n = len(payload)
        cdef dict data = {}
        cdef Channel channel
        while at + 2 <= n:
            found = self.table.get(p[at] << 8 | p[at + 1])
            if found is None:
                if p[at] in self.refused:
                    return {"errors": [f"byte {at}: unknown answer {p[at + 1]:02x}"]}
                break
            channel = found
            at += 2
            if channel.into is None:
                _put(data, channel.fields, p + at, n - at, f_port, n)
            else:
                data.setdefault(channel.into, []).append(
                    _object(channel.fields, p + at, n - at, f_port, n)
                )
            at += channel.size
        if at == n - 1 and p[at] in self.refused:
            return {"errors": [f"byte {at}: an answer is cut off"]}
        return {"data": data}
