# cython: binding=False
# plain methods: each call costs a hundred instructions less
"""LoRaWAN data frames: parse, check, decrypt and build (TS001-1.0.4 §4; MIC of 1.0.x).

PHYPayload = MHDR(1) ‖ DevAddr(4) ‖ FCtrl(1) ‖ FCnt(2) ‖ FOpts(0..15) [‖ FPort(1) ‖ FRMPayload] ‖ MIC(4)

Rules:

- On the air numbers are little-endian; this file and `join` alone know it.
- Strangers' bytes never raise: what is not well-formed, or has another MIC, is None (or -1).
  Arguments that only we can get wrong raise ValueError.
- Well-formed: 12 to 255 bytes, a data MType, Major 0, FOpts that fit, no FOpts beside FPort 0.
  RFU bits are ignored. The direction follows from the MType.
- Every pointer below stays inside its frame because `f_opts_size` was asked first, and inside
  `work` because no frame is longer than 255 bytes.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

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
                            uint32_t f_cnt, unsigned char last) noexcept:
    """B0 (first 0x49) or A_i (first 1) of a frame, or of one whose head stands (§4.3.3, §4.4)."""
    block[0] = first
    write_u32(block + 1, 0)
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


cdef inline int sign(Cmac cmac, const unsigned char *phy, uint32_t f_cnt, int size) except -1:
    """Leave the MIC of a frame of `size` bytes without MIC in the first bytes of `cmac.tag` (§4.4)."""
    cdef unsigned char work[WORK]
    fill_block(work, 0x49, phy, f_cnt, <unsigned char> size)
    memcpy(work + 16, phy, <size_t> size)
    return cmac.sign(work, 16 + size)


def uplink_dev_addr(bytes phy_payload not None):
    """DevAddr of a well-formed data uplink, -1 of anything else."""
    cdef const unsigned char *phy = <const unsigned char *> PyBytes_AS_STRING(phy_payload)
    if f_opts_size(phy, PyBytes_GET_SIZE(phy_payload)) < 0 or phy[0] & 0x20:
        return -1
    return read_dev_addr(phy)


def parse(bytes phy_payload not None):
    """Open a data frame of either direction without keys.

    (m_type, dev_addr, f_ctrl, f_cnt: its 16 bits on the air, f_opts, f_port or None,
    frm_payload as it was sent), or None when it is malformed.
    """
    cdef const unsigned char *phy = <const unsigned char *> PyBytes_AS_STRING(phy_payload)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(phy_payload)
    cdef int f_opts = f_opts_size(phy, size)
    if f_opts < 0:
        return None
    cdef Py_ssize_t f_port = HEAD + f_opts, end = size - MIC
    return (phy[0] >> 5, read_dev_addr(phy), phy[5], read_f_cnt(phy), phy_payload[HEAD:f_port],
            phy[f_port] if f_port < end else None, phy_payload[f_port + 1:end])


@cython.final
cdef class SessionKeys:
    """DevAddr and keys of one session, with their ciphers set up once for its life.

    A 1.0.x session gives NwkSKey as each of the three network keys.
    """

    cdef readonly uint32_t dev_addr
    cdef Cmac uplink_mic
    cdef Cmac downlink_mic
    cdef Aes network
    cdef Aes application

    def __cinit__(self, dev_addr, bytes f_nwk_s_int_key not None, bytes s_nwk_s_int_key not None,
                  bytes nwk_s_enc_key not None, bytes app_s_key not None):
        if not 0 <= dev_addr <= 0xFFFFFFFF:
            raise ValueError(f"DevAddr {dev_addr} does not fit 32 bits")
        self.dev_addr = dev_addr
        self.uplink_mic = Cmac(f_nwk_s_int_key)
        self.downlink_mic = self.uplink_mic
        if s_nwk_s_int_key != f_nwk_s_int_key:
            self.downlink_mic = Cmac(s_nwk_s_int_key)
        self.network = Aes(nwk_s_enc_key)
        self.application = Aes(app_s_key)

    def __repr__(self):
        return f"SessionKeys(dev_addr={self.dev_addr:08x})"

    def decode_uplink(self, bytes phy_payload not None, int64_t f_cnt_up):
        """Check and decrypt an uplink; `f_cnt_up` is the last accepted FCnt, -1 before the first.

        FCnt's high half is the last one's, or the next if only that fits the MIC (§4.3.1.5). So a
        repeated frame decodes too: replay is the caller's to judge. Returns what `decode` returns.
        """
        if f_cnt_up != -1:
            check_f_cnt(f_cnt_up)
        cdef const unsigned char *phy = <const unsigned char *> PyBytes_AS_STRING(phy_payload)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(phy_payload)
        cdef int f_opts = f_opts_size(phy, size)
        if f_opts < 0 or phy[0] & 0x20:
            return None
        cdef uint32_t high = <uint32_t> (f_cnt_up >> 16) if f_cnt_up >= 0 else 0
        cdef uint32_t f_cnt = high << 16 | read_f_cnt(phy)
        if not self.mic_fits(phy, <int> size, f_cnt):
            if f_cnt_up < 0 or high == 0xFFFF:
                return None
            f_cnt += 0x10000
            if not self.mic_fits(phy, <int> size, f_cnt):
                return None
        return self.opened(phy, <int> size, f_opts, f_cnt)

    def decode(self, bytes phy_payload not None, int64_t f_cnt):
        """Check and decrypt a data frame of either direction under its whole 32-bit FCnt.

        (m_type, f_ctrl, f_cnt, f_opts, f_port or -1, frm_payload in clear), or None when it is
        malformed, or DevAddr or MIC (which `f_cnt` is part of) is another.
        """
        check_f_cnt(f_cnt)
        cdef const unsigned char *phy = <const unsigned char *> PyBytes_AS_STRING(phy_payload)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(phy_payload)
        cdef int f_opts = f_opts_size(phy, size)
        if f_opts < 0 or not self.mic_fits(phy, <int> size, <uint32_t> f_cnt):
            return None
        return self.opened(phy, <int> size, f_opts, <uint32_t> f_cnt)

    def encode_downlink(self, int m_type, int f_ctrl, int64_t f_cnt, bytes f_opts not None, f_port,
                        bytes frm_payload not None):
        """A whole downlink PHYPayload; FOptsLen in `f_ctrl` is set here, `f_port` may be None."""
        if m_type not in (3, 5):
            raise ValueError(f"MType {m_type} is no data downlink")
        check_f_cnt(f_cnt)
        check_body(f_opts, f_port, frm_payload)
        cdef bytes body = f_opts if f_port is None else f_opts + bytes((f_port,)) + frm_payload
        cdef int end = HEAD + <int> len(body)
        cdef bytearray frame = bytearray(HEAD) + body + bytearray(MIC)
        cdef unsigned char *phy = <unsigned char *> <char *> frame
        cdef int plain = end - <int> len(frm_payload)
        phy[0] = <unsigned char> (m_type << 5)
        write_u32(phy + 1, self.dev_addr)
        phy[5] = <unsigned char> (f_ctrl & 0xF0 | len(f_opts))
        phy[6] = <unsigned char> (f_cnt & 0xFF)
        phy[7] = <unsigned char> (f_cnt >> 8 & 0xFF)
        if plain < end:
            crypt(self.network if f_port == 0 else self.application, phy, <uint32_t> f_cnt,
                  phy + plain, phy + plain, end - plain)
        sign(self.downlink_mic, phy, <uint32_t> f_cnt, end)
        memcpy(phy + end, self.downlink_mic.tag, MIC)
        return bytes(frame)

    cdef bint mic_fits(self, const unsigned char *phy, int size, uint32_t f_cnt) except -1:
        cdef Cmac cmac = self.downlink_mic if phy[0] & 0x20 else self.uplink_mic
        if read_dev_addr(phy) != self.dev_addr:
            return False
        sign(cmac, phy, f_cnt, size - MIC)
        return memcmp(cmac.tag, phy + size - MIC, MIC) == 0

    cdef tuple opened(self, const unsigned char *phy, int size, int f_opts, uint32_t f_cnt):
        cdef const unsigned char *at = phy + HEAD + f_opts
        cdef int f_port = -1, left = size - HEAD - f_opts - MIC
        cdef bytes frm_payload = b""
        if left > 0:
            f_port = at[0]
        if left > 1:
            frm_payload = PyBytes_FromStringAndSize(NULL, left - 1)
            crypt(self.network if f_port == 0 else self.application, phy, f_cnt, at + 1,
                  <unsigned char *> PyBytes_AS_STRING(frm_payload), left - 1)
        return (phy[0] >> 5, phy[5], f_cnt,
                PyBytes_FromStringAndSize(<const char *> phy + HEAD, f_opts), f_port, frm_payload)


cdef int check_f_cnt(int64_t f_cnt) except -1:
    if f_cnt >> 32 != 0:
        raise ValueError(f"FCnt {f_cnt} does not fit 32 bits")
    return 0


cdef int check_body(bytes f_opts, f_port, bytes frm_payload) except -1:
    """What `encode_downlink` may put behind the frame's head."""
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
