/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests jit/gdb.c: the list that GDB reads, and the files in it, as the system's
 * readelf reads them.  That GDB makes sense of it: tests/tools/gdb_test.sh.
 */
#include "jit/gdb.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* As GDB's manual has them. */
struct jit_code_entry {
    struct jit_code_entry *next_entry, *prev_entry;
    const char *symfile_addr;
    uint64_t symfile_size;
};

extern struct {
    uint32_t version, action_flag;
    struct jit_code_entry *relevant_entry, *first_entry;
} __jit_debug_descriptor;

static const uint8_t saved[] = {3, 6};
static const struct jit_frame frame = {.machine = EM_X86_64,
                                       .stack_reg = 7,
                                       .return_reg = 16,
                                       .hart_reg = 6,
                                       .saved_count = ARRAY_LEN(saved),
                                       .hart_offset = 3000,
                                       .bytes = 600,
                                       .routine_bytes = 16,
                                       .saved = saved};
static const struct jit_gdb_part parts[] = {{"guest:1000", 0x7f0000001000, 0x40, false},
                                            {"guest:1010", 0x7f0000001040, 0x100, false},
                                            {"guest:calls", 0x7f0000001140, 0x30, true}};

/* How many there are; they lead forward as they lead back. */
static unsigned entries(void)
{
    unsigned n = 0;
    struct jit_code_entry *before = NULL;
    for (struct jit_code_entry *e = __jit_debug_descriptor.first_entry; e; e = e->next_entry) {
        assert_ptr_equal(e->prev_entry, before);
        before = e;
        n++;
    }
    return n;
}

static void test_list(void **state)
{
    struct jit_gdb *a = NULL, *b = NULL;
    (void)state;
    assert_int_equal(__jit_debug_descriptor.version, 1);
    assert_int_equal(entries(), 0);
    jit_gdb_add(&a, &frame, parts, 1);
    jit_gdb_add(&b, &frame, parts, 2);
    jit_gdb_add(&a, &frame, parts, 3);
    assert_int_equal(entries(), 3);
    assert_int_equal(__jit_debug_descriptor.action_flag, 0);
    jit_gdb_drop(&a);
    assert_null(a);
    assert_int_equal(entries(), 1);
    jit_gdb_add(&a, &frame, parts, 1);
    jit_gdb_drop(&b);
    assert_int_equal(entries(), 1);
    jit_gdb_drop(&a);
    assert_int_equal(entries(), 0);
    jit_gdb_drop(&a);
}

/* Whether what readelf says of the file has all of these, in this order. */
static void readelf_says(const char *options, const char *const *wanted)
{
    const struct jit_code_entry *e = __jit_debug_descriptor.first_entry;
    char path[] = "/tmp/mh-gdb-XXXXXX", command[128], line[512];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, e->symfile_addr, e->symfile_size), (ssize_t)e->symfile_size);
    close(fd);
    snprintf(command, sizeof(command), "LC_ALL=C readelf -W %s %s 2>&1", options, path);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        assert_null(strstr(line, "arning"));
        if (*wanted && strstr(line, *wanted))
            wanted++;
    }
    assert_int_equal(pclose(f), 0);
    unlink(path);
    if (*wanted)
        fail_msg("readelf %s has no \"%s\" there", options, *wanted);
}

#define READELF_SAYS(options, ...) readelf_says(options, (const char *const[]){__VA_ARGS__, NULL})

static void test_file(void **state)
{
    struct jit_gdb *list = NULL;
    (void)state;
    if (system("readelf --version >/dev/null 2>&1")) {
        puts("there is no readelf");
        skip();
    }
    jit_gdb_add(&list, &frame, parts, ARRAY_LEN(parts));
    READELF_SAYS("-h", "ELF64", "EXEC", "X86-64");
    READELF_SAYS("-S", ".text             NOBITS          00007f0000001000", ".debug_frame",
                 ".symtab", ".strtab");
    READELF_SAYS("-S", " 000170 ");
    READELF_SAYS("-s", "00007f0000001000    64 FUNC    GLOBAL DEFAULT    1 guest:1000",
                 "00007f0000001040   256 FUNC    GLOBAL DEFAULT    1 guest:1010",
                 "00007f0000001140    48 FUNC    GLOBAL DEFAULT    1 guest:calls");
    READELF_SAYS(
        "--debug-dump=frames", "CIE", "Data alignment factor: -8",
        "DW_CFA_def_cfa_expression (DW_OP_breg6 (rbp): 3000; DW_OP_deref; DW_OP_plus_uconst: 600)",
        "DW_CFA_offset: r16 (rip) at cfa-8", "DW_CFA_offset: r3 (rbx) at cfa-16",
        "DW_CFA_offset: r6 (rbp) at cfa-24",
        "FDE cie=00000000 pc=00007f0000001000..00007f0000001040",
        "FDE cie=00000000 pc=00007f0000001040..00007f0000001140",
        "FDE cie=00000000 pc=00007f0000001140..00007f0000001170", "DW_CFA_def_cfa: r7 (rsp) ofs 16",
        "DW_CFA_same_value: r3 (rbx)", "DW_CFA_same_value: r6 (rbp)");
    jit_gdb_drop(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
