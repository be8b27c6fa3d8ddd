/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF files in memory for GDB; see gdb.h.  A file has the code's place (no
 * bytes), a symbol for each part, and its call frame information: inside a
 * translation the stack does not move.
 *
 * Layouts: System V ABI ("Object Files"), DWARF 4 section 6.4, GDB manual ("JIT
 * Compilation Interface").
 */
#include "jit/gdb.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/lock.h"

/* --- what GDB looks for; the names are its own --- */

enum { JIT_NOACTION, JIT_REGISTER_FN, JIT_UNREGISTER_FN };

struct jit_code_entry {
    struct jit_code_entry *next_entry, *prev_entry;
    const char *symfile_addr;
    uint64_t symfile_size;
};

struct jit_descriptor {
    uint32_t version, action_flag;
    struct jit_code_entry *relevant_entry, *first_entry;
};

#define GDB_KNOWS __attribute__((used, visibility("default")))

extern struct jit_descriptor __jit_debug_descriptor;
GDB_KNOWS struct jit_descriptor __jit_debug_descriptor = {.version = 1};

void __jit_debug_register_code(void);
GDB_KNOWS __attribute__((noinline)) void __jit_debug_register_code(void)
{
    __asm__ volatile("" : : : "memory"); /* GDB has a breakpoint here */
}

struct jit_gdb {
    struct jit_code_entry entry;
    struct jit_gdb *next; /* of its list */
    char file[];
};

static struct lock all_lock = LOCK_INIT(RANK_LEAF); /* the list that GDB reads */

static void tell(struct jit_code_entry *e, uint32_t action)
{
    __jit_debug_descriptor.action_flag = action;
    __jit_debug_descriptor.relevant_entry = e;
    __jit_debug_register_code();
    __jit_debug_descriptor.action_flag = JIT_NOACTION;
}

/* --- bytes --- */

struct out {
    char *p;
    size_t used;
};

static void put(struct out *o, const void *bytes, size_t n)
{
    memcpy(o->p + o->used, bytes, n);
    o->used += n;
}

static void put_byte(struct out *o, unsigned v)
{
    o->p[o->used++] = (char)v;
}

static void put_word(struct out *o, uint32_t v)
{
    put(o, &v, sizeof(v));
}

static void put_long(struct out *o, uint64_t v)
{
    put(o, &v, sizeof(v));
}

static void put_uleb(struct out *o, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        put_byte(o, 0x80 | (v & 0x7f));
    put_byte(o, (unsigned)v);
}

static void put_text(struct out *o, const char *s)
{
    put(o, s, strlen(s) + 1);
}

static void put_sleb(struct out *o, int64_t v)
{
    while (v < -64 || v > 63) {
        put_byte(o, (uint8_t)(v | 0x80));
        v >>= 7;
    }
    put_byte(o, (uint8_t)(v & 0x7f));
}

static void align(struct out *o)
{
    while (o->used % 8)
        put_byte(o, 0);
}

/* --- call frame information (DW_CFA_*) --- */

enum {
    CFA_SAME_VALUE = 0x08,
    CFA_DEF_CFA = 0x0c,
    CFA_DEF_CFA_EXPRESSION = 0x0f,
    CFA_OFFSET = 0x80
};
enum { OP_DEREF = 0x06, OP_PLUS_UCONST = 0x23, OP_BREG0 = 0x70 }; /* DW_OP_* */

/* Where the caller of `enter` was: the stack of calls may be deeper by now. */
static void put_frame_address(struct out *o, const struct jit_frame *f)
{
    put_byte(o, CFA_DEF_CFA_EXPRESSION);
    size_t length = o->used;
    put_byte(o, 0);
    put_byte(o, OP_BREG0 + f->hart_reg);
    put_sleb(o, f->hart_offset);
    put_byte(o, OP_DEREF);
    put_byte(o, OP_PLUS_UCONST);
    put_uleb(o, f->bytes);
    o->p[length] = (uint8_t)(o->used - length - 1);
}

/* Fills in the length of the record that began at `start` and ends here. */
static void end_record(struct out *o, size_t start)
{
    while ((o->used - start) % 8)
        put_byte(o, 0); /* DW_CFA_nop */
    uint32_t length = (uint32_t)(o->used - start - 4);
    memcpy(o->p + start, &length, sizeof(length));
}

static void put_frame(struct out *o, const struct jit_frame *f)
{
    size_t start = o->used;
    put_word(o, 0);
    put_word(o, UINT32_MAX); /* it is a CIE */
    put_byte(o, 1);          /* version */
    put_text(o, "");         /* no augmentation */
    put_uleb(o, 1);
    put_byte(o, 0x78); /* offsets count in -8 bytes */
    put_byte(o, f->return_reg);
    put_frame_address(o, f);
    put_byte(o, CFA_OFFSET | f->return_reg);
    put_uleb(o, 1);
    for (unsigned i = 0; i < f->saved_count; i++) {
        put_byte(o, CFA_OFFSET | f->saved[i]);
        put_uleb(o, 2 + i);
    }
    end_record(o, start);
}

static void put_part(struct out *o, const struct jit_frame *f, const struct jit_gdb_part *p)
{
    size_t start = o->used;
    put_word(o, 0);
    put_word(o, 0); /* where the CIE is */
    put_long(o, p->start);
    put_long(o, p->size);
    if (p->routine) {
        put_byte(o, CFA_DEF_CFA);
        put_uleb(o, f->stack_reg);
        put_uleb(o, f->routine_bytes);
    }
    for (unsigned i = 0; p->routine && i < f->saved_count; i++) {
        put_byte(o, CFA_SAME_VALUE);
        put_uleb(o, f->saved[i]);
    }
    end_record(o, start);
}

/* --- the file --- */

enum { SECTION_TEXT = 1, SECTION_FRAME, SECTION_SYMBOLS, SECTION_NAMES, SECTIONS };

static const char section_names[] = "\0.text\0.debug_frame\0.symtab\0.strtab";
enum { NAME_TEXT = 1, NAME_FRAME = 7, NAME_SYMBOLS = 20, NAME_NAMES = 28 };

/* As much as any part, and all else, needs. */
#define PART_BYTES  (72 + sizeof(Elf64_Sym) + sizeof(((struct jit_gdb_part *)0)->name))
#define OTHER_BYTES (sizeof(Elf64_Ehdr) + SECTIONS * sizeof(Elf64_Shdr) + 256)

static void put_symbols(struct out *o, const struct jit_gdb_part *parts, unsigned count)
{
    uint32_t name = sizeof(section_names);
    put(o, &(Elf64_Sym){0}, sizeof(Elf64_Sym));
    for (unsigned i = 0; i < count; i++) {
        Elf64_Sym s = {.st_name = name,
                       .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                       .st_shndx = SECTION_TEXT,
                       .st_value = parts[i].start,
                       .st_size = parts[i].size};
        put(o, &s, sizeof(s));
        name += (uint32_t)strlen(parts[i].name) + 1;
    }
}

/* One string table for sections and symbols. */
static void put_names(struct out *o, const struct jit_gdb_part *parts, unsigned count)
{
    put(o, section_names, sizeof(section_names));
    for (unsigned i = 0; i < count; i++)
        put_text(o, parts[i].name);
}

static Elf64_Shdr begin_section(struct out *o, uint32_t name, uint32_t type)
{
    align(o);
    return (Elf64_Shdr){.sh_name = name, .sh_type = type, .sh_offset = o->used, .sh_addralign = 8};
}

static void make_file(struct out *o, const struct jit_frame *f, const struct jit_gdb_part *parts,
                      unsigned count)
{
    const struct jit_gdb_part *last = &parts[count - 1];
    Elf64_Shdr s[SECTIONS] = {0};
    Elf64_Ehdr h = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                                EV_CURRENT, ELFOSABI_NONE},
                    .e_type = ET_EXEC,
                    .e_machine = f->machine,
                    .e_version = EV_CURRENT,
                    .e_shoff = sizeof(h),
                    .e_ehsize = sizeof(h),
                    .e_shentsize = sizeof(s[0]),
                    .e_shnum = SECTIONS,
                    .e_shstrndx = SECTION_NAMES};
    o->used = sizeof(h) + sizeof(s);
    s[SECTION_TEXT] = begin_section(o, NAME_TEXT, SHT_NOBITS);
    s[SECTION_TEXT].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
    s[SECTION_TEXT].sh_addr = parts[0].start;
    s[SECTION_TEXT].sh_size = last->start + last->size - parts[0].start;
    s[SECTION_TEXT].sh_addralign = 1;
    s[SECTION_FRAME] = begin_section(o, NAME_FRAME, SHT_PROGBITS);
    put_frame(o, f);
    for (unsigned i = 0; i < count; i++)
        put_part(o, f, &parts[i]);
    s[SECTION_FRAME].sh_size = o->used - s[SECTION_FRAME].sh_offset;
    s[SECTION_SYMBOLS] = begin_section(o, NAME_SYMBOLS, SHT_SYMTAB);
    put_symbols(o, parts, count);
    s[SECTION_SYMBOLS].sh_size = o->used - s[SECTION_SYMBOLS].sh_offset;
    s[SECTION_SYMBOLS].sh_link = SECTION_NAMES;
    s[SECTION_SYMBOLS].sh_info = 1; /* the first that is not local */
    s[SECTION_SYMBOLS].sh_entsize = sizeof(Elf64_Sym);
    s[SECTION_NAMES] = begin_section(o, NAME_NAMES, SHT_STRTAB);
    put_names(o, parts, count);
    s[SECTION_NAMES].sh_size = o->used - s[SECTION_NAMES].sh_offset;
    memcpy(o->p, &h, sizeof(h));
    memcpy(o->p + sizeof(h), s, sizeof(s));
}

