/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mh_decoder_*: instructions as data and as text, from bytes or from where a
 * hart would fetch.  A decoder is constant once made; any thread.
 */
#include "sim/hart_hold.h"

#include "sim/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 4 }; /* bytes of an instruction */

struct mh_decoder {
    const struct guest_type *gt;
    struct guest_decoder *guest;
};

static int no_guest(const char *guest)
{
    bool planned = guest && (!strcmp(guest, "arm64") || !strcmp(guest, "x86_64"));
    return error_set(MH_ERROR_EXECUTION, planned ? -ENOTSUP : -EINVAL, "guest", guest, "%s",
                     planned ? "cannot be decoded yet; give riscv64"
                             : "unknown guest architecture; give riscv64");
}

int mh_decoder_create(struct mh_decoder **out, const char *guest, const char *isa)
{
    const struct guest_type *gt = guest ? guest_find(guest) : NULL;
    *out = NULL;
    if (!gt)
        return no_guest(guest);
    struct mh_decoder *d = calloc(1, sizeof(*d));
    if (!d)
        return error_set(MH_ERROR_EXECUTION, -ENOMEM, NULL, NULL, "not enough host memory");
    d->gt = gt;
    int rc = gt->decoder_create(&d->guest, isa);
    if (rc) {
        free(d);
        return rc;
    }
    *out = d;
    return 0;
}

void mh_decoder_destroy(struct mh_decoder *d)
{
    if (!d)
        return;
    d->gt->decoder_destroy(d->guest);
    free(d);
}

int mh_decoder_decode(const struct mh_decoder *d, const void *bytes, size_t len, mh_gva pc,
                      struct mh_insn *out)
{
    if (d->gt->decode(d->guest, bytes, len, pc.v, out))
        return 0;
    return error_set(MH_ERROR_EXECUTION, -ENODATA, "len", NULL,
                     "the instruction is longer than the bytes given");
}

int mh_decoder_disassemble(const struct mh_decoder *d, const void *bytes, size_t len, mh_gva pc,
                           char *text, size_t size)
{
    struct mh_insn insn;
    int rc = mh_decoder_decode(d, bytes, len, pc, &insn);
    if (rc)
        return rc;
    snprintf(text, size, "%s", insn.text);
    return insn.size;
}

/* Where the instructions of a block come from: the next at pc, or -errno. */
typedef int next_fn(void *opaque, mh_gva pc, struct mh_insn *out);

static int block(next_fn *next, void *opaque, mh_gva pc, struct mh_insn *out, size_t max,
                 size_t *count)
{
    int rc = 0;
    for (*count = 0; *count < max && !rc; pc.v += out[*count - 1].size) {
        rc = next(opaque, pc, &out[*count]);
        if (rc)
            break;
        if (out[(*count)++].flags & MH_INSN_ENDS_BLOCK)
            break;
    }
    return *count ? 0 : rc;
}

struct bytes {
    const struct mh_decoder *d;
    const uint8_t *at;
    size_t len;
    mh_gva first;
};

static int next_of_bytes(void *opaque, mh_gva pc, struct mh_insn *out)
{
    const struct bytes *b = opaque;
    size_t used = (size_t)(pc.v - b->first.v);
    return mh_decoder_decode(b->d, b->at + used, b->len - used, pc, out);
}

int mh_decoder_block(const struct mh_decoder *d, const void *bytes, size_t len, mh_gva pc,
                     struct mh_insn *out, size_t max, size_t *count)
{
    struct bytes b = {d, bytes, len, pc};
    return block(next_of_bytes, &b, pc, out, max, count);
}

/* ---- from guest memory; the hart is held ------------------------------------------------- */

struct fetcher {
    const struct mh_decoder *d;
    struct mh_machine *m;
    unsigned hart;
};

static int fetch_half(const struct fetcher *f, uint64_t va, uint8_t *to)
{
    struct walk_result w;
    const struct mh_machine *m = f->m;
    char value[32];
    if (m->gt->mmu->translate(m->guest, f->hart, va, ACCESS_FETCH, -1, &w) == WALK_OK &&
        physmem_read(m->pm, w.gpa, to, 2) == 0)
        return 0;
    snprintf(value, sizeof(value), "0x%llx", (unsigned long long)va);
    return error_set(MH_ERROR_EXECUTION, -EFAULT, "pc", value, "nothing can be fetched there");
}

static int next_of_memory(void *opaque, mh_gva pc, struct mh_insn *out)
{
    const struct fetcher *f = opaque;
    uint8_t bytes[LONGEST];
    for (size_t got = 0; got < LONGEST; got += 2) {
        int rc = fetch_half(f, pc.v + got, bytes + got);
        if (rc)
            return rc;
        if (f->d->gt->decode(f->d->guest, bytes, got + 2, pc.v, out))
            return 0;
    }
    return -ENODATA;
}

int mh_decoder_block_at(const struct mh_decoder *d, struct mh_machine *m, unsigned hart, mh_gva pc,
                        struct mh_insn *out, size_t max, size_t *count)
{
    struct fetcher f = {d, m, hart};
    *count = 0;
    int rc = hart_hold(m, hart);
    if (rc)
        return rc;
    rc = pc.v & 1 ? error_set(MH_ERROR_EXECUTION, -EFAULT, "pc", NULL, "is odd")
                  : block(next_of_memory, &f, pc, out, max, count);
    hart_let_go(m, hart);
    return rc;
}

int mh_decoder_decode_at(const struct mh_decoder *d, struct mh_machine *m, unsigned hart, mh_gva pc,
                         struct mh_insn *out)
{
    size_t count;
    return mh_decoder_block_at(d, m, hart, pc, out, 1, &count);
}
