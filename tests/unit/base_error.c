/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests sim/base/error.c: what is recorded, cutting, and that threads do not
 * see each other's errors.
 */
#include "sim/base/error.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void *untouched(void *opaque)
{
    const struct mh_error *e = mh_last_error();

    (void)opaque;
    return (void *)(uintptr_t)(e && e->code == 0 && !e->message[0]);
}

static void test_fields(void **state)
{
    (void)state;
    assert_int_equal(error_set(MH_ERROR_DEVICE, -EEXIST, "disk", "a.img", "no %s in %d", "room", 5),
                     -EEXIST);
    const struct mh_error *e = mh_last_error();
    assert_int_equal(e->domain, MH_ERROR_DEVICE);
    assert_int_equal(e->code, -EEXIST);
    assert_string_equal(e->param, "disk");
    assert_string_equal(e->value, "a.img");
    assert_string_equal(e->message, "no room in 5");

    error_set(MH_ERROR_CORE, -EINVAL, NULL, NULL, "plain");
    assert_string_equal(mh_last_error()->param, "");
    assert_string_equal(mh_last_error()->value, "");
}

static void test_cut(void **state)
{
    char text[2000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    error_set(MH_ERROR_CORE, -EINVAL, text, text, "%s", text);
    const struct mh_error *e = mh_last_error();
    assert_int_equal(strlen(e->param), sizeof(e->param) - 1);
    assert_int_equal(strlen(e->value), sizeof(e->value) - 1);
    assert_int_equal(strlen(e->message), sizeof(e->message) - 1);
}

/* A caller may wrap the last error's text in a new one. */
static void test_wrap(void **state)
{
    (void)state;
    error_set(MH_ERROR_CORE, -EIO, "p", "v", "short read");
    const struct mh_error *e = mh_last_error();
    error_set(MH_ERROR_PLATFORM, e->code, e->param, e->value, "kernel: %s", e->message);
    assert_string_equal(e->message, "kernel: short read");
    assert_string_equal(e->param, "p");
    assert_int_equal(e->code, -EIO);
}

static void test_per_thread(void **state)
{
    pthread_t thread;
    void *ok;

    (void)state;
    error_set(MH_ERROR_CORE, -EIO, NULL, NULL, "mine");
    pthread_create(&thread, NULL, untouched, NULL);
    pthread_join(thread, &ok);
    assert_non_null(ok);
    assert_string_equal(mh_last_error()->message, "mine");
}

static void test_text(void **state)
{
    (void)state;
    assert_string_equal(error_text(-ENOENT), "No such file or directory");
    assert_string_equal(error_text(-99999), "unknown error");
    assert_string_equal(error_text(5), "unknown error"); /* not a negative errno */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),     cmocka_unit_test(test_cut),  cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_per_thread), cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