void jit_gdb_add(struct jit_gdb **list, const struct jit_frame *frame,
                 const struct jit_gdb_part *parts, unsigned count)
{
    struct jit_gdb *g = calloc(1, sizeof(*g) + OTHER_BYTES + count * PART_BYTES);
    if (!g)
        return;
    struct out o = {.p = g->file};
    make_file(&o, frame, parts, count);
    g->next = *list;
    *list = g;
    g->entry.symfile_addr = g->file;
    g->entry.symfile_size = o.used;
    lock_take(&all_lock);
    struct jit_code_entry *first = __jit_debug_descriptor.first_entry;
    g->entry.next_entry = first;
    if (first)
        first->prev_entry = &g->entry;
    __jit_debug_descriptor.first_entry = &g->entry;
    tell(&g->entry, JIT_REGISTER_FN);
    lock_drop(&all_lock);
}

static void take_back(struct jit_code_entry *e)
{
    lock_take(&all_lock);
    if (e->prev_entry)
        e->prev_entry->next_entry = e->next_entry;
    else
        __jit_debug_descriptor.first_entry = e->next_entry;
    if (e->next_entry)
        e->next_entry->prev_entry = e->prev_entry;
    tell(e, JIT_UNREGISTER_FN);
    lock_drop(&all_lock);
}

void jit_gdb_drop(struct jit_gdb **list)
{
    while (*list) {
        struct jit_gdb *g = *list;
        *list = g->next;
        take_back(&g->entry);
        free(g);
    }
}
