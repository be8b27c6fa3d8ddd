/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests jit/x64/emit.h against the system's assembler.
 *
 * Each case is a call of the emitter and the same instruction as text (Intel
 * syntax).  The texts are assembled, both are disassembled, and the two listings
 * must agree: one instruction each, padded to 32 bytes, at the same address.  So
 * another encoding of the same instruction is right, and a byte too many or a
 * prefix without a use is not.
 *
 * Skipped where as or objdump is missing.
 */
#include "jit/x64/emit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CASE_BYTES 32
#define CASES_MAX  48000

static const char *const r64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                  "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const r32[] = {"eax", "ecx", "edx",  "ebx",  "esp",  "ebp",  "esi",  "edi",
                                  "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"};
static const char *const r16[] = {"ax",  "cx",  "dx",   "bx",   "sp",   "bp",   "si",   "di",
                                  "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"};
static const char *const r8[] = {"al",  "cl",  "dl",   "bl",   "spl",  "bpl",  "sil",  "dil",
                                 "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"};
static const char *const conds[] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                    "s", "ns", "p", "np", "l", "ge", "le", "g"};
static const char *const alus[] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
static const char *const shifts[] = {"rol", "ror", NULL, NULL, "shl", "shr", NULL, "sar"};
static const char *const unaries[] = {NULL, NULL, "not", "neg", "mul", "imul", "div", "idiv"};

static const char *const *const by_size[] = {NULL, r8, r16, NULL, r32, NULL, NULL, NULL, r64};

/* A register by its number, of so many bytes. */
static const char *reg(unsigned r, unsigned size)
{
    return by_size[size][r];
}

static const char *reg_w(unsigned r, unsigned w)
{
    return (w ? r64 : r32)[r];
}

static const char *ptr(unsigned size)
{
    return size == 1 ? "byte ptr" : size == 2 ? "word ptr" : size == 4 ? "dword ptr" : "qword ptr";
}

/* --- collecting --- */

static uint8_t code[CASES_MAX * CASE_BYTES];
static unsigned cases;
static struct x64_buf e;
static FILE *texts;

static void open_case(void)
{
    uint8_t *start = &code[(size_t)cases * CASE_BYTES];
    e = (struct x64_buf){
        .p = start, .end = start + CASE_BYTES, .delta = -(intptr_t)(uintptr_t)code};
}

/* What was emitted since the last case should be this. */
__attribute__((format(printf, 1, 2))) static void is(const char *format, ...)
{
    va_list args;
    assert_false(e.full);
    size_t size = (size_t)(e.p - &code[(size_t)cases * CASE_BYTES]);
    assert_in_range(size, 0, CASE_BYTES - 1);
    memset(e.p, 0x90, CASE_BYTES - size);
    va_start(args, format);
    vfprintf(texts, format, args);
    va_end(args);
    fprintf(texts, "\n.balign %d, 0x90\n", CASE_BYTES);
    assert_true(++cases < CASES_MAX);
    open_case();
}

static const char *mem_text(struct x64_mem m)
{
    static char text[4][64];
    static unsigned next;
    char *t = text[next++ % 4];
    int n = snprintf(t, sizeof(text[0]), "[%s", r64[m.base]);
    if (m.index != X64_NO_REG)
        n += snprintf(t + n, sizeof(text[0]) - (size_t)n, "+%s*%d", r64[m.index], 1 << m.scale);
    snprintf(t + n, sizeof(text[0]) - (size_t)n, "%+d]", m.disp);
    return t;
}

/* --- places in memory: all bases, all kinds of distance, with and without an index --- */

static const int32_t disps[] = {0, 1, -1, 127, -128, 128, -129, 0x12345678, INT32_MIN};

#define EACH_REG(r)  for (unsigned r = 0; r < 16; r++)
#define EACH_W(w)    for (unsigned w = 0; w <= X64_W; w += X64_W)
#define EACH_SIZE(s) for (unsigned s = 1; s <= 8; s *= 2)

