/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct mh_vm_config: defaults, text to value, checks, copies.
 *
 * One table has a line for each parameter: where it is, how its text is read
 * and written and how its value is checked.  The command line, mh_config_set
 * and mh_config_validate all go through it, so that they cannot disagree.
 * Pure functions; any thread.
 */
#include "sim/config.h"

#include "isa/guest.h"
#include "jit/codemem.h"
#include "jit/pass.h"
#include "sim/base/error.h"
#include "sim/parse.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_MEMORY    (128ull << 20)
#define DEFAULT_HARTS_MAX 8
#define MEMORY_MIN        (64ull << 10)
#define MEMORY_MAX        (16ull << 40)
#define JIT_CACHE_MAX     (1ull << 30) /* code reaches code by a distance of 32 bits */

enum kind {
    KIND_TEXT,
    KIND_LIST,
    KIND_BOOL,
    KIND_UNSIGNED,
    KIND_U64,
    KIND_SIZE,
    KIND_TIME,
    KIND_MODE,
    KIND_SEED
};

struct param {
    const char *name;
    enum kind kind;
    size_t offset;
    int (*check)(const struct mh_vm_config *cfg);
    unsigned min, max; /* of KIND_UNSIGNED */
    bool optional;     /* its field may be 0: not given */
};

static int bad(const char *param, const char *value, const char *fmt, ...) MH_PRINTF(3, 4);

static int bad(const char *param, const char *value, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return error_set(MH_ERROR_CORE, -EINVAL, param, value, "%s", text);
}

/* ---- checks ----------------------------------------------------------------------- */

static const char *guest_next(const void *opaque, size_t i)
{
    (void)opaque;
    const struct guest_type *gt = guest_at(i);
    return gt ? gt->name : NULL;
}

static void guest_names(char *buf, size_t size)
{
    const char *name;
    size_t used = 0;
    buf[0] = 0;
    for (size_t i = 0; (name = guest_next(NULL, i)) && used < size; i++)
        used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "", name);
}

static int check_guest(const struct mh_vm_config *cfg)
{
    char names[128];
    if (cfg->guest && guest_find(cfg->guest))
        return 0;
    guest_names(names, sizeof(names));
    return bad("guest", cfg->guest ? cfg->guest : "", "unknown guest architecture; known: %s",
               names);
}

static int check_unsigned(const struct param *p, uint64_t number)
{
    char value[32];
    if (number >= p->min && number <= p->max)
        return 0;
    snprintf(value, sizeof(value), "%llu", (unsigned long long)number);
    return bad(p->name, value, "out of range; give %u to %u", p->min, p->max);
}

static int check_memory(const struct mh_vm_config *cfg)
{
    char value[32];
    parse_format_size(cfg->memory_size, value, sizeof(value));
    if (cfg->memory_size < MEMORY_MIN || cfg->memory_size > MEMORY_MAX)
        return bad("memory", value, "out of range; give 64K to 16T");
    if (cfg->memory_size % PAGE_SIZE)
        return bad("memory", value, "is not a multiple of 4K");
    return 0;
}

enum guest_engine config_engine(enum mh_exec_mode mode)
{
    switch (mode) {
    case MH_EXEC_INTERP:
        return ENGINE_INTERP;
    case MH_EXEC_JIT:
        return ENGINE_JIT;
    default:
        return ENGINE_HYBRID;
    }
}

static int check_engine(const struct mh_vm_config *cfg)
{
    enum guest_engine id = config_engine(cfg->exec_mode);
    const struct guest_type *gt = cfg->guest ? guest_find(cfg->guest) : NULL;
    if (gt && gt->engine(id)->missing)
        return error_set(MH_ERROR_EXECUTION, -ENOTSUP, "engine", engine_name(id), "%s",
                         gt->engine(id)->missing);
    if (cfg->exec_mode == MH_EXEC_HARDWARE)
        return error_set(MH_ERROR_EXECUTION, -ENOTSUP, "engine", "hardware",
                         "needs a host processor of the guest's architecture with KVM; this host "
                         "cannot run %s; give interp or hybrid",
                         cfg->guest ? cfg->guest : "it");
    return 0;
}

