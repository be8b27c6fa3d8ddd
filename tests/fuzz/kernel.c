/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel loaders: Image, gzip, zstd, EFI zboot, ELF and raw bytes.  The first
 * byte says how the rest is wrapped, so that the fuzzer need not find out how to
 * compress: as it is, or packed by us, with the checksums right.
 */
#include "tests/fuzz/fuzz.h"

#include <zlib.h>
#include <zstd.h>

#include "sim/load_image.h"

enum { RAM = 4 << 20, EM = 243, PACKED_MAX = 16384, ZBOOT = 56 };

static size_t gzip(const uint8_t *data, size_t size, uint8_t *to, size_t room)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data,
                  .avail_in = (uInt)size,
                  .next_out = to,
                  .avail_out = (uInt)room};
    FUZZ_CHECK(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 1, 0) == Z_OK);
    FUZZ_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static size_t zstd(const uint8_t *data, size_t size, uint8_t *to, size_t room)
{
    size_t n = ZSTD_compress(to, room, data, size, 1);
    FUZZ_CHECK(!ZSTD_isError(n));
    return n;
}

static size_t wrap(unsigned how, const uint8_t *data, size_t size, uint8_t *to)
{
    static const char *const names[] = {"gzip", "zstd22"};
    size_t at = how & 4 ? ZBOOT : 0, n;
    memset(to, 0, ZBOOT);
    if (how & 1)
        n = gzip(data, size, to + at, PACKED_MAX - at);
    else
        n = zstd(data, size, to + at, PACKED_MAX - at);
    if (at) {
        uint32_t where[2] = {ZBOOT, (uint32_t)n};
        memcpy(to, "MZ\0\0zimg", 8);
        memcpy(to + 8, where, sizeof(where));
        strcpy((char *)to + 24, names[how & 1 ? 0 : 1]);
    }
    return at + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct physmem *pm;
    static uint8_t packed[PACKED_MAX];
    struct fuzz_in in = {data, size};
    struct kernel_spec spec = {.path = (char *)(uintptr_t) "input"};
    struct kernel_image k;
    struct layout layout;
    struct file f;
    if (!pm)
        pm = fuzz_ram(RAM);
    layout_init(&layout, pm);
    uint8_t how = fuzz_u8(&in);
    spec.raw = how >> 4 == 1;
    spec.has_address = spec.raw && how & 8;
    spec.address = spec.has_address ? fuzz_u64(&in) : 0;
    if (how & 2)
        file_borrow(&f, "kernel", "input", packed, wrap(how, in.at, in.left, packed));
    else
        file_borrow(&f, "kernel", "input", in.at, in.left);
    if (kernel_load(&f, &spec, EM, &layout, &k))
        return 0;
    FUZZ_CHECK(k.low <= k.high && physmem_contains(pm, k.low, k.high - k.low));
    FUZZ_CHECK(k.entry >= k.low && k.entry <= k.high);
    return 0;
}
