"""AES-128 (FIPS 197), AES-CMAC (RFC 4493) and AES-256-GCM (SP 800-38D) on libcrypto.

Rules:

- A cipher context is set up once per key and kept: to set it up costs more than to decode a frame.
- A Cmac never resets its CBC chain. The chain holds the last ciphertext block, which is the tag of
  the message before; xored into the next message's first block it cancels out, as a zero IV would.
- Nobody may share these objects between threads without the interpreter's lock.
- Wrong keys and lengths are our own fault: ValueError. A refusal of libcrypto: RuntimeError.
- GCM: a nonce is never used twice under one key. Who draws them at random seals at most 2^32 times
  under one key (SP 800-38D §8.3).
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.limits cimport INT_MAX
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

cdef extern from "openssl/evp.h":
    ctypedef struct EVP_CIPHER:
        pass
    ctypedef struct ENGINE:
        pass
    EVP_CIPHER_CTX *EVP_CIPHER_CTX_new()
    void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *context)
    int EVP_CIPHER_CTX_set_padding(EVP_CIPHER_CTX *context, int padding)
    const EVP_CIPHER *EVP_aes_128_ecb()
    const EVP_CIPHER *EVP_aes_128_cbc()
    int EVP_CipherInit_ex(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, ENGINE *engine,
                          const unsigned char *key, const unsigned char *iv, int encrypting)
    int EVP_CipherUpdate(EVP_CIPHER_CTX *context, unsigned char *out, int *out_size,
                         const unsigned char *data, int size)
    int EVP_CipherFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *out_size)
    const EVP_CIPHER *EVP_aes_256_gcm()
    int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *context, int command, int size, void *data)
    int EVP_CTRL_AEAD_GET_TAG
    int EVP_CTRL_AEAD_SET_TAG
    void OPENSSL_cleanse(void *data, size_t size)


cdef EVP_CIPHER_CTX *new_context(const EVP_CIPHER *cipher, bytes key, bint encrypting) except NULL:
    """A context without padding and with a zero IV, to be freed by its owner."""
    cdef unsigned char zero[16]
    if PyBytes_GET_SIZE(key) != 16:
        raise ValueError(f"an AES-128 key has 16 bytes, not {len(key)}")
    cdef EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new()
    if context is NULL:
        raise MemoryError("libcrypto has no memory for a cipher context")
    memset(zero, 0, 16)
    if (EVP_CipherInit_ex(context, cipher, NULL, <const unsigned char *> PyBytes_AS_STRING(key),
                          zero, encrypting) != 1
            or EVP_CIPHER_CTX_set_padding(context, 0) != 1):
        EVP_CIPHER_CTX_free(context)
        raise RuntimeError("libcrypto refused to set up AES-128")
    return context


cdef inline int update(EVP_CIPHER_CTX *context, const unsigned char *blocks, unsigned char *out,
                       int size) except -1:
    cdef int written = 0
    if EVP_CipherUpdate(context, out, &written, blocks, size) != 1 or written != size:
        raise RuntimeError("libcrypto refused to run AES")
    return 0


@cython.final
cdef class Aes:
    """AES-128-ECB, encrypting, under one key."""

    def __cinit__(self, bytes key not None):
        self.context = new_context(EVP_aes_128_ecb(), key, True)

    def __dealloc__(self):
        EVP_CIPHER_CTX_free(self.context)

    cdef int encrypt(self, const unsigned char *blocks, unsigned char *out, int size) except -1:
        """Encrypt whole blocks; `out` may be `blocks`."""
        return update(self.context, blocks, out, size)


cdef void double_block(const unsigned char *block, unsigned char *doubled) noexcept:
    """Times x in GF(2^128) (RFC 4493 §2.3)."""
    cdef int i
    for i in range(15):
        doubled[i] = (block[i] << 1 | block[i + 1] >> 7) & 0xFF
    doubled[15] = (block[15] << 1 & 0xFF) ^ (block[0] >> 7) * 0x87


cdef inline void xor_block(unsigned char *block, const unsigned char *other) noexcept:
    cdef uint64_t ours[2]
    cdef uint64_t theirs[2]
    memcpy(ours, block, 16)
    memcpy(theirs, other, 16)
    ours[0] ^= theirs[0]
    ours[1] ^= theirs[1]
    memcpy(block, ours, 16)


@cython.final
cdef class Cmac:
    """AES-CMAC under one key."""

    def __cinit__(self, bytes key not None):
        self.context = new_context(EVP_aes_128_cbc(), key, True)
        memset(self.tag, 0, 16)
        update(self.context, self.tag, self.tag, 16)
        double_block(self.tag, self.k1)
        double_block(self.k1, self.k2)

    def __dealloc__(self):
        EVP_CIPHER_CTX_free(self.context)

    cdef int sign(self, unsigned char *message, int size) except -1:
        """Leave the CMAC of `message` in `tag`.

        The message is spoilt: it is padded (so it needs room for a multiple of 16 bytes, at least
        16) and encrypted where it stands.
        """
        cdef int last = 0
        if size > 0:
            last = (size - 1) & ~15
        if size == last + 16:
            xor_block(message + last, self.k1)
        else:
            message[size] = 0x80
            memset(message + size + 1, 0, <size_t> (last + 15 - size))
            xor_block(message + last, self.k2)
        xor_block(message, self.tag)
        update(self.context, message, message, last + 16)
        memcpy(self.tag, message + last, 16)
        return 0


cdef bytes ecb(bytes key, bytes blocks, bint encrypting):
    cdef Py_ssize_t size = PyBytes_GET_SIZE(blocks)
    if size % 16 or size > INT_MAX:
        raise ValueError(f"AES works on whole blocks of 16 bytes, not on {size} bytes")
    cdef bytes out = PyBytes_FromStringAndSize(NULL, size)
    cdef EVP_CIPHER_CTX *context = new_context(EVP_aes_128_ecb(), key, encrypting)
    try:
        update(context, <const unsigned char *> PyBytes_AS_STRING(blocks),
               <unsigned char *> PyBytes_AS_STRING(out), <int> size)
    finally:
        EVP_CIPHER_CTX_free(context)
    return out


def aes_encrypt(bytes key not None, bytes blocks not None):
    """AES-128-ECB of whole 16-byte blocks, without padding (FIPS 197)."""
    return ecb(key, blocks, True)


def aes_decrypt(bytes key not None, bytes blocks not None):
    """The inverse of `aes_encrypt`."""
    return ecb(key, blocks, False)


def cmac(bytes key not None, bytes message not None):
    """AES-CMAC, 16 bytes (RFC 4493)."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(message)
    if size > INT_MAX - 16:
        raise ValueError(f"{size} bytes are too many for one CMAC")
    cdef bytearray work = bytearray(message) + bytearray(16)
    cdef Cmac signer = Cmac(key)
    signer.sign(<unsigned char *> <char *> work, <int> size)
    return PyBytes_FromStringAndSize(<char *> signer.tag, 16)


