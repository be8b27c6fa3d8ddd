/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads kernels; see load_image.h.
 *
 * The RISC-V Image header, all fields little-endian:
 *    0  u32 code0, u32 code1     code0 is "MZ" when the kernel has an EFI stub
 *    8  u64 text_offset          from the base of RAM, 2 MiB on RV64
 *   16  u64 image_size           with bss; 0 in very old kernels
 *   24  u64 flags                bit 0: big-endian
 *   32  u32 version, u32 res1, u64 res2
 *   48  u64 magic "RISCV\0\0\0" (deprecated), u32 magic2 "RSC\x05"
 *
 * The EFI zboot header: "MZ" at 0, "zimg" at 4, u32 payload offset at 8, u32
 * payload size at 12, the name of the compression, NUL padded, at 24.  The
 * payload is an Image.
 */
#include "sim/load_image.h"

#include "sim/base/error.h"
#include "sim/base/log.h"
#include "sim/decompress.h"
#include "sim/load_elf.h"
#include "sim/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_HEADER_BYTES 64
#define ZBOOT_HEADER_BYTES 56
#define IMAGE_ALIGN        (2ull << 20)

int kernel_spec_parse(const char *text, struct kernel_spec *spec)
{
    const char *raw = strstr(text, ",raw");
    *spec = (struct kernel_spec){0};
    if (raw && raw[4] != 0 && raw[4] != '@')
        raw = NULL; /* a file name that happens to hold ",raw" */
    if (raw && raw[4] == '@' && parse_u64(raw + 5, &spec->address))
        return error_set(MH_ERROR_CORE, -EINVAL, "kernel", text,
                         "'%s' is no address; write FILE,raw@0x80200000", raw + 5);
    spec->raw = raw != NULL;
    spec->has_address = raw && raw[4] == '@';
    spec->path = raw ? strndup(text, (size_t)(raw - text)) : strdup(text);
    if (!spec->path)
        return error_set(MH_ERROR_PLATFORM, -ENOMEM, "kernel", text, "not enough host memory");
    return 0;
}

static bool image_is(const struct file *f)
{
    return f->size >= IMAGE_HEADER_BYTES && !memcmp(f->data + 56, "RSC\x05", 4);
}

static bool zboot_is(const struct file *f)
{
    return f->size >= ZBOOT_HEADER_BYTES && !memcmp(f->data, "MZ", 2) &&
           !memcmp(f->data + 4, "zimg", 4);
}

static int load_bytes(const struct file *f, gpa_t at, uint64_t room, struct layout *l,
                      struct kernel_image *out)
{
    int rc = layout_claim(l, f->option, f->path, at, room);
    if (!rc)
        rc = physmem_write(l->pm, at, f->data, f->size);
    if (rc)
        return rc;
    out->entry = out->low = at;
    out->high = at + room;
    return 0;
}

/*
 * How long an EFI-stub Image must be, by the section table of its PE header (Microsoft PE/COFF,
 * "Section Table"); image_size cannot tell, for it counts bss.  0: no such header.
 */
static uint64_t pe_file_size(const struct file *f)
{
    enum { COFF = 4, SECTIONS = 2, OPTIONAL_SIZE = 16, COFF_SIZE = 20, SECTION_SIZE = 40 };
    uint64_t pe = file_le(f->data + 60, 4), need = 0;
    if (memcmp(f->data, "MZ", 2) || pe + COFF + COFF_SIZE > f->size ||
        memcmp(f->data + pe, "PE\0\0", 4))
        return 0;
    const uint8_t *coff = f->data + pe + COFF;
    uint64_t count = file_le(coff + SECTIONS, 2);
    uint64_t at = pe + COFF + COFF_SIZE + file_le(coff + OPTIONAL_SIZE, 2);
    for (uint64_t i = 0; i < count && at + SECTION_SIZE <= f->size; i++, at += SECTION_SIZE)
        need = max_u64(need, file_le(f->data + at + 16, 4) + file_le(f->data + at + 20, 4));
    return need;
}

static int image_load(const struct file *f, struct layout *l, struct kernel_image *out)
{
    uint64_t offset = file_le(f->data + 8, 8), size = file_le(f->data + 16, 8);
    uint64_t flags = file_le(f->data + 24, 8);
    if (flags & 1)
        return file_error(f, -ENOEXEC, "is a big-endian kernel; a little-endian one is needed");
    if (pe_file_size(f) > f->size)
        return file_error(f, -ENOEXEC, "is truncated: %llu of %llu bytes",
                          (unsigned long long)f->size, (unsigned long long)pe_file_size(f));
    if (size == 0) {
        size = f->size;
        offset = KERNEL_OFFSET;
    }
    if (offset % IMAGE_ALIGN || offset > l->pm->size || size > 1ull << 40)
        return file_error(f, -ENOEXEC,
                          "has a damaged Image header (text_offset 0x%llx, image_size 0x%llx)",
                          (unsigned long long)offset, (unsigned long long)size);
    return load_bytes(f, l->pm->base + offset, max_u64(size, f->size), l, out);
}