static int check_image(const struct mh_vm_config *cfg)
{
    const char *image = cfg->image ? cfg->image : "";
    if (!cfg->image && !cfg->image_data)
        return 0;
    if (cfg->kernel)
        return bad("image", image,
                   "a bare-metal program and --kernel exclude each other; give one");
    if (cfg->firmware && strcmp(cfg->firmware, "none"))
        return bad("firmware", cfg->firmware,
                   "a bare-metal program runs without firmware; leave it out, or load the program "
                   "with --kernel");
    return 0;
}

static int check_with_kernel(const char *name, const char *value, const struct mh_vm_config *cfg)
{
    if (!value || cfg->kernel)
        return 0;
    return bad(name, value, "needs a kernel; add --kernel FILE");
}

static int check_initrd(const struct mh_vm_config *cfg)
{
    return check_with_kernel("initrd", cfg->initrd, cfg);
}

/* A bare-metal program finds it in its device tree, as a kernel does. */
static int check_append(const struct mh_vm_config *cfg)
{
    return cfg->image || cfg->image_data ? 0 : check_with_kernel("append", cfg->append, cfg);
}

static int check_firmware(const struct mh_vm_config *cfg)
{
    const char *fw = cfg->firmware;
    if (!fw || cfg->kernel || cfg->image || cfg->image_data)
        return 0;
    if (!strcmp(fw, "builtin") || !strcmp(fw, "none"))
        return bad("firmware", fw, "needs something to run; add --kernel FILE");
    return 0;
}

static int check_disk(const struct mh_vm_config *cfg)
{
    char value[32];
    if (cfg->disks <= MH_MAX_DISKS)
        return 0;
    snprintf(value, sizeof(value), "%u", cfg->disks);
    return bad("disk", value, "too many disks; at most %d fit", MH_MAX_DISKS);
}

static int check_signature(const struct mh_vm_config *cfg)
{
    if (!cfg->signature || cfg->image || cfg->image_data || cfg->kernel)
        return 0;
    return bad("signature", cfg->signature,
               "needs an ELF program that has begin_signature and "
               "end_signature");
}

/* ---- the table -------------------------------------------------------------------- */

#define AT(field) offsetof(struct mh_vm_config, field)

/* There is one terminal. */
static int check_virtio_console(const struct mh_vm_config *cfg)
{
    if (!cfg->virtio_console || strcmp(cfg->virtio_console, "stdio"))
        return 0;
    if (!cfg->console || strcmp(cfg->console, "stdio"))
        return 0;
    return bad("virtio-console", cfg->virtio_console,
               "is the UART's already; add --console none, or use pty or a file");
}

static int check_jit_cache(const struct mh_vm_config *cfg)
{
    char value[32];
    if (!cfg->jit_cache || (cfg->jit_cache >= CODEMEM_MIN && cfg->jit_cache <= JIT_CACHE_MAX))
        return 0;
    parse_format_size(cfg->jit_cache, value, sizeof(value));
    return bad("jit-cache", value, "out of range; give %uK to %lluG", CODEMEM_MIN >> 10,
               JIT_CACHE_MAX >> 30);
}

static int check_jit_passes(const struct mh_vm_config *cfg)
{
    uint32_t mask = ir_passes_of_level(cfg->jit_level);
    return cfg->jit_passes ? ir_passes_parse(cfg->jit_passes, &mask) : 0;
}

static int check_jit_thread(const struct mh_vm_config *cfg)
{
    const char *text = cfg->jit_thread;
    if (!text || !strcmp(text, "auto") || !strcmp(text, "on") || !strcmp(text, "off"))
        return 0;
    return bad("jit-thread", text, "give auto, on or off");
}

static int check_vector(const char *name, uint64_t pc)
{
    char value[32];
    snprintf(value, sizeof(value), "0x%llx", (unsigned long long)pc);
    return pc % 4 ? bad(name, value, "must be a multiple of 4") : 0;
}

static int check_rnmi(const struct mh_vm_config *cfg)
{
    return check_vector("rnmi-vector", cfg->rnmi_vector);
}

static int check_rnmi_exception(const struct mh_vm_config *cfg)
{
    return check_vector("rnmi-exception-vector", cfg->rnmi_exception_vector);
}

