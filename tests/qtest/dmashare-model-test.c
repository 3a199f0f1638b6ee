/*
 * dmashare: storms on a device that is not coherent, against a model
 *
 * Random commands, jobs and CPU writes, the same on every run of the same
 * seed (DMASHARE_SEED=n chooses another). A model beside it, byte by byte and
 * written from the text of abi.h, says after each what must be in memory, what
 * a job must find and what every counter must be.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "libqtest.h"
#include "libqos/dmashare-coherence.h"

#define PIECE           QDMASHARE_PIECE
#define BUFFERS         4
#define MAPPINGS        12
#define MAX_SIZE        (6 * PIECE)
#define MAX_PIECES      6
#define MAX_SEGMENTS    5

static const uint64_t sizes[BUFFERS] = {
    4 * PIECE + 777, 6 * PIECE, 2 * PIECE + 1000, PIECE,
};

/* A buffer: its bytes in memory, locally, and in the device's copy. */
typedef struct Buffer {
    uint32_t id;
    uint64_t size;
    uint64_t phys, local;       /* guest-physical; offset */
    unsigned placement;
    uint8_t mem[MAX_SIZE];
    uint8_t loc[MAX_SIZE];
    uint8_t copy[MAX_SIZE];
    bool valid[MAX_SIZE];
    bool dirty[MAX_SIZE];
    uint64_t age[MAX_PIECES];   /* 0: there is no such piece */
    struct dmashare_ledger want;
} Buffer;

typedef struct Mapping {
    uint32_t id;                /* 0: not live */
    Buffer *buf;
    unsigned direction, placement;
    uint32_t flags;
    uint64_t end[MAX_SEGMENTS]; /* offsets in the mapping */
    unsigned n;
} Mapping;

typedef struct Storm {
    QDmashareMachine *m;
    QDmashare *d;
    uint64_t rng;
    Buffer buf[BUFFERS];
    Mapping map[MAPPINGS];
    uint64_t age;
    unsigned pieces, max_pieces;
    unsigned ok, refused;       /* jobs and commands */
    unsigned copies;
} Storm;

static uint64_t pick(Storm *s, uint64_t n)
{
    return qdmashare_random(&s->rng) % n;
}

/* The cache */

static uint64_t piece_end(const Buffer *b, unsigned p)
{
    return MIN((p + 1) * PIECE, b->size);
}

static bool is_writer(const Mapping *map)
{
    return map->id && map->placement == DMASHARE_PLACEMENT_SYSTEM &&
           map->direction != DMASHARE_DIR_TO_DEVICE;
}

static bool has_writer(Storm *s, const Buffer *b)
{
    unsigned i;

    for (i = 0; i < MAPPINGS; i++) {
        if (s->map[i].buf == b && is_writer(&s->map[i])) {
            return true;
        }
    }
    return false;
}

static void write_back(Buffer *b, uint64_t from, uint64_t to)
{
    uint64_t i;

    for (i = from; i < to; i++) {
        if (b->dirty[i]) {
            b->mem[i] = b->copy[i];
            b->dirty[i] = false;
            b->want.cache_written_back++;
        }
    }
}

static void lose(Buffer *b, uint64_t from, uint64_t to)
{
    uint64_t i;

    for (i = from; i < to; i++) {
        if (b->dirty[i]) {
            b->dirty[i] = b->valid[i] = false;
            b->want.cache_discarded++;
        }
    }
}

static void drop(Storm *s, Buffer *b, unsigned p)
{
    lose(b, p * PIECE, piece_end(b, p));
    memset(b->valid + p * PIECE, 0, piece_end(b, p) - p * PIECE);
    b->age[p] = 0;
    s->pieces--;
}

/* Pieces of which nothing is left. */
static void drop_empty(Storm *s, Buffer *b)
{
    unsigned p;

    for (p = 0; p * PIECE < b->size; p++) {
        if (b->age[p] && !memchr(b->valid + p * PIECE, true,
                                 piece_end(b, p) - p * PIECE)) {
            drop(s, b, p);
        }
    }
}

