/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/htif.c on guest memory and a loop, without harts: what a guest
 * would store is stored here the slow way, which calls the hook.
 */
#include "sim/htif.h"

#include "sim/base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BASE     0x80000000ull
#define TOHOST   (BASE + 0x1000)
#define FROMHOST (BASE + 0x1040)
#define BLOCK    (BASE + 0x2000)
#define TEXT     (BASE + 0x3000)

struct fixture {
    struct physmem *pm;
    struct loop *loop;
    struct htif *htif;
    pthread_t thread;
    uint64_t code;  /* atomic */
    unsigned exits; /* atomic */
    char out[256];  /* console; atomic length */
    unsigned out_len;
    char in; /* what would be read, 0: nothing; atomic */
};

static void on_exit(void *opaque, uint64_t code)
{
    struct fixture *f = opaque;
    store_release(&f->code, code);
    fetch_add_acq_rel(&f->exits, 1);
}

static size_t on_write(void *opaque, const void *buf, size_t len)
{
    struct fixture *f = opaque;
    unsigned at = load_acquire(&f->out_len);
    memcpy(f->out + at, buf, len);
    store_release(&f->out_len, at + (unsigned)len);
    return len;
}

static size_t on_read(void *opaque, void *buf, size_t len)
{
    struct fixture *f = opaque;
    char c = exchange_acq_rel(&f->in, 0);
    (void)len;
    memcpy(buf, &c, 1);
    return c != 0;
}

static void store(struct fixture *f, gpa_t gpa, unsigned size, uint64_t value)
{
    physmem_store_slow(f->pm, NULL, gpa, size, value);
}

static uint64_t word(struct fixture *f, gpa_t gpa)
{
    return load_acquire((uint64_t *)(void *)physmem_host(f->pm, gpa));
}

static void forget(struct fixture *f)
{
    store(f, FROMHOST, 8, 0);
    f->exits = f->out_len = 0;
    memset(f->out, 0, sizeof(f->out));
    f->code = 0;
}

static void await_exits(struct fixture *f, unsigned n)
{
    while (load_acquire(&f->exits) < n)
        sched_yield();
}

static void test_exit_codes(void **state)
{
    static const uint64_t codes[] = {0, 1, 7, 255, 0x7fffffffffff};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        forget(f);
        store(f, TOHOST, 8, codes[i] << 1 | 1);
        assert_int_equal(f->exits, 1);
        assert_int_equal(f->code, codes[i]);
        assert_int_equal(word(f, TOHOST), 0);
    }
}

/* An exit code and a character as two 32-bit stores, low word first, and the other way round. */
static void test_halves(void **state)
{
    struct fixture *f = *state;
    forget(f);
    store(f, TOHOST, 4, 7);
    store(f, TOHOST + 4, 4, 0);
    assert_int_equal(f->exits, 1);
    assert_int_equal(f->code, 3);
    forget(f);
    for (const char *c = "ab\1"; *c; c++) { /* odd and even low words */
        store(f, TOHOST, 4, (uint8_t)*c);
        store(f, TOHOST + 4, 4, 0x01010000);
    }
    assert_string_equal(f->out, "ab\1");
    assert_int_equal(f->exits, 0);
    store(f, TOHOST + 4, 4, 0x01010000);
    store(f, TOHOST, 4, 'c');
    assert_string_equal(f->out, "ab\1c");
}

/* Programs of old store the low word only, again and again. */
static void test_low_half_alone(void **state)
{
    struct fixture *f = *state;
    forget(f);
    uint64_t begin = clock_now_ns();
    store(f, TOHOST, 4, 11);
    assert_int_equal(f->exits, 0);
    while (!load_acquire(&f->exits))
        store(f, TOHOST, 4, 11);
    assert_int_equal(load_acquire(&f->code), 5);
    assert_true(clock_now_ns() - begin >= 19000000);
    store(f, TOHOST + 4, 4, 0); /* completes what the last store began */
    await_exits(f, 1);
}