#define PARAM(name_, kind_, field, check_)                                                         \
    {                                                                                              \
        .name = name_, .kind = kind_, .offset = AT(field), .check = check_                         \
    }
#define NUMBER(name_, field, min_, max_, optional_)                                                \
    {                                                                                              \
        .name = name_, .kind = KIND_UNSIGNED, .offset = AT(field), .min = min_, .max = max_,       \
        .optional = optional_                                                                      \
    }

static const struct param params[] = {
    PARAM("guest", KIND_TEXT, guest, check_guest),
    NUMBER("harts", harts, 1, MH_MAX_HARTS, false),
    PARAM("memory", KIND_SIZE, memory_size, check_memory),
    PARAM("isa", KIND_TEXT, isa, NULL),
    PARAM("engine", KIND_MODE, exec_mode, check_engine),
    PARAM("sandbox", KIND_BOOL, sandbox, NULL),
    PARAM("strict-align", KIND_BOOL, strict_align, NULL),
    PARAM("image", KIND_TEXT, image, check_image),
    PARAM("kernel", KIND_TEXT, kernel, NULL),
    PARAM("initrd", KIND_TEXT, initrd, check_initrd),
    PARAM("append", KIND_TEXT, append, check_append),
    PARAM("firmware", KIND_TEXT, firmware, check_firmware),
    PARAM("dtb", KIND_TEXT, dtb, NULL),
    PARAM("disk", KIND_LIST, disk, check_disk),
    PARAM("console", KIND_TEXT, console, NULL),
    PARAM("virtio-console", KIND_TEXT, virtio_console, check_virtio_console),
    PARAM("pin", KIND_TEXT, pin, NULL),
    PARAM("signature", KIND_TEXT, signature, check_signature),
    PARAM("counters", KIND_TEXT, counters, NULL),
    PARAM("max-insns", KIND_U64, max_insns, NULL),
    PARAM("rnmi-vector", KIND_U64, rnmi_vector, check_rnmi),
    PARAM("rnmi-exception-vector", KIND_U64, rnmi_exception_vector, check_rnmi_exception),
    NUMBER("jit-level", jit_level, 0, 3, false),
    PARAM("jit-cache", KIND_SIZE, jit_cache, check_jit_cache),
    NUMBER("jit-threshold", jit_threshold, 1, 255, true),
    PARAM("jit-passes", KIND_TEXT, jit_passes, check_jit_passes),
    PARAM("jit-chain", KIND_BOOL, jit_chain, NULL),
    NUMBER("jit-looks", jit_looks, 1, INT32_MAX, true),
    NUMBER("jit-region", jit_region, 1, GUEST_JIT_REGION, true),
    PARAM("jit-thread", KIND_TEXT, jit_thread, check_jit_thread),
    PARAM("jit-dump", KIND_TEXT, jit_dump, NULL),
    PARAM("jit-gdb", KIND_BOOL, jit_gdb, NULL),
    PARAM("perf-map", KIND_BOOL, perf_map, NULL),
    PARAM("timeout", KIND_TIME, timeout_ns, NULL),
    PARAM("seed", KIND_SEED, seed, NULL),
};

static const struct param *param_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        if (!strcmp(params[i].name, name))
            return &params[i];
    return NULL;
}

const char *config_name_at(size_t i)
{
    return i < ARRAY_LEN(params) ? params[i].name : NULL;
}

static const char *name_next(const void *opaque, size_t i)
{
    (void)opaque;
    return config_name_at(i);
}

