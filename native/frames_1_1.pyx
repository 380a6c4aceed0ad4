# cython: binding=False
"""Data frames of LoRaWAN 1.1 sessions: two MICs in one, FOpts encrypted (LoRaWAN 1.1 §4.3–4.4).

What differs from 1.0.x (`frames`, whose rules hold here too):

- An uplink's MIC is cmacS[0..1] ‖ cmacF[0..1]. cmacS (SNwkSIntKey) also covers the data rate and
  the channel that the uplink used and, if it acknowledges, the FCnt that it acknowledges.
- A downlink's MIC (SNwkSIntKey) covers the FCnt of the uplink that it acknowledges, if it does.
- FOpts are encrypted with NwkSEncKey. Their block tells AFCntDown from the other counters and is
  numbered 1 (errata on L2 1.1, "FOpts Encryption, Usage of FCntDwn", 2018).
- NFCntDown counts downlinks without port or with port 0, AFCntDown all others: the caller's.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcmp, memcpy

from native.crypto cimport Aes, Cmac
from native.phy cimport (
    HEAD, MIC, check_f_cnt, crypt, draft_downlink, f_opts_size, fill_block, read_dev_addr,
    read_f_cnt, sign, xor_bytes,
)

cdef enum:
    ACK = 0x20  # in FCtrl
    OTHER_COUNTER = 1 << 24  # byte 4 of FOpts' block: FCntUp and NFCntDown
    A_F_CNT_DOWN = 2 << 24


@cython.final
cdef class SessionKeys:
    """DevAddr and keys of one 1.1 session, with their ciphers set up once for its life."""

    cdef readonly uint32_t dev_addr
    cdef Cmac forwarding
    cdef Cmac serving
    cdef Aes network
    cdef Aes application

    def __cinit__(self, dev_addr, bytes f_nwk_s_int_key not None, bytes s_nwk_s_int_key not None,
                  bytes nwk_s_enc_key not None, bytes app_s_key not None):
        if not 0 <= dev_addr <= 0xFFFFFFFF:
            raise ValueError(f"DevAddr {dev_addr} does not fit 32 bits")
        self.dev_addr = dev_addr
        self.forwarding = Cmac(f_nwk_s_int_key)
        self.serving = Cmac(s_nwk_s_int_key)
        self.network = Aes(nwk_s_enc_key)
        self.application = Aes(app_s_key)

    def __repr__(self):
        return f"SessionKeys(dev_addr={self.dev_addr:08x})"

    def decode_uplink(self, bytes phy_payload not None, int64_t f_cnt_up, int tx_dr, int tx_ch,
                      int64_t conf_f_cnt):
        """Check and decrypt an uplink that came at data rate `tx_dr` on the device's channel `tx_ch`.

        `conf_f_cnt` is the FCnt of the confirmed downlink sent last (16 bits count), for an uplink
        that acknowledges it. `f_cnt_up`, its high half and what is returned: as in `frames`.
        """
        if f_cnt_up != -1:
            check_f_cnt(f_cnt_up)
        cdef const unsigned char *phy = <const unsigned char *> PyBytes_AS_STRING(phy_payload)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(phy_payload)
        cdef int f_opts = f_opts_size(phy, size)
        if f_opts < 0 or phy[0] & 0x20:
            return None
        cdef uint32_t second = (tx_dr & 0xFF) << 16 | <uint32_t> (tx_ch & 0xFF) << 24
        if phy[5] & ACK:
            second |= <uint32_t> (conf_f_cnt & 0xFFFF)
        cdef uint32_t high = <uint32_t> (f_cnt_up >> 16) if f_cnt_up >= 0 else 0
        cdef uint32_t f_cnt = high << 16 | read_f_cnt(phy)
        if not self.mic_fits(phy, <int> size, f_cnt, second):
            if f_cnt_up < 0 or high == 0xFFFF:
                return None
            f_cnt += 0x10000
            if not self.mic_fits(phy, <int> size, f_cnt, second):
                return None
        return self.opened(phy, <int> size, f_opts, f_cnt)

    def encode_downlink(self, int m_type, int f_ctrl, int64_t f_cnt, bytes f_opts not None, f_port,
                        bytes frm_payload not None, int64_t conf_f_cnt=0):
        """A whole downlink PHYPayload; `f_cnt` is AFCntDown with an application's port.

        `conf_f_cnt` is the FCnt of the uplink that it acknowledges (16 bits count).
        """
        cdef bytearray frame = draft_downlink(m_type, self.dev_addr, f_ctrl, f_cnt, f_opts, f_port,
                                              frm_payload)
        cdef unsigned char *phy = <unsigned char *> <char *> frame
        cdef int end = <int> len(frame) - MIC
        cdef int plain = end - <int> len(frm_payload)
        cdef uint32_t counter = A_F_CNT_DOWN if f_port else OTHER_COUNTER
        self.crypt_f_opts(phy, <uint32_t> f_cnt, counter, phy + HEAD, <int> len(f_opts))
        if plain < end:
            crypt(self.network if f_port == 0 else self.application, phy, <uint32_t> f_cnt,
                  phy + plain, phy + plain, end - plain)
        sign(self.serving, phy, <uint32_t> f_cnt, end,
             <uint32_t> (conf_f_cnt & 0xFFFF) if f_ctrl & ACK else 0)
        memcpy(phy + end, self.serving.tag, MIC)
        return bytes(frame)

    cdef bint mic_fits(self, const unsigned char *phy, int size, uint32_t f_cnt,
                       uint32_t second) except -1:
        cdef int end = size - MIC
        if read_dev_addr(phy) != self.dev_addr:
            return False
        sign(self.forwarding, phy, f_cnt, end)
        if memcmp(self.forwarding.tag, phy + end + 2, 2) != 0:
            return False
        sign(self.serving, phy, f_cnt, end, second)
        return memcmp(self.serving.tag, phy + end, 2) == 0

    cdef int crypt_f_opts(self, const unsigned char *phy, uint32_t f_cnt, uint32_t counter,
                          unsigned char *f_opts, int size) except -1:
        cdef unsigned char block[16]
        fill_block(block, 1, phy, f_cnt, 1, counter)
        self.network.encrypt(block, block, 16)
        xor_bytes(f_opts, f_opts, block, size)
        return 0

    cdef tuple opened(self, const unsigned char *phy, int size, int f_opts, uint32_t f_cnt):
        cdef const unsigned char *at = phy + HEAD + f_opts
        cdef int f_port = -1, left = size - HEAD - f_opts - MIC
        cdef bytes frm_payload = b""
        cdef unsigned char commands[16]
        memcpy(commands, phy + HEAD, <size_t> f_opts)
        self.crypt_f_opts(phy, f_cnt, OTHER_COUNTER, commands, f_opts)
        if left > 0:
            f_port = at[0]
        if left > 1:
            frm_payload = PyBytes_FromStringAndSize(NULL, left - 1)
            crypt(self.network if f_port == 0 else self.application, phy, f_cnt, at + 1,
                  <unsigned char *> PyBytes_AS_STRING(frm_payload), left - 1)
        return (phy[0] >> 5, phy[5], f_cnt,
                PyBytes_FromStringAndSize(<const char *> commands, f_opts), f_port, frm_payload)
