/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads ELF executables; see load_elf.h.  Nothing in the file is believed:
 * each offset and count is checked against the file's size before it is used,
 * without sums that could wrap.
 */
#include "sim/load_elf.h"

#include "sim/base/error.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

static const struct {
    uint16_t machine;
    const char *name;
} machine_names[] = {
    {EM_386, "x86 (32-bit)"}, {EM_X86_64, "x86-64"}, {EM_ARM, "ARM"},     {EM_AARCH64, "AArch64"},
    {EM_RISCV, "RISC-V"},     {EM_MIPS, "MIPS"},     {EM_PPC64, "PPC64"}, {EM_S390, "S/390"},
};

static const char *machine_name(uint16_t machine)
{
    for (size_t i = 0; i < ARRAY_LEN(machine_names); i++)
        if (machine_names[i].machine == machine)
            return machine_names[i].name;
    return "another machine";
}

bool elf_is(const struct file *f)
{
    return f->size >= SELFMAG && !memcmp(f->data, ELFMAG, SELFMAG);
}

/* Whether [off, off+len) lies in the file. */
static bool in_file(const struct file *f, uint64_t off, uint64_t len)
{
    return off <= f->size && len <= f->size - off;
}

static int check_ident(const struct file *f)
{
    if (!elf_is(f))
        return file_error(f, -ENOEXEC, "is not an ELF file; give a 64-bit ELF executable");
    if (f->size < EI_NIDENT || f->size < sizeof(Elf64_Ehdr))
        return file_error(f, -ENOEXEC, "is a truncated ELF file: %llu bytes",
                          (unsigned long long)f->size);
    if (f->data[EI_CLASS] == ELFCLASS32)
        return file_error(f, -ENOEXEC, "is a 32-bit ELF; a 64-bit one is needed");
    if (f->data[EI_CLASS] != ELFCLASS64)
        return file_error(f, -ENOEXEC, "has an unknown ELF class %u", f->data[EI_CLASS]);
    if (f->data[EI_DATA] != ELFDATA2LSB)
        return file_error(f, -ENOEXEC, "is a big-endian ELF; a little-endian one is needed");
    return 0;
}

static int check_header(const struct file *f, const Elf64_Ehdr *eh, uint16_t machine)
{
    if (eh->e_machine != machine)
        return file_error(f, -ENOEXEC, "is for %s (machine %u); the guest is %s (machine %u)",
                          machine_name(eh->e_machine), eh->e_machine, machine_name(machine),
                          machine);
    if (eh->e_type == ET_REL)
        return file_error(f, -ENOEXEC, "is a relocatable object; link it to an executable");
    if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
        return file_error(f, -ENOEXEC, "is not an executable (ELF type %u)", eh->e_type);
    if (!eh->e_phnum || eh->e_phentsize != sizeof(Elf64_Phdr))
        return file_error(f, -ENOEXEC, "has no program headers");
    if (!in_file(f, eh->e_phoff, (uint64_t)eh->e_phnum * sizeof(Elf64_Phdr)))
        return file_error(f, -ENOEXEC, "is truncated: its program headers lie past its end");
    return 0;
}

static void program_header(const struct file *f, const Elf64_Ehdr *eh, unsigned i, Elf64_Phdr *ph)
{
    memcpy(ph, f->data + eh->e_phoff + i * sizeof(*ph), sizeof(*ph));
}

static int check_segment(const struct file *f, unsigned i, const Elf64_Phdr *ph)
{
    if (ph->p_type == PT_INTERP)
        return file_error(f, -ENOEXEC,
                          "needs a dynamic loader: it is a program for an operating system, not "
                          "for a bare machine");
    if (ph->p_type != PT_LOAD)
        return 0;
    if (ph->p_filesz > ph->p_memsz)
        return file_error(f, -ENOEXEC, "segment %u has more bytes in the file than in memory", i);
    if (!in_file(f, ph->p_offset, ph->p_filesz))
        return file_error(f, -ENOEXEC, "is truncated: segment %u ends at byte %llu of %llu", i,
                          (unsigned long long)(ph->p_offset + ph->p_filesz),
                          (unsigned long long)f->size);
    if (ph->p_paddr + ph->p_memsz < ph->p_paddr)
        return file_error(f, -ENOEXEC, "segment %u wraps around the end of memory", i);
    return 0;
}

static int check_segments(const struct file *f, const Elf64_Ehdr *eh, gpa_t *low)
{
    *low = UINT64_MAX;
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        Elf64_Phdr ph;
        program_header(f, eh, i, &ph);
        int rc = check_segment(f, i, &ph);
        if (rc)
            return rc;
        if (ph.p_type == PT_LOAD && ph.p_memsz)
            *low = min_u64(*low, ph.p_paddr);
    }
    if (*low == UINT64_MAX)
        return file_error(f, -ENOEXEC, "has nothing to load");
    return 0;
}

