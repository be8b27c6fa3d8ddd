/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests what the translator makes of floating point: loops of random operations
 * on NaNs of all kinds, infinities, zeros and boxed and unboxed singles, with
 * loads, stores and moves between them, come to the same registers and flags on
 * the interpreter and in translated code, also where an access faults in the
 * middle.  The interpreter's arithmetic is tests/oracle's business.
 */
#include "jit/x64/lower.h"
#include "sim/machine.h"
#include "tests/unit/random.h"
#include "tests/unit/sim_program.h"

#include <stdio.h>

#define PROGRAMS   250
#define LINES_MAX  120
#define BODY_MAX   70
#define ROUNDS     6    /* of the loop */
#define INSNS      6000 /* the last 2,000 of which are stepped through */
#define FP_REGS    12   /* fa0 up to fa7, then fs2 and so on */
#define FIRST_FREG 10
#define WORDS      16

/* --- values --- */

static uint64_t double_value(void)
{
    static const uint64_t values[] = {0x7ff8000000000000ull,
                                      0xfff8000000000000ull,
                                      0xfff8000000001234ull,
                                      0x7ff0000000000001ull,
                                      0x7ff0000000000000ull,
                                      0xfff0000000000000ull,
                                      0,
                                      0x8000000000000000ull,
                                      0x3ff0000000000000ull,
                                      0xbff8000000000000ull,
                                      0x7fefffffffffffffull,
                                      0x0000000000000001ull,
                                      0x4008000000000000ull,
                                      0x3fd5555555555555ull};
    return values[below(ARRAY_LEN(values))];
}

static uint64_t single_value(void)
{
    static const uint32_t values[] = {0x7fc00000, 0xffc00000, 0xffc01234, 0x7f800001, 0x7f800000,
                                      0xff800000, 0,          0x80000000, 0x3f800000, 0xbfc00000,
                                      0x7f7fffff, 0x00000001, 0x40400000};
    uint64_t boxed = 0xffffffff00000000ull | values[below(ARRAY_LEN(values))];
    return below(8) ? boxed : boxed & ~(1ull << 40);
}

/* --- programs --- */

struct text {
    char line[LINES_MAX][40];
    const char *lines[LINES_MAX + 1];
    unsigned count;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list args;
    assert_true(t->count < LINES_MAX);
    va_start(args, format);
    (void)vsnprintf(t->line[t->count], sizeof(t->line[0]), format, args);
    va_end(args);
    t->lines[t->count] = t->line[t->count];
    t->lines[++t->count] = NULL;
}

static const char *reg(void)
{
    static const char *const names[FP_REGS] = {"fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
                                               "fa6", "fa7", "fs2", "fs3", "fs4", "fs5"};
    return names[below(FP_REGS)];
}

static const char *latest; /* that was computed */

static void arithmetic(struct text *t, char width)
{
    static const char *const two[] = {"fadd", "fsub", "fmul", "fdiv"};
    static const char *const three[] = {"fmadd", "fmsub", "fnmsub", "fnmadd"};
    const char *d = reg(), *a = reg(), *b = reg(), *c = reg();
    latest = d;
    switch (below(10)) {
    case 0:
        add(t, "fsqrt.%c %s,%s", width, d, a);
        break;
    case 1:
        add(t, "%s.%c %s,%s,%s,%s", three[below(4)], width, d, a, b, c);
        break;
    case 2:
        add(t, below(2) ? "fcvt.s.d %s,%s" : "fcvt.d.s %s,%s", d, a);
        break;
    default:
        add(t, "%s.%c %s,%s,%s", two[below(4)], width, d, a, b);
    }
}

/* NaNs spread until there is nothing else: the upper half of the words is never written. */
static void load(struct text *t)
{
    add(t, "fld %s,%u(t0)", reg(), 8 * (WORDS / 2 + below(WORDS / 2)));
}

/* What sees bits, or where they are. */
static void other(struct text *t, char width)
{
    static const char *const moves[] = {"fsgnj", "fsgnjn", "fsgnjx", "fmin", "fmax"};
    static const char *const compares[] = {"feq", "flt", "fle"};
    const char *d = reg(), *a = below(2) ? latest : reg(), *b = reg();
    unsigned at = 8 * below(WORDS / 2);
    switch (below(7)) {
    case 0:
        add(t, "fld %s,%u(t0)", d, at);
        break;
    case 1:
        add(t, width == 's' ? "fsw %s,%u(t0)" : "fsd %s,%u(t0)", a, at);
        break;
    case 2:
        add(t, "%s.%c %s,%s,%s", moves[below(5)], width, d, a, b);
        break;
    case 3:
        add(t, "%s.%c a3,%s,%s", compares[below(3)], width, a, b);
        add(t, "add a4,a4,a3");
        break;
    case 4:
        add(t, "fmv.x.d a3,%s", a);
        add(t, "xor a4,a4,a3");
        break;
    case 5:
        add(t, "beq a4,a5,0x%llx", PROGRAM_BASE + 4ull * t->count + 8);
        add(t, "addi a4,a4,1");
        break;
    default:
        add(t, "fcvt.l.d a3,%s,rtz", a);
        add(t, "xor a4,a4,a3");
    }
}

