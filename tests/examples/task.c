/* SPDX-License-Identifier: Apache-2.0 */
/* Lets two harts execute at the same time, as tasks, and reads memory in the background. */
#include "tests/examples/program.h"

#include <poll.h>

static const uint32_t program[] = {
    0x00150513, /* addi a0,a0,1 */
    0xffdff06f, /* j -4 */
};

int main(void)
{
    struct mh_machine *m = machine_with(program, 2, 2);
    struct mh_engine *e[2];
    struct mh_engine_result r[2];
    struct mh_task *t[3];
    uint32_t word = 0;
    for (unsigned i = 0; i < 2; i++) {
        must(mh_engine_create(&e[i], m, i, NULL), "engine");
        must(mh_engine_execute_async(e[i], 1000000, &r[i], &t[i]), "execute");
    }
    must(mh_memory_read_async(m, (mh_gpa){RAM}, &word, sizeof(word), &t[2]), "read");
    for (unsigned i = 0; i < 3; i++) {
        struct pollfd fd = {.fd = mh_task_fd(t[i]), .events = POLLIN};
        expect(poll(&fd, 1, 10000) == 1, "a task's eventfd says when it is over");
        printf("%s: %d\n", mh_task_description(t[i]), mh_task_result(t[i], NULL));
        mh_task_destroy(t[i]);
    }
    expect(r[0].insns == 1000000 && r[1].insns == 1000000, "both harts did their part");
    expect(word == program[0], "the word was read");
    for (unsigned i = 0; i < 2; i++)
        mh_engine_destroy(e[i]);
    mh_machine_destroy(m);
    return 0;
}
