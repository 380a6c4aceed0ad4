# cython: binding=False
# plain methods: each call costs a hundred instructions less
"""LoRaWAN data frames: parse, check, decrypt and build (TS001-1.0.4 §4; MIC of 1.0.x).

PHYPayload = MHDR(1) ‖ DevAddr(4) ‖ FCtrl(1) ‖ FCnt(2) ‖ FOpts(0..15) [‖ FPort(1) ‖ FRMPayload] ‖ MIC(4)

Rules:

- On the air numbers are little-endian; `native/` alone knows it.
- Strangers' bytes never raise: what is not well-formed, or has another MIC, is None (or -1).
  Arguments that only we can get wrong raise ValueError.
- Well-formed: 12 to 255 bytes, a data MType, Major 0, FOpts that fit, no FOpts beside FPort 0.
  RFU bits are ignored. The direction follows from the MType.
- Pointers into a frame: see native/phy.pxd.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcmp, memcpy

from native.crypto cimport Aes, Cmac
from native.phy cimport (
    HEAD, MIC, check_f_cnt, crypt, draft_downlink, f_opts_size, read_dev_addr, read_f_cnt, sign,
)


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
    """DevAddr and keys of one session, with their ciphers set up once for its life; that of FPort 0
    with the first such frame: most devices never send one, and a cipher takes 0.8 KB.

    A 1.0.x session gives NwkSKey as each of the three network keys.
    """

    cdef readonly uint32_t dev_addr
    cdef Cmac uplink_mic
    cdef Cmac downlink_mic
    cdef bytes nwk_s_enc_key
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
        if len(nwk_s_enc_key) != 16:
            raise ValueError(f"an AES-128 key has 16 bytes, not {len(nwk_s_enc_key)}")
        self.nwk_s_enc_key = nwk_s_enc_key
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
        cdef bytearray frame = draft_downlink(m_type, self.dev_addr, f_ctrl, f_cnt, f_opts, f_port,
                                              frm_payload)
        cdef unsigned char *phy = <unsigned char *> <char *> frame
        cdef int end = <int> len(frame) - MIC
        cdef int plain = end - <int> len(frm_payload)
        if plain < end:
            crypt(self.cipher(f_port == 0), phy, <uint32_t> f_cnt,
                  phy + plain, phy + plain, end - plain)
        sign(self.downlink_mic, phy, <uint32_t> f_cnt, end)
        memcpy(phy + end, self.downlink_mic.tag, MIC)
        return bytes(frame)

    cdef inline Aes cipher(self, bint of_network):
        """That of a frame's FRMPayload."""
        if not of_network:
            return self.application
        if self.network is None:
            self.network = Aes(self.nwk_s_enc_key)
        return self.network

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
            crypt(self.cipher(f_port == 0), phy, f_cnt, at + 1,
                  <unsigned char *> PyBytes_AS_STRING(frm_payload), left - 1)
        return (phy[0] >> 5, phy[5], f_cnt,
                PyBytes_FromStringAndSize(<const char *> phy + HEAD, f_opts), f_port, frm_payload)
