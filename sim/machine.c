/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines: building, running, rebooting, ending, taking apart.  See
 * machine.h for the threads and the order.
 */
#include "sim/machine.h"

#include "sim/base/arena.h"
#include "sim/base/clock.h"
#include "sim/base/error.h"
#include "sim/base/futex.h"
#include "sim/base/log.h"
#include "sim/config.h"
#include "sim/hart_hold.h"
#include "sim/reclaim.h"
#include "sim/region.h"
#include "sim/sandbox.h"
#include "sim/signature.h"
#include "sim/task.h"
#include "sim/watchdog.h"
#include "smp/pin.h"

#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CLOCK_FREQ_HZ 10000000ull /* timebase of QEMU's virt */
#define RAM_BASE      0x80000000ull

static struct mh_machine *machine_of(struct mh_component *c)
{
    return container_of(c, struct mh_machine, component);
}

/* ---- requests to the supervisor ---------------------------------------------------------- */

static uint64_t request_pack(enum machine_request what, enum mh_end end, int code)
{
    return (uint64_t)what | (uint64_t)end << 8 | (uint64_t)(uint32_t)code << 32;
}

void machine_request_unpack(uint64_t request, struct mh_engine_result *out)
{
    if (!request)
        return;
    bool reboot = (request & 0xff) == REQUEST_RESTART;
    out->why = reboot ? MH_STOP_REBOOT : MH_STOP_END;
    out->end = (enum mh_end)(request >> 8 & 0xff);
    out->exit_code = (int)(request >> 32);
}

void machine_request(struct mh_machine *m, enum machine_request what, enum mh_end end, int code)
{
    uint64_t seen = load_seq_cst(&m->request);
    do {
        bool reboot = (seen & 0xff) == REQUEST_RESTART;
        if (seen && !(reboot && what == REQUEST_END))
            return;
    } while (!cas_seq_cst(&m->request, &seen, request_pack(what, end, code)));
    fetch_add_seq_cst(&m->bell, 1);
    futex_wake(&m->bell, 1);
    hart_hold_stop_all(m);
}

/* ---- what the guest asks of the machine ---------------------------------------------------- */

static void guest_exit(void *opaque, enum guest_exit kind, int code)
{
    struct mh_machine *m = opaque;
    switch (kind) {
    case GUEST_REBOOT:
        machine_request(m, REQUEST_RESTART, MH_END_NONE, 0);
        break;
    case GUEST_LIMIT:
        machine_request(m, REQUEST_END, MH_END_LIMIT, 0);
        break;
    case GUEST_CRITICAL:
        machine_request(m, REQUEST_END, MH_END_CRITICAL, 0);
        break;
    case GUEST_FAIL:
        machine_request(m, REQUEST_END, MH_END_GUEST, code ? code : 1);
        break;
    case GUEST_POWEROFF:
        machine_request(m, REQUEST_END, MH_END_GUEST, code);
        break;
    }
}

static void htif_exit(void *opaque, uint64_t code)
{
    machine_request(opaque, REQUEST_END, MH_END_GUEST, (int)min_u64(code, INT32_MAX));
}

static void timeout_due(void *opaque)
{
    machine_request(opaque, REQUEST_END, MH_END_TIMEOUT, 0);
}

/* ---- building -------------------------------------------------------------------------------- */

static int build_memory(struct mh_machine *m)
{
    struct physmem_config cfg = {
        .base = RAM_BASE,
        .size = m->cfg.memory_size,
        .huge_pages = true,
        .numa_node = -1,
        .single_writer = m->cfg.harts == 1,
    };
    int rc = physmem_create(&m->pm, &cfg);
    return rc ? rc : mmio_map_create(&m->mmio);
}

static int build_loop(struct mh_machine *m)
{
    gclock_init(&m->clock, CLOCK_FREQ_HZ);
    int rc = loop_create(&m->loop);
    if (!rc)
        rc = loop_timer_add(m->loop, timeout_due, m, &m->timeout);
    return rc;
}

static bool builtin_sbi(const struct mh_vm_config *cfg)
{
    return cfg->kernel && (!cfg->firmware || !strcmp(cfg->firmware, "builtin"));
}