/* Some of all, for instructions whose place in memory is not the point; k counts. */
static struct x64_mem some_mem(unsigned k)
{
    struct x64_mem m = x64_at((enum x64_reg)(k % 16), disps[k / 16 % ARRAY_LEN(disps)]);
    unsigned index = (k * 7 + 3) % 16;
    if (k % 3 == 0 && index != RSP) {
        m.index = (uint8_t)index;
        m.scale = (uint8_t)(k / 3 % 4);
    }
    return m;
}

#define SOME_MEMS 24
/* Each register with some places. */
#define EACH_REG_MEM(r, m)                                                                         \
    for (unsigned k_ = 0; k_ < SOME_MEMS * 16; k_++)                                               \
        for (unsigned r = k_ / SOME_MEMS, once_ = 1; once_;)                                       \
            for (struct x64_mem m = some_mem(k_ * 5 + k_ / SOME_MEMS); once_; once_ = 0)
#define EACH_MEM(m)                                                                                \
    for (unsigned k_ = 0, once_; k_ < 16 * ARRAY_LEN(disps); k_++)                                 \
        for (struct x64_mem m = (once_ = 1, some_mem(k_)); once_; once_ = 0)

static void places(void)
{
    EACH_REG(base) for (unsigned d = 0; d < ARRAY_LEN(disps); d++)
    {
        struct x64_mem m = x64_at((enum x64_reg)base, disps[d]);
        x64_load(&e, (enum x64_reg)(base ^ 5), m);
        is("mov %s, %s", r64[base ^ 5], mem_text(m));
        EACH_REG(index) for (unsigned scale = 0; scale < 4; scale++)
        {
            if (index == RSP)
                continue;
            m = x64_at_index((enum x64_reg)base, (enum x64_reg)index, disps[d]);
            m.scale = (uint8_t)scale;
            x64_lea(&e, (enum x64_reg)(index ^ 9), m);
            is("lea %s, %s", r64[index ^ 9], mem_text(m));
        }
    }
}

/* --- the cases, in the order of emit.h --- */

static const int64_t imms[] = {0, 1, -1, 127, -128, 128, -129, 0x7fffffff, INT32_MIN, 0x1234};

static void moves_of_registers(void)
{
    EACH_REG(d) EACH_REG(s)
    {
        enum x64_reg a = (enum x64_reg)d, b = (enum x64_reg)s;
        if (d != s) {
            x64_mov(&e, a, b);
            is("mov %s, %s", r64[d], r64[s]);
        }
        x64_mov32(&e, a, b);
        is("mov %s, %s", r32[d], r32[s]);
        for (unsigned size = 1; size <= 4; size *= 2) {
            x64_zx(&e, a, b, size);
            is(size == 4 ? "mov %s, %s" : "movzx %s, %s", r32[d], reg(s, size));
            x64_sx(&e, a, b, size);
            is(size == 4 ? "movsxd %s, %s" : "movsx %s, %s", r64[d], reg(s, size));
        }
    }
    const uint8_t *before = e.p;
    x64_mov(&e, RCX, RCX);
    x64_movaps(&e, 9, 9);
    assert_ptr_equal(e.p, before); /* nothing to do */
    EACH_REG(d)
    {
        x64_zero(&e, (enum x64_reg)d);
        is("xor %s, %s", r32[d], r32[d]);
    }
}

static void constants(void)
{
    static const uint64_t values[] = {
        0,          1,           0x7fffffff,        0x80000000,         UINT32_MAX,
        1ull << 32, UINT64_MAX,  1ull << 63,        0xffffffff7fffffff, 0xffffffff80000000,
        -1ull,      0x123456789, 0xfedcba9876543210};
    EACH_REG(d) for (unsigned i = 0; i < ARRAY_LEN(values); i++)
    {
        uint64_t v = values[i];
        bool narrow = v <= UINT32_MAX, extended = v >= 0xffffffff80000000;
        x64_mov_imm(&e, (enum x64_reg)d, v);
        is("%s %s, %#llx", narrow || extended ? "mov" : "movabs", narrow ? r32[d] : r64[d],
           (unsigned long long)v);
    }
}

