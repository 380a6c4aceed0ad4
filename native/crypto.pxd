cdef extern from "openssl/evp.h":
    ctypedef struct EVP_CIPHER_CTX:
        pass


cdef class Aes:
    cdef EVP_CIPHER_CTX *context
    cdef int encrypt(self, const unsigned char *blocks, unsigned char *out, int size) except -1


cdef class Cmac:
    cdef EVP_CIPHER_CTX *context
    cdef unsigned char k1[16]
    cdef unsigned char k2[16]
    cdef unsigned char tag[16]
    cdef int sign(self, unsigned char *message, int size) except -1