static int load_segment(const struct file *f, const Elf64_Phdr *ph, gpa_t at, struct layout *l)
{
    int rc = layout_claim(l, f->option, f->path, at, ph->p_memsz);
    if (rc)
        return rc;
    rc = physmem_write(l->pm, at, f->data + ph->p_offset, ph->p_filesz);
    if (!rc)
        rc = physmem_fill(l->pm, at + ph->p_filesz, 0, ph->p_memsz - ph->p_filesz);
    return rc;
}

/* The symbols that the machine serves; a stripped file simply has none. */
static void take_symbol(struct elf_image *out, const char *name, gpa_t value)
{
    const struct {
        const char *name;
        gpa_t *to;
    } wanted[] = {
        {"tohost", &out->tohost},
        {"fromhost", &out->fromhost},
        {"begin_signature", &out->begin_signature},
        {"end_signature", &out->end_signature},
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!strcmp(name, wanted[i].name))
            *wanted[i].to = value;
}

static void read_symbols(const struct file *f, const Elf64_Shdr *tab, const Elf64_Shdr *str,
                         struct elf_image *out)
{
    for (uint64_t off = 0; off + sizeof(Elf64_Sym) <= tab->sh_size; off += sizeof(Elf64_Sym)) {
        Elf64_Sym sym;
        memcpy(&sym, f->data + tab->sh_offset + off, sizeof(sym));
        if (sym.st_name >= str->sh_size || sym.st_shndx == SHN_UNDEF)
            continue;
        const char *name = (const char *)f->data + str->sh_offset + sym.st_name;
        if (memchr(name, 0, str->sh_size - sym.st_name))
            take_symbol(out, name, sym.st_value);
    }
}

static bool section_header(const struct file *f, const Elf64_Ehdr *eh, uint64_t i, Elf64_Shdr *sh)
{
    if (i >= eh->e_shnum || eh->e_shentsize != sizeof(*sh) ||
        !in_file(f, eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(*sh)))
        return false;
    memcpy(sh, f->data + eh->e_shoff + i * sizeof(*sh), sizeof(*sh));
    return sh->sh_type == SHT_NOBITS || in_file(f, sh->sh_offset, sh->sh_size);
}

static void find_symbols(const struct file *f, const Elf64_Ehdr *eh, struct elf_image *out)
{
    Elf64_Shdr tab, str;
    for (unsigned i = 0; i < eh->e_shnum; i++)
        if (section_header(f, eh, i, &tab) && tab.sh_type == SHT_SYMTAB &&
            section_header(f, eh, tab.sh_link, &str) && str.sh_type == SHT_STRTAB)
            read_symbols(f, &tab, &str, out);
}

static void add_bias(struct elf_image *out, uint64_t bias)
{
    gpa_t *all[] = {&out->tohost, &out->fromhost, &out->begin_signature, &out->end_signature};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (*all[i] != ELF_NO_SYMBOL)
            *all[i] += bias;
}

static int load_segments(const struct file *f, const Elf64_Ehdr *eh, uint64_t bias,
                         struct layout *l, struct elf_image *out)
{
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        Elf64_Phdr ph;
        program_header(f, eh, i, &ph);
        if (ph.p_type != PT_LOAD || !ph.p_memsz)
            continue;
        gpa_t at = ph.p_paddr + bias;
        int rc = load_segment(f, &ph, at, l);
        if (rc)
            return rc;
        /* The entry is a virtual address; a kernel's segment may be linked high and loaded low. */
        if (eh->e_entry - ph.p_vaddr < ph.p_memsz)
            out->entry = eh->e_entry - ph.p_vaddr + at;
        out->low = min_u64(out->low, at);
        out->high = max_u64(out->high, at + ph.p_memsz);
    }
    if (out->entry == ELF_NO_SYMBOL)
        return file_error(f, -ENOEXEC, "its entry 0x%llx lies in none of its segments",
                          (unsigned long long)eh->e_entry);
    return 0;
}

int elf_load(const struct file *f, uint16_t machine, gpa_t bias, struct layout *l,
             struct elf_image *out)
{
    Elf64_Ehdr eh;
    gpa_t low;
    int rc = check_ident(f);
    if (rc)
        return rc;
    memcpy(&eh, f->data, sizeof(eh));
    rc = check_header(f, &eh, machine);
    if (!rc)
        rc = check_segments(f, &eh, &low);
    if (rc)
        return rc;
    *out = (struct elf_image){ELF_NO_SYMBOL, UINT64_MAX,   0, ELF_NO_SYMBOL, ELF_NO_SYMBOL,
                              ELF_NO_SYMBOL, ELF_NO_SYMBOL};
    bool move = eh.e_type == ET_DYN && !physmem_contains(l->pm, low, 1);
    uint64_t by = move ? bias - align_down(low, PAGE_SIZE) : 0;
    rc = load_segments(f, &eh, by, l, out);
    if (rc)
        return rc;
    find_symbols(f, &eh, out);
    add_bias(out, by);
    return 0;
}
