/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip and zstd streams in memory, into a buffer that never grows beyond what
 * fits the guest, so that a bomb cannot take the host down.  Called by the
 * thread that initialises the machine.
 */
#ifndef SIM_DECOMPRESS_H
#define SIM_DECOMPRESS_H

#include "sim/file.h"

enum compression {
    COMPRESS_NONE,
    COMPRESS_GZIP,
    COMPRESS_ZSTD,
    COMPRESS_XZ, /* known by name only, from here on */
    COMPRESS_LZMA,
    COMPRESS_BZIP2,
    COMPRESS_LZ4,
    COMPRESS_LZO,
};

enum compression decompress_detect(const uint8_t *data, uint64_t size);
const char *decompress_name(enum compression kind);

/*
 * Decompresses data (part of f, which names the messages) into *out, which must be released with
 * file_release.  -EFBIG beyond limit bytes, -EBADMSG for a damaged or truncated stream, -ENOTSUP
 * for a kind known by name only.
 */
int decompress(const struct file *f, enum compression kind, const uint8_t *data, uint64_t size,
               uint64_t limit, struct file *out);

#endif
