/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip by zlib, zstd by libzstd; see decompress.h.
 */
#include "sim/decompress.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

static const struct {
    const char *name;
    uint8_t magic[6];
    uint8_t length;
} kinds[] = {
    [COMPRESS_NONE] = {"none", {0}, 0},
    [COMPRESS_GZIP] = {"gzip", {0x1f, 0x8b, 8}, 3},
    [COMPRESS_ZSTD] = {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4},
    [COMPRESS_XZ] = {"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6},
    [COMPRESS_LZMA] = {"lzma", {0x5d, 0, 0}, 3},
    [COMPRESS_BZIP2] = {"bzip2", {'B', 'Z', 'h'}, 3},
    [COMPRESS_LZ4] = {"lz4", {0x02, 0x21, 0x4c, 0x18}, 4},
    [COMPRESS_LZO] = {"lzo", {0x89, 'L', 'Z', 'O'}, 4},
};

enum compression decompress_detect(const uint8_t *data, uint64_t size)
{
    for (unsigned k = COMPRESS_GZIP; k < ARRAY_LEN(kinds); k++)
        if (size >= kinds[k].length && !memcmp(data, kinds[k].magic, kinds[k].length))
            return (enum compression)k;
    return COMPRESS_NONE;
}

const char *decompress_name(enum compression kind)
{
    return kinds[kind].name;
}

/* Room for the output: address space only, the kernel gives pages as they are written. */
static int output_reserve(struct file *out, uint64_t limit)
{
    uint64_t bytes = align_up(limit + 1, PAGE_SIZE);
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED)
        return -ENOMEM;
    out->data = p;
    out->mapped = bytes;
    out->size = 0;
    return 0;
}

static int inflate_run(z_stream *z, uint8_t *to, uint64_t room, uint64_t *made)
{
    int rc = Z_OK;
    *made = 0;
    while (rc == Z_OK && *made < room) {
        uInt chunk = (uInt)min_u64(room - *made, 1u << 30);
        z->next_out = to + *made;
        z->avail_out = chunk;
        rc = inflate(z, Z_NO_FLUSH);
        *made += chunk - z->avail_out;
        if (rc == Z_OK && z->avail_out == chunk)
            break; /* no progress: the input ended early */
    }
    return rc;
}

static int gunzip(const uint8_t *data, uint64_t size, uint64_t limit, struct file *out)
{
    z_stream z = {.next_in = (Bytef *)data, .avail_in = (uInt)size};
    if (size > UINT32_MAX)
        return -EFBIG;
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return -ENOMEM;
    int rc = inflate_run(&z, (uint8_t *)out->data, limit + 1, &out->size);
    inflateEnd(&z);
    if (out->size > limit)
        return -EFBIG;
    return rc == Z_STREAM_END ? 0 : -EBADMSG;
}

static int unzstd(const uint8_t *data, uint64_t size, uint64_t limit, struct file *out)
{
    ZSTD_inBuffer in = {data, size, 0};
    ZSTD_outBuffer to = {(void *)out->data, limit + 1, 0};
    ZSTD_DStream *z = ZSTD_createDStream();
    size_t rc = 1;
    if (!z)
        return -ENOMEM;
    while (rc && !ZSTD_isError(rc) && to.pos < to.size) {
        size_t before = in.pos + to.pos;
        rc = ZSTD_decompressStream(z, &to, &in);
        if (!ZSTD_isError(rc) && rc && in.pos + to.pos == before)
            break;
    }
    ZSTD_freeDStream(z);
    out->size = to.pos;
    if (out->size > limit)
        return -EFBIG;
    return rc == 0 ? 0 : -EBADMSG;
}

static int explain(const struct file *f, enum compression kind, int rc)
{
    if (rc == -EFBIG)
        return file_error(f, rc, "decompresses to more than fits the guest; give more --memory");
    if (rc == -ENOMEM)
        return file_error(f, rc, "not enough host memory to decompress it");
    return file_error(f, rc, "is damaged or truncated (%s)", decompress_name(kind));
}

int decompress(const struct file *f, enum compression kind, const uint8_t *data, uint64_t size,
               uint64_t limit, struct file *out)
{
    struct file to = {.option = f->option, .path = f->path};
    if (kind != COMPRESS_GZIP && kind != COMPRESS_ZSTD)
        return file_error(f, -ENOTSUP, "is compressed with %s; gzip and zstd are supported",
                          decompress_name(kind));
    int rc = output_reserve(&to, limit);
    if (!rc)
        rc =
            kind == COMPRESS_GZIP ? gunzip(data, size, limit, &to) : unzstd(data, size, limit, &to);
    if (rc) {
        file_release(&to);
        return explain(f, kind, rc);
    }
    *out = to;
    return 0;
}
