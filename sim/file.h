/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An input file (kernel, initrd, firmware, device tree, ELF) read whole.  What
 * can be wrong with a file itself - missing, a directory, empty, too large, not
 * readable - is told here, so that each loader only looks at bytes.  Called by
 * the thread that initialises the machine.
 */
#ifndef SIM_FILE_H
#define SIM_FILE_H

#include "sim/base/bits.h"

struct file {
    const char *option; /* configuration parameter it belongs to, for messages: "kernel" */
    const char *path;   /* for messages; borrowed */
    const uint8_t *data;
    uint64_t size;
    uint64_t mapped; /* bytes to unmap; 0: data is borrowed */
};

/*
 * Reads path.  More than limit bytes is -EFBIG and says that they do not fit limit_name.  Pipes are
 * read to their end.  0 or -errno with the error set; on success file_release frees.
 */
int file_read(struct file *out, const char *option, const char *path, uint64_t limit,
              const char *limit_name);

/* A file that is in memory already. */
void file_borrow(struct file *out, const char *option, const char *path, const void *data,
                 uint64_t size);
void file_release(struct file *f);

/* error_set for the file: domain core, parameter and value filled in. */
int file_error(const struct file *f, int code, const char *fmt, ...) MH_PRINTF(3, 4);

/* Little-endian fields of a file image; the caller has checked the bounds. */
static inline uint64_t file_le(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

#endif
