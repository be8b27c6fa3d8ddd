/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples: what one run of one workload on one engine gave, how it is read from the
 * output of the programs (sim/doc/bench.md, Output), and the file samples.json that
 * keeps them all.  The file has a version; what is written is read back the same.
 * A sample_set is used by one thread at a time.
 */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Version 1, which is read as well, has no counters. */
enum { SAMPLES_VERSION = 2, SAMPLE_NAME_MAX = 47, COUNTER_NAME_MAX = 63 };

/* What was counted over all iterations of a run, by a source: "simulator"; of the host "hardware",
 * "software", "getrusage", "clock"; or "process", which is of the whole process. */
struct sample_counter {
    char name[COUNTER_NAME_MAX + 1], source[16];
    double value; /* of the program's threads, or the harts'; NaN: it could not be counted */
    double io;    /* of the I/O thread; NaN: it could not, or there is none */
    double share; /* of the time, that it was counted and is scaled from: 1, less where events
                     outnumber what the processor can count */
};

struct sample {
    char workload[SAMPLE_NAME_MAX + 1], group[SAMPLE_NAME_MAX + 1], unit[SAMPLE_NAME_MAX + 1];
    char engine[SAMPLE_NAME_MAX + 1]; /* "native", an engine of manyhart, or a peer with version */
    char outcome[96];                 /* "ok", or in words how the run ended otherwise */
    unsigned harts, round;
    double operations; /* of one iteration, in units */
    double clock_ns;   /* the step of the clock that ns was measured with */
    char checksum[17]; /* of each iteration: hexadecimal */
    uint64_t wall_ns, user_ns, system_ns, resident_bytes; /* of the whole process */
    size_t n;                                             /* iterations */
    double *ns;
    double *instructions; /* NULL where nothing counts them */
    struct sample_counter *counters;
    size_t n_counters;
};

/*
 * Reads the output of a run of one workload: sets what the program says (workload, group, unit,
 * operations, clock, iterations, checksum, counters), leaves the rest alone.  Lines of others
 * between are skipped.  0; -EINVAL with the reason in mh_last_error() if a line is missing or
 * malformed, it ran on another number of harts than s->harts says, unless that is 0, the iterations
 * are not in order, or their checksums differ; -ENOMEM.  On failure s has no arrays.
 */
int sample_parse(struct sample *s, const char *output);

void sample_clear(struct sample *s);

/* Adds a copy of c with that name, which is cut if it is too long. 0 or -ENOMEM. */
int sample_counter_add(struct sample *s, const struct sample_counter *c, const char *name);
const struct sample_counter *sample_counter(const struct sample *s, const char *name); /* or NULL */

/* A fact of the host or the run, name and value: for the reader, not computed with. */
struct sample_fact {
    char *name, *value;
};

struct sample_set {
    struct sample_fact *facts;
    size_t n_facts;
    struct sample *samples;
    size_t n;
};

/* Adds or replaces a fact. 0 or -ENOMEM. */
int samples_fact(struct sample_set *set, const char *name, const char *value);
const char *samples_fact_of(const struct sample_set *set, const char *name); /* NULL: none */

/* Moves the sample's arrays into the set. 0 or -ENOMEM, then s keeps them. */
int samples_add(struct sample_set *set, struct sample *s);

void samples_clear(struct sample_set *set);

/*
 * Writes the file whole or not at all: a reader never sees a part, and what was there stays if it
 * fails.  0 or -errno with the reason in mh_last_error().
 */
int samples_write(const struct sample_set *set, const char *path);

/* Reads a file into an empty set.  0 or -errno: not there, no such file, another version, damaged;
 * the reason in mh_last_error(), the set empty. */
int samples_read(struct sample_set *set, const char *path);

/*
 * Adds what from has and to has not: the same workload, engine, harts and round is the same
 * sample.  Facts that to has stay.  Returns the number of repeated ones, or -ENOMEM; from is empty
 * afterwards.
 */
long samples_merge(struct sample_set *to, struct sample_set *from);

#endif
