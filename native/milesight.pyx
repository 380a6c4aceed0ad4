"""Milesight's payloads that no table says: all others are channels and types (layout.pyx)."""


def vs121(int f_port, bytes payload not None):
    """Decode one uplink of a VS121 people counter; the port does not matter.

    The maker's codec tells whether anyone is in region i by comparing the whole mask with i.
    """
    cdef const unsigned char* p = payload
    cdef Py_ssize_t at = 0, n = len(payload)
    cdef dict data = {}
    cdef int mask, i
    while at + 6 <= n and p[at] == 0x04 and p[at + 1] == 0xC9:
        mask = p[at + 4] << 8 | p[at + 5]
        data["people_counter_all"], data["region_count"] = p[at + 2], p[at + 3]
        data["regions"] = [{"index": i, "count": 1 if mask > i else 0} for i in range(p[at + 3])]
        at += 6
    return {"data": data}
