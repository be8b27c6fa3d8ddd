/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sim/load_elf.c: a good executable made here, and the same with one
 * field spoiled per row; each must be refused with a word why.
 */
#include "sim/load_elf.h"

#include "sim/include/manyhart.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BASE 0x80000000ull

/* One segment of 32 bytes in the file and 64 in memory, and a symbol table. */
struct sample {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[2];
    Elf64_Shdr sh[3];
    Elf64_Sym sym[3];
    char str[64];
    uint8_t code[32];
};

static void sample_make(struct sample *s)
{
    memset(s, 0, sizeof(*s));
    memcpy(s->eh.e_ident,
           "\x7f"
           "ELF\x02\x01\x01",
           7);
    s->eh.e_type = ET_EXEC;
    s->eh.e_machine = EM_RISCV;
    s->eh.e_entry = BASE + 0x1004;
    s->eh.e_phoff = offsetof(struct sample, ph);
    s->eh.e_phentsize = sizeof(Elf64_Phdr);
    s->eh.e_phnum = 1;
    s->eh.e_shoff = offsetof(struct sample, sh);
    s->eh.e_shentsize = sizeof(Elf64_Shdr);
    s->eh.e_shnum = 3;
    s->ph[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_offset = offsetof(struct sample, code),
                            .p_vaddr = BASE + 0x1000,
                            .p_paddr = BASE + 0x1000,
                            .p_filesz = 32,
                            .p_memsz = 64};
    s->ph[1] = s->ph[0];
    s->ph[1].p_paddr += 0x100;
    s->sh[1] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
                            .sh_offset = offsetof(struct sample, sym),
                            .sh_size = sizeof(s->sym),
                            .sh_link = 2};
    s->sh[2] = (Elf64_Shdr){.sh_type = SHT_STRTAB,
                            .sh_offset = offsetof(struct sample, str),
                            .sh_size = sizeof(s->str)};
    memcpy(s->str, "\0tohost\0begin_signature", 23);
    s->sym[1] = (Elf64_Sym){.st_name = 1, .st_value = BASE + 0x1020, .st_shndx = 1};
    s->sym[2] = (Elf64_Sym){.st_name = 8, .st_value = BASE + 0x1028, .st_shndx = 1};
    memset(s->code, 0xab, sizeof(s->code));
}

struct fixture {
    struct physmem *pm;
    struct layout layout;
};

static int load(struct fixture *f, const void *data, uint64_t size, struct elf_image *out)
{
    struct file file;
    file_borrow(&file, "image", "t.elf", data, size);
    layout_init(&f->layout, f->pm);
    return elf_load(&file, EM_RISCV, BASE, &f->layout, out);
}

static void test_good(void **state)
{
    struct fixture *f = *state;
    struct elf_image e;
    struct sample s;
    uint8_t mem[64], want[64];
    sample_make(&s);
    physmem_fill(f->pm, BASE + 0x1000, 0xff, sizeof(mem));
    assert_int_equal(load(f, &s, sizeof(s), &e), 0);
    assert_int_equal(e.entry, BASE + 0x1004);
    assert_int_equal(e.low, BASE + 0x1000);
    assert_int_equal(e.high, BASE + 0x1040);
    assert_int_equal(e.tohost, BASE + 0x1020);
    assert_int_equal(e.begin_signature, BASE + 0x1028);
    assert_int_equal(e.fromhost, ELF_NO_SYMBOL);
    memset(want, 0, sizeof(want));
    memset(want, 0xab, 32);
    physmem_read(f->pm, BASE + 0x1000, mem, sizeof(mem));
    assert_memory_equal(mem, want, sizeof(mem));
}

static void test_position_independent(void **state)
{
    struct fixture *f = *state;
    struct elf_image e;
    struct sample s;
    sample_make(&s);
    s.eh.e_type = ET_DYN;
    s.eh.e_entry = 4;
    s.ph[0].p_vaddr = s.ph[0].p_paddr = 0;
    s.sym[1].st_value = 0x20;
    assert_int_equal(load(f, &s, sizeof(s), &e), 0);
    assert_int_equal(e.entry, BASE + 4);
    assert_int_equal(e.tohost, BASE + 0x20);
}

#define SPOIL(name, statement)                                                                     \
    static void spoil_##name(struct sample *s)                                                     \
    {                                                                                              \
        statement;                                                                                 \
    }