static int unknown(const char *name)
{
    const char *near = parse_nearest(name, name_next, NULL);
    return error_set(MH_ERROR_CORE, -ENOENT, name, NULL, "unknown parameter%s%s%s",
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static const char *const mode_names[] = {"hybrid", "interp", "jit", "hardware", NULL};

const char *config_exec_mode_name(enum mh_exec_mode mode)
{
    return (unsigned)mode < 4 ? mode_names[mode] : "?";
}

/* ---- text to value ------------------------------------------------------------------ */

static int set_mode(const char *value, enum mh_exec_mode *mode)
{
    for (unsigned i = 0; mode_names[i]; i++)
        if (!strcmp(value, mode_names[i])) {
            *mode = (enum mh_exec_mode)i;
            return 0;
        }
    const char *near = parse_nearest_in(value, mode_names);
    return bad("engine", value, "unknown engine; give interp, jit or hybrid%s%s%s",
               near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static int set_bool(const struct param *p, const char *value, bool *out)
{
    if (!strcmp(value, "on") || !strcmp(value, "off")) {
        *out = value[1] == 'n';
        return 0;
    }
    return bad(p->name, value, "give on or off");
}

static int set_number(const struct param *p, const char *value, uint64_t *out)
{
    int rc = p->kind == KIND_SIZE   ? parse_size(value, out)
             : p->kind == KIND_TIME ? parse_seconds(value, out)
                                    : parse_u64(value, out);
    if (!rc)
        return 0;
    if (p->kind == KIND_UNSIGNED)
        return bad(p->name, value, "%s; give a number from %u to %u",
                   rc == -ERANGE ? "out of range" : "is not a number", p->min, p->max);
    if (p->kind == KIND_SIZE)
        return bad(p->name, value, "%s; give a number with K, M, G or T, such as 128M",
                   rc == -ERANGE ? "out of range" : "is not a size");
    if (p->kind == KIND_TIME)
        return bad(p->name, value, "%s; give seconds, such as 10 or 0.5",
                   rc == -ERANGE ? "out of range" : "is not a time");
    return bad(p->name, value, "%s; give a decimal or 0x number below 2^64",
               rc == -ERANGE ? "out of range" : "is not a number");
}

static int set_list(struct mh_vm_config *cfg, const char *value)
{
    if (cfg->disks == MH_MAX_DISKS)
        return bad("disk", value, "too many disks; at most %d fit", MH_MAX_DISKS);
    cfg->disk[cfg->disks++] = value;
    return 0;
}

static int set_into(struct mh_vm_config *cfg, const struct param *p, const char *value)
{
    void *at = (char *)cfg + p->offset;
    uint64_t number = 0;
    int rc;
    switch (p->kind) {
    case KIND_TEXT:
        *(const char **)at = value;
        return *value ? 0 : bad(p->name, value, "is empty");
    case KIND_LIST:
        return set_list(cfg, value);
    case KIND_BOOL:
        return set_bool(p, value, at);
    case KIND_MODE:
        return set_mode(value, at);
    default:
        rc = set_number(p, value, &number);
    }
    if (!rc && p->kind == KIND_UNSIGNED)
        rc = check_unsigned(p, number);
    if (rc)
        return rc;
    if (p->kind == KIND_UNSIGNED)
        *(unsigned *)at = (unsigned)number;
    else
        *(uint64_t *)at = number;
    cfg->has_seed |= p->kind == KIND_SEED;
    return 0;
}

static int set_checked(struct mh_vm_config *cfg, const struct param *p, const char *value)
{
    /* Checks that look at one parameter only; those between parameters wait for validate. */
    static int (*const own[])(const struct mh_vm_config *) = {
        check_guest, check_memory, check_engine, check_jit_cache, check_jit_passes};
    int rc = set_into(cfg, p, value);
    for (size_t i = 0; !rc && i < ARRAY_LEN(own); i++)
        if (p->check == own[i])
            rc = p->check(cfg);
    if (!rc && p->kind == KIND_U64 && *(uint64_t *)((char *)cfg + p->offset) == 0)
        rc = bad(p->name, value, "must be at least 1");
    if (!rc && p->check == check_jit_cache && !cfg->jit_cache)
        rc = bad(p->name, value, "out of range; give at least %uK", CODEMEM_MIN >> 10);
    return rc;
}

int mh_config_set(struct mh_vm_config *cfg, const char *name, const char *value)
{
    const struct param *p = param_find(name);
    struct mh_vm_config next = *cfg;
    if (!p)
        return unknown(name);
    int rc = set_checked(&next, p, value);
    if (!rc)
        *cfg = next;
    else if (rc == -EINVAL && p->kind != KIND_TEXT)
        /* The message shows the text as it was given, not the number made of it. */
        error_set(MH_ERROR_CORE, rc, name, value, "%s", strdupa(mh_last_error()->message));
    return rc;
}

/* ---- value to text ------------------------------------------------------------------ */

static int get_list(const struct mh_vm_config *cfg, char *buf, size_t size)
{
    int used = 0;
    if (size)
        buf[0] = 0;
    for (unsigned i = 0; i < cfg->disks; i++) {
        size_t left = (size_t)used < size ? size - (size_t)used : 0;
        used += snprintf(buf + (left ? used : 0), left, "%s%s", i ? " " : "", cfg->disk[i]);
    }
    return used;
}

int mh_config_get(const struct mh_vm_config *cfg, const char *name, char *buf, size_t size)
{
    const struct param *p = param_find(name);
    if (!p)
        return unknown(name);
    const void *at = (const char *)cfg + p->offset;
    char text[32];
    switch (p->kind) {
    case KIND_TEXT:
        return snprintf(buf, size, "%s", *(const char *const *)at ? *(const char *const *)at : "");
    case KIND_LIST:
        return get_list(cfg, buf, size);
    case KIND_BOOL:
        return snprintf(buf, size, "%s", *(const bool *)at ? "on" : "off");
    case KIND_MODE:
        return snprintf(buf, size, "%s", config_exec_mode_name(cfg->exec_mode));
    case KIND_UNSIGNED:
        return snprintf(buf, size, "%u", *(const unsigned *)at);
    case KIND_SIZE:
        parse_format_size(*(const uint64_t *)at, text, sizeof(text));
        return snprintf(buf, size, "%s", text);
    case KIND_TIME:
        return snprintf(buf, size, "%.9g", (double)*(const uint64_t *)at / 1e9);
    default:
        return snprintf(buf, size, "%llu", (unsigned long long)*(const uint64_t *)at);
    }
}

/* ---- whole configurations ----------------------------------------------------------- */

unsigned config_host_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

void mh_config_default(struct mh_vm_config *cfg)
{
    *cfg = (struct mh_vm_config){
        .guest = "riscv64",
        .harts = (unsigned)min_u64(config_host_processors(), DEFAULT_HARTS_MAX),
        .memory_size = DEFAULT_MEMORY,
        .exec_mode = MH_EXEC_HYBRID,
        .console = "stdio",
        .pin = "auto",
        .jit_level = 3,
        .jit_cache = GUEST_JIT_CACHE,
        .jit_threshold = GUEST_JIT_THRESHOLD,
        .jit_thread = "auto",
        .jit_chain = true,
        .jit_region = GUEST_JIT_REGION,
        .jit_looks = GUEST_JIT_LOOKS,
    };
}

static int check_param(const struct param *p, const struct mh_vm_config *cfg)
{
    unsigned number;
    if (p->kind != KIND_UNSIGNED)
        return p->check ? p->check(cfg) : 0;
    number = *(const unsigned *)((const char *)cfg + p->offset);
    return !number && p->optional ? 0 : check_unsigned(p, number);
}

int mh_config_validate(const struct mh_vm_config *cfg)
{
    for (size_t i = 0; i < ARRAY_LEN(params); i++) {
        int rc = check_param(&params[i], cfg);
        if (rc)
            return rc;
    }
    return 0;
}

static bool copy_text(const char **at)
{
    if (!*at)
        return true;
    *at = strdup(*at);
    return *at != NULL;
}

static const char **text_at(struct mh_vm_config *cfg, size_t i)
{
    return (const char **)((char *)cfg + params[i].offset);
}

int config_copy(struct mh_vm_config *out, const struct mh_vm_config *cfg)
{
    bool ok = true;
    *out = *cfg;
    /* On failure the remaining pointers are cleared, so that config_free frees only copies. */
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        if (params[i].kind == KIND_TEXT)
            ok ? (void)(ok = copy_text(text_at(out, i))) : (void)(*text_at(out, i) = NULL);
    for (unsigned i = 0; i < out->disks; i++)
        ok ? (void)(ok = copy_text(&out->disk[i])) : (void)(out->disk[i] = NULL);
    if (ok)
        return 0;
    config_free(out);
    return error_set(MH_ERROR_PLATFORM, -ENOMEM, "config", NULL, "not enough host memory");
}

void config_free(struct mh_vm_config *cfg)
{
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        if (params[i].kind == KIND_TEXT)
            free((void *)*text_at(cfg, i));
    for (unsigned i = 0; i < cfg->disks; i++)
        free((void *)cfg->disk[i]);
    *cfg = (struct mh_vm_config){0};
}
