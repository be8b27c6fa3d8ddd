/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the block of guest code that a hart is about to execute. */
#include "tests/examples/program.h"

static const uint32_t program[] = {0x00150513, 0x00053583, 0xff9ff06f};

int main(void)
{
    struct mh_machine *m = machine_with(program, 3, 1);
    struct mh_decoder *d;
    struct mh_insn insn[16];
    size_t count;
    must(mh_decoder_create(&d, "riscv64", "rv64gc"), "decoder");
    must(mh_decoder_block_at(d, m, 0, (mh_gva){RAM}, insn, 16, &count), "block");
    for (size_t i = 0; i < count; i++)
        printf("%llx: %08x  %s\n", (unsigned long long)insn[i].pc.v, insn[i].raw, insn[i].text);
    expect(count == 3 && insn[2].target.v == RAM, "the block ends with a jump to its beginning");
    mh_decoder_destroy(d);
    mh_machine_destroy(m);
    return 0;
}
