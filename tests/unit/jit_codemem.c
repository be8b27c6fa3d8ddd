/* SPDX-License-Identifier: Apache-2.0 */
/* Tests jit/codemem.c: chunks come and go, two views of the same bytes, none of them both. */
#include "jit/codemem.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct codemem *make(size_t bytes)
{
    struct codemem *m = NULL;
    assert_int_equal(codemem_create(&m, bytes), 0);
    return m;
}

static void the_size_is_about_what_was_asked_for(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,        1,        CODEMEM_MIN, CODEMEM_MIN + 1,
                                   1u << 20, 5000000u, 16u << 20};
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct codemem *m = make(sizes[i]);
        size_t chunk = codemem_chunk_bytes(m), total = chunk * codemem_chunks(m);
        size_t wanted = sizes[i] < CODEMEM_MIN ? CODEMEM_MIN : sizes[i];
        assert_in_range(chunk, CODEMEM_CHUNK_MIN, CODEMEM_CHUNK_MAX);
        assert_in_range(total, wanted - chunk + 1, wanted);
        codemem_destroy(m);
    }
    codemem_destroy(NULL);
}

/* Each chunk once; then none; what comes back is to be had again. */
static void chunks_until_there_are_none(void **state)
{
    (void)state;
    struct codemem *m = make(1u << 20);
    unsigned n = codemem_chunks(m);
    bool *seen = calloc(n, sizeof(*seen));
    assert_non_null(seen);
    for (unsigned i = 0; i < n; i++) {
        int chunk = codemem_take(m);
        assert_in_range(chunk, 0, n - 1);
        assert_false(seen[chunk]);
        seen[chunk] = true;
    }
    assert_int_equal(codemem_take(m), -1);
    codemem_give_back(m, 3);
    codemem_give_back(m, (int)n - 1);
    int a = codemem_take(m), b = codemem_take(m);
    assert_true((a == 3 && b == (int)n - 1) || (b == 3 && a == (int)n - 1));
    assert_int_equal(codemem_take(m), -1);
    free(seen);
    codemem_destroy(m);
}

static void rooms_lie_side_by_side(void **state)
{
    (void)state;
    struct codemem *m = make(1u << 20);
    for (unsigned i = 0; i < codemem_chunks(m); i++) {
        int chunk = codemem_take(m);
        struct jit_room r = codemem_room(m, chunk);
        size_t size = codemem_chunk_bytes(m);
        assert_int_equal(r.used, 0);
        assert_int_equal(r.size, size);
        assert_int_equal(r.rx - codemem_base(m), (size_t)chunk * size);
        assert_int_equal(codemem_chunk_of(m, r.rx), chunk);
        assert_int_equal(codemem_chunk_of(m, r.rx + size - 1), chunk);
        assert_ptr_equal(codemem_rw(m, r.rx + 5), r.rw + 5);
    }
    codemem_destroy(m);
}

static void both_views_show_the_same_bytes(void **state)
{
    (void)state;
    struct codemem *m = make(0);
    for (int chunk; (chunk = codemem_take(m)) >= 0;) {
        struct jit_room r = codemem_room(m, chunk);
        for (size_t i = 0; i < r.size; i++)
            r.rw[i] = (uint8_t)(i * 7 + (unsigned)chunk);
        assert_memory_equal((const void *)r.rx, r.rw, r.size);
        assert_ptr_not_equal((const void *)r.rx, r.rw);
    }
    codemem_destroy(m);
}

#if defined(__x86_64__)
static void what_is_written_runs(void **state)
{
    (void)state;
    struct codemem *m = make(0);
    struct jit_room r = codemem_room(m, codemem_take(m));
    for (uint8_t n = 1; n < 4; n++) {
        const uint8_t code[] = {0xb8, n, 0, 0, 0, 0xc3}; /* mov eax, n; ret */
        memcpy(r.rw, code, sizeof(code));
        assert_int_equal(((int (*)(void))r.rx)(), n);
    }
    codemem_destroy(m);
}
#endif

/* --- never to be written and run through one mapping --- */

struct mappings {
    unsigned writable, executable, both, others;
};

static struct mappings count_mappings(void)
{
    struct mappings n = {0};
    char line[512], perms[8];
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps)) {
        if (!strstr(line, "manyhart-code") || sscanf(line, "%*s %7s", perms) != 1)
            continue;
        bool w = strchr(perms, 'w'), x = strchr(perms, 'x');
        n.both += w && x;
        n.writable += w && !x;
        n.executable += x && !w;
        n.others += !w && !x;
    }
    fclose(maps);
    return n;
}

