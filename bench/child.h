/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process of a measurement: started in a group of its own, its output collected,
 * its time limited.  Peers crash and hang; whatever they do, a run ends, nothing of it
 * stays behind, and the caller learns what happened.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Threads of a program that tells its plan to nobody: by name, to processors of the caller's
 * choice. */
struct child_pins {
    const char *thread; /* their names begin so, then comes a number, from 0 */
    const int *to;      /* the processor of each number; -1: none */
    unsigned n;         /* how many there will be */
};

struct child_spec {
    const char *const *argv;     /* argv[0] is looked up in PATH; ends with NULL */
    uint64_t timeout_ns;         /* 0: none */
    size_t output_max;           /* bytes of output kept; 0: 16 MiB */
    const uint32_t *interrupted; /* if it becomes other than 0, the run ends; or NULL */
    const char *mark;            /* a text in the output that mark_ns is of; or NULL */
    struct child_pins pins;      /* pinned as soon as they are there; n 0: none */
};

enum child_end {
    CHILD_EXITED,      /* code is its exit code */
    CHILD_KILLED,      /* code is the signal that ended it */
    CHILD_TIMEOUT,     /* it was killed at the end of its time */
    CHILD_INTERRUPTED, /* it was killed because the caller wanted no more */
};

struct child_result {
    enum child_end end;
    int code;
    uint64_t wall_ns, user_ns, system_ns;
    uint64_t mark_ns;          /* from the start until the mark was there; 0: never */
    uint64_t resident_bytes;   /* at most, of the process itself */
    uint64_t faults, switches; /* of pages; from one thread to another */
    char *output;              /* standard output and error, as they came; ends with 0; to free */
    size_t output_size;
    bool output_cut; /* there was more than output_max */
    unsigned pinned; /* threads that were, of spec->pins */
};

/*
 * Runs it to its end; standard input is empty.  0, or -errno if it could not be started (-ENOENT:
 * there is no such program) with nothing in *out.  Any thread.
 */
int child_run(const struct child_spec *spec, struct child_result *out);

/* "exit code 3", "killed by signal 11 (Segmentation fault)", "stopped after 60 s"; returns buf. */
const char *child_describe(const struct child_result *r, char *buf, size_t size);

#endif