/* Written in place and to the last translation before whatever happens; opened before the sandbox.
 */
static int open_seen(FILE **out, const char *param, const char *path, int flags)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | flags, 0666);
    *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (*out && setvbuf(*out, NULL, _IOFBF, BUFSIZ) == 0)
        return 0;
    int rc = fd < 0 ? -errno : -ENOMEM;
    if (fd >= 0 && !*out)
        close(fd);
    return error_set(MH_ERROR_CORE, rc, param, path, "cannot be written: %s", strerror(-rc));
}

static int build_seeing(struct mh_machine *m)
{
    char path[64];
    int rc = m->cfg.jit_dump ? open_seen(&m->jit_dump, "jit-dump", m->cfg.jit_dump, 0) : 0;
    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
    if (!rc && m->cfg.perf_map)
        rc = open_seen(&m->perf_map, "perf-map", path, O_NOFOLLOW);
    return rc;
}

static int build_guest(struct mh_machine *m)
{
    m->guest_env = (struct guest_env){
        .pm = m->pm,
        .mmio = m->mmio,
        .loop = m->loop,
        .clock = &m->clock,
        .opaque = m,
        .exit = guest_exit,
        .console_write = machine_console_write,
        .console_read = machine_console_read,
    };
    struct guest_config cfg = {
        .harts = m->cfg.harts,
        .isa = m->cfg.isa,
        .engine = config_engine(m->cfg.exec_mode),
        .jit = {.level = m->cfg.jit_level,
                .cache_bytes = m->cfg.jit_cache,
                .threshold = m->cfg.jit_threshold,
                .passes = m->cfg.jit_passes,
                .chain = m->cfg.jit_chain,
                .region_insns = m->cfg.jit_region,
                .looks = m->cfg.jit_looks,
                .dump = m->jit_dump,
                .perf_map = m->perf_map,
                .gdb = m->cfg.jit_gdb},
        .strict_align = m->cfg.strict_align,
        .builtin_sbi = builtin_sbi(&m->cfg),
        .max_insns = m->cfg.max_insns,
        .rnmi_vector = m->cfg.rnmi_vector,
        .rnmi_exception_vector = m->cfg.rnmi_exception_vector,
        .seed = m->cfg.seed,
        .has_seed = m->cfg.has_seed,
    };
    m->gt = guest_find(m->cfg.guest);
    return m->gt->create(&m->guest, &cfg, &m->guest_env);
}

static int build_htif(struct mh_machine *m)
{
    struct htif_env env = {
        .pm = m->pm,
        .loop = m->loop,
        .opaque = m,
        .exit = htif_exit,
        .console_write = machine_console_write_all,
        .console_read = machine_console_read,
    };
    int rc = htif_create(&m->htif, &env);
    if (rc)
        return rc;
    m->pm->hooks.watch_opaque = m->htif;
    m->pm->hooks.watch_written = htif_written;
    return 0;
}

static int plan_pins(struct mh_machine *m)
{
    const char *text = m->cfg.pin ? m->cfg.pin : "auto";
    m->pin = malloc(m->cfg.harts * sizeof(*m->pin));
    m->io_pin = -1;
    if (!m->pin)
        return error_set(MH_ERROR_CORE, -ENOMEM, "harts", NULL, "not enough host memory");
    for (unsigned i = 0; i < m->cfg.harts; i++)
        m->pin[i] = -1;
    if (!strcmp(text, "none"))
        return 0;
    if (strcmp(text, "auto"))
        return pin_parse(text, m->cfg.harts, m->pin);
    int n = pin_plan(m->cfg.harts, m->pin, &m->io_pin, m->pin_why, sizeof(m->pin_why));
    if (n > 0 && (unsigned)n < m->cfg.harts)
        log_at(LOG_SIM, LOG_WARN, "%u harts share %d processors", m->cfg.harts, n);
    return n < 0 ? n : 0;
}

/* A thread of this machine begins, with what it needs open already. */
static void thread_confine(struct mh_machine *m, enum sandbox_kind kind)
{
    if (m->cfg.sandbox)
        sandbox_enter(kind, m->counters != NULL);
}

