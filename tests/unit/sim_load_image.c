/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/load_image.c and sim/decompress.c: a kernel made here in each
 * form, and what must be refused.
 */
#include "sim/load_image.h"

#include "sim/decompress.h"
#include "sim/include/manyhart.h"

#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#define BASE   0x80000000ull
#define LENGTH 5000u

static struct physmem *pm;
static uint8_t image[LENGTH];

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static void image_make(void)
{
    for (unsigned i = 0; i < LENGTH; i++)
        image[i] = (uint8_t)(i * 7 + (i >> 8));
    memset(image, 0, 64);
    put(image, 0x0000006f, 4); /* j . */
    put(image + 8, 2 << 20, 8);
    put(image + 16, 3 << 20, 8);
    memcpy(image + 48, "RISCV\0\0\0RSC\x05", 12);
}

static int load_spec(const void *data, uint64_t size, const char *text, struct kernel_image *k)
{
    struct kernel_spec spec;
    struct layout l;
    struct file f;
    assert_int_equal(kernel_spec_parse(text, &spec), 0);
    file_borrow(&f, "kernel", "K", data, size);
    layout_init(&l, pm);
    int rc = kernel_load(&f, &spec, EM_RISCV, &l, k);
    free(spec.path);
    return rc;
}

static int load(const void *data, uint64_t size, struct kernel_image *k)
{
    return load_spec(data, size, "K", k);
}

static void check_loaded(const struct kernel_image *k)
{
    uint8_t got[LENGTH];
    assert_int_equal(k->entry, BASE + (2 << 20));
    assert_int_equal(k->high, BASE + (5 << 20));
    physmem_read(pm, k->entry, got, sizeof(got));
    assert_memory_equal(got, image, sizeof(got));
    physmem_fill(pm, k->entry, 0, sizeof(got));
}