static void no_mapping_is_writable_and_executable(void **state)
{
    (void)state;
    struct codemem *m = make(1u << 20);
    (void)codemem_take(m);
    struct mappings n = count_mappings();
    assert_int_equal(n.both, 0);
    assert_int_equal(n.writable, 1);
    assert_int_equal(n.executable, 1);
    assert_int_equal(n.others, 0);
    codemem_destroy(m);
    n = count_mappings();
    assert_int_equal(n.both + n.writable + n.executable + n.others, 0);
}

/* --- memory goes back --- */

/* Bytes that the host holds for code: the memfd is the descriptor that says so. */
static size_t bytes_held(void)
{
    for (int fd = 3; fd < 256; fd++) {
        char path[64], target[128] = "";
        struct stat st;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof(target) - 1) < 0 || !strstr(target, "manyhart-code"))
            continue;
        assert_int_equal(fstat(fd, &st), 0);
        return (size_t)st.st_blocks * 512;
    }
    fail_msg("no descriptor of code memory");
    return 0;
}

static void memory_goes_back_to_the_host(void **state)
{
    (void)state;
    struct codemem *m = make(1u << 20);
    size_t chunk = codemem_chunk_bytes(m);
    int taken[4];
    assert_int_equal(bytes_held(), 0);
    for (int i = 0; i < 4; i++) {
        taken[i] = codemem_take(m);
        memset(codemem_room(m, taken[i]).rw, 0xcc, chunk);
    }
    assert_int_equal(bytes_held(), 4 * chunk);
    codemem_give_back(m, taken[1]);
    codemem_give_back(m, taken[2]);
    assert_int_equal(bytes_held(), 2 * chunk);
    const uint8_t *kept = codemem_room(m, taken[3]).rw, *gone = codemem_room(m, taken[2]).rw;
    assert_int_equal(kept[chunk - 1], 0xcc);
    assert_int_equal(codemem_room(m, taken[0]).rw[0], 0xcc);
    assert_int_equal(gone[0], 0);
    codemem_destroy(m);
}

static bool is_mapped(const uint8_t *page)
{
    uint64_t entry = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t at = (off_t)((uintptr_t)page / (size_t)getpagesize() * sizeof(entry));
    assert_int_equal(pread(fd, &entry, sizeof(entry), at), sizeof(entry));
    close(fd);
    return entry >> 63;
}

/* A chunk that is full is mapped only where it runs; what it says stays, and can be changed. */
static void a_full_chunk_is_mapped_once(void **state)
{
    (void)state;
    struct codemem *m = make(1u << 20);
    int full = codemem_take(m), other = codemem_take(m);
    struct jit_room room = codemem_room(m, full);
    const volatile uint8_t *rx = (const volatile uint8_t *)room.rx;
    memset(room.rw, 0xcc, room.size);
    memset(codemem_room(m, other).rw, 0xcc, room.size);
    codemem_settle(m, full);
    assert_false(is_mapped(room.rw));
    assert_false(is_mapped(room.rw + room.size - 1));
    assert_true(is_mapped(codemem_room(m, other).rw));
    assert_int_equal(rx[room.size - 1], 0xcc);
    room.rw[5] = 0xc3;
    assert_int_equal(rx[5], 0xc3);
    assert_int_equal(rx[6], 0xcc);
    codemem_destroy(m);
}

/* --- threads --- */

#define THREADS 4
#define ROUNDS  2000

static void *take_and_give_back(void *opaque)
{
    struct codemem *m = opaque;
    for (unsigned i = 0; i < ROUNDS; i++) {
        int chunk = codemem_take(m);
        if (chunk < 0)
            continue;
        volatile uint64_t *word = (volatile uint64_t *)(void *)codemem_room(m, chunk).rw;
        *word = (uintptr_t)&chunk;
        bool alone = *word == (uintptr_t)&chunk;
        codemem_give_back(m, chunk);
        if (!alone)
            return m;
    }
    return NULL;
}

/* A chunk has one owner; with the thread sanitizer, whatever it writes there is ordered too. */
static void no_chunk_has_two_owners(void **state)
{
    (void)state;
    struct codemem *m = make(0);
    pthread_t thread[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, take_and_give_back, m), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(thread[i], &wrong);
        assert_null(wrong);
    }
    unsigned n = 0;
    while (codemem_take(m) >= 0)
        n++;
    assert_int_equal(n, codemem_chunks(m));
    codemem_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_size_is_about_what_was_asked_for),
        cmocka_unit_test(chunks_until_there_are_none),
        cmocka_unit_test(rooms_lie_side_by_side),
        cmocka_unit_test(both_views_show_the_same_bytes),
#if defined(__x86_64__)
        cmocka_unit_test(what_is_written_runs),
#endif
        cmocka_unit_test(no_mapping_is_writable_and_executable),
        cmocka_unit_test(memory_goes_back_to_the_host),
        cmocka_unit_test(a_full_chunk_is_mapped_once),
        cmocka_unit_test(no_chunk_has_two_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