static void push_out_oldest(Storm *s)
{
    Buffer *oldest = NULL;
    unsigned i, p, piece = 0;

    for (i = 0; i < BUFFERS; i++) {
        for (p = 0; p < MAX_PIECES; p++) {
            uint64_t age = s->buf[i].age[p];

            if (age && (!oldest || age < oldest->age[piece])) {
                oldest = &s->buf[i];
                piece = p;
            }
        }
    }
    g_assert_nonnull(oldest);
    if (has_writer(s, oldest)) {
        write_back(oldest, piece * PIECE, piece_end(oldest, piece));
    }
    drop(s, oldest, piece);
}

static void touch(Storm *s, Buffer *b, unsigned p)
{
    if (!b->age[p]) {
        while (s->pieces >= s->max_pieces) {
            push_out_oldest(s);
        }
        b->age[p] = ++s->age;
        s->pieces++;
    }
}

/* What is absent of a piece comes from memory. */
static void complete(Buffer *b, unsigned p)
{
    uint64_t i;

    for (i = p * PIECE; i < piece_end(b, p); i++) {
        if (!b->valid[i]) {
            b->copy[i] = b->mem[i];
            b->valid[i] = true;
        }
    }
}

/* Engines */

/* Bytes that an access at this offset does at once: a segment, a piece. */
static uint64_t window(Storm *s, const Mapping *map, uint64_t at, uint64_t len,
                       bool write, bool uncached)
{
    const Buffer *b = map->buf;
    unsigned p = at / PIECE, i = 0;
    uint64_t stop = at + len, end = piece_end(b, p);

    while (map->end[i] <= at) {
        i++;
    }
    if (map->placement == DMASHARE_PLACEMENT_LOCAL) {
        return MIN(stop, map->end[i]) - at;
    }
    if (!uncached) {
        return MIN(stop, end) - at;
    }
    if (b->age[p]) {
        stop = MIN(stop, end);
        if (!write && memchr(b->dirty + at, true, stop - at)) {
            return stop - at;
        }
    } else {
        while (p * PIECE < stop && !b->age[p]) {
            p++;
        }
        stop = MIN(stop, p * PIECE);
    }
    return MIN(stop, map->end[i]) - at;
}

static bool goes_past(const Mapping *map, bool uncached)
{
    return uncached || map->flags & DMASHARE_MAP_F_UNCACHED;
}

/*
 * The device looks at len bytes and takes n of them; what it finds stale is
 * what it took.
 */
static void device_reads(Storm *s, const Mapping *map, uint64_t at,
                         uint64_t n, bool uncached, uint8_t *bytes)
{
    Buffer *b = map->buf;
    unsigned p = at / PIECE;
    uint64_t i;

    b->want.bytes_read += n;
    if (map->placement == DMASHARE_PLACEMENT_LOCAL) {
        b->want.local_bytes_read += n;
        memcpy(bytes, b->loc + at, n);
        return;
    }
    if (uncached) {
        for (i = 0; i < n; i++) {
            bytes[i] = b->dirty[at + i] ? b->copy[at + i] : b->mem[at + i];
        }
        return;
    }
    for (i = at; i < at + n; i++) {
        b->want.stale_bytes += b->valid[i] && !b->dirty[i] &&
                               b->copy[i] != b->mem[i];
    }
    complete(b, p);
    memcpy(bytes, b->copy + at, n);
}

static void device_writes(Storm *s, const Mapping *map, uint64_t at,
                          uint64_t n, bool uncached, const uint8_t *bytes)
{
    Buffer *b = map->buf;
    unsigned p = at / PIECE;

    b->want.bytes_written += n;
    if (map->placement == DMASHARE_PLACEMENT_LOCAL) {
        b->want.local_bytes_written += n;
        memcpy(b->loc + at, bytes, n);
        return;
    }
    if (uncached) {
        if (b->age[p]) {
            write_back(b, p * PIECE, piece_end(b, p));
            drop(s, b, p);
        }
        memcpy(b->mem + at, bytes, n);
        return;
    }
    if (map->direction != DMASHARE_DIR_FROM_DEVICE) {
        complete(b, p);
    }
    memcpy(b->copy + at, bytes, n);
    memset(b->valid + at, true, n);
    memset(b->dirty + at, true, n);
}

/* The piece is there before the device looks at it. */
static uint64_t opened(Storm *s, const Mapping *map, uint64_t at,
                       uint64_t len, bool write, bool uncached)
{
    if (map->placement == DMASHARE_PLACEMENT_SYSTEM && !uncached) {
        touch(s, map->buf, at / PIECE);
    }
    return window(s, map, at, len, write, uncached);
}

