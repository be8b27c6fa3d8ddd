/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Sun and its four large planets in double precision, 20000 steps of a hundredth of a year.
 * Positions in astronomical units, velocities in those a day as the Jet Propulsion Laboratory gives
 * them for the first of January 2000, scaled to years; the mass of the Sun is 4 pi^2.
 */
#include "workload.h"

#define PI        3.141592653589793
#define SUN       (4 * PI * PI)
#define YEAR      365.24
#define TIME_STEP 0.01

enum { BODIES = 5, STEPS = 20000, CHECKED_STEPS = 1000 };

struct body {
    double x[3], v[3], mass;
};

static const struct body planets[BODIES - 1] = {
    {{4.84143144246472090, -1.16032004402742839, -0.103622044471123109},
     {0.00166007664274403694, 0.00769901118419740425, -0.0000690460016972063023},
     0.000954791938424326609},
    {{8.34336671824457987, 4.12479856412430479, -0.403523417114321381},
     {-0.00276742510726411899, 0.00499852801234917238, 0.0000230417297573763929},
     0.000285885980666130812},
    {{12.8943695621391310, -15.1111514016986312, -0.223307578892655734},
     {0.00296460137564761618, 0.00237847173959480950, -0.0000296589568540237556},
     0.0000436624404335156298},
    {{15.3796971148509165, -25.9193146099879641, 0.179258772950371181},
     {0.00268067772490389322, 0.00162824170038242295, -0.0000951592254519715870},
     0.0000515138902046611451},
};

/* The Sun moves so that the momentum of all is 0. */
static void bodies_begin(struct body *b)
{
    for (int k = 0; k < 3; k++)
        b[0].x[k] = b[0].v[k] = 0;
    b[0].mass = SUN;
    for (int i = 1; i < BODIES; i++) {
        b[i].mass = planets[i - 1].mass * SUN;
        for (int k = 0; k < 3; k++) {
            b[i].x[k] = planets[i - 1].x[k];
            b[i].v[k] = planets[i - 1].v[k] * YEAR;
            b[0].v[k] -= b[i].v[k] * b[i].mass / SUN;
        }
    }
}

static void bodies_attract(struct body *a, struct body *b)
{
    double dx = a->x[0] - b->x[0], dy = a->x[1] - b->x[1], dz = a->x[2] - b->x[2];
    double square = dx * dx + dy * dy + dz * dz;
    double f = TIME_STEP / (square * __builtin_sqrt(square));

    a->v[0] -= dx * b->mass * f;
    a->v[1] -= dy * b->mass * f;
    a->v[2] -= dz * b->mass * f;
    b->v[0] += dx * a->mass * f;
    b->v[1] += dy * a->mass * f;
    b->v[2] += dz * a->mass * f;
}

static NOINLINE void bodies_move(struct body *b, unsigned steps)
{
    while (steps--) {
        for (int i = 0; i < BODIES; i++)
            for (int j = i + 1; j < BODIES; j++)
                bodies_attract(&b[i], &b[j]);
        for (int i = 0; i < BODIES; i++)
            for (int k = 0; k < 3; k++)
                b[i].x[k] += TIME_STEP * b[i].v[k];
    }
}

static double bodies_energy(const struct body *b)
{
    double e = 0;

    for (int i = 0; i < BODIES; i++) {
        const double *v = b[i].v;
        e += 0.5 * b[i].mass * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        for (int j = i + 1; j < BODIES; j++) {
            double square = 0;
            for (int k = 0; k < 3; k++)
                square += (b[i].x[k] - b[j].x[k]) * (b[i].x[k] - b[j].x[k]);
            e -= b[i].mass * b[j].mass / __builtin_sqrt(square);
        }
    }
    return e;
}

static bool near(double a, double b)
{
    return a - b < 0.6e-9 && b - a < 0.6e-9;
}

/* The energies are those of the Computer Language Benchmarks Game, which runs the same system. */
void *nbody_setup(struct arena *a)
{
    struct body *b = ARENA_NEW(a, struct body, BODIES);

    bodies_begin(b);
    workload_require(near(bodies_energy(b), -0.169075164), "energy at the beginning");
    bodies_move(b, CHECKED_STEPS);
    workload_require(near(bodies_energy(b), -0.169087605), "energy after 1000 steps");
    return b;
}

uint64_t nbody_run(void *state)
{
    struct body *b = state;
    uint64_t sum = 0;

    bodies_begin(b);
    bodies_move(b, STEPS);
    for (int i = 0; i < BODIES; i++)
        for (int k = 0; k < 3; k++)
            sum = checksum_add(checksum_add(sum, bits_of_double(b[i].x[k])),
                               bits_of_double(b[i].v[k]));
    return sum;
}