cdef int TAG = 16


cdef EVP_CIPHER_CTX *new_gcm(bytes key, bytes nonce, bytes associated, bint sealing) except NULL:
    """A context of AES-256-GCM that has taken in `associated`, to be freed by its owner."""
    cdef int written = 0
    if PyBytes_GET_SIZE(key) != 32 or PyBytes_GET_SIZE(nonce) != 12:
        raise ValueError(
            f"AES-256-GCM takes a key of 32 and a nonce of 12 bytes, not {len(key)} and {len(nonce)}"
        )
    if PyBytes_GET_SIZE(associated) > INT_MAX:
        raise ValueError(f"{len(associated)} bytes are too many to go with one sealed text")
    cdef EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new()
    if context is NULL:
        raise MemoryError("libcrypto has no memory for a cipher context")
    if (EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL,
                          <const unsigned char *> PyBytes_AS_STRING(key),
                          <const unsigned char *> PyBytes_AS_STRING(nonce), sealing) != 1
            or EVP_CipherUpdate(context, NULL, &written,
                                <const unsigned char *> PyBytes_AS_STRING(associated),
                                <int> PyBytes_GET_SIZE(associated)) != 1):
        EVP_CIPHER_CTX_free(context)
        raise RuntimeError("libcrypto refused to set up AES-256-GCM")
    return context


def seal(bytes key not None, bytes nonce not None, bytes plain not None, bytes associated not None):
    """AES-256-GCM: the ciphertext, as long as `plain`, and its tag of 16 bytes."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(plain)
    cdef int written = 0
    if size > INT_MAX - TAG:
        raise ValueError(f"{size} bytes are too many to be sealed at once")
    cdef bytes out = PyBytes_FromStringAndSize(NULL, size + TAG)
    cdef unsigned char *sealed = <unsigned char *> PyBytes_AS_STRING(out)
    cdef EVP_CIPHER_CTX *context = new_gcm(key, nonce, associated, True)
    try:
        update(context, <const unsigned char *> PyBytes_AS_STRING(plain), sealed, <int> size)
        if (EVP_CipherFinal_ex(context, sealed + size, &written) != 1
                or EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG, sealed + size) != 1):
            raise RuntimeError("libcrypto refused to end AES-256-GCM")
    finally:
        EVP_CIPHER_CTX_free(context)
    return out


def open_sealed(
    bytes key not None, bytes nonce not None, bytes sealed not None, bytes associated not None
):
    """What `seal` was given; None if the key, the nonce, `associated` or any bit is another."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(sealed) - TAG
    cdef int written = 0
    cdef bytes out
    cdef unsigned char *plain
    cdef unsigned char *data = <unsigned char *> PyBytes_AS_STRING(sealed)
    if size > INT_MAX - TAG:
        raise ValueError(f"{size} bytes are too many to be opened at once")
    cdef EVP_CIPHER_CTX *context = new_gcm(key, nonce, associated, False)
    try:
        if size < 0:
            return None
        out = PyBytes_FromStringAndSize(NULL, size)
        plain = <unsigned char *> PyBytes_AS_STRING(out)
        update(context, data, plain, <int> size)
        if EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, data + size) != 1:
            raise RuntimeError("libcrypto refused to end AES-256-GCM")
        if EVP_CipherFinal_ex(context, plain + size, &written) != 1:
            OPENSSL_cleanse(plain, <size_t> size)
            return None
        return out
    finally:
        EVP_CIPHER_CTX_free(context)