static void loads_and_stores(void)
{
    EACH_REG_MEM(r, m) EACH_SIZE(size)
    {
        enum x64_reg a = (enum x64_reg)r;
        x64_load_zx(&e, a, m, size);
        is("%s %s, %s %s", size < 4 ? "movzx" : "mov", size == 8 ? r64[r] : r32[r], ptr(size),
           mem_text(m));
        x64_load_sx(&e, a, m, size);
        is("%s %s, %s %s",
           size == 8   ? "mov"
           : size == 4 ? "movsxd"
                       : "movsx",
           r64[r], ptr(size), mem_text(m));
        x64_store_size(&e, m, a, size);
        is("mov %s, %s", mem_text(m), reg(r, size));
    }
    EACH_REG_MEM(r, m)
    {
        x64_store(&e, m, (enum x64_reg)r);
        is("mov %s, %s", mem_text(m), r64[r]);
        x64_lea32(&e, (enum x64_reg)r, m);
        is("lea %s, %s", r32[r], mem_text(m));
    }
    EACH_MEM(m) EACH_SIZE(size) for (unsigned i = 0; i < ARRAY_LEN(imms); i++)
    {
        unsigned shift = size >= 4 ? 0 : 32 - 8 * size;
        int32_t v = (int32_t)((uint32_t)imms[i] << shift) >> shift;
        x64_store_imm(&e, m, (int32_t)imms[i], size);
        is("mov %s %s, %d", ptr(size), mem_text(m), v);
    }
}

static void arithmetic(void)
{
    EACH_W(w) for (unsigned op = ALU_ADD; op <= ALU_CMP; op++)
    {
        EACH_REG(d)
        {
            EACH_REG(s)
            {
                x64_alu(&e, (enum x64_alu)op, w, (enum x64_reg)d, (enum x64_reg)s);
                is("%s %s, %s", alus[op], reg_w(d, w), reg_w(s, w));
            }
            for (unsigned i = 0; i < ARRAY_LEN(imms); i++) {
                x64_alu_imm(&e, (enum x64_alu)op, w, (enum x64_reg)d, (int32_t)imms[i]);
                is("%s %s, %d", alus[op], reg_w(d, w), (int)imms[i]);
            }
            struct x64_mem m = some_mem(d * 11 + op);
            x64_alu_mem(&e, (enum x64_alu)op, w, (enum x64_reg)d, m);
            is("%s %s, %s", alus[op], reg_w(d, w), mem_text(m));
            x64_alu_mem_imm(&e, (enum x64_alu)op, w, m, (int32_t)imms[d % ARRAY_LEN(imms)]);
            is("%s %s %s, %d", alus[op], ptr(w ? 8 : 4), mem_text(m),
               (int)imms[d % ARRAY_LEN(imms)]);
        }
    }
}

static void tests(void)
{
    EACH_REG(a)
    {
        x64_alu_mem_imm8(&e, (enum x64_alu)(a & 7), some_mem(a), (int8_t)(a * 17));
        is("%s byte ptr %s, %d", alus[a & 7], mem_text(some_mem(a)), (int8_t)(a * 17));
        EACH_W(w) EACH_REG(b)
        {
            x64_test(&e, w, (enum x64_reg)a, (enum x64_reg)b);
            is("test %s, %s", reg_w(a, w), reg_w(b, w));
        }
        x64_test8_imm(&e, (enum x64_reg)a, 7);
        is("test %s, 7", r8[a]);
        x64_test_mem8_imm(&e, some_mem(a), 0x80);
        is("test byte ptr %s, 0x80", mem_text(some_mem(a)));
    }
}

static void one_operand(void)
{
    EACH_W(w) EACH_REG(d) for (unsigned op = UN_NOT; op <= UN_IDIV; op++)
    {
        struct x64_mem m = some_mem(d * 3 + op);
        x64_unary(&e, (enum x64_unary)op, w, (enum x64_reg)d);
        is("%s %s", unaries[op], reg_w(d, w));
        x64_unary_mem(&e, (enum x64_unary)op, w, m);
        is("%s %s %s", unaries[op], ptr(w ? 8 : 4), mem_text(m));
    }
    EACH_REG(d)
    {
        x64_bswap(&e, (enum x64_reg)d);
        is("bswap %s", r64[d]);
    }
    x64_cqo(&e, X64_W);
    is("cqo");
    x64_cqo(&e, 0);
    is("cdq");
}