static void test_other_bytes_of_the_page(void **state)
{
    struct fixture *f = *state;
    forget(f);
    store(f, TOHOST + 8, 8, 1);
    store(f, TOHOST - 8, 8, 1);
    store(f, TOHOST, 8, 0);
    assert_int_equal(f->exits, 0);
    assert_int_equal(word(f, TOHOST + 8), 1);
}

static void call(struct fixture *f, uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t block[8] = {number, a, b, c};
    physmem_write(f->pm, BLOCK, block, sizeof(block));
    store(f, TOHOST, 8, BLOCK);
}

static void test_calls(void **state)
{
    struct fixture *f = *state;
    forget(f);
    physmem_write(f->pm, TEXT, "hello\n", 6);
    call(f, 64, 1, TEXT, 6);
    assert_string_equal(f->out, "hello\n");
    assert_int_equal(word(f, BLOCK), 6);
    assert_int_equal(word(f, FROMHOST), 1);
    assert_int_equal(word(f, TOHOST), 0);
    call(f, 64, 7, TEXT, 6);
    assert_int_equal((int64_t)word(f, BLOCK), -EBADF);
    call(f, 64, 1, BASE + (1 << 20) - 3, 6);
    assert_int_equal((int64_t)word(f, BLOCK), -EFAULT);
    call(f, 64, 1, TEXT, UINT64_MAX);
    assert_int_equal((int64_t)word(f, BLOCK), -EFAULT);
    call(f, 12345, 1, 2, 3);
    assert_int_equal((int64_t)word(f, BLOCK), -ENOSYS);
    assert_int_equal(f->exits, 0);
    call(f, 93, 42, 0, 0);
    assert_int_equal(f->exits, 1);
    assert_int_equal(f->code, 42);
}

static void test_nonsense(void **state)
{
    static const uint64_t values[] = {2,          0x1000,     BASE + (1 << 20) - 8, BLOCK + 4,
                                      7ull << 56, 1ull << 48, UINT64_MAX << 1};
    struct fixture *f = *state;
    forget(f);
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        store(f, TOHOST, 8, values[i]);
    assert_int_equal(f->exits, 0);
}

static void test_read_character(void **state)
{
    struct fixture *f = *state;
    forget(f);
    store(f, TOHOST, 8, 1ull << 56);
    assert_int_equal(word(f, FROMHOST), 0);
    store_release(&f->in, 'x');
    while (!word(f, FROMHOST))
        sched_yield();
    assert_int_equal(word(f, FROMHOST), 1ull << 56 | 0x100 | 'x');
}

static void test_set_refuses(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(htif_set(f->htif, 0x1000, FROMHOST), -EFAULT);
    assert_int_equal(htif_set(f->htif, TOHOST + 4, FROMHOST), -EFAULT);
    assert_int_equal(htif_set(f->htif, TOHOST, BASE + (1 << 20)), -EFAULT);
}

static void *loop_thread(void *arg)
{
    loop_run(arg);
    return NULL;
}

static int setup(void **state)
{
    static struct fixture f;
    struct physmem_config cfg = {.base = BASE, .size = 1 << 20, .numa_node = -1};
    *state = &f;
    if (physmem_create(&f.pm, &cfg) || loop_create(&f.loop))
        return -1;
    struct htif_env env = {.pm = f.pm,
                           .loop = f.loop,
                           .opaque = &f,
                           .exit = on_exit,
                           .console_write = on_write,
                           .console_read = on_read};
    if (htif_create(&f.htif, &env))
        return -1;
    f.pm->hooks.watch_opaque = f.htif;
    f.pm->hooks.watch_written = htif_written;
    if (htif_set(f.htif, TOHOST, FROMHOST))
        return -1;
    return pthread_create(&f.thread, NULL, loop_thread, f.loop);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    loop_stop(f->loop);
    pthread_join(f->thread, NULL);
    htif_destroy(f->htif);
    loop_destroy(f->loop);
    physmem_destroy(f->pm);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_codes),     cmocka_unit_test(test_halves),
        cmocka_unit_test(test_low_half_alone), cmocka_unit_test(test_other_bytes_of_the_page),
        cmocka_unit_test(test_calls),          cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_read_character), cmocka_unit_test(test_set_refuses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
