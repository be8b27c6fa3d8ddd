/* SPDX-License-Identifier: Apache-2.0 */
/* The ELF loader: the input is the file.  What is loaded lies in RAM. */
#include "tests/fuzz/fuzz.h"

#include "sim/load_elf.h"

enum { RAM = 4 << 20, EM = 243 /* EM_RISCV */ };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct physmem *pm;
    struct layout layout;
    struct elf_image elf;
    struct file f;
    if (!pm)
        pm = fuzz_ram(RAM);
    layout_init(&layout, pm);
    file_borrow(&f, "image", "input", data, size);
    if (elf_load(&f, EM, FUZZ_RAM + 0x10000, &layout, &elf))
        return 0;
    FUZZ_CHECK(elf.low < elf.high);
    FUZZ_CHECK(physmem_contains(pm, elf.low, elf.high - elf.low));
    FUZZ_CHECK(elf.entry >= elf.low && elf.entry < elf.high);
    return 0;
}
