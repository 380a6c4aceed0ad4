"""A PHYPayload's bytes, for the sessions of both versions (TS001-1.0.4 §4, LoRaWAN 1.1 §4).

Inline, as each call is paid per frame. Every pointer stays inside its frame because `f_opts_size`
was asked first, and inside `work` because no frame is longer than 255 bytes.
"""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from native.crypto cimport Aes, Cmac

cdef enum:
    HEAD = 8  # MHDR, DevAddr, FCtrl, FCnt
    MIC = 4
    LONGEST = 255
    WORK = 288  # a block and the longest frame, padded to whole blocks


cdef inline uint32_t read_dev_addr(const unsigned char *phy) noexcept:
    return phy[1] | <uint32_t> phy[2] << 8 | <uint32_t> phy[3] << 16 | <uint32_t> phy[4] << 24


cdef inline uint16_t read_f_cnt(const unsigned char *phy) noexcept:
    return <uint16_t> (phy[6] | phy[7] << 8)


cdef inline void write_u32(unsigned char *at, uint32_t number) noexcept:
    at[0] = number & 0xFF
    at[1] = number >> 8 & 0xFF
    at[2] = number >> 16 & 0xFF
    at[3] = number >> 24 & 0xFF


cdef inline int f_opts_size(const unsigned char *phy, Py_ssize_t size) noexcept:
    """FOptsLen of a well-formed data frame, -1 of anything else."""
    cdef int f_opts
    if size < HEAD + MIC or size > LONGEST or phy[0] & 0x03:
        return -1
    if phy[0] >> 5 < 2 or phy[0] >> 5 > 5:
        return -1
    f_opts = phy[5] & 0x0F
    if size < HEAD + f_opts + MIC:
        return -1
    if f_opts > 0 and size > HEAD + f_opts + MIC and phy[HEAD + f_opts] == 0:
        return -1
    return f_opts


cdef inline void fill_block(unsigned char *block, unsigned char first, const unsigned char *phy,
                            uint32_t f_cnt, unsigned char last, uint32_t second=0) noexcept:
    """B0 (first 0x49) or A_i (first 1) of a frame, or of one whose head stands (§4.3.3, §4.4).

    `second` are bytes 1 to 4, which 1.0.x leaves 0.
    """
    block[0] = first
    write_u32(block + 1, second)
    block[5] = phy[0] >> 5 & 1
    memcpy(block + 6, phy + 1, 4)
    write_u32(block + 10, f_cnt)
    block[14] = 0
    block[15] = last


cdef inline void xor_bytes(unsigned char *out, const unsigned char *data,
                           const unsigned char *stream, int size) noexcept:
    """out = data ^ stream; `out` may be `data`. By words: a third of a frame's time is at stake."""
    cdef uint64_t word, key
    cdef int i = 0
    while i + 8 <= size:
        memcpy(&word, data + i, 8)
        memcpy(&key, stream + i, 8)
        word ^= key
        memcpy(out + i, &word, 8)
        i += 8
    while i < size:
        out[i] = data[i] ^ stream[i]
        i += 1


cdef inline int crypt(Aes aes, const unsigned char *phy, uint32_t f_cnt,
                      const unsigned char *data, unsigned char *out, int size) except -1:
    """Xor `data` with the key stream of its frame; the same both ways (§4.3.3)."""
    cdef unsigned char stream[WORK]
    cdef int i, blocks = (size + 15) >> 4
    for i in range(blocks):
        fill_block(stream + 16 * i, 1, phy, f_cnt, <unsigned char> (i + 1))
    aes.encrypt(stream, stream, 16 * blocks)
    xor_bytes(out, data, stream, size)
    return 0


cdef inline int sign(Cmac cmac, const unsigned char *phy, uint32_t f_cnt, int size,
                     uint32_t second=0) except -1:
    """Leave the MIC of a frame of `size` bytes without MIC in the first bytes of `cmac.tag` (§4.4)."""
    cdef unsigned char work[WORK]
    fill_block(work, 0x49, phy, f_cnt, <unsigned char> size, second)
    memcpy(work + 16, phy, <size_t> size)
    return cmac.sign(work, 16 + size)


cdef inline int check_f_cnt(int64_t f_cnt) except -1:
    if f_cnt >> 32 != 0:
        raise ValueError(f"FCnt {f_cnt} does not fit 32 bits")
    return 0


cdef inline int check_body(bytes f_opts, f_port, bytes frm_payload) except -1:
    """What may stand behind the head of a frame that we build."""
    if len(f_opts) > 15:
        raise ValueError(f"FOpts has at most 15 bytes, not {len(f_opts)}")
    if f_port is None:
        if frm_payload:
            raise ValueError("FRMPayload needs an FPort")
        return 0
    if not 0 <= f_port <= 255:
        raise ValueError(f"FPort {f_port} does not fit one byte")
    if f_port == 0 and f_opts:
        raise ValueError("MAC commands stand in FOpts or under FPort 0, not in both")
    if HEAD + len(f_opts) + 1 + len(frm_payload) + MIC > LONGEST:
        raise ValueError(f"FRMPayload of {len(frm_payload)} bytes makes the frame too long")
    return 0


cdef inline bytearray draft_downlink(int m_type, uint32_t dev_addr, int f_ctrl, int64_t f_cnt,
                                     bytes f_opts, f_port, bytes frm_payload):
    """A downlink in clear with four bytes left for its MIC; FOptsLen in `f_ctrl` is set here."""
    if m_type not in (3, 5):
        raise ValueError(f"MType {m_type} is no data downlink")
    check_f_cnt(f_cnt)
    check_body(f_opts, f_port, frm_payload)
    cdef bytes body = f_opts if f_port is None else f_opts + bytes((f_port,)) + frm_payload
    cdef bytearray frame = bytearray(HEAD) + body + bytearray(MIC)
    cdef unsigned char *phy = <unsigned char *> <char *> frame
    phy[0] = <unsigned char> (m_type << 5)
    write_u32(phy + 1, dev_addr)
    phy[5] = <unsigned char> (f_ctrl & 0xF0 | len(f_opts))
    phy[6] = <unsigned char> (f_cnt & 0xFF)
    phy[7] = <unsigned char> (f_cnt >> 8 & 0xFF)
    return frame
