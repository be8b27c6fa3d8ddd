/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=2,4 timeout=240 sanitize=thread also=hybrid,hybrid:0,jit:0
 *
 * Litmus shapes: a few harts each execute a handful of accesses to words that start as 0, many
 * times over, and what RVWMO forbids must never come out.  Each shape names the outcome that is
 * looked for and why it is forbidden (Unprivileged, appendix A, and the rules of "RVWMO Memory
 * Consistency Model"); a shape that is allowed only counts, and shows that the harts do meet.
 *
 * A round is a row of instances, each with words of its own; all harts go through the row at the
 * same time, with random pauses in between.
 */
#include "guest.h"

#define INSTANCES 256
#define ROUNDS    400
#define HARTS_MAX 4

struct instance {
    uint64_t x __attribute__((aligned(64)));
    uint64_t y __attribute__((aligned(64)));
    uint64_t z __attribute__((aligned(64))); /* nobody shares it */
    uint64_t r[HARTS_MAX][2] __attribute__((aligned(64)));
};

typedef void thread_fn(struct instance *v, uint64_t *r);
typedef bool outcome_fn(const struct instance *v);

struct shape {
    const char *name;
    bool allowed;
    unsigned harts;
    thread_fn *thread[HARTS_MAX];
    outcome_fn *outcome;
};

static struct instance row[INSTANCES];
static const struct shape *shape;
static struct guest_barrier barrier;

/* ---- threads: %[a] and %[b] are results; x, y, z addresses; one and two values ---- */

#define THREAD(name, text)                                                                         \
    static void name(struct instance *v, uint64_t *r)                                              \
    {                                                                                              \
        uint64_t a = 0, b = 0;                                                                     \
        __asm__ volatile(                                                                          \
            text                                                                                   \
            : [a] "+&r"(a), [b] "+&r"(b)                                                           \
            : [x] "r"(&v->x), [y] "r"(&v->y), [z] "r"(&v->z), [one] "r"(1ul), [two] "r"(2ul)       \
            : "t0", "t1", "t2", "memory");                                                         \
        r[0] = a;                                                                                  \
        r[1] = b;                                                                                  \
    }

#define LR_SC(word, value) "1: lr.d t0, (" word ")\n sc.d t1, " value ", (" word ")\n bnez t1, 1b\n"

/* Writers: x and then y. */
THREAD(w_x_plain, "sd %[one], 0(%[x])\n")
THREAD(w_y_plain, "sd %[one], 0(%[y])\n")
THREAD(w_xy_plain, "sd %[one], 0(%[x])\n sd %[one], 0(%[y])\n")
THREAD(w_xy_fence, "sd %[one], 0(%[x])\n fence w,w\n sd %[one], 0(%[y])\n")
THREAD(w_xy_fence_amo, "sd %[one], 0(%[x])\n fence w,w\n amoswap.d zero, %[one], (%[y])\n")
THREAD(w_xy_amo_rl, "sd %[one], 0(%[x])\n amoadd.d.rl zero, %[one], (%[y])\n")
THREAD(w_xy_sc_rl,
       "sd %[one], 0(%[x])\n 1: lr.d t0, (%[y])\n sc.d.rl t1, %[one], (%[y])\n bnez t1, 1b\n")
THREAD(w_x2_y1_fence, "sd %[two], 0(%[x])\n fence w,w\n sd %[one], 0(%[y])\n")
THREAD(w_x1_y2_fence, "sd %[one], 0(%[x])\n fence w,w\n sd %[two], 0(%[y])\n")
THREAD(w_y1_x2_fence, "sd %[one], 0(%[y])\n fence w,w\n sd %[two], 0(%[x])\n")

/* Readers: y and then x. */
THREAD(r_yx_plain, "ld %[a], 0(%[y])\n ld %[b], 0(%[x])\n")
THREAD(r_yx_fence, "ld %[a], 0(%[y])\n fence r,r\n ld %[b], 0(%[x])\n")
THREAD(r_xy_fence, "ld %[a], 0(%[x])\n fence r,r\n ld %[b], 0(%[y])\n")
THREAD(r_yx_addr, "ld %[a], 0(%[y])\n xor t0, %[a], %[a]\n add t0, t0, %[x]\n ld %[b], 0(t0)\n")
THREAD(r_yx_amo_aq, "amoor.d.aq %[a], zero, (%[y])\n ld %[b], 0(%[x])\n")
THREAD(r_yx_lr_aq, "lr.d.aq %[a], (%[y])\n ld %[b], 0(%[x])\n")
THREAD(r_xx, "ld %[a], 0(%[x])\n ld %[b], 0(%[x])\n")

/* A store and then a load of the other's word. */
THREAD(sb_x_plain, "sd %[one], 0(%[x])\n ld %[a], 0(%[y])\n")
THREAD(sb_y_plain, "sd %[one], 0(%[y])\n ld %[a], 0(%[x])\n")
THREAD(sb_x_fence, "sd %[one], 0(%[x])\n fence rw,rw\n ld %[a], 0(%[y])\n")
THREAD(sb_y_fence, "sd %[one], 0(%[y])\n fence rw,rw\n ld %[a], 0(%[x])\n")
/* Whatever orders something before the store, the fence is still needed behind it. */
THREAD(sb_x_amo_first,
       "amoadd.d zero, %[one], (%[z])\n sd %[one], 0(%[x])\n fence w,r\n ld %[a], 0(%[y])\n")
THREAD(sb_y_fence_first, "fence rw,rw\n sd %[one], 0(%[y])\n fence w,r\n ld %[a], 0(%[x])\n")
/* An atomic is a load as well: a fence of loads orders it. */
THREAD(sb_x_amo_rr, "amoswap.d zero, %[one], (%[x])\n fence r,r\n ld %[a], 0(%[y])\n")
THREAD(sb_y_amo_rr, "amoswap.d zero, %[one], (%[y])\n fence r,r\n ld %[a], 0(%[x])\n")
/*
 * And nobody reads early what an atomic of its own wrote (rule 3), on which the next load depends:
 * its address is the other word's whatever is loaded, but what is loaded counts.
 */
#define LOAD_BY(own, other)                                                                        \
    "ld t0, 0(" own ")\n xor t0, t0, t0\n add t0, t0, " other "\n ld %[a], 0(t0)\n"
THREAD(sb_x_amo_rfi, "amoswap.d zero, %[one], (%[x])\n" LOAD_BY("%[x]", "%[y]"))
THREAD(sb_y_amo_rfi, "amoswap.d zero, %[one], (%[y])\n" LOAD_BY("%[y]", "%[x]"))
/*
 * The same where a translator may take the swap for a store: in a loop that a fence is in as well,
 * whose second turn leaves it with no fence in between.
 */
#define SWAP_LOOP_TO(word, begin, end)                                                             \
    "mv t2, %[z]\n li t1, 2\n" begin "1: amoswap.d zero, %[one], (t2)\n sd %[one], 8(%[z])\n"      \
    "addi t1, t1, -1\n beqz t1, 2f\n mv t2, " word "\n fence rw,rw\n j 1b\n" end "2: "
#define SWAP_LOOP(word) SWAP_LOOP_TO(word, "", "")
/* It is the last of a page, and leads to the next one. */
#define SWAP_LOOP_OUT(word)                                                                        \
    SWAP_LOOP_TO(word, ".option push\n .option norelax\n j 1f\n .balign 4096\n .skip 4032\n",      \
                 ".balign 4096\n .option pop\n")
THREAD(sb_x_loop_rr, SWAP_LOOP("%[x]") "fence r,r\n ld %[a], 0(%[y])\n")
THREAD(sb_y_loop_rr, SWAP_LOOP("%[y]") "fence r,r\n ld %[a], 0(%[x])\n")
THREAD(sb_x_loop_rfi, SWAP_LOOP("%[x]") LOAD_BY("%[x]", "%[y]"))
THREAD(sb_y_loop_rfi, SWAP_LOOP("%[y]") LOAD_BY("%[y]", "%[x]"))
#define LOAD_BY_BIT(own, other)                                                                    \
    "ld t0, 0(" own ")\n andi t0, t0, 2\n add t0, t0, " other "\n ld %[a], 0(t0)\n"
THREAD(sb_x_loop_bit, SWAP_LOOP("%[x]") LOAD_BY_BIT("%[x]", "%[y]"))
THREAD(sb_y_loop_bit, SWAP_LOOP("%[y]") LOAD_BY_BIT("%[y]", "%[x]"))
THREAD(sb_x_loop_out, SWAP_LOOP_OUT("%[x]") LOAD_BY_BIT("%[x]", "%[y]"))
THREAD(sb_y_loop_out, SWAP_LOOP_OUT("%[y]") LOAD_BY_BIT("%[y]", "%[x]"))
THREAD(sb_x_loop_jump, SWAP_LOOP("%[x]") "lla t0, 3f\n jr t0\n 3: " LOAD_BY_BIT("%[x]", "%[y]"))
THREAD(sb_y_loop_jump, SWAP_LOOP("%[y]") "lla t0, 3f\n jr t0\n 3: " LOAD_BY_BIT("%[y]", "%[x]"))
/* Swaps of two widths: of the narrow one's result the extension is made where nobody drops it. */
THREAD(sb_x_widths, "amoswap.d zero, %[one], (%[z])\n amoswap.w zero, %[one], (%[x])\n"
                    "fence rw,rw\n ld %[a], 0(%[y])\n")
THREAD(sb_y_widths, "amoswap.d zero, %[one], (%[z])\n amoswap.w zero, %[one], (%[y])\n"
                    "fence rw,rw\n ld %[a], 0(%[x])\n")
/* RCsc: a release that the same hart's acquire follows. */
THREAD(sb_x_rcsc, "amoadd.d.rl zero, %[one], (%[x])\n lr.d.aq %[a], (%[y])\n")
THREAD(sb_y_rcsc, "amoadd.d.rl zero, %[one], (%[y])\n lr.d.aq %[a], (%[x])\n")
THREAD(sb_x_aqrl, "amoswap.d.aqrl zero, %[one], (%[x])\n ld %[a], 0(%[y])\n")
THREAD(sb_y_aqrl, "amoswap.d.aqrl zero, %[one], (%[y])\n ld %[a], 0(%[x])\n")
/* A pair, and a fence that finds its store-conditional done; in a loop, and with a store after it.
 */
THREAD(sb_x_sc, LR_SC("%[x]", "%[one]") "ld t2, 0(%[z])\n fence rw,rw\n ld %[a], 0(%[y])\n")
THREAD(sb_y_sc, LR_SC("%[y]", "%[one]") "ld t2, 0(%[z])\n fence rw,rw\n ld %[a], 0(%[x])\n")
THREAD(sb_x_after_sc,
       LR_SC("%[z]", "%[two]") "sd %[one], 0(%[x])\n fence rw,rw\n ld %[a], 0(%[y])\n")
THREAD(sb_y_after_sc,
       LR_SC("%[z]", "%[two]") "sd %[one], 0(%[y])\n fence rw,rw\n ld %[a], 0(%[x])\n")
/* A fence that some ways come to with a store and some without. */
THREAD(sb_x_ways,
       "amoadd.d t0, %[one], (%[z])\n andi t0, t0, 1\n beqz t0, 1f\n sd %[one], 0(%[x])\n"
       "j 2f\n 1: amoswap.d zero, %[one], (%[x])\n 2: fence rw,rw\n ld %[a], 0(%[y])\n")
THREAD(sb_y_ways, "amoadd.d t0, zero, (%[z])\n li t0, 3\n 1: addi t0, t0, -1\n fence rw,rw\n"
                  "sd %[one], 0(%[y])\n bnez t0, 1b\n fence rw,rw\n ld %[a], 0(%[x])\n")

/* A load and then a store. */
THREAD(lb_x_data, "ld %[a], 0(%[x])\n xor t0, %[a], %[a]\n addi t0, t0, 1\n sd t0, 0(%[y])\n")
THREAD(lb_y_ctrl, "ld %[a], 0(%[y])\n bnez %[a], 1f\n 1: sd %[one], 0(%[x])\n")
THREAD(lb_x_fence, "ld %[a], 0(%[x])\n fence r,w\n sd %[one], 0(%[y])\n")
THREAD(lb_y_fence, "ld %[a], 0(%[y])\n fence r,w\n sd %[one], 0(%[x])\n")
THREAD(s_y_data, "ld %[a], 0(%[y])\n xor t0, %[a], %[a]\n addi t0, t0, 1\n sd t0, 0(%[x])\n")
THREAD(r_y2_fence_x, "sd %[two], 0(%[y])\n fence w,r\n ld %[a], 0(%[x])\n")

/* One word. */
THREAD(co_w1_r, "sd %[one], 0(%[x])\n ld %[a], 0(%[x])\n")
THREAD(co_w2, "sd %[two], 0(%[x])\n")
THREAD(co_r_w1, "ld %[a], 0(%[x])\n sd %[one], 0(%[x])\n")
THREAD(co_amo_r, "amoadd.d %[a], %[one], (%[x])\n ld %[b], 0(%[x])\n")

/* ---- outcomes ---- */

#define OUTCOME(name, condition)                                                                   \
    static bool name(const struct instance *v)                                                     \
    {                                                                                              \
        return condition;                                                                          \
    }

OUTCOME(mp_stale, v->r[1][0] == 1 && v->r[1][1] == 0)
OUTCOME(sb_both, v->r[0][0] == 0 && v->r[1][0] == 0)
OUTCOME(lb_both, v->r[0][0] == 1 && v->r[1][0] == 1)
OUTCOME(s_late, v->r[1][0] == 1 && v->x == 2)
OUTCOME(r_stale, v->y == 2 && v->r[1][0] == 0)
OUTCOME(ww_both, v->x == 1 && v->y == 1)
OUTCOME(iriw_apart, v->r[2][0] == 1 && v->r[2][1] == 0 && v->r[3][0] == 1 && v->r[3][1] == 0)
OUTCOME(corr_back, v->r[1][0] == 1 && v->r[1][1] == 0)
OUTCOME(cowr_lost, v->r[0][0] == 0 || (v->r[0][0] == 2 && v->x == 1))
OUTCOME(corw_own, v->r[0][0] == 1 || (v->r[0][0] == 2 && v->x == 2))
OUTCOME(amo_lost, v->x != 2 || v->r[0][0] == v->r[1][0] || v->r[0][1] <= v->r[0][0] ||
                      v->r[1][1] <= v->r[1][0])

static const struct shape passing[] = {
    {"MP+fence.w.w+fence.r.r", false, 2, {w_xy_fence, r_yx_fence}, mp_stale},
    {"MP+fence.w.w+addr", false, 2, {w_xy_fence, r_yx_addr}, mp_stale},
    {"MP+fence.w.w.amo+fence.r.r", false, 2, {w_xy_fence_amo, r_yx_fence}, mp_stale},
    {"MP+amo.rl+amo.aq", false, 2, {w_xy_amo_rl, r_yx_amo_aq}, mp_stale},
    {"MP+amo.rl+lr.aq", false, 2, {w_xy_amo_rl, r_yx_lr_aq}, mp_stale},
    {"MP+sc.rl+lr.aq", false, 2, {w_xy_sc_rl, r_yx_lr_aq}, mp_stale},
    {"MP", true, 2, {w_xy_plain, r_yx_plain}, mp_stale},
};

static const struct shape buffering[] = {
    {"SB+fences", false, 2, {sb_x_fence, sb_y_fence}, sb_both},
    {"SB+amo.first+fence.first", false, 2, {sb_x_amo_first, sb_y_fence_first}, sb_both},
    {"SB+amo.fence.r.r", false, 2, {sb_x_amo_rr, sb_y_amo_rr}, sb_both},
    {"SB+amo.rfi.addr", false, 2, {sb_x_amo_rfi, sb_y_amo_rfi}, sb_both},
    {"SB+loop.amo.fence.r.r", false, 2, {sb_x_loop_rr, sb_y_loop_rr}, sb_both},
    {"SB+loop.amo.rfi.addr", false, 2, {sb_x_loop_rfi, sb_y_loop_rfi}, sb_both},
    {"SB+loop.amo.rfi.bit.addr", false, 2, {sb_x_loop_bit, sb_y_loop_bit}, sb_both},
    {"SB+loop.amo.page.rfi.addr", false, 2, {sb_x_loop_out, sb_y_loop_out}, sb_both},
    {"SB+loop.amo.jump.rfi.addr", false, 2, {sb_x_loop_jump, sb_y_loop_jump}, sb_both},
    {"SB+amo.d.amo.w.fence", false, 2, {sb_x_widths, sb_y_widths}, sb_both},
    {"SB+amo.rl.lr.aq", false, 2, {sb_x_rcsc, sb_y_rcsc}, sb_both},
    {"SB+amo.aqrl", false, 2, {sb_x_aqrl, sb_y_aqrl}, sb_both},
    {"SB+sc.fence", false, 2, {sb_x_sc, sb_y_sc}, sb_both},
    {"SB+after.sc.fence", false, 2, {sb_x_after_sc, sb_y_after_sc}, sb_both},
    {"SB+ways.fence", false, 2, {sb_x_ways, sb_y_ways}, sb_both},
    {"SB", true, 2, {sb_x_plain, sb_y_plain}, sb_both},
};

static const struct shape loads_first[] = {
    {"LB+data+ctrl", false, 2, {lb_x_data, lb_y_ctrl}, lb_both},
    {"LB+fences", false, 2, {lb_x_fence, lb_y_fence}, lb_both},
    {"S+fence.w.w+data", false, 2, {w_x2_y1_fence, s_y_data}, s_late},
    {"R+fence.w.w+fence.w.r", false, 2, {w_xy_fence, r_y2_fence_x}, r_stale},
    {"2+2W+fences", false, 2, {w_x1_y2_fence, w_y1_x2_fence}, ww_both},
};

static const struct shape coherence[] = {
    {"CoRR", false, 2, {w_x_plain, r_xx}, corr_back},
    {"CoWR", false, 2, {co_w1_r, co_w2}, cowr_lost},
    {"CoRW", false, 2, {co_r_w1, co_w2}, corw_own},
    {"CoAMO", false, 2, {co_amo_r, co_amo_r}, amo_lost},
};

static const struct shape independent[] = {
    {"IRIW+fences", false, 4, {w_x_plain, w_y_plain, r_xy_fence, r_yx_fence}, iriw_apart},
};

/* ---- running ---- */

static void pause_some(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    for (uint64_t n = *state & 8 ? 0 : *state & 7; n; n--)
        __asm__ volatile("nop");
}

static void take_part(void *unused)
{
    unsigned me = guest_hart_id();
    uint64_t state = 0x9e3779b97f4a7c15ull * (me + 1);
    (void)unused;
    for (unsigned round = 0; round < ROUNDS; round++) {
        guest_barrier_wait(&barrier, shape->harts);
        for (unsigned i = 0; i < INSTANCES; i++) {
            shape->thread[me](&row[i], row[i].r[me]);
            pause_some(&state);
        }
        guest_barrier_wait(&barrier, shape->harts);
        if (me)
            continue;
        static unsigned seen;
        seen = round ? seen : 0;
        for (unsigned i = 0; i < INSTANCES; i++)
            seen += shape->outcome(&row[i]);
        if (!shape->allowed && seen)
            guest_printf("# %s: forbidden outcome in round %u\n", shape->name, round);
        CHECK(shape->allowed || !seen);
        if (round + 1 == ROUNDS)
            guest_printf("# %s: %u of %u\n", shape->name, seen, ROUNDS * INSTANCES);
        memset(row, 0, sizeof(row));
    }
}

static void run(const struct shape *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        shape = &s[i];
        if (shape->harts > guest_hart_count()) {
            guest_printf("# %s: needs %u harts\n", shape->name, shape->harts);
            continue;
        }
        memset(row, 0, sizeof(row));
        for (unsigned h = 1; h < shape->harts; h++)
            guest_hart_start(h, take_part, NULL);
        take_part(NULL);
        for (unsigned h = 1; h < shape->harts; h++)
            guest_hart_join(h);
    }
}

#define RUN(shapes) run(shapes, sizeof(shapes) / sizeof((shapes)[0]))

static void test_passing(void)
{
    RUN(passing);
}

static void test_buffering(void)
{
    RUN(buffering);
}

static void test_loads_first(void)
{
    RUN(loads_first);
}

static void test_coherence(void)
{
    RUN(coherence);
}

static void test_independent(void)
{
    RUN(independent);
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"message passing", test_passing},
        {"store buffering", test_buffering},
        {"loads before stores, and orders of stores", test_loads_first},
        {"coherence", test_coherence},
        {"independent reads of independent writes", test_independent},
    };
    return GUEST_RUN(cases);
}