SPOIL(magic, s->eh.e_ident[0] = 0)
SPOIL(class32, s->eh.e_ident[EI_CLASS] = ELFCLASS32)
SPOIL(class9, s->eh.e_ident[EI_CLASS] = 9)
SPOIL(big_endian, s->eh.e_ident[EI_DATA] = ELFDATA2MSB)
SPOIL(x86, s->eh.e_machine = EM_X86_64)
SPOIL(aarch64, s->eh.e_machine = EM_AARCH64)
SPOIL(object, s->eh.e_type = ET_REL)
SPOIL(core, s->eh.e_type = ET_CORE)
SPOIL(no_phdrs, s->eh.e_phnum = 0)
SPOIL(phentsize, s->eh.e_phentsize = 8)
SPOIL(phoff, s->eh.e_phoff = UINT64_MAX - 8)
SPOIL(interp, s->ph[0].p_type = PT_INTERP)
SPOIL(nothing, s->ph[0].p_type = PT_NOTE)
SPOIL(filesz, s->ph[0].p_filesz = 65)
SPOIL(offset, s->ph[0].p_offset = UINT64_MAX - 4)
SPOIL(size, s->ph[0].p_filesz = s->ph[0].p_memsz = 1 << 20)
SPOIL(wraps, s->ph[0].p_paddr = UINT64_MAX - 4)
SPOIL(outside, s->ph[0].p_paddr = 0x1000)
SPOIL(past_end, s->ph[0].p_memsz = 1ull << 40)
SPOIL(overlap, (s->eh.e_phnum = 2, s->ph[1].p_paddr = BASE + 0x103f))
SPOIL(entry, s->eh.e_entry = 0)

static void test_spoiled(void **state)
{
    static const struct {
        void (*spoil)(struct sample *);
        const char *says;
    } rows[] = {
        {spoil_magic, "not an ELF"},
        {spoil_class32, "32-bit"},
        {spoil_class9, "ELF class 9"},
        {spoil_big_endian, "big-endian"},
        {spoil_x86, "x86-64"},
        {spoil_aarch64, "AArch64"},
        {spoil_object, "relocatable"},
        {spoil_core, "not an executable"},
        {spoil_no_phdrs, "no program"},
        {spoil_phentsize, "no program"},
        {spoil_phoff, "truncated"},
        {spoil_interp, "dynamic loader"},
        {spoil_nothing, "nothing to load"},
        {spoil_filesz, "more bytes in the file"},
        {spoil_offset, "truncated"},
        {spoil_size, "truncated"},
        {spoil_wraps, "wraps"},
        {spoil_outside, "but RAM is"},
        {spoil_past_end, "but RAM is"},
        {spoil_overlap, "overlaps"},
        {spoil_entry, "entry"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct elf_image e;
        struct sample s;
        sample_make(&s);
        rows[i].spoil(&s);
        if (load(f, &s, sizeof(s), &e) >= 0 || !strstr(mh_last_error()->message, rows[i].says))
            fail_msg("row %zu (%s): %s", i, rows[i].says, mh_last_error()->message);
        assert_string_equal(mh_last_error()->param, "image");
    }
}

/* Cut anywhere it is refused, or loads what it says; symbols that are cut off are none. */
static void test_every_length(void **state)
{
    struct fixture *f = *state;
    struct elf_image e;
    struct sample s;
    sample_make(&s);
    for (uint64_t size = 1; size < sizeof(s); size++)
        assert_true(load(f, &s, size, &e) < 0);
}

/* Section headers are not needed to load: nonsense there gives no symbols and no crash. */
static void test_bad_symbols(void **state)
{
    struct fixture *f = *state;
    struct elf_image e;
    struct sample s;
    sample_make(&s);
    s.sh[1].sh_link = 77;
    assert_int_equal(load(f, &s, sizeof(s), &e), 0);
    assert_int_equal(e.tohost, ELF_NO_SYMBOL);
    sample_make(&s);
    s.sh[2].sh_size = UINT64_MAX;
    assert_int_equal(load(f, &s, sizeof(s), &e), 0);
    assert_int_equal(e.tohost, ELF_NO_SYMBOL);
    sample_make(&s);
    s.sym[1].st_name = 63;
    s.str[63] = 't';
    s.eh.e_shoff = UINT64_MAX - 100;
    assert_int_equal(load(f, &s, sizeof(s), &e), 0);
    assert_int_equal(e.tohost, ELF_NO_SYMBOL);
}

static int setup(void **state)
{
    static struct fixture f;
    struct physmem_config cfg = {.base = BASE, .size = 1 << 20, .numa_node = -1};
    *state = &f;
    return physmem_create(&f.pm, &cfg);
}

static int teardown(void **state)
{
    physmem_destroy(((struct fixture *)*state)->pm);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),        cmocka_unit_test(test_position_independent),
        cmocka_unit_test(test_spoiled),     cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_bad_symbols),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