static void hart_thread_begin(void *opaque, struct hart *h)
{
    struct mh_machine *m = opaque;
    region_thread_begin(m->region, h->index);
    if (m->counters)
        counters_thread_begin(m->counters, h->index);
    thread_confine(m, SANDBOX_HART);
}

static void hart_thread_end(void *opaque, struct hart *h)
{
    struct mh_machine *m = opaque;
    region_thread_end(m->region, h->index);
    if (m->counters)
        counters_thread_end(m->counters, h->index);
}

static int build_hooks(struct mh_machine *m)
{
    struct smp *smp = m->gt->smp(m->guest);
    smp->hooks.opaque = m;
    smp->hooks.thread_begin = hart_thread_begin;
    smp->hooks.thread_end = hart_thread_end;
    smp->hooks.due = machine_hart_due;
    return 0;
}

/* Slot harts is the I/O thread's. */
static int build_counters(struct mh_machine *m)
{
    if (!m->cfg.counters)
        return 0;
    int rc = counters_create(&m->counters, m->cfg.counters, m->cfg.harts + 1);
    if (rc)
        return rc;
    if (counters_note(m->counters)[0])
        log_at(LOG_SIM, LOG_WARN, "counters: %s", counters_note(m->counters));
    return 0;
}

static int build_region(struct mh_machine *m)
{
    return region_create(&m->region, m);
}

static int check_signature(const struct mh_machine *m)
{
    const struct elf_image *e = &m->elf;
    if (!m->has_elf || e->begin_signature == ELF_NO_SYMBOL || e->end_signature == ELF_NO_SYMBOL)
        return error_set(MH_ERROR_CORE, -EINVAL, "signature", m->cfg.signature,
                         "the program has no symbols begin_signature and end_signature");
    if (e->end_signature < e->begin_signature ||
        !physmem_contains(m->pm, e->begin_signature, e->end_signature - e->begin_signature) ||
        (e->end_signature - e->begin_signature) % 4)
        return error_set(MH_ERROR_CORE, -EINVAL, "signature", m->cfg.signature,
                         "begin_signature to end_signature is not a number of words in RAM");
    return 0;
}

static int build_scheduler(struct mh_machine *m)
{
    return scheduler_create(&m->scheduler, m->loop, m->cfg.sandbox);
}

static int build_reclaim(struct mh_machine *m)
{
    struct reclaim_config cfg = {
        .pm = m->pm,
        .smp = m->gt->smp(m->guest),
        .loop = m->loop,
        .period_ns = RECLAIM_PERIOD_NS,
    };
    return reclaim_create(&m->reclaim, &cfg);
}

static int build_signature(struct mh_machine *m)
{
    if (!m->cfg.signature)
        return 0;
    int rc = check_signature(m);
    return rc ? rc : outfile_open(&m->signature, "signature", m->cfg.signature);
}

static void *io_thread(void *arg)
{
    struct mh_machine *m = arg;
    pthread_setname_np(pthread_self(), "io");
    if (m->io_pin >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)m->io_pin, &set);
        pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    }
    arena_bind_thread();
    region_thread_begin(m->region, m->cfg.harts);
    if (m->counters)
        counters_thread_begin(m->counters, m->cfg.harts);
    thread_confine(m, SANDBOX_IO);
    store_release(&m->io_ready, 1);
    futex_wake(&m->io_ready, 1);
    int rc = loop_run(m->loop);
    if (rc)
        log_at(LOG_SIM, LOG_ERROR, "I/O thread: %s", strerror(-rc));
    region_thread_end(m->region, m->cfg.harts);
    if (m->counters)
        counters_thread_end(m->counters, m->cfg.harts);
    arena_unbind_thread();
    return NULL;
}

static int start_io(struct mh_machine *m)
{
    store_release(&m->io_ready, 0);
    int err = pthread_create(&m->io, NULL, io_thread, m);
    if (err)
        return error_set(MH_ERROR_PLATFORM, -err, NULL, NULL, "the host gave no I/O thread: %s",
                         strerror(err));
    m->has_io = true;
    /* Harts run only when it is counted: a region may begin at once. */
    while (!load_acquire(&m->io_ready))
        futex_wait(&m->io_ready, 0, FUTEX_NO_DEADLINE);
    return 0;
}