static void multiplications(void)
{
    EACH_W(w) EACH_REG(d)
    {
        struct x64_mem m = some_mem(d * 13);
        x64_imul_mem(&e, w, (enum x64_reg)d, m);
        is("imul %s, %s", reg_w(d, w), mem_text(m));
        EACH_REG(s)
        {
            int v = (int)imms[(d + s) % ARRAY_LEN(imms)];
            x64_imul(&e, w, (enum x64_reg)d, (enum x64_reg)s);
            is("imul %s, %s", reg_w(d, w), reg_w(s, w));
            x64_imul_imm(&e, w, (enum x64_reg)d, (enum x64_reg)s, v);
            is("imul %s, %s, %d", reg_w(d, w), reg_w(s, w), v);
        }
    }
    EACH_REG(d) EACH_REG(s)
    {
        x64_mulx(&e, (enum x64_reg)d, (enum x64_reg)s, (enum x64_reg)(d ^ s));
        is("mulx %s, %s, %s", r64[d], r64[s], r64[d ^ s]);
    }
}

static void shifting(void)
{
    EACH_W(w) EACH_REG(d) for (unsigned op = SH_ROL; op <= SH_SAR; op++)
    {
        if (!shifts[op])
            continue;
        unsigned n = (d * 3 + 1) & (w ? 63 : 31);
        x64_shift_imm(&e, (enum x64_shift)op, w, (enum x64_reg)d, n);
        /* By 1 there is a form of its own, which disassembles without the 1. */
        if (n == 1)
            is(".byte %s0xc1, %#x, 1", w ? "0x48, " : "", 0xc0 | op << 3 | d);
        else
            is("%s %s, %u", shifts[op], reg_w(d, w), n);
        x64_shift_cl(&e, (enum x64_shift)op, w, (enum x64_reg)d);
        is("%s %s, cl", shifts[op], reg_w(d, w));
        EACH_REG(s)
        {
            if (op < SH_SHL)
                continue;
            x64_shx(&e, (enum x64_shift)op, w, (enum x64_reg)d, (enum x64_reg)s,
                    (enum x64_reg)(15 - d));
            is("%sx %s, %s, %s", shifts[op], reg_w(d, w), reg_w(s, w), reg_w(15 - d, w));
        }
    }
    EACH_W(w) EACH_REG(d) EACH_REG(s)
    {
        x64_rorx(&e, w, (enum x64_reg)d, (enum x64_reg)s, d + s);
        is("rorx %s, %s, %u", reg_w(d, w), reg_w(s, w), d + s);
    }
    EACH_REG(d) EACH_REG(s)
    {
        x64_andn(&e, (enum x64_reg)d, (enum x64_reg)s, (enum x64_reg)(d ^ s ^ 8));
        is("andn %s, %s, %s", r64[d], r64[s], r64[d ^ s ^ 8]);
    }
}

static void conditions(void)
{
    for (unsigned cc = CC_O; cc <= CC_G; cc++)
        EACH_REG(d)
        {
            enum x64_reg s = (enum x64_reg)((d * 5 + cc) % 16);
            x64_setcc(&e, (enum x64_cond)cc, (enum x64_reg)d);
            is("set%s %s", conds[cc], r8[d]);
            x64_cmov(&e, (enum x64_cond)cc, (enum x64_reg)d, s);
            is("cmov%s %s, %s", conds[cc], r64[d], r64[s]);
        }
}

