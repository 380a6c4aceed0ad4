/* The limit: one uplink parsed, checked and decrypted in C with cached EVP contexts. Never shipped.

   It does what native/frames.pyx does for one frame of at most 64 bytes, without Python's objects:
   the CMAC's CBC chain is carried on, both sums are one call of libcrypto each. */

#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>

struct uplink {
    uint32_t dev_addr;
    uint16_t f_cnt;
    uint8_t m_type, f_ctrl, f_port, size;
    uint8_t frm_payload[64];
};

static EVP_CIPHER_CTX *context(const EVP_CIPHER *cipher, const uint8_t *key) {
    static const uint8_t zero[16];
    EVP_CIPHER_CTX *made = EVP_CIPHER_CTX_new();
    if (made && EVP_EncryptInit_ex(made, cipher, NULL, key, zero) != 1) return NULL;
    if (made) EVP_CIPHER_CTX_set_padding(made, 0);
    return made;
}

static void twice(const uint8_t *in, uint8_t *out) {
    for (int i = 0; i < 15; i++) out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
    out[15] = (uint8_t)(in[15] << 1 ^ (in[0] & 0x80 ? 0x87 : 0));
}

static void xor_block(uint8_t *block, const uint8_t *other) {
    uint64_t a[2], b[2];
    memcpy(a, block, 16);
    memcpy(b, other, 16);
    a[0] ^= b[0];
    a[1] ^= b[1];
    memcpy(block, a, 16);
}

static void block(uint8_t *out, uint8_t first, const uint8_t *phy, uint8_t last) {
    memset(out, 0, 16);
    out[0] = first;
    memcpy(out + 6, phy + 1, 4);
    memcpy(out + 10, phy + 6, 2);
    out[15] = last;
}

static int decode(EVP_CIPHER_CTX *cbc, EVP_CIPHER_CTX *ecb, const uint8_t *k1, const uint8_t *k2,
                  uint8_t *tag, const uint8_t *phy, int size, struct uplink *up) {
    uint8_t work[96], stream[64];
    int written, signed_size = 16 + size - 4, last = (signed_size - 1) & ~15;
    block(work, 0x49, phy, (uint8_t)(size - 4));
    memcpy(work + 16, phy, (size_t)size - 4);
    if (signed_size == last + 16) {
        xor_block(work + last, k1);
    } else {
        work[signed_size] = 0x80;
        memset(work + signed_size + 1, 0, (size_t)(last + 15 - signed_size));
        xor_block(work + last, k2);
    }
    xor_block(work, tag);
    if (EVP_EncryptUpdate(cbc, work, &written, work, last + 16) != 1) return -1;
    memcpy(tag, work + last, 16);
    if (memcmp(tag, phy + size - 4, 4) != 0) return -1;

    up->m_type = phy[0] >> 5;
    memcpy(&up->dev_addr, phy + 1, 4);
    up->f_ctrl = phy[5];
    memcpy(&up->f_cnt, phy + 6, 2);
    up->f_port = phy[8];
    up->size = (uint8_t)(size - 13);
    int blocks = (up->size + 15) / 16;
    for (int i = 0; i < blocks; i++) block(stream + 16 * i, 1, phy, (uint8_t)(i + 1));
    if (EVP_EncryptUpdate(ecb, stream, &written, stream, 16 * blocks) != 1) return -1;
    for (int i = 0; i < up->size; i++) up->frm_payload[i] = phy[9 + i] ^ stream[i];
    return up->size;
}

/* Decode one frame without FOpts `times` times; the size of its FRMPayload, or -1. */
int decode_many(const uint8_t *phy, int size, const uint8_t *nwk_s_key, const uint8_t *app_s_key,
                long times, uint8_t *frm_payload) {
    uint8_t tag[16] = {0}, k1[16], k2[16];
    struct uplink up = {0};
    int written, result = -1;
    EVP_CIPHER_CTX *cbc = context(EVP_aes_128_cbc(), nwk_s_key);
    EVP_CIPHER_CTX *ecb = context(EVP_aes_128_ecb(), app_s_key);
    if (cbc && ecb && size <= 64 && EVP_EncryptUpdate(cbc, tag, &written, tag, 16) == 1) {
        twice(tag, k1);
        twice(k1, k2);
        for (long i = 0; i < times; i++) result = decode(cbc, ecb, k1, k2, tag, phy, size, &up);
        memcpy(frm_payload, up.frm_payload, up.size);
    }
    EVP_CIPHER_CTX_free(cbc);
    EVP_CIPHER_CTX_free(ecb);
    return result;
}