/* The processors that no hart is pinned to, if there are any. */
static void leave_to_harts(const struct mh_machine *m)
{
    cpu_set_t set;
    if (pthread_getaffinity_np(pthread_self(), sizeof(set), &set))
        return;
    for (unsigned i = 0; i < m->cfg.harts; i++)
        if (m->pin[i] >= 0)
            CPU_CLR((unsigned)m->pin[i], &set);
    if (CPU_COUNT(&set))
        pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *translator_thread(void *arg)
{
    struct mh_machine *m = arg;
    pthread_setname_np(pthread_self(), "translator");
    leave_to_harts(m);
    arena_bind_thread();
    thread_confine(m, SANDBOX_WORKER);
    m->gt->hot->serve(m->guest);
    arena_unbind_thread();
    return NULL;
}

/* So many processors as harts may leave one of to the translator; 0: there is to be none. */
static unsigned translator_processors(const struct mh_vm_config *cfg)
{
    const char *text = cfg->jit_thread ? cfg->jit_thread : "auto";
    unsigned n = config_host_processors();
    if (cfg->exec_mode != MH_EXEC_HYBRID || !strcmp(text, "off"))
        return 0;
    return !strcmp(text, "on") ? UINT_MAX : n > 1 ? n : 0;
}

/* Without the thread harts translate for themselves. */
static int start_translator(struct mh_machine *m)
{
    unsigned processors = translator_processors(&m->cfg);
    if (!processors)
        return 0;
    m->gt->hot->announce(m->guest, processors);
    int err = pthread_create(&m->translator, NULL, translator_thread, m);
    m->has_translator = !err;
    if (err) {
        log_at(LOG_SIM, LOG_WARN, "no thread for translations: %s", strerror(err));
        m->gt->hot->retire(m->guest);
    }
    return 0;
}

static void stop_translator(struct mh_machine *m)
{
    if (!m->has_translator)
        return;
    m->gt->hot->retire(m->guest);
    pthread_join(m->translator, NULL);
    m->has_translator = false;
}

/* The steps of init in order; each leaves what it made to machine_unbuild. */
static int (*const build_steps[])(struct mh_machine *) = {
    plan_pins,       build_memory,           build_loop,  build_seeing,
    build_guest,     machine_devices_create, build_htif,  machine_load,
    build_counters,  build_region,           build_hooks, build_signature,
    build_scheduler, build_reclaim,          start_io,    start_translator,
};

static void stop_io(struct mh_machine *m)
{
    if (!m->has_io)
        return;
    loop_stop(m->loop);
    pthread_join(m->io, NULL);
    m->has_io = false;
}

static void close_seen(FILE *f)
{
    if (f)
        fclose(f);
}

static void machine_unbuild(struct mh_machine *m)
{
    scheduler_destroy(m->scheduler);
    stop_translator(m);
    stop_io(m);
    watchdog_destroy(m->watchdog);
    reclaim_destroy(m->reclaim);
    machine_windows_remove(m, NULL);
    machine_devices_destroy(m);
    htif_destroy(m->htif);
    if (m->guest)
        m->gt->destroy(m->guest);
    if (m->timeout)
        loop_timer_remove(m->timeout);
    if (m->loop)
        loop_destroy(m->loop);
    if (m->mmio)
        mmio_map_destroy(m->mmio);
    if (m->pm)
        physmem_destroy(m->pm);
    outfile_abandon(m->signature);
    close_seen(m->jit_dump);
    close_seen(m->perf_map);
    region_destroy(m->region);
    counters_destroy(m->counters);
    free(m->pin);
    free(m->dtb);
}

static int op_init(struct mh_component *c)
{
    struct mh_machine *m = machine_of(c);
    int rc = mh_config_validate(&m->cfg);
    for (size_t i = 0; !rc && i < ARRAY_LEN(build_steps); i++)
        rc = build_steps[i](m);
    return rc ? rc : watchdog_create(&m->watchdog, m);
}

/* ---- running ----------------------------------------------------------------------------------
 */

static void stop_harts(struct mh_machine *m)
{
    struct smp *smp = m->gt->smp(m->guest);
    smp_stop(smp);
    smp_join(smp);
}

static int start_harts(struct mh_machine *m)
{
    int rc = smp_start(m->gt->smp(m->guest), m->pin);
    if (rc)
        return rc;
    watchdog_start(m->watchdog);
    reclaim_start(m->reclaim);
    return 0;
}

/* Whatever ended the run, the signature is that of the end.  Its failure is the run's. */
static void write_signature(struct mh_machine *m, enum mh_end *end)
{
    struct outfile *o = m->signature;
    m->signature = NULL;
    if (!o)
        return;
    signature_write(outfile_stream(o), m->pm, m->elf.begin_signature, m->elf.end_signature);
    if (outfile_commit(o)) {
        log_at(LOG_SIM, LOG_ERROR, "--signature %s: %s", m->cfg.signature,
               mh_last_error()->message);
        *end = MH_END_ERROR;
    }
}

static void finish(struct mh_machine *m, enum mh_end end, int code)
{
    struct guest_stats stats;
    struct mh_event e = {.kind = MH_EVENT_COMPLETED};
    uint64_t one = 1;
    stop_harts(m);
    loop_timer_set(m->timeout, UINT64_MAX);
    write_signature(m, &end);
    if (!machine_console_sync(m))
        end = MH_END_ERROR;
    m->gt->stats(m->guest, -1, &stats);
    m->result = (struct mh_result){end, code, clock_now_ns() - m->started_ns, stats.insns};
    e.u.completed.insns = stats.insns;
    e.u.completed.time_ns = m->result.time_ns;
    e.u.completed.exit_code = code;
    component_emit(&m->component, &e);
    component_finish_stop(&m->component);
    store_seq_cst(&m->ended, 1);
    futex_wake(&m->ended, INT32_MAX);
    if (write(m->event_fd, &one, sizeof(one)) != sizeof(one))
        log_at(LOG_SIM, LOG_ERROR, "cannot signal the end: %s", strerror(errno));
}

/* As if power were cycled, but for what RAM holds outside the images. */
static int restart(struct mh_machine *m)
{
    uint64_t served = request_pack(REQUEST_RESTART, MH_END_NONE, 0);
    log_at(LOG_SIM, LOG_INFO, "reboot");
    stop_harts(m);
    machine_devices_reset(m);
    int rc = machine_load(m);
    cas_seq_cst(&m->request, &served, 0); /* fails when the end was asked for meanwhile */
    return rc ? rc : start_harts(m);
}

static uint64_t next_request(struct mh_machine *m)
{
    for (;;) {
        uint32_t bell = load_seq_cst(&m->bell);
        uint64_t request = load_seq_cst(&m->request);
        if (request)
            return request;
        futex_wait(&m->bell, bell, FUTEX_NO_DEADLINE);
    }
}

static void *supervisor_thread(void *arg)
{
    struct mh_machine *m = arg;
    pthread_setname_np(pthread_self(), "supervisor");
    thread_confine(m, SANDBOX_SUPERVISOR);
    uint64_t request;
    while (((request = next_request(m)) & 0xff) == REQUEST_RESTART) {
        if (restart(m)) {
            log_at(LOG_SIM, LOG_ERROR, "cannot reboot: %s", mh_last_error()->message);
            request = request_pack(REQUEST_END, MH_END_ERROR, 0);
            break;
        }
    }
    component_begin_stop(&m->component);
    finish(m, (enum mh_end)(request >> 8 & 0xff), (int)(request >> 32));
    return NULL;
}

static void join_supervisor(struct mh_machine *m)
{
    if (m->has_supervisor)
        pthread_join(m->supervisor, NULL);
    m->has_supervisor = false;
}

static void end_clear(struct mh_machine *m)
{
    uint64_t drained;
    store_seq_cst(&m->request, 0);
    store_seq_cst(&m->ended, 0);
    (void)!read(m->event_fd, &drained, sizeof(drained));
}

static int op_start(struct mh_component *c)
{
    struct mh_machine *m = machine_of(c);
    join_supervisor(m);
    end_clear(m);
    m->started_ns = clock_now_ns();
    int rc = start_harts(m);
    if (rc)
        return rc;
    int err = pthread_create(&m->supervisor, NULL, supervisor_thread, m);
    if (err) {
        stop_harts(m);
        return error_set(MH_ERROR_PLATFORM, -err, NULL, NULL, "the host gave no thread: %s",
                         strerror(err));
    }
    m->has_supervisor = true;
    if (m->cfg.timeout_ns)
        loop_timer_set(m->timeout, m->started_ns + m->cfg.timeout_ns);
    return 0;
}

static int op_stop(struct mh_component *c)
{
    struct mh_machine *m = machine_of(c);
    machine_request(m, REQUEST_END, MH_END_STOPPED, 0);
    return mh_machine_wait(m, UINT64_MAX, NULL);
}

static const struct mh_component_ops machine_ops = {
    .name = "machine",
    .init = op_init,
    .start = op_start,
    .stop = op_stop,
};

/* ---- public ------------------------------------------------------------------------------------
 */

int mh_machine_create(struct mh_machine **out, const struct mh_vm_config *cfg)
{
    *out = NULL;
    int rc = mh_config_validate(cfg);
    if (rc)
        return rc;
    struct mh_machine *m = calloc(1, sizeof(*m));
    if (!m)
        return error_set(MH_ERROR_CORE, -ENOMEM, NULL, NULL, "not enough host memory");
    rc = config_copy(&m->cfg, cfg);
    if (rc) {
        free(m);
        return rc;
    }
    m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->event_fd < 0) {
        rc = error_set(MH_ERROR_PLATFORM, -errno, NULL, NULL, "eventfd: %s", strerror(errno));
        config_free(&m->cfg);
        free(m);
        return rc;
    }
    component_setup(&m->component, &machine_ops);
    *out = m;
    return 0;
}

