/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bare-metal ELF made from lines of assembly, for tests that need a machine
 * to do something.  Code is at PROGRAM_BASE, PROGRAM_TOHOST and PROGRAM_FROMHOST
 * are HTIF's words, the signature is PROGRAM_SIGNATURE.
 */
#ifndef TESTS_UNIT_SIM_PROGRAM_H
#define TESTS_UNIT_SIM_PROGRAM_H

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "isa/riscv/decode.h"
#include "sim/include/manyhart.h"

#define PROGRAM_BASE            0x80000000ull
#define PROGRAM_DATA            (PROGRAM_BASE + 0x1000)
#define PROGRAM_TOHOST          PROGRAM_DATA
#define PROGRAM_FROMHOST        (PROGRAM_DATA + 8)
#define PROGRAM_SIGNATURE       (PROGRAM_DATA + 0x100)
#define PROGRAM_SIGNATURE_BYTES 16
enum { PROGRAM_SYMBOLS = 5 };

struct program {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[2];
    Elf64_Shdr sh[3];
    Elf64_Sym sym[PROGRAM_SYMBOLS];
    char str[64];
    uint8_t code[512];
    uint8_t data[PROGRAM_SIGNATURE + PROGRAM_SIGNATURE_BYTES - PROGRAM_DATA];
};

static inline size_t program_assemble(uint8_t *to, size_t room, const char *const *lines)
{
    size_t at = 0;
    for (; *lines; lines++) {
        uint32_t raw;
        int n = rv_asm(*lines, PROGRAM_BASE + at, &raw);
        if (n < 0 || at + (size_t)n > room)
            fail_msg("cannot assemble '%s'", *lines);
        memcpy(to + at, &raw, (size_t)n);
        at += (size_t)n;
    }
    return at;
}

static inline void program_symbols(struct program *p)
{
    static const struct {
        const char *name;
        uint64_t value;
    } rows[PROGRAM_SYMBOLS - 1] = {
        {"tohost", PROGRAM_TOHOST},
        {"fromhost", PROGRAM_FROMHOST},
        {"begin_signature", PROGRAM_SIGNATURE},
        {"end_signature", PROGRAM_SIGNATURE + PROGRAM_SIGNATURE_BYTES},
    };
    size_t at = 1;
    for (unsigned i = 0; i < PROGRAM_SYMBOLS - 1; i++) {
        p->sym[i + 1] =
            (Elf64_Sym){.st_name = (Elf64_Word)at, .st_value = rows[i].value, .st_shndx = 1};
        strcpy(p->str + at, rows[i].name);
        at += strlen(rows[i].name) + 1;
    }
}

/* lines: one instruction each, ended by NULL. */
static inline void program_make(struct program *p, const char *const *lines)
{
    memset(p, 0, sizeof(*p));
    memcpy(p->eh.e_ident,
           "\x7f"
           "ELF\x02\x01\x01",
           7);
    p->eh.e_type = ET_EXEC;
    p->eh.e_machine = EM_RISCV;
    p->eh.e_entry = PROGRAM_BASE;
    p->eh.e_phoff = offsetof(struct program, ph);
    p->eh.e_phentsize = sizeof(Elf64_Phdr);
    p->eh.e_phnum = 2;
    p->eh.e_shoff = offsetof(struct program, sh);
    p->eh.e_shentsize = sizeof(Elf64_Shdr);
    p->eh.e_shnum = 3;
    p->ph[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_offset = offsetof(struct program, code),
                            .p_vaddr = PROGRAM_BASE,
                            .p_paddr = PROGRAM_BASE,
                            .p_filesz = sizeof(p->code),
                            .p_memsz = sizeof(p->code)};
    p->ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_offset = offsetof(struct program, data),
                            .p_vaddr = PROGRAM_DATA,
                            .p_paddr = PROGRAM_DATA,
                            .p_filesz = sizeof(p->data),
                            .p_memsz = sizeof(p->data)};
    p->sh[1] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
                            .sh_offset = offsetof(struct program, sym),
                            .sh_size = sizeof(p->sym),
                            .sh_link = 2};
    p->sh[2] = (Elf64_Shdr){.sh_type = SHT_STRTAB,
                            .sh_offset = offsetof(struct program, str),
                            .sh_size = sizeof(p->str)};
    program_symbols(p);
    program_assemble(p->code, sizeof(p->code), lines);
}

/* A configuration that runs p quietly on one hart. */
static inline void program_config(struct mh_vm_config *cfg, const struct program *p)
{
    mh_config_default(cfg);
    cfg->harts = 1;
    cfg->memory_size = 4 << 20;
    cfg->console = "none";
    cfg->pin = "none";
    cfg->jit_thread = "off"; /* what is hot is translated there and then */
    cfg->image_data = p;
    cfg->image_size = sizeof(*p);
    cfg->timeout_ns = 20000000000ull;
}

#endif