static uint64_t gzip_bytes(uint8_t *out, uint64_t room)
{
    z_stream z = {.next_in = image, .avail_in = LENGTH, .next_out = out, .avail_out = (uInt)room};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static uint64_t zboot_bytes(uint8_t *out, const char *name, const uint8_t *payload, uint64_t size)
{
    memset(out, 0, 512);
    memcpy(out, "MZ\0\0zimg", 8);
    put(out + 8, 512, 4);
    put(out + 12, size, 4);
    memcpy(out + 24, name, strlen(name));
    memcpy(out + 512, payload, size);
    return 512 + size;
}

static void test_image(void **state)
{
    struct kernel_image k;
    (void)state;
    image_make();
    assert_int_equal(load(image, LENGTH, &k), 0);
    check_loaded(&k);
    memcpy(image, "MZ", 2); /* an EFI stub; its PE header says nothing here */
    assert_int_equal(load(image, LENGTH, &k), 0);
    check_loaded(&k);
}

static void test_gzip_and_zstd(void **state)
{
    uint8_t packed[2 * LENGTH];
    struct kernel_image k;
    (void)state;
    image_make();
    uint64_t n = gzip_bytes(packed, sizeof(packed));
    assert_int_equal(load(packed, n, &k), 0);
    check_loaded(&k);
    for (uint64_t cut = 18; cut < n; cut += 97)
        assert_int_equal(load(packed, cut, &k), -EBADMSG);
    n = ZSTD_compress(packed, sizeof(packed), image, LENGTH, 3);
    assert_false(ZSTD_isError(n));
    assert_int_equal(load(packed, n, &k), 0);
    check_loaded(&k);
    for (uint64_t cut = 18; cut < n; cut += 97)
        assert_int_equal(load(packed, cut, &k), -EBADMSG);
}

static void test_zboot(void **state)
{
    uint8_t packed[2 * LENGTH], file[3 * LENGTH];
    struct kernel_image k;
    (void)state;
    image_make();
    uint64_t n = gzip_bytes(packed, sizeof(packed));
    uint64_t size = zboot_bytes(file, "gzip", packed, n);
    assert_int_equal(load(file, size, &k), 0);
    check_loaded(&k);
    assert_int_equal(load(file, size - 1, &k), -ENOEXEC);
    put(file + 8, 0xfffffff0, 4);
    assert_int_equal(load(file, size, &k), -ENOEXEC);
    n = ZSTD_compress(packed, sizeof(packed), image, LENGTH, 3);
    size = zboot_bytes(file, "zstd22", packed, n);
    assert_int_equal(load(file, size, &k), 0);
    check_loaded(&k);
    size = zboot_bytes(file, "xzkern", packed, n);
    assert_int_equal(load(file, size, &k), -ENOTSUP);
    assert_non_null(strstr(mh_last_error()->message, "xz"));
    size = zboot_bytes(file, "brotli", packed, n);
    assert_int_equal(load(file, size, &k), -ENOTSUP);
    assert_non_null(strstr(mh_last_error()->message, "brotli"));
}

static void test_known_but_not_ours(void **state)
{
    static const uint8_t xz[] = {0xfd, '7', 'z', 'X', 'Z', 0, 1, 2};
    uint8_t other[1024] = {0};
    struct kernel_image k;
    (void)state;
    assert_int_equal(load(xz, sizeof(xz), &k), -ENOTSUP);
    memcpy(other + 56, "ARM\x64", 4);
    assert_int_equal(load(other, sizeof(other), &k), -ENOEXEC);
    assert_non_null(strstr(mh_last_error()->message, "AArch64"));
    memset(other, 0, sizeof(other));
    memcpy(other + 0x202, "HdrS", 4);
    assert_int_equal(load(other, sizeof(other), &k), -ENOEXEC);
    assert_non_null(strstr(mh_last_error()->message, "x86"));
}

/* Random bytes are refused unless ",raw" says that they are meant. */
static void test_random(void **state)
{
    uint8_t bytes[4096];
    struct kernel_image k;
    (void)state;
    srand(1);
    for (int round = 0; round < 200; round++) {
        uint64_t size = 1 + (uint64_t)rand() % sizeof(bytes);
        for (uint64_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)rand();
        assert_true(load(bytes, size, &k) < 0);
    }
    assert_int_equal(load_spec(bytes, sizeof(bytes), "K,raw", &k), 0);
    assert_int_equal(k.entry, BASE + (2 << 20));
    assert_int_equal(load_spec(bytes, sizeof(bytes), "K,raw@0x80001000", &k), 0);
    assert_int_equal(k.entry, BASE + 0x1000);
    assert_int_equal(load_spec(bytes, sizeof(bytes), "K,raw@0x1000", &k), -EFAULT);
}

static void test_damaged_header(void **state)
{
    struct kernel_image k;
    (void)state;
    image_make();
    put(image + 8, 0x1234, 8); /* text_offset not 2 MiB aligned */
    assert_int_equal(load(image, LENGTH, &k), -ENOEXEC);
    image_make();
    put(image + 16, UINT64_MAX, 8);
    assert_int_equal(load(image, LENGTH, &k), -ENOEXEC);
    image_make();
    put(image + 24, 1, 8);
    assert_int_equal(load(image, LENGTH, &k), -ENOEXEC);
    image_make();
    put(image + 16, 1 << 30, 8); /* needs 1 GiB */
    assert_int_equal(load(image, LENGTH, &k), -EFAULT);
}

/* A PE section that ends past the file tells a truncated EFI-stub kernel. */
static void test_truncated_pe(void **state)
{
    struct kernel_image k;
    (void)state;
    image_make();
    memcpy(image, "MZ", 2);
    put(image + 60, 64, 4);
    memset(image + 64, 0, 256);
    memcpy(image + 64, "PE\0\0", 4);
    put(image + 64 + 4 + 2, 1, 2);   /* one section */
    put(image + 64 + 4 + 16, 16, 2); /* optional header */
    put(image + 64 + 4 + 20 + 16 + 16, 4096, 4);
    put(image + 64 + 4 + 20 + 16 + 20, LENGTH - 4096, 4);
    assert_int_equal(load(image, LENGTH, &k), 0);
    assert_int_equal(load(image, LENGTH - 1, &k), -ENOEXEC);
    assert_non_null(strstr(mh_last_error()->message, "truncated"));
    put(image + 60, 0xfffffff0, 4);
    assert_int_equal(load(image, LENGTH, &k), 0);
}

/* A few KiB that unpack to more than the guest has. */
static void test_bomb(void **state)
{
    uint64_t size = 64 << 20;
    uint8_t *zeros = calloc(1, size), *packed = malloc(1 << 20);
    struct kernel_image k;
    (void)state;
    uint64_t n = ZSTD_compress(packed, 1 << 20, zeros, size, 1);
    assert_false(ZSTD_isError(n));
    assert_int_equal(load(packed, n, &k), -EFBIG);
    free(zeros);
    free(packed);
}

static void test_spec(void **state)
{
    static const struct {
        const char *text, *path;
        bool raw, has_address;
        gpa_t address;
    } rows[] = {
        {"vmlinuz", "vmlinuz", false, false, 0},
        {"a,raw", "a", true, false, 0},
        {"a,raw@0x80400000", "a", true, true, 0x80400000},
        {"a,rawhide", "a,rawhide", false, false, 0},
    };
    struct kernel_spec spec;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(kernel_spec_parse(rows[i].text, &spec), 0);
        assert_string_equal(spec.path, rows[i].path);
        assert_int_equal(spec.raw, rows[i].raw);
        assert_int_equal(spec.has_address, rows[i].has_address);
        assert_int_equal(spec.address, rows[i].address);
        free(spec.path);
    }
    assert_int_equal(kernel_spec_parse("a,raw@here", &spec), -EINVAL);
}

static int setup(void **state)
{
    struct physmem_config cfg = {.base = BASE, .size = 16 << 20, .numa_node = -1};
    (void)state;
    return physmem_create(&pm, &cfg);
}

static int teardown(void **state)
{
    (void)state;
    physmem_destroy(pm);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image),        cmocka_unit_test(test_gzip_and_zstd),
        cmocka_unit_test(test_zboot),        cmocka_unit_test(test_known_but_not_ours),
        cmocka_unit_test(test_random),       cmocka_unit_test(test_damaged_header),
        cmocka_unit_test(test_truncated_pe), cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_spec),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
