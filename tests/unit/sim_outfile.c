/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/outfile.c and sim/signature.c: a file is complete or not there. */
#include "sim/outfile.h"

#include "sim/include/manyhart.h"
#include "sim/signature.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/mh-outfile-XXXXXX", path[64];

static unsigned files(void)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void content(const char *name, char *buf, size_t size)
{
    int fd = open(name, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, buf, size - 1);
    close(fd);
    buf[n < 0 ? 0 : n] = 0;
}

static void test_commit(void **state)
{
    struct outfile *o;
    char buf[32];
    (void)state;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(outfile_open(&o, "stats", path), 0);
        fprintf(outfile_stream(o), "round %d", round);
        if (round == 0)
            assert_int_not_equal(access(path, F_OK), 0);
        else
            content(path, buf, sizeof(buf)), assert_string_equal(buf, "round 0");
        assert_int_equal(outfile_commit(o), 0);
    }
    content(path, buf, sizeof(buf));
    assert_string_equal(buf, "round 1");
    assert_int_equal(files(), 1);
    unlink(path);
}

static void test_abandon(void **state)
{
    struct outfile *o;
    (void)state;
    assert_int_equal(outfile_open(&o, "stats", path), 0);
    fprintf(outfile_stream(o), "half");
    outfile_abandon(o);
    assert_int_equal(files(), 0);
    outfile_abandon(NULL);
}

static void test_cannot_write(void **state)
{
    struct outfile *o;
    (void)state;
    assert_int_equal(outfile_open(&o, "signature", "/nonexistent/x"), -ENOENT);
    assert_null(o);
    assert_string_equal(mh_last_error()->param, "signature");
    assert_int_equal(outfile_open(&o, "signature", dir), -EISDIR);
}

/* A full disk: told at the end, and the device is still a device. */
static void test_full(void **state)
{
    struct outfile *o;
    struct stat st;
    (void)state;
    if (access("/dev/full", W_OK))
        skip();
    assert_int_equal(outfile_open(&o, "signature", "/dev/full"), 0);
    fprintf(outfile_stream(o), "text");
    assert_int_equal(outfile_commit(o), -ENOSPC);
    assert_int_equal(stat("/dev/full", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
}

static void test_signature(void **state)
{
    struct physmem_config cfg = {.base = 0x80000000, .size = 1 << 20, .numa_node = -1};
    static const uint32_t words[] = {0xdeadbeef, 0, 0x10};
    struct physmem *pm;
    struct outfile *o;
    char buf[64];
    (void)state;
    assert_int_equal(physmem_create(&pm, &cfg), 0);
    physmem_write(pm, 0x80000004, words, sizeof(words));
    assert_int_equal(outfile_open(&o, "signature", path), 0);
    signature_write(outfile_stream(o), pm, 0x80000004, 0x80000010);
    assert_int_equal(outfile_commit(o), 0);
    content(path, buf, sizeof(buf));
    assert_string_equal(buf, "deadbeef\n00000000\n00000010\n");
    unlink(path);
    physmem_destroy(pm);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/out", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit),       cmocka_unit_test(test_abandon),
        cmocka_unit_test(test_cannot_write), cmocka_unit_test(test_full),
        cmocka_unit_test(test_signature),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