static void model_fill(Storm *s, const Mapping *map, uint64_t at,
                       uint64_t len, uint64_t pattern, bool uncached)
{
    uint8_t bytes[MAX_SIZE];
    uint64_t done, n;

    uncached = goes_past(map, uncached);
    qdmashare_pattern(bytes, len, pattern);
    for (done = 0; done < len; done += n) {
        n = opened(s, map, at + done, len - done, true, uncached);
        device_writes(s, map, at + done, n, uncached, bytes + done);
    }
}

static uint32_t model_checksum(Storm *s, const Mapping *map, uint64_t at,
                               uint64_t len, bool uncached)
{
    uint8_t bytes[MAX_SIZE];
    uint64_t done, n;

    uncached = goes_past(map, uncached);
    for (done = 0; done < len; done += n) {
        n = opened(s, map, at + done, len - done, false, uncached);
        device_reads(s, map, at + done, n, uncached, bytes + done);
    }
    return qdmashare_crc32c(bytes, len);
}

static void model_copy(Storm *s, const Mapping *dst, uint64_t to,
                       const Mapping *src, uint64_t from, uint64_t len,
                       bool uncached)
{
    bool past_src = goes_past(src, uncached);
    bool past_dst = goes_past(dst, uncached);
    uint8_t bytes[PIECE];
    uint64_t done, n;

    for (done = 0; done < len; done += n) {
        Buffer *b = dst->buf;
        uint64_t at = to + done;

        /* No longer than the shorter of the two, and read before it. */
        n = opened(s, src, from + done, MIN(len - done, PIECE), false,
                   past_src);
        if (dst->placement == DMASHARE_PLACEMENT_SYSTEM && !past_dst) {
            n = MIN(n, piece_end(b, at / PIECE) - at);
        } else {
            n = window(s, dst, at, n, true, past_dst);
        }
        device_reads(s, src, from + done, n, past_src, bytes);
        opened(s, dst, at, n, true, past_dst);
        device_writes(s, dst, at, n, past_dst, bytes);
    }
}

/* One step of a storm */

/* A live one; NULL when a few tries found none. */
static Mapping *some_mapping(Storm *s)
{
    unsigned i;

    for (i = 0; i < 8; i++) {
        Mapping *map = &s->map[pick(s, MAPPINGS)];

        if (map->id) {
            return map;
        }
    }
    return NULL;
}

/* A live one through which the device may do this; NULL as above. */
static Mapping *some_way(Storm *s, unsigned forbidden)
{
    unsigned i;

    for (i = 0; i < 8; i++) {
        Mapping *map = some_mapping(s);

        if (map && map->direction != forbidden) {
            return map;
        }
    }
    return NULL;
}

/* A range of a buffer, now and then a small one, seldom past the end. */
static void some_range(Storm *s, const Buffer *b, uint64_t *at, uint64_t *len)
{
    *at = pick(s, pick(s, 2) ? b->size : 600);
    *len = 1 + pick(s, pick(s, 3) ? b->size - *at : MIN(b->size - *at, 64));
    if (!pick(s, 30)) {
        *len = b->size - *at + 1 + pick(s, 9);
    }
}

static void check_status(Storm *s, unsigned got, unsigned want)
{
    g_assert_cmphex(got, ==, want);
    if (want) {
        s->refused++;
    } else {
        s->ok++;
    }
}

/* What a job of one operand ends with; 0 when it does its work. */
static unsigned job_status(const Mapping *map, uint64_t at, uint64_t len,
                           bool write)
{
    if (map->direction == (write ? DMASHARE_DIR_TO_DEVICE
                                 : DMASHARE_DIR_FROM_DEVICE)) {
        return DMASHARE_STATUS_FAULT_DIRECTION;
    }
    return at + len > map->buf->size ? DMASHARE_STATUS_FAULT_BOUNDS : 0;
}

static struct dmashare_completion job_ends(Storm *s, struct dmashare_desc desc,
                                           const Mapping *map, unsigned status)
{
    struct dmashare_completion c = qdmashare_job(s->d, desc);

    check_status(s, c.status, status);
    if (status) {
        g_assert_cmphex(qdmashare_event(s->d).mapping, ==, map->id);
        map->buf->want.faults++;
        map->buf->want.jobs_failed++;
    } else {
        map->buf->want.jobs++;
    }
    return c;
}