static void bits(void)
{
    static const struct {
        uint32_t op;
        const char *name;
    } ops[] = {{X64_POPCNT, "popcnt"},
               {X64_LZCNT, "lzcnt"},
               {X64_TZCNT, "tzcnt"},
               {X64_BSR, "bsr"},
               {X64_BSF, "bsf"}};
    for (unsigned i = 0; i < ARRAY_LEN(ops); i++)
        EACH_W(w) EACH_REG(d)
        {
            enum x64_reg s = (enum x64_reg)((d * 7 + i) % 16);
            x64_bits(&e, ops[i].op, w, (enum x64_reg)d, s);
            is("%s %s, %s", ops[i].name, reg_w(d, w), reg_w(s, w));
        }
}

static void control(void)
{
    EACH_REG(r)
    {
        enum x64_reg a = (enum x64_reg)r;
        struct x64_mem m = some_mem(r);
        x64_push(&e, a);
        is("push %s", r64[r]);
        x64_pop(&e, a);
        is("pop %s", r64[r]);
        x64_jmp_reg(&e, a);
        is("jmp %s", r64[r]);
        x64_call_reg(&e, a);
        is("call %s", r64[r]);
        x64_jmp_mem(&e, m);
        is("jmp qword ptr %s", mem_text(m));
        x64_call_mem(&e, m);
        is("call qword ptr %s", mem_text(m));
    }
    x64_ret(&e);
    is("ret");
    x64_mfence(&e);
    is("mfence");
    x64_lock_fence(&e);
    is("lock or dword ptr [rsp], 0");
}

/* Jumps know where they are: forward and back, and through x64_patch. */
static void jumps(void)
{
    x64_jmp(&e, x64_here(&e) + 0x12345);
    is("jmp .+0x12345");
    x64_jmp(&e, x64_here(&e) - 0x1000);
    is("jmp .-0x1000");
    x64_call(&e, x64_here(&e) + 0x7000);
    is("call .+0x7000");
    for (unsigned cc = CC_O; cc <= CC_G; cc++) {
        x64_jcc(&e, (enum x64_cond)cc, x64_here(&e) - 0x2345);
        is("j%s .-0x2345", conds[cc]);
        uint8_t *from = x64_jcc8(&e, (enum x64_cond)cc);
        x64_mov_imm(&e, RAX, 1);
        x64_patch8(&e, from);
        is("j%s 1f\nmov eax, 1\n1:", conds[cc]);
        from = x64_jcc(&e, (enum x64_cond)cc, 0);
        x64_mov_imm(&e, RAX, 1);
        x64_patch(&e, from);
        is(".byte 0x0f, %#x\n.long 5\nmov eax, 1", 0x80 | cc); /* the assembler's is short */
    }
    uint8_t *from = x64_jmp8(&e);
    x64_mov_imm(&e, RAX, 1);
    x64_patch8(&e, from);
    is("jmp 1f\nmov eax, 1\n1:");
}

static void atomics(void)
{
    EACH_REG_MEM(r, m) EACH_SIZE(size)
    {
        enum x64_reg a = (enum x64_reg)r;
        enum x64_alu op = (enum x64_alu)(r % ALU_CMP);
        x64_lock_alu(&e, op, size, m, a);
        is("lock %s %s, %s", alus[op], mem_text(m), reg(r, size));
        x64_xadd(&e, size, m, a);
        is("lock xadd %s, %s", mem_text(m), reg(r, size));
        x64_xchg_mem(&e, size, m, a);
        is("xchg %s, %s", mem_text(m), reg(r, size));
        x64_cmpxchg(&e, size, m, a);
        is("lock cmpxchg %s, %s", mem_text(m), reg(r, size));
    }
    /* The assembler has a short form with rax, which names the operands the other way round. */
    EACH_REG(a) EACH_REG(b)
    {
        if (a == RAX || b == RAX || a == b)
            continue;
        x64_xchg(&e, (enum x64_reg)a, (enum x64_reg)b);
        is("xchg %s, %s", r64[b], r64[a]);
    }
}

