/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sweep as a job array of Slurm: each task runs one part (--part K/N) of what this command line
 * would run, a node to itself.  What Slurm needs else comes from its own environment variables
 * (SBATCH_PARTITION and so on) or from the words of --slurm=WORDS.
 */
#ifndef BENCH_SLURM_H
#define BENCH_SLURM_H

/*
 * Submits parts tasks.  argv: the arguments of this program, in which --slurm is left out; out: the
 * folder that all nodes share.  Returns the program's exit code; says what to do when they are
 * done.
 */
int slurm_submit(char *const *argv, int argc, const char *words, const char *out, unsigned parts);

#endif