/* The loop's last round has the access to t1 fault, if there is one. */
static void make(struct text *t)
{
    unsigned body = 8 + below(BODY_MAX - 8), fault = below(2) ? below(body) : body, head;
    bool calm = below(2);
    char width = "ds"[below(2)];
    t->count = 0;
    latest = reg();
    add(t, "lui t0,0x6");
    add(t, "csrrs zero,mstatus,t0");
    unsigned vector = t->count;
    add(t, "auipc t0,0");
    add(t, "addi t0,t0,0"); /* to the end: known when there is one */
    add(t, "csrrw zero,mtvec,t0");
    add(t, "lui t0,0x80004");
    add(t, "slli t0,t0,32");
    add(t, "srli t0,t0,32");
    add(t, "addi a0,zero,%u", ROUNDS);
    head = t->count;
    add(t, "sltiu t2,a0,2");
    add(t, "addi t2,t2,-1");
    add(t, "and t1,t0,t2");
    for (unsigned n = 0; n < 8; n++)
        load(t);
    for (unsigned n = 0; n < body && t->count < LINES_MAX - 8; n++) {
        if (n == fault)
            add(t, below(2) ? "fld %s,8(t1)" : "fsd %s,8(t1)", reg());
        switch (below(calm ? 12 : 6)) {
        case 0:
        case 1:
            other(t, width);
            break;
        case 2:
            load(t);
            break;
        default:
            arithmetic(t, width);
        }
    }
    add(t, "addi a0,a0,-1");
    add(t, "bne a0,zero,0x%llx", PROGRAM_BASE + 4ull * head);
    (void)snprintf(t->line[vector + 1], sizeof(t->line[0]), "addi t0,t0,%u",
                   4 * (t->count - vector));
    add(t, "csrrs a6,fcsr,zero");
    add(t, "csrrs a7,mcause,zero");
    add(t, "jal zero,0x%llx", PROGRAM_BASE + 4ull * t->count);
}

/* --- running --- */

#define WORDS_AT ((mh_gpa){0x80004000}) /* stores to HTIF's page would all be slow */

struct seen {
    struct mh_hart_state state;
    uint64_t words[WORDS];
};

/* How many translations that made. */
static uint64_t run(struct seen *s, const struct program *p, const struct seen *start,
                    const char *engine, const char *level)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    struct mh_engine *e;
    struct guest_stats stats;
    program_config(&cfg, p);
    assert_int_equal(mh_config_set(&cfg, "jit-level", level), 0);
    assert_int_equal(mh_machine_create(&m, &cfg), 0);
    assert_int_equal(mh_machine_init(m), 0);
    assert_int_equal(mh_hart_set_state(m, 0, &start->state), 0);
    assert_int_equal(mh_memory_write(m, WORDS_AT, start->words, sizeof(start->words)), 0);
    assert_int_equal(mh_engine_create(&e, m, 0, engine), 0);
    assert_int_equal(mh_engine_execute(e, INSNS, NULL), 0);
    assert_int_equal(mh_hart_get_state(m, 0, &s->state), 0);
    assert_int_equal(mh_memory_read(m, WORDS_AT, s->words, sizeof(s->words)), 0);
    m->gt->stats(m->guest, -1, &stats);
    mh_engine_destroy(e);
    mh_machine_destroy(m);
    return stats.translations;
}

static void show(const struct text *t, const struct seen *want, const struct seen *got)
{
    for (unsigned i = 0; i < t->count; i++)
        print_error("%2u  %s\n", i, t->line[i]);
    for (unsigned i = 0; i < 32; i++) {
        if (want->state.x[i] != got->state.x[i])
            print_error("x%u: %#lx, interp %#lx\n", i, got->state.x[i], want->state.x[i]);
        if (want->state.f[i] != got->state.f[i])
            print_error("f%u: %#lx, interp %#lx\n", i, got->state.f[i], want->state.f[i]);
    }
    for (unsigned i = 0; i < WORDS; i++)
        if (want->words[i] != got->words[i])
            print_error("word %u: %#lx, interp %#lx\n", i, got->words[i], want->words[i]);
}

/* Code for the processor, or for one that has less. */
static void some_cpu(void)
{
    static struct x64_cpu cpu;
    x64_cpu_force(NULL);
    cpu = *x64_cpu();
    cpu.avx &= below(2);
    cpu.fma &= cpu.avx && below(2);
    x64_cpu_force(&cpu);
}

static uint64_t nans, faults;

static void try_one(const char *level)
{
    static struct text t;
    static struct program p;
    struct seen start = {.state.pc = PROGRAM_BASE}, want, got;
    make(&t);
    program_make(&p, t.lines);
    for (unsigned i = FIRST_FREG; i < 32; i++)
        start.state.f[i] = below(2) ? double_value() : single_value();
    for (unsigned i = 0; i < ARRAY_LEN(start.words); i++)
        start.words[i] = below(2) ? double_value() : single_value();
    some_cpu();
    assert_true(run(&want, &p, &start, "interp", level) == 0);
    assert_true(run(&got, &p, &start, "jit", level) > 0);
    if (memcmp(&want, &got, sizeof(want)) != 0) {
        show(&t, &want, &got);
        fail_msg("MH_SEED=%#lx, level %s", (unsigned long)seed, level);
    }
    faults += want.state.x[17] != 0;
    for (unsigned i = FIRST_FREG; i < 32; i++)
        nans +=
            want.state.f[i] == 0x7ff8000000000000ull || want.state.f[i] == 0xffffffff7fc00000ull;
}

static void test_nans(void **unused)
{
    (void)unused;
    for (unsigned n = 0; n < PROGRAMS; n++)
        try_one(n % 4 ? "3" : "1");
    assert_true(nans > PROGRAMS);
    assert_true(faults > PROGRAMS / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nans)};
    return cmocka_run_group_tests(tests, open_seed, NULL);
}
