/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole machine from files that make no sense: program or kernel, firmware,
 * initrd and device tree of the input's bytes, in memory of any size from 64 KiB
 * on.  Each becomes a memfd whose path under /proc is the option.  The machine is
 * built and, where that works, taken apart again; the harts do not run.
 */
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

#include "sim/include/manyhart.h"

struct part {
    int fd;
    char path[32];
};

static const char *part_make(struct part *p, struct fuzz_in *in, size_t most)
{
    size_t n;
    const uint8_t *bytes = fuzz_bytes(in, most ? fuzz_u16(in) % most : in->left, &n);
    FUZZ_CHECK(ftruncate(p->fd, 0) == 0);
    FUZZ_CHECK(pwrite(p->fd, bytes, n, 0) == (ssize_t)n);
    return p->path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct part parts[4];
    struct fuzz_in in = {data, size};
    struct mh_vm_config cfg;
    struct mh_machine *m;
    for (unsigned i = 0; i < ARRAY_LEN(parts) && !parts[i].path[0]; i++) {
        parts[i].fd = memfd_create("part", MFD_CLOEXEC);
        FUZZ_CHECK(parts[i].fd >= 0);
        snprintf(parts[i].path, sizeof(parts[i].path), "/proc/self/fd/%d", parts[i].fd);
        FUZZ_CHECK(log_configure("error") == 0);
    }
    uint8_t how = fuzz_u8(&in);
    mh_config_default(&cfg);
    cfg.console = "none";
    cfg.pin = "none";
    cfg.harts = 1 + (how & 1);
    cfg.memory_size = (uint64_t)(1 + fuzz_u16(&in) % 0x800) << (how & 2 ? 12 : 16);
    if (how & 4)
        cfg.dtb = part_make(&parts[0], &in, 2048);
    if (how & 8)
        cfg.initrd = part_make(&parts[1], &in, 2048);
    if (how & 16)
        cfg.firmware = part_make(&parts[2], &in, 2048);
    if (how & 32)
        cfg.append = "console=ttyS0";
    if (how & 64)
        cfg.kernel = part_make(&parts[3], &in, 0);
    else
        cfg.image = part_make(&parts[3], &in, 0);
    if (mh_machine_create(&m, &cfg))
        return 0;
    mh_machine_init(m);
    mh_machine_destroy(m);
    return 0;
}