static void step_fill(Storm *s)
{
    Mapping *map = some_mapping(s);
    uint64_t at, len, pattern = qdmashare_random(&s->rng);
    bool uncached = !pick(s, 4);
    struct dmashare_desc desc;
    unsigned status;

    if (!map) {
        return;
    }
    some_range(s, map->buf, &at, &len);
    desc = qdmashare_fill(s->d, 0, map->id, at, len, pattern);
    desc.flags = uncached ? DMASHARE_JOB_F_UNCACHED : 0;
    status = job_status(map, at, len, true);
    job_ends(s, desc, map, status);
    if (!status) {
        model_fill(s, map, at, len, pattern, uncached);
    }
}

static void step_checksum(Storm *s)
{
    Mapping *map = some_mapping(s);
    bool uncached = !pick(s, 4);
    struct dmashare_completion c;
    struct dmashare_desc desc;
    unsigned status;
    uint64_t at, len;

    if (!map) {
        return;
    }
    some_range(s, map->buf, &at, &len);
    desc = qdmashare_checksum(s->d, 0, map->id, at, len);
    desc.flags = uncached ? DMASHARE_JOB_F_UNCACHED : 0;
    status = job_status(map, at, len, false);
    c = job_ends(s, desc, map, status);
    if (!status) {
        g_assert_cmphex(c.result, ==, model_checksum(s, map, at, len,
                                                     uncached));
    }
}

static void step_copy(Storm *s)
{
    Mapping *src = some_way(s, DMASHARE_DIR_FROM_DEVICE);
    Mapping *dst = some_way(s, DMASHARE_DIR_TO_DEVICE);
    bool uncached = !pick(s, 4);
    uint64_t from, to, len, room;
    struct dmashare_desc desc;

    /* Of two buffers: what aliases and overlaps has no defined order. */
    if (!src || !dst || src->buf == dst->buf) {
        return;
    }
    some_range(s, src->buf, &from, &len);
    some_range(s, dst->buf, &to, &room);
    len = MIN(MIN(len, room), MIN(src->buf->size - from,
                                  dst->buf->size - to));
    desc = qdmashare_copy(s->d, 0, dst->id, to, src->id, from, len);
    desc.flags = uncached ? DMASHARE_JOB_F_UNCACHED : 0;
    check_status(s, qdmashare_job(s->d, desc).status, 0);
    s->copies++;
    src->buf->want.jobs++;
    dst->buf->want.jobs++;
    model_copy(s, dst, to, src, from, len, uncached);
}

static void step_cpu_writes(Storm *s)
{
    Buffer *b = &s->buf[pick(s, BUFFERS)];
    bool local = !pick(s, 3);
    uint8_t *bytes = local ? b->loc : b->mem;
    uint64_t at = pick(s, b->size);
    uint64_t len = 1 + pick(s, b->size - at);

    qdmashare_noise(bytes + at, len, qdmashare_random(&s->rng));
    qtest_bufwrite(s->d->qts, (local ? s->d->local + b->local : b->phys) + at,
                   bytes + at, len);
}

static void step_sync(Storm *s)
{
    Mapping *map = some_mapping(s);
    unsigned flags = 1 + pick(s, 2), direction = pick(s, 3);
    unsigned status = DMASHARE_STATUS_OK, p;
    Buffer *b;
    uint64_t at, len;

    if (!map) {
        return;
    }
    b = map->buf;
    some_range(s, b, &at, &len);
    if (at + len > b->size) {
        status = DMASHARE_STATUS_BAD_LENGTH;
    } else if (map->placement == DMASHARE_PLACEMENT_LOCAL) {
        status = DMASHARE_STATUS_OK;
    } else if (flags == DMASHARE_SYNC_F_FOR_CPU) {
        if (is_writer(map) || has_writer(s, b)) {
            write_back(b, at, at + len);
        } else if (memchr(b->dirty + at, true, len)) {
            status = DMASHARE_STATUS_FAULT_DIRECTION;
        }
    } else if (direction != DMASHARE_DIR_FROM_DEVICE) {
        for (p = at / PIECE; p * PIECE < at + len; p++) {
            if (b->age[p]) {
                drop(s, b, p);
            }
        }
    }
    check_status(s, qdmashare_sync(s->d, map->id, flags, direction, at,
                                   len).status, status);
    if (!status) {
        b->want.syncs_for_cpu += flags == DMASHARE_SYNC_F_FOR_CPU;
        b->want.syncs_for_device += flags == DMASHARE_SYNC_F_FOR_DEVICE;
    }
}

