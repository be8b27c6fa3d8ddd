/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of isa/riscv/jit_dump.c: what a dump says of a region adds up, and a
 * perf map names where its code is.
 */
#include "jit/jit.h"
#include "sim/machine.h"
#include "tests/unit/sim_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const loop[] = {"addi a0,zero,2000",
                                   "c.nop",
                                   "c.nop",
                                   "beq a2,zero,0x80000010", /* 0x80000008 */
                                   "addi t3,t3,7",
                                   "addw t4,t4,a0", /* 0x80000010 */
                                   "addi a0,a0,-1",
                                   "bne a0,zero,0x80000008",
                                   "jal zero,0x8000001c",
                                   NULL};

static char dir[] = "/tmp/mh-dump-XXXXXX", dump[64];

struct region {
    unsigned blocks, insns, bytes;                /* as its head says */
    unsigned blocks_seen, insns_seen, bytes_seen; /* as it goes on */
    unsigned ir_lines;
    uint64_t first_host;
};

static void run(const char *perf_map)
{
    struct program p;
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_engine *e;
    program_make(&p, loop);
    program_config(&cfg, &p);
    assert_int_equal(mh_config_set(&cfg, "jit-dump", dump), 0);
    assert_int_equal(mh_config_set(&cfg, "perf-map", perf_map), 0);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_engine_create(&e, m, 0, "jit"), 0);
    assert_int_equal(mh_engine_execute(e, 9000, NULL), 0);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
}

/* What part of a region a line is in. */
static void read_line(struct region *r, const char *line, char *part)
{
    uint64_t host;
    if (!strncmp(line, "block ", 6))
        r->blocks_seen++;
    else if (!strncmp(line, "  guest", 7) || !strncmp(line, "  ir", 4))
        *part = line[2];
    else if (sscanf(line, "  host %lx", &host) == 1) {
        *part = 'h';
        if (!r->first_host)
            r->first_host = host;
    } else if (*part == 'g')
        r->insns_seen++;
    else if (*part == 'i')
        r->ir_lines++;
    else if (*part == 'h' && line[0] == ' ')
        r->bytes_seen += (unsigned)strlen(line + 3) / 3;
}

static unsigned read_dump(struct region *regions, unsigned max)
{
    FILE *f = fopen(dump, "r");
    char line[512], part = 0;
    unsigned n = 0;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        struct region r = {0};
        if (sscanf(line, "region %*x: physical %*x, %u blocks, %u instructions, %u bytes",
                   &r.blocks, &r.insns, &r.bytes) == 3) {
            assert_true(n < max);
            regions[n++] = r;
            part = 0;
        } else if (n) {
            read_line(&regions[n - 1], line, &part);
        }
    }
    fclose(f);
    return n;
}

static bool file_has(const char *path, const char *text)
{
    char buf[65536];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    buf[fread(buf, 1, sizeof(buf) - 1, f)] = 0;
    fclose(f);
    return strstr(buf, text);
}

static void test_dump(void **state)
{
    struct region r[8] = {0};
    (void)state;
    run("off");
    unsigned n = read_dump(r, ARRAY_LEN(r));
    assert_in_range(n, 1, 3);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(r[i].blocks, r[i].blocks_seen);
        assert_int_equal(r[i].insns, r[i].insns_seen);
        assert_int_equal(r[i].bytes, r[i].bytes_seen);
        assert_true(r[i].ir_lines >= r[i].blocks);
    }
    assert_true(file_has(dump, "80000010: 00ae8ebb  addw\tt4,t4,a0\n"));
}

static void test_perf_map(void **state)
{
    struct region r[8] = {0};
    char path[64], line[96];
    (void)state;
    run("on");
    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
    assert_true(read_dump(r, ARRAY_LEN(r)) >= 1);
    snprintf(line, sizeof(line), "%lx %x riscv64:8000", r[0].first_host, r[0].bytes);
    assert_true(file_has(path, line));
    assert_true(file_has(path, " manyhart:stubs\n"));
    unlink(path);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(dump, sizeof(dump), "%s/dump", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(dump);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dump),
        cmocka_unit_test(test_perf_map),
    };
    if (!jit_host()) {
        puts("there is no back end for this host");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
