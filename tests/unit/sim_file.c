/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of sim/file.c: files and pipes whole, and what is wrong with a file by itself. */
#include "sim/file.h"

#include "sim/include/manyhart.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/mh-file-XXXXXX";

static void make(uint64_t size)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    if (size)
        assert_int_equal(pwrite(fd, "x", 1, (off_t)size - 1), 1);
    close(fd);
}

static void test_sizes(void **state)
{
    static const uint64_t sizes[] = {1, 4095, 4096, 4097, 1 << 20, (1 << 20) + 1, 5000000};
    struct file f;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        make(sizes[i]);
        assert_int_equal(file_read(&f, "kernel", path, sizes[i], "memory"), 0);
        assert_int_equal(f.size, sizes[i]);
        assert_int_equal(f.data[f.size - 1], 'x');
        file_release(&f);
        if (sizes[i] > 1)
            assert_int_equal(file_read(&f, "kernel", path, sizes[i] - 1, "memory"), -EFBIG);
    }
}

static void test_wrong(void **state)
{
    static const struct {
        const char *path;
        int rc;
    } rows[] = {
        {"/nonexistent", -ENOENT}, {"/tmp", -EISDIR}, {"/dev/null", -ENODATA}, {"", -ENOENT}};
    struct file f;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(file_read(&f, "initrd", rows[i].path, 1 << 20, "memory"), rows[i].rc);
        assert_string_equal(mh_last_error()->param, "initrd");
        assert_string_equal(mh_last_error()->value, rows[i].path);
    }
    make(0);
    assert_int_equal(file_read(&f, "initrd", path, 1 << 20, "memory"), -ENODATA);
}

static void *feed(void *arg)
{
    char chunk[10000];
    FILE *p = fopen(arg, "w");
    memset(chunk, 'p', sizeof(chunk));
    for (int i = 0; i < 300; i++)
        fwrite(chunk, 1, sizeof(chunk), p);
    fclose(p);
    return NULL;
}

/* A pipe has no size and comes in pieces. */
static void test_pipe(void **state)
{
    char name[64];
    pthread_t t;
    struct file f;
    (void)state;
    snprintf(name, sizeof(name), "%s.pipe", path);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(pthread_create(&t, NULL, feed, name), 0);
    assert_int_equal(file_read(&f, "kernel", name, 4 << 20, "memory"), 0);
    pthread_join(t, NULL);
    assert_int_equal(f.size, 3000000);
    for (uint64_t i = 0; i < f.size; i++)
        assert_int_equal(f.data[i], 'p');
    file_release(&f);
    unlink(name);
}

static void test_endless(void **state)
{
    struct file f;
    (void)state;
    assert_int_equal(file_read(&f, "kernel", "/dev/zero", 3 << 20, "memory"), -EFBIG);
}

static int setup(void **state)
{
    int fd = mkstemp(path);
    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_endless),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