static void step_map(Storm *s)
{
    unsigned slot = pick(s, MAPPINGS), i;
    Mapping *map = &s->map[slot];
    Buffer *b = &s->buf[pick(s, BUFFERS)];
    struct dmashare_segment seg[MAX_SEGMENTS];
    struct dmashare_desc desc = { 0 };
    uint64_t base, at = 0;

    if (map->id) {
        return;
    }
    *map = (Mapping) {
        .id = 100 + slot,
        .buf = b,
        .direction = pick(s, 3),
        .placement = !pick(s, 3),
        .flags = pick(s, 3) ? 0 : pick(s, 4),
        .n = 1 + pick(s, MAX_SEGMENTS),
    };
    base = map->placement ? b->local : b->phys;
    for (i = 0; i < map->n; i++) {
        uint64_t left = b->size - at - (map->n - 1 - i);
        uint64_t len = i == map->n - 1 ? left : 1 + pick(s, left);

        seg[i] = (struct dmashare_segment) { base + at, len };
        at += len;
        map->end[i] = at;
    }
    desc.map.id = map->id;
    desc.map.buffer = b->id;
    desc.map.direction = map->direction;
    desc.map.placement = map->placement;
    desc.map.flags = map->flags;
    check_status(s, qdmashare_map_with(s->d, desc, seg, map->n), 0);
    b->want.maps++;
    b->want.live_mappings++;
    b->want.live_segments += map->n;
    if (map->placement == DMASHARE_PLACEMENT_SYSTEM &&
        !(map->flags & DMASHARE_MAP_F_SKIP_SYNC)) {
        memcpy(b->valid, b->dirty, sizeof(b->valid));
        drop_empty(s, b);
    }
}

static void unmap(Storm *s, Mapping *map, bool skip)
{
    Mapping ended = *map;
    Buffer *b = map->buf;
    bool last = true, writer;
    unsigned status = DMASHARE_STATUS_OK, i;

    map->id = 0;
    for (i = 0; i < MAPPINGS; i++) {
        last &= !s->map[i].id || s->map[i].buf != b || s->map[i].placement;
    }
    writer = is_writer(&ended) || has_writer(s, b);
    if (ended.placement == DMASHARE_PLACEMENT_SYSTEM) {
        if (!skip && writer) {
            write_back(b, 0, b->size);
        } else if (!skip && memchr(b->dirty, true, b->size)) {
            status = DMASHARE_STATUS_FAULT_DIRECTION;
        }
        if (!skip || last) {
            lose(b, 0, b->size);
        }
        drop_empty(s, b);
    }
    check_status(s, qdmashare_unmap_with(s->d, ended.id, skip).status,
                 status);
    b->want.live_mappings--;
    b->want.live_segments -= ended.n;
}

static void step_unmap(Storm *s)
{
    Mapping *map = some_mapping(s);

    if (map) {
        unmap(s, map, !pick(s, 3));
    }
}

static void step_place(Storm *s)
{
    Buffer *b = &s->buf[pick(s, BUFFERS)];
    unsigned placement = pick(s, 3);
    bool known = placement <= DMASHARE_PLACEMENT_LOCAL;

    check_status(s, qdmashare_place(s->d, b->id, placement),
                 known ? 0 : DMASHARE_STATUS_BAD_DESCRIPTOR);
    if (known) {
        b->want.places += placement != b->placement;
        b->placement = placement;
    }
}

static void create(Storm *s, Buffer *b)
{
    qdmashare_buffer(s->d, b->id, b->size);
    b->placement = DMASHARE_PLACEMENT_SYSTEM;
    b->want = (struct dmashare_ledger) { .buffers = 1, .live_buffers = 1 };
}

