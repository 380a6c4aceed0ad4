"""Dragino LHT65 and LHT65N: byte 6 says which external sensor there is and what its bytes mean.

Big-endian; names and quirks are those of the maker's published codecs. Dragino's other sensors have
one form each: they are tables (layout.pyx).
"""

cdef enum:
    PORT_STORED = 3     # temperatures that the sensor had stored
    PORT_STATUS = 5
    RECORD = 11         # bytes of one stored message

_PROBES = {1: "ds18b20", 2: "tmp117", 3: "gxht30", 4: "sht31"}
_MODELS = {0x0B: "LHT65N", 0x1A: "LHT65N-PIR"}
_BANDS = {
    1: "EU868", 2: "US915", 3: "IN865", 4: "AU915", 5: "KZ865", 6: "RU864", 7: "AS923",
    8: "AS923_1", 9: "AS923_2", 10: "AS923_3", 11: "CN470", 12: "EU433", 13: "KR920", 14: "MA869",
}


def lht65(int f_port, bytes payload not None):
    """Decode one uplink of an LHT65 (FPort 2, 11 bytes)."""
    cdef const unsigned char* p = payload
    if f_port != 2:
        return {"errors": ["unknown FPort"]}
    if len(payload) != RECORD or p[6] & 0x40:
        return {"errors": [f"{len(payload)} bytes are no message of this sensor"]}
    data = _head(p, p[6] & 15)
    _put_probe(data, p, RECORD, p[6] & 15, False)
    return {"data": data}


def lht65n(int f_port, bytes payload not None):
    """Decode one uplink of an LHT65N: FPort 3 stored values, 5 status, any other its message."""
    cdef const unsigned char* p = payload
    cdef Py_ssize_t n = len(payload)
    if f_port == PORT_STORED and n >= 3 and 1 <= p[2] <= 4:
        return {"data": _stored(p, n)}
    if f_port == PORT_STATUS:
        return {"data": _status(p)} if n >= 7 else {"errors": [f"{n} bytes are too few"]}
    if n < RECORD:
        return {"errors": [f"{n} bytes are too few"]}
    if p[6] & 0x80:
        return {"data": {"retransmission_message": _records(p, n)}}
    if p[6] & 0x40:
        return {"data": {"DATALOG": _records(p, n)}}
    if n != RECORD and n != 15:
        return {"errors": [f"{n} bytes are no message of this sensor"]}
    data = _head(p, p[6] & 15)
    _put_probe(data, p, n, p[6] & 15, True)
    return {"data": data}


cdef int _word(const unsigned char* p) noexcept:
    return p[0] << 8 | p[1]


cdef int _signed(const unsigned char* p) noexcept:
    return <short>_word(p)


cdef long _long(const unsigned char* p) noexcept:
    # the maker's codec reads 32 bits as a signed number
    return <int>(<unsigned int>p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3])


cdef dict _head(const unsigned char* p, int probe):
    """The sensor's own battery, temperature and humidity; the connection of its external sensor."""
    cdef dict data = {}
    if probe == 9:
        data["TempC_DS"], data["Bat_status"] = _signed(p) / 100.0, p[4] >> 6
    else:
        data["BatV"], data["Bat_status"] = (_word(p) & 0x3FFF) / 1000.0, p[0] >> 6
    if probe != 15:
        data["TempC_SHT"] = _signed(p + 2) / 100.0
        data["Hum_SHT"] = (_word(p + 4) & 0xFFF) / 10.0
    if p[6] & 0x80:
        data["No_connect"] = "Sensor no connection"
    return data


cdef int _put_probe(
    dict data, const unsigned char* p, Py_ssize_t n, int probe, bint newer
) except -1:
    """What the external sensor says; `newer`: the LHT65N knows more of them."""
    if probe == 0:
        data["Ext_sensor"] = "No external sensor"
    elif probe == 1:
        data["Ext_sensor"], data["TempC_DS"] = "Temperature Sensor", _signed(p + 7) / 100.0
    elif probe == 4:
        data["Work_mode"] = "Interrupt Sensor send"
        data["Exti_pin_level"] = "High" if p[7] else "Low"
        data["Exti_status"] = "True" if p[8] else "False"
        if newer:
            data["Exit_count"] = p[9] << 16 | p[10] << 8 | (p[11] if n > 11 else 0)
            data["Exit_duration"] = p[12] << 16 | p[13] << 8 | p[14] if n == 15 else 0
    elif probe == 5:
        data["Work_mode"], data["ILL_lx"] = "Illumination Sensor", _word(p + 7)
    elif probe == 6:
        data["Work_mode"], data["ADC_V"] = "ADC Sensor", _word(p + 7) / 1000.0
    elif probe == 7:
        data["Work_mode"], data["Exit_count"] = "Interrupt Sensor count", _word(p + 7)
    elif probe == 8:
        data["Work_mode"], data["Exit_count"] = "Interrupt Sensor count", _long(p + 7)
    elif probe == 9:
        data["Work_mode"], data["Systimestamp"] = "DS18B20 & timestamp", _long(p + 7)
    elif probe == 15:
        data["Work_mode"] = "DS18B20ID"
        data["ID"] = "".join([f"{p[i]:02x} " for i in (2, 3, 4, 5, 7, 8, 9, 10)])
    elif newer:
        _put_newer_probe(data, p, probe)
    return 0


