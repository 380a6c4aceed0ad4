"""Moments as text: RFC 3339 in UTC with milliseconds, once for each reading that goes out.

The date follows from the day's number by counting years from March, so that the leap day is the
last of its year, in eras of 400 years, after which the calendar repeats itself (146 097 days).
"""

cimport cython
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.math cimport rint

cdef double _FIRST_US = -62_135_596_800e6  # 0001-01-01, as datetime has it
cdef double _END_US = 253_402_300_800e6  # after 9999-12-31
cdef long long _DAY_MS = 86_400_000
cdef long long _TO_MARCH = 719_468  # days from 0000-03-01 to 1970-01-01
cdef long long _ERA = 146_097


@cython.cdivision(True)
def rfc3339(double at):
    """Unix seconds as "2026-09-21T14:13:20.123Z"; ValueError outside of the years 1 to 9999.

    Rounded to microseconds, to the even one of two, and cut to milliseconds.
    """
    cdef double us = rint(at * 1e6)
    if not _FIRST_US <= us < _END_US:
        raise ValueError(f"no date has {at} Unix seconds")
    # from 0000-03-01 on no division below is of a negative number
    cdef long long ms = (<long long>us + _TO_MARCH * _DAY_MS * 1000) // 1000
    cdef int time = <int>(ms % _DAY_MS)
    cdef long long days = ms // _DAY_MS
    cdef int in_era = <int>(days % _ERA)
    cdef int year = (in_era - in_era // 1460 + in_era // 36_524 - in_era // 146_096) // 365
    cdef int in_year = in_era - (365 * year + year // 4 - year // 100)
    cdef int month = (5 * in_year + 2) // 153  # 0 = March
    cdef int day = in_year - (153 * month + 2) // 5 + 1
    year += 400 * <int>(days // _ERA) + (month >= 10)
    cdef char[24] text
    _digits(text, 4, year)
    _digits(text + 5, 2, month + 3 if month < 10 else month - 9)
    _digits(text + 8, 2, day)
    _digits(text + 11, 2, time // 3_600_000)
    _digits(text + 14, 2, time // 60_000 % 60)
    _digits(text + 17, 2, time // 1000 % 60)
    _digits(text + 20, 3, time % 1000)
    text[4] = text[7] = c'-'
    text[10], text[13], text[16], text[19], text[23] = c'T', c':', c':', c'.', c'Z'
    return PyUnicode_DecodeASCII(text, 24, NULL)


@cython.cdivision(True)
cdef void _digits(char* at, int count, int number) noexcept:
    while count:
        count -= 1
        at[count] = <char>(c'0' + number % 10)
        number //= 10
