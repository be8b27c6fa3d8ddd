/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thousand machines made, started, stopped and destroyed through the public
 * interface: no descriptor, thread, mapping or block of memory is left.  Every
 * device and stream is in it, and every way a machine's life can go.
 */
#include "sim/include/manyhart.h"

#include "sim/base/log.h"
#include "tests/unit/sim_program.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
int __lsan_do_recoverable_leak_check(void);
#endif

#ifdef __SANITIZE_THREAD__
enum { CYCLES = 100 }; /* each costs ten times as much, and nothing is counted twice */
#else
enum { CYCLES = 1000 };
#endif

static unsigned entries(const char *dir)
{
    DIR *d = opendir(dir);
    unsigned n = 0;
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static unsigned mappings(void)
{
    FILE *f = fopen("/proc/self/maps", "r");
    unsigned n = 0;
    int c;
    assert_non_null(f);
    while ((c = getc(f)) != EOF)
        n += c == '\n';
    fclose(f);
    return n;
}

/* A thread that was joined may still be on its way out of the kernel. */
static void assert_threads(unsigned want)
{
    for (unsigned i = 0; i < 5000 && entries("/proc/self/task") != want; i++)
        usleep(1000);
    assert_int_equal(entries("/proc/self/task"), want);
}

static char disk[] = "/tmp/manyhart-cycles-XXXXXX";

static void cycle(unsigned i, const struct program *endless, const struct program *ends)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_result r;
    char text[64];
    snprintf(text, sizeof(text), "%s%s", disk, i & 4 ? ",snapshot" : "");
    program_config(&cfg, i & 1 ? ends : endless);
    cfg.harts = 1 + i % 3;
    cfg.virtio_console = i & 8 ? "pty" : "none";
    cfg.disk[0] = text;
    cfg.disks = 1;
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    if (i % 10 == 9) { /* never built */
        mh_machine_destroy(m);
        return;
    }
    assert_int_equal(mh_machine_init(m), 0);
    if (i % 10 == 8) { /* never started */
        mh_machine_destroy(m);
        return;
    }
    assert_int_equal(mh_machine_start(m), 0);
    if (i & 1) {
        assert_int_equal(mh_machine_wait(m, UINT64_MAX, &r), 0);
        assert_int_equal(r.exit_code, 7);
    }
    if (i % 10 == 4) { /* again */
        assert_int_equal(mh_machine_stop(m), 0);
        assert_int_equal(mh_machine_start(m), 0);
    }
    if (i % 10 != 6) /* destroyed while it runs */
        mh_machine_stop(m);
    mh_machine_destroy(m);
}

static void test_cycles(void **state)
{
    static const char *const endless_lines[] = {"jal zero,0x80000000", NULL};
    static const char *const ends_lines[] = {"lui t0,0x80001",
                                             "slli t0,t0,32",
                                             "srli t0,t0,32",
                                             "addi t1,zero,15",
                                             "sd t1,0(t0)",
                                             "jal zero,0x80000014",
                                             NULL};
    struct program endless, ends;
    (void)state;
    log_configure("error"); /* names of pseudo terminals are warnings */
    program_make(&endless, endless_lines);
    program_make(&ends, ends_lines);
    int fd = mkstemp(disk);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    for (unsigned i = 0; i < 40; i++) /* what is made once in a process */
        cycle(i, &endless, &ends);
    unsigned threads = 3 /* ., .. and this one */, files = entries("/proc/self/fd");
#ifdef MH_SANITIZE
    threads = entries("/proc/self/task"); /* a runtime may have one of its own */
#endif
    assert_threads(threads);
    unsigned maps = mappings();
    for (unsigned i = 0; i < CYCLES; i++) {
        cycle(i, &endless, &ends);
        if (i % 100 == 99) {
            assert_int_equal(entries("/proc/self/fd"), files);
            assert_threads(threads);
        }
    }
    /* Allocators keep some; a machine has more than ten mappings. */
    assert_true(mappings() < maps + 200);
    close(fd);
    unlink(disk);
#if defined(__SANITIZE_ADDRESS__)
    assert_int_equal(__lsan_do_recoverable_leak_check(), 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cycles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