/* Every mapping of it ends first, some with their copies left alone. */
static void step_destroy(Storm *s)
{
    Buffer *b = &s->buf[pick(s, BUFFERS)];
    unsigned i, p;

    if (pick(s, 8)) {
        return;
    }
    for (i = 0; i < MAPPINGS; i++) {
        if (s->map[i].id && s->map[i].buf == b) {
            unmap(s, &s->map[i], pick(s, 2));
        }
    }
    qdmashare_destroy(s->d, b->id);
    for (p = 0; p < MAX_PIECES; p++) {
        if (b->age[p]) {
            drop(s, b, p);
        }
    }
    create(s, b);
}

static void check(Storm *s, Buffer *b)
{
    struct dmashare_ledger got;
    uint64_t i;
    unsigned p;

    qdmashare_assert_bytes(s->d, b->phys, b->mem, b->size);
    qdmashare_assert_bytes(s->d, s->d->local + b->local, b->loc, b->size);
    b->want.cache_bytes = b->want.cache_dirty = 0;
    for (p = 0; p * PIECE < b->size; p++) {
        if (b->age[p]) {
            b->want.cache_bytes += piece_end(b, p) - p * PIECE;
        }
    }
    for (i = 0; i < b->size; i++) {
        b->want.cache_dirty += b->dirty[i];
    }
    qdmashare_ledger(s->d, b->id, &got);
    g_assert_true(qdmashare_ledger_equal(&got, &b->want));
}

static void storm(unsigned max_pieces, unsigned steps)
{
    static void (*const kinds[])(Storm *) = {
        step_fill, step_fill, step_checksum, step_checksum, step_checksum,
        step_copy, step_copy, step_copy, step_copy, step_copy, step_copy,
        step_cpu_writes, step_cpu_writes, step_cpu_writes, step_sync,
        step_sync, step_map, step_map, step_map, step_map, step_unmap,
        step_place, step_destroy,
    };
    g_autofree char *properties = g_strdup_printf(
        "coherent=off,local-size=1M,cache-size=%u", max_pieces * PIECE);
    g_autofree Storm *s = g_new0(Storm, 1);
    const char *env = g_getenv("DMASHARE_SEED");
    struct dmashare_ledger all;
    uint64_t seed = 20261121;
    unsigned i;

    if (env && qemu_strtou64(env, NULL, 0, &seed)) {
        g_error("DMASHARE_SEED is not a number: %s", env);
    }
    g_test_message("DMASHARE_SEED=%" PRIu64, seed);
    s->rng = seed + max_pieces;
    s->max_pieces = max_pieces;
    s->m = qdmashare_one("-M pc", properties);
    s->d = s->m->d;
    for (i = 0; i < BUFFERS; i++) {
        Buffer *b = &s->buf[i];

        b->id = 1 + i;
        b->size = sizes[i];
        b->phys = qdmashare_alloc(s->d, b->size + 16) + i * 3;
        b->local = i * 64 * KiB + i * 5;
        create(s, b);
    }
    for (i = 0; i < steps; i++) {
        unsigned kind = pick(s, ARRAY_SIZE(kinds));

        kinds[kind](s);
        check(s, &s->buf[pick(s, BUFFERS)]);
    }
    for (i = 0; i < BUFFERS; i++) {
        check(s, &s->buf[i]);
    }
    /* What only bounces off tests little. */
    qdmashare_ledger(s->d, 0, &all);
    g_test_message("%u ok, %u refused, %u copies; %" PRIu64 " stale, %" PRIu64
                   " written back, %" PRIu64 " discarded", s->ok, s->refused,
                   s->copies, (uint64_t)all.stale_bytes,
                   (uint64_t)all.cache_written_back,
                   (uint64_t)all.cache_discarded);
    g_assert_cmpuint(s->ok, >, steps / 4);
    g_assert_cmpuint(s->refused, >, steps / 50);
    g_assert_cmpuint(s->copies, >, steps / 20);
    g_assert_cmpuint(all.stale_bytes, >, 0);
    g_assert_cmpuint(all.cache_written_back, >, steps);
    g_assert_cmpuint(all.cache_discarded, >, steps);
    qdmashare_machine_free(s->m);
}

static void test_roomy(void)
{
    storm(1024, 4000);
}

static void test_tight(void)
{
    storm(4, 4000);
}

static void test_one_piece(void)
{
    storm(1, 2500);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/dmashare/model/roomy", test_roomy);
    qtest_add_func("/dmashare/model/tight", test_tight);
    qtest_add_func("/dmashare/model/one-piece", test_one_piece);
    return g_test_run();
}