static void sse(void)
{
    static const struct {
        unsigned op;
        const char *name;
    } fma[] = {
        {0xa9, "vfmadd213"}, {0xab, "vfmsub213"}, {0xad, "vfnmadd213"}, {0xaf, "vfnmsub213"}};
    EACH_REG(x) EACH_W(w) for (unsigned i = 0; i < ARRAY_LEN(fma); i++)
    {
        x64_fma213(&e, fma[i].op, w, x, (x * 3 + i) & 15, (x * 5 + 9) & 15);
        is("%ss%c xmm%u, xmm%u, xmm%u", fma[i].name, w ? 'd' : 's', x, (x * 3 + i) & 15,
           (x * 5 + 9) & 15);
        static const char *const plain[] = {"add", "mul", "sub", "div"};
        static const uint8_t plain_op[] = {0x58, 0x59, 0x5c, 0x5e};
        x64_vscalar(&e, plain_op[i], w, x, (x * 3 + i) & 15, (x * 5 + 9) & 15);
        is("v%ss%c xmm%u, xmm%u, xmm%u", plain[i], w ? 'd' : 's', x, (x * 3 + i) & 15,
           (x * 5 + 9) & 15);
    }
    EACH_REG(x) EACH_REG(r)
    {
        x64_movq_to_xmm(&e, x, (enum x64_reg)r);
        is("movq xmm%u, %s", x, r64[r]);
        x64_movq_from_xmm(&e, (enum x64_reg)r, x);
        is("movq %s, xmm%u", r64[r], x);
        x64_movd_from_xmm(&e, (enum x64_reg)r, x);
        is("movd %s, xmm%u", r32[r], x);
        x64_sse(&e, 0xf2000f58u, x, r);
        is("addsd xmm%u, xmm%u", x, r);
        x64_sse(&e, 0x66000fefu, x, r);
        is("pxor xmm%u, xmm%u", x, r);
        x64_sse_w(&e, 0xf2000f2au, x, r);
        is("cvtsi2sd xmm%u, %s", x, r64[r]);
        if (x == r)
            continue;
        x64_movaps(&e, x, r);
        is("movaps xmm%u, xmm%u", x, r);
    }
    EACH_REG_MEM(x, m)
    {
        x64_load_xmm(&e, x, m, 8);
        is("movq xmm%u, qword ptr %s", x, mem_text(m));
        x64_load_xmm(&e, x, m, 4);
        is("movd xmm%u, dword ptr %s", x, mem_text(m));
        x64_store_xmm(&e, m, x, 8);
        is("movq qword ptr %s, xmm%u", mem_text(m), x);
        x64_store_xmm(&e, m, x, 4);
        is("movd dword ptr %s, xmm%u", mem_text(m), x);
    }
}

/* --- comparing --- */

static char dir[] = "/tmp/manyhart-emit-XXXXXX";

static void in_dir(char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", dir, name);
}

static FILE *listing(const char *input, const char *how)
{
    char command[512];
    snprintf(command, sizeof(command), "objdump -D -z -w --no-show-raw-insn -M intel %s '%s/%s'",
             how, dir, input);
    FILE *f = popen(command, "re"); /* NOLINT(cert-env33-c) */
    assert_non_null(f);
    return f;
}

/* The next instruction of a listing; false: the end. */
static bool next_insn(FILE *f, unsigned long *at, char *text, size_t size)
{
    char line[512];
    while (fgets(line, sizeof(line), f)) {
        char *end;
        *at = strtoul(line, &end, 16);
        if (*line != ' ' || *end != ':')
            continue;
        char *words = end + 1 + strspn(end + 1, " \t");
        words[strcspn(words, "#<\n")] = 0;
        for (size_t n = strlen(words); n && words[n - 1] == ' ';)
            words[--n] = 0;
        snprintf(text, size, "%s", words);
        return true;
    }
    return false;
}