cdef int _put_newer_probe(dict data, const unsigned char* p, int probe) except -1:
    if probe == 2:
        data["Ext_sensor"], data["TempC_TMP117"] = "Temperature Sensor", _signed(p + 7) / 100.0
    elif probe == 11:
        data["Work_mode"] = "SHT31 Sensor"
        data["Ext_TempC_SHT"] = _signed(p + 7) / 100.0
        data["Ext_Hum_SHT"] = (_word(p + 9) & 0xFFF) / 10.0
    elif probe == 14:
        data["Work_mode"] = "PIR Sensor"
        data["Exti_pin_level"] = "Activity" if p[7] & 1 else "No activity"
        data["Move_count"] = p[8] << 16 | p[9] << 8 | p[10]
    return 0


cdef dict _stored(const unsigned char* p, Py_ssize_t n):
    return {
        "bat": _word(p) & 0x3FFF,
        "sensor": _PROBES[p[2]],
        "Temp": [_word(p + at) / 100.0 for at in range(3, n - 1, 2)],
    }


cdef dict _status(const unsigned char* p):
    data = {
        "FIRMWARE_VERSION": f"{p[1] & 15}.{p[2] >> 4}.{p[2] & 15}",
        "SUB_BAND": "NULL" if p[4] == 0xFF else p[4],
        "BAT": _word(p + 5) / 1000.0,
    }
    if p[0] in _MODELS:
        data["SENSOR_MODEL"] = _MODELS[p[0]]
    if p[3] in _BANDS:
        data["FREQUENCY_BAND"] = _BANDS[p[3]]
    return data


cdef str _records(const unsigned char* p, Py_ssize_t n):
    """Stored messages as the maker writes them: [external, temperature, humidity, time], …"""
    return "".join([_record(p + at, p[6] & 15) for at in range(0, n - RECORD + 1, RECORD)])


cdef str _record(const unsigned char* p, int probe):
    cdef int year = 0, month = 0, day = 0
    cdef long seconds = _long(p + 7)
    cdef long days = seconds // 86400
    cdef int rest = <int>(seconds - days * 86400)
    _civil(days, &year, &month, &day)
    return (
        f"[{_external(p, probe)},{_shown(_signed(p + 2), 100)},"
        f"{_shown(_word(p + 4) & 0xFFF, 10)},"
        f"{year}-{month:02d}-{day:02d} {rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}],"
    )


cdef void _civil(long days, int* year, int* month, int* day) noexcept:
    """The Gregorian date of a number of days since 1970-01-01; years begin in March here."""
    cdef long shifted = days + 719468
    cdef long era = shifted // 146097
    cdef long of_era = shifted - era * 146097
    cdef long years = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    cdef long of_year = of_era - (365 * years + years // 4 - years // 100)
    cdef long since_march = (5 * of_year + 2) // 153
    day[0] = <int>(of_year - (153 * since_march + 2) // 5 + 1)
    month[0] = <int>(since_march + 3 if since_march < 10 else since_march - 9)
    year[0] = <int>(years + era * 400 + (1 if month[0] <= 2 else 0))


cdef str _external(const unsigned char* p, int probe):
    if probe in (1, 2, 9, 11):
        return _shown(_signed(p), 100)
    if probe == 4:
        return ("High" if p[0] else "Low") + ("True" if p[1] else "False")
    if probe == 6:
        return _shown(_word(p), 1000)
    return f"{_word(p)}" if probe in (5, 7, 8, 14) else "undefined"


cdef str _shown(int number, int divisor):
    """A decimal as ECMAScript writes it: no zeros at its end."""
    value = number / <double>divisor
    return f"{int(value)}" if value == int(value) else repr(value)