int mh_machine_update(struct mh_machine *m, const struct mh_vm_config *cfg)
{
    struct mh_vm_config copy;
    if (mh_component_status(&m->component) != MH_UNINITIALIZED)
        return error_set(MH_ERROR_CORE, -EINVAL, "machine", NULL,
                         "is built already; its configuration stands");
    int rc = mh_config_validate(cfg);
    if (!rc)
        rc = config_copy(&copy, cfg);
    if (rc)
        return rc;
    config_free(&m->cfg);
    m->cfg = copy;
    return 0;
}

const struct mh_vm_config *mh_machine_config(const struct mh_machine *m)
{
    return &m->cfg;
}

int mh_machine_init(struct mh_machine *m)
{
    return mh_component_init(&m->component);
}

int mh_machine_start(struct mh_machine *m)
{
    return mh_component_start(&m->component);
}

int mh_machine_stop(struct mh_machine *m)
{
    return mh_component_stop(&m->component);
}

int mh_machine_wait(struct mh_machine *m, uint64_t timeout_ns, struct mh_result *result)
{
    uint64_t now = clock_now_ns();
    uint64_t deadline = timeout_ns > UINT64_MAX - 1 - now ? FUTEX_NO_DEADLINE : now + timeout_ns;
    while (!load_acquire(&m->ended)) {
        if (futex_wait(&m->ended, 0, deadline) == -ETIMEDOUT && !load_acquire(&m->ended))
            return -ETIMEDOUT;
    }
    if (result)
        *result = m->result;
    return 0;
}

int mh_machine_fd(const struct mh_machine *m)
{
    return m->event_fd;
}

struct mh_component *mh_machine_component(struct mh_machine *m)
{
    return &m->component;
}

void mh_machine_destroy(struct mh_machine *m)
{
    if (!m)
        return;
    machine_request(m, REQUEST_END, MH_END_STOPPED, 0);
    join_supervisor(m);
    machine_unbuild(m);
    close(m->event_fd);
    component_teardown(&m->component);
    config_free(&m->cfg);
    free(m);
}