static int elf_kernel_load(const struct file *f, uint16_t machine, struct layout *l,
                           struct kernel_image *out)
{
    struct elf_image elf;
    int rc = elf_load(f, machine, l->pm->base + KERNEL_OFFSET, l, &elf);
    if (rc)
        return rc;
    *out = (struct kernel_image){elf.entry, elf.low, elf.high, "ELF"};
    return 0;
}

static int plain_load(const struct file *f, uint16_t machine, struct layout *l,
                      struct kernel_image *out)
{
    if (elf_is(f))
        return elf_kernel_load(f, machine, l, out);
    if (image_is(f)) {
        out->form = "Image";
        return image_load(f, l, out);
    }
    if (f->size >= 60 && !memcmp(f->data + 56, "ARM\x64", 4))
        return file_error(f, -ENOEXEC, "is a kernel for AArch64; the guest is RISC-V");
    if (f->size >= 0x206 && !memcmp(f->data + 0x202, "HdrS", 4))
        return file_error(f, -ENOEXEC, "is a kernel for x86; the guest is RISC-V");
    return file_error(f, -ENOEXEC,
                      "is no kernel that is known (no Image, EFI zboot, gzip, zstd or ELF header); "
                      "give %s,raw to load the bytes as they are",
                      f->path);
}

static enum compression zboot_compression(const struct file *f)
{
    static const struct {
        const char *name;
        enum compression kind;
    } names[] = {
        {"gzip", COMPRESS_GZIP}, {"zstd22", COMPRESS_ZSTD}, {"zstd", COMPRESS_ZSTD},
        {"xzkern", COMPRESS_XZ}, {"xz", COMPRESS_XZ},       {"lzma", COMPRESS_LZMA},
        {"lz4", COMPRESS_LZ4},   {"lzo", COMPRESS_LZO},     {"bzip2", COMPRESS_BZIP2},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strncmp((const char *)f->data + 24, names[i].name, 32))
            return names[i].kind;
    return COMPRESS_NONE;
}

/* What one layer of packing holds: offset, size and compression of the payload. */
static int packed_find(const struct file *f, uint64_t *offset, uint64_t *size,
                       enum compression *kind)
{
    *offset = 0;
    *size = f->size;
    if (!zboot_is(f)) {
        *kind = decompress_detect(f->data, f->size);
        return 0;
    }
    *offset = file_le(f->data + 8, 4);
    *size = file_le(f->data + 12, 4);
    *kind = zboot_compression(f);
    if (*offset > f->size || *size > f->size - *offset)
        return file_error(f, -ENOEXEC,
                          "is a truncated EFI zboot kernel: payload ends at byte %llu "
                          "of %llu",
                          (unsigned long long)(*offset + *size), (unsigned long long)f->size);
    if (*kind == COMPRESS_NONE)
        return file_error(f, -ENOTSUP,
                          "is an EFI zboot kernel of unknown compression '%.31s'; gzip and zstd "
                          "are supported",
                          (const char *)f->data + 24);
    return 0;
}

static int packed_load(const struct file *f, uint16_t machine, struct layout *l,
                       struct kernel_image *out)
{
    uint64_t offset, size;
    enum compression kind;
    struct file plain;
    int rc = packed_find(f, &offset, &size, &kind);
    if (rc)
        return rc;
    if (kind == COMPRESS_NONE)
        return plain_load(f, machine, l, out);
    rc = decompress(f, kind, f->data + offset, size, l->pm->size, &plain);
    if (rc)
        return rc;
    rc = plain_load(&plain, machine, l, out);
    file_release(&plain);
    log_at(LOG_SIM, LOG_INFO, "kernel %s: %s%s", f->path, zboot_is(f) ? "EFI zboot, " : "",
           decompress_name(kind));
    return rc;
}

int kernel_load(const struct file *f, const struct kernel_spec *spec, uint16_t machine,
                struct layout *l, struct kernel_image *out)
{
    *out = (struct kernel_image){.form = "raw"};
    if (!spec->raw)
        return packed_load(f, machine, l, out);
    gpa_t at = spec->has_address ? spec->address : l->pm->base + KERNEL_OFFSET;
    return load_bytes(f, at, f->size, l, out);
}
