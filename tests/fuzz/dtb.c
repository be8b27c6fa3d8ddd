/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --dtb: the input is the blob, with or without a command line and an initrd to
 * be written into it.  What comes out is a tree again.
 */
#include "tests/fuzz/fuzz.h"

#include <libfdt.h>

#include "sim/fdt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t aligned[4096 / 8 + 1]; /* as a file that was read is */
    struct fuzz_in in = {data, size};
    uint8_t how = fuzz_u8(&in);
    struct fdt_params p = {
        .bootargs = how & 1 ? "console=ttyS0 root=/dev/vda" : NULL,
        .initrd_start = how & 2 ? 0x81000000 : 0,
        .initrd_end = how & 2 ? 0x81234567 : 0,
    };
    struct file f;
    void *out;
    size_t n;
    if (in.left > sizeof(aligned))
        return 0;
    memcpy(aligned, in.at, in.left);
    file_borrow(&f, "dtb", "input", aligned, in.left);
    if (fdt_from_file(&p, &f, &out, &n))
        return 0;
    FUZZ_CHECK(fdt_check_full(out, n) == 0);
    int chosen = fdt_path_offset(out, "/chosen");
    FUZZ_CHECK(chosen >= 0);
    FUZZ_CHECK(!p.bootargs || !strcmp(fdt_getprop(out, chosen, "bootargs", NULL), p.bootargs));
    FUZZ_CHECK(!p.initrd_end || fdt_getprop(out, chosen, "linux,initrd-end", NULL));
    free(out);
    return 0;
}