static void compare_listings(void)
{
    FILE *ours = listing("ours.bin", "-b binary -m i386:x86-64");
    FILE *theirs = listing("theirs.o", "-j .text");
    unsigned long at = 0, at2 = 0, seen = 0;
    char text[512], text2[512];
    for (;;) {
        bool more = next_insn(ours, &at, text, sizeof(text));
        bool more2 = next_insn(theirs, &at2, text2, sizeof(text2));
        if (!more && !more2)
            break;
        /* Encodings of other lengths: the padding follows. */
        while (more && !strcmp(text, "nop") && at % CASE_BYTES)
            more = next_insn(ours, &at, text, sizeof(text));
        while (more2 && !strcmp(text2, "nop") && at2 % CASE_BYTES)
            more2 = next_insn(theirs, &at2, text2, sizeof(text2));
        if (!more && !more2)
            break;
        bool second = at % CASE_BYTES && at2 % CASE_BYTES; /* behind a jump: only its length */
        if (!more || !more2 || (at != at2 && !second) || strcmp(text, text2))
            fail_msg("case %lu: emitted %#lx \"%s\", assembled %#lx \"%s\"", at / CASE_BYTES, at,
                     more ? text : "", at2, more2 ? text2 : "");
        seen += at % CASE_BYTES == 0;
    }
    pclose(ours);
    pclose(theirs);
    assert_int_equal(seen, cases);
}

static void assemble(void)
{
    char command[512], path[128];
    in_dir(path, "ours.bin");
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    assert_int_equal(fwrite(code, CASE_BYTES, cases, out), cases);
    assert_int_equal(fclose(out), 0);
    snprintf(command, sizeof(command), "as --64 -n -o '%s/theirs.o' '%s/texts.s'", dir, dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

static bool have(const char *program)
{
    char command[128];
    snprintf(command, sizeof(command), "%s --version >/dev/null 2>&1", program);
    return !system(command); /* NOLINT(cert-env33-c) */
}

static void what_the_assembler_makes(void **state)
{
    (void)state;
    static void (*const groups[])(void) = {places,      moves_of_registers,
                                           constants,   loads_and_stores,
                                           arithmetic,  tests,
                                           one_operand, multiplications,
                                           shifting,    conditions,
                                           bits,        control,
                                           jumps,       atomics,
                                           sse};
    char path[128];
    if (!have("as") || !have("objdump")) {
        print_message("skipped: as or objdump is missing\n");
        skip();
    }
    assert_non_null(mkdtemp(dir));
    in_dir(path, "texts.s");
    texts = fopen(path, "we");
    assert_non_null(texts);
    fprintf(texts, ".intel_syntax noprefix\n.text\n");
    open_case();
    for (unsigned i = 0; i < ARRAY_LEN(groups); i++)
        groups[i]();
    assert_int_equal(fclose(texts), 0);
    assemble();
    compare_listings();
    print_message("%u instructions\n", cases);
}

static int remove_files(void **state)
{
    static const char *const names[] = {"texts.s", "theirs.o", "ours.bin"};
    char path[128];
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        in_dir(path, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
    return 0;
}

/* --- no room --- */

static void a_full_buffer_stays_inside(void **state)
{
    (void)state;
    uint8_t bytes[64 + 8];
    memset(bytes, 0xa5, sizeof(bytes));
    struct x64_buf b = {.p = bytes, .end = bytes + 64};
    for (int i = 0; i < 7; i++)
        x64_store_imm(&b, x64_at_index(R12, R13, 0x12345678), 0x12345678, 8); /* 12 bytes each */
    assert_true(b.full);
    assert_true(b.p <= b.end);
    for (unsigned i = 64; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], 0xa5);
    assert_int_equal(memcmp(bytes, bytes + 12, 12), 0); /* what fitted is whole */
}

static void a_place_is_one_of_the_running_view(void **state)
{
    (void)state;
    uint8_t bytes[32] = {0};
    struct x64_buf b = {.p = bytes, .end = bytes + 32, .delta = 0x1000};
    uintptr_t start = x64_here(&b);
    int32_t rel;
    assert_int_equal(start, (uintptr_t)bytes + 0x1000);
    uint8_t *at = x64_jmp(&b, start + 0x100);
    memcpy(&rel, at, 4);
    assert_int_equal(rel, 0x100 - 5);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_teardown(what_the_assembler_makes, remove_files),
        cmocka_unit_test(a_full_buffer_stays_inside),
        cmocka_unit_test(a_place_is_one_of_the_running_view),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
