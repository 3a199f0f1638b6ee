/*
 * libqos helper for dmashare: play a recording to a device
 *
 * The device has a machine to itself, and is paced: time stands still, and
 * what it does by itself it does when it is told to. So each step of the
 * recording can be prepared: every page that the device will touch is mapped
 * at the address that it will use, by VT-d, and holds what the device read
 * when it was recorded. Then the step is taken. The device is recorded once
 * more meanwhile, and in the end the two recordings must say the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/bswap.h"
#include "qemu/crc32c.h"
#include "qemu/memfd.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "hw/pci/pci_regs.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "qobject/qnum.h"
#include "../libqtest.h"
#include "dmashare-replay.h"
#include "pci-pc.h"
#include "vtd.h"

#define DEVICE          "/machine/peripheral/dev"

/* Guest memory: first what the tables of the IOMMU may use, then pages. */
#define RAM_SIZE        (512 * MiB)
#define TABLES          (1 * MiB)
#define POOL            (64 * MiB)
/* Tables of the last level that there is room for, with those above them. */
#define LEAVES_MAX      5000
/* DMA addresses that VT-d translates, and those that it does not. */
#define IOVA_BITS       48
#define NO_IOVA         0xfee00000ULL
#define NO_IOVA_SIZE    (1 * MiB)
/* Pages of local memory that one step may have written and read. */
#define VISITS_MAX      (64 * 1024 * 1024)

/* The device is behind this port; a port is what it can be pulled out of. */
#define PORT            QPCI_DEVFN(3, 0)
#define PORT_BUS        1
#define DEVFN           (PORT_BUS << 8)
#define REGS            0xe0000000u
#define LOCAL_MIN       (256ULL * GiB)

#define PAGE            DMASHARE_RECORD_PAGE

/* A page that the device uses, of memory on the bus or of its own. */
typedef struct Page {
    uint64_t phys;
    uint8_t *host;
    unsigned perm;              /* mapped with these QVTD_* */
    uint64_t step;              /* of which all that follows is */
    bool needs[2];              /* a read, a write that succeeded */
    bool fails[2];              /* one that was refused */
    DECLARE_BITMAP(read, PAGE); /* bytes whose content is given */
    DECLARE_BITMAP(written, PAGE);
    uint64_t checked;           /* step of which "seen" is */
    DECLARE_BITMAP(seen, PAGE);
} Page;

typedef struct Player {
    const QDmashareRecording *r;
    QDmashareReplay *replay;
    QTestState *qts;
    QPCIBus *bus;
    QGuestAllocator alloc;
    QVtd *vtd;
    QVtdDomain *dom;
    uint8_t *ram;
    int ram_fd;
    uint8_t *local;
    int local_fd;
    uint64_t pool;              /* next page that was never used */
    GHashTable *pages;          /* DMA address of a page to Page */
    GHashTable *leaves;         /* of 2 MiB with a table */
    GHashTable *local_pages;    /* offset of a page to Page */
    GPtrArray *touched;         /* DMA addresses (uint64_t *) of this step */
    uint64_t step;
    uint64_t now;
    uint64_t visits;
    bool gone;
} Player;

static bool G_GNUC_PRINTF(3, 4) differs(Player *p, uint64_t number,
                                        const char *fmt, ...)
{
    if (!p->replay->difference) {
        QDmashareRecord rec = qdmashare_recording_get(p->r, number);
        g_autofree char *text = qdmashare_record_text(&rec);
        g_autofree char *what = NULL;
        va_list ap;

        va_start(ap, fmt);
        what = g_strdup_vprintf(fmt, ap);
        va_end(ap);
        p->replay->difference =
            g_strdup_printf("record %" PRIu64 " (%s, at %" PRIu64 " ns): %s",
                            number, text, rec.time, what);
    }
    return false;
}

/*
 * The machine
 */

static int memory_new(const char *name, uint64_t size, uint8_t **host)
{
    int fd = qemu_memfd_create(name, size, false, 0, 0, &error_abort);

    *host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                 fd, 0);
    g_assert(*host != MAP_FAILED);
    return fd;
}

/* `,name=value` for every property of the recording. */
static char *properties(const QDmashareRecording *r)
{
    GString *text = g_string_new(NULL);

    for (uint64_t i = 0; i < qdmashare_recording_count(r); i++) {
        QDmashareRecord rec = qdmashare_recording_get(r, i);
        const struct dmashare_record_property *p = (const void *)rec.payload;

        if (rec.type != DMASHARE_RECORD_PROPERTY) {
            break;
        }
        if (g_str_equal(p->name, "coherent")) {
            g_string_append_printf(text, ",coherent=%s",
                                   ldq_le_p(&p->value) ? "on" : "off");
        } else if (!g_str_equal(p->name, "local-size")) {
            /* Local memory is a backend, so that it can be filled. */
            g_string_append_printf(text, ",%s=%" PRIu64, p->name,
                                   ldq_le_p(&p->value));
        }
    }
    return g_string_free(text, false);
}

static uint64_t local_base(const QDmashareRecording *r)
{
    return MAX(LOCAL_MIN, r->local_size);
}

static uint32_t config_read(Player *p, uint8_t at)
{
    return p->bus->config_readw(p->bus, DEVFN, at);
}

static void config_write(Player *p, uint8_t at, uint32_t value)
{
    p->bus->config_writel(p->bus, DEVFN, at, value);
}

static void device_command(Player *p, uint16_t value)
{
    p->bus->config_writew(p->bus, DEVFN, PCI_COMMAND, value);
}

/* What a reset took away. Bus Master Enable is for the recording to set. */
static void device_setup(Player *p)
{
    config_write(p, PCI_BASE_ADDRESS_0, REGS);
    if (p->local) {
        config_write(p, PCI_BASE_ADDRESS_4, local_base(p->r));
        config_write(p, PCI_BASE_ADDRESS_5, local_base(p->r) >> 32);
    }
    device_command(p, PCI_COMMAND_MEMORY);
}

static void port_setup(Player *p)
{
    uint64_t base = local_base(p->r);
    uint64_t last = base + MAX(p->r->local_size, 1 * MiB) - 1;
    QPCIBus *bus = p->bus;

    bus->config_writeb(bus, PORT, PCI_SECONDARY_BUS, PORT_BUS);
    bus->config_writeb(bus, PORT, PCI_SUBORDINATE_BUS, PORT_BUS);
    bus->config_writew(bus, PORT, PCI_MEMORY_BASE, REGS >> 16);
    bus->config_writew(bus, PORT, PCI_MEMORY_LIMIT, REGS >> 16);
    bus->config_writew(bus, PORT, PCI_PREF_MEMORY_BASE, base >> 16);
    bus->config_writew(bus, PORT, PCI_PREF_MEMORY_LIMIT, last >> 16);
    bus->config_writel(bus, PORT, PCI_PREF_BASE_UPPER32, base >> 32);
    bus->config_writel(bus, PORT, PCI_PREF_LIMIT_UPPER32, last >> 32);
    bus->config_writew(bus, PORT, PCI_COMMAND,
                       PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* Would there be such a device? A cold-plugged one that is none ends QEMU. */
static bool machine_possible(Player *p, const char *props)
{
    QTestState *qts = qtest_init("-nodefaults -M q35 "
                                 "-device pcie-root-port,id=hole");
    g_autoptr(GString) words = g_string_new(NULL);
    g_auto(GStrv) list = g_strsplit(props + 1, ",", -1);
    QDict *args = qdict_new();
    QDict *rsp, *error;

    qdict_put_str(args, "driver", "dmashare");
    qdict_put_str(args, "bus", "hole");
    for (char **word = list; **list && *word; word++) {
        g_auto(GStrv) pair = g_strsplit(*word, "=", 2);
        uint64_t value = g_ascii_strtoull(pair[1], NULL, 10);

        if (g_str_equal(pair[0], "coherent")) {
            qdict_put_bool(args, pair[0], g_str_equal(pair[1], "on"));
        } else {
            qdict_put(args, pair[0], qnum_from_uint(value));
        }
    }
    if (p->r->local_size) {
        qdict_put(args, "local-size", qnum_from_uint(p->r->local_size));
    }
    rsp = qtest_qmp(qts, "{ 'execute': 'device_add', 'arguments': %p }", args);
    error = qdict_get_qdict(rsp, "error");
    if (error) {
        p->replay->difference =
            g_strdup_printf("there can be no such device: %s",
                            qdict_get_str(error, "desc"));
    }
    qobject_unref(rsp);
    qtest_quit(qts);
    return !p->replay->difference;
}

static bool machine_new(Player *p)
{
    g_autofree char *props = properties(p->r);
    g_autofree char *local = NULL;
    uint64_t size = p->r->local_size;

    p->ram_fd = -1;
    p->local_fd = -1;
    if (!machine_possible(p, props)) {
        return false;
    }
    p->ram_fd = memory_new("ram", RAM_SIZE, &p->ram);
    if (size) {
        p->local_fd = memory_new("local", size, &p->local);
        local = g_strdup_printf("-object memory-backend-file,id=local,"
                                "share=on,size=%" PRIu64 ",mem-path="
                                "/proc/%d/fd/%d,discard-data=off", size,
                                getpid(), p->local_fd);
    }
    p->qts = qtest_initf("-nodefaults -M q35,memory-backend=ram "
                         "-global ICH9-LPC."
                         "acpi-pci-hotplug-with-bridge-support=off "
                         "-m %" PRIu64 "M "
                         "-object memory-backend-file,id=ram,share=on,"
                         "size=%" PRIu64 ",mem-path=/proc/%d/fd/%d %s "
                         "-device intel-iommu,aw-bits=%d "
                         "-device pcie-root-port,id=hole,addr=%d.0 "
                         "-device dmashare,id=dev,bus=hole,x-paced=on%s%s",
                         (uint64_t)(RAM_SIZE / MiB), (uint64_t)RAM_SIZE,
                         getpid(), p->ram_fd, local ?: "", IOVA_BITS,
                         PORT >> 3, size ? ",local-memdev=local" : "", props);
    p->bus = qpci_new_pc(p->qts, NULL);
    alloc_init(&p->alloc, ALLOC_NO_FLAGS, TABLES, POOL, PAGE);
    p->vtd = qvtd_new(p->qts, &p->alloc);
    p->dom = qvtd_domain_new_wide(p->vtd, 1);
    port_setup(p);
    device_setup(p);
    qvtd_attach(p->dom, PORT_BUS, 0);
    qvtd_enable(p->vtd);
    p->pool = POOL;
    p->pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                     g_free);
    p->leaves = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                      NULL);
    p->local_pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                           g_free);
    p->touched = g_ptr_array_new_with_free_func(g_free);
    return true;
}

static void machine_free(Player *p)
{
    if (p->qts) {
        g_free(p->dom);
        g_free(p->vtd);
        alloc_destroy(&p->alloc);
        qpci_free_pc(p->bus);
        qtest_quit(p->qts);
        g_hash_table_destroy(p->pages);
        g_hash_table_destroy(p->leaves);
        g_hash_table_destroy(p->local_pages);
        g_ptr_array_unref(p->touched);
    }
    if (p->ram_fd >= 0) {
        munmap(p->ram, RAM_SIZE);
        close(p->ram_fd);
    }
    if (p->local_fd >= 0) {
        munmap(p->local, p->r->local_size);
        close(p->local_fd);
    }
}

/*
 * Memory
 */

static gint64 *key_of(uint64_t at)
{
    gint64 *key = g_new(gint64, 1);

    *key = at;
    return key;
}

/* A page as this step finds it: nothing is known of it yet. */
static Page *page_fresh(Player *p, Page *page)
{
    if (page->step != p->step) {
        page->step = p->step;
        memset(page->needs, 0, sizeof(page->needs));
        memset(page->fails, 0, sizeof(page->fails));
        bitmap_zero(page->read, PAGE);
        bitmap_zero(page->written, PAGE);
    }
    return page;
}

static Page *page_find(GHashTable *pages, uint64_t at)
{
    gint64 key = at & ~(uint64_t)(PAGE - 1);

    return g_hash_table_lookup(pages, &key);
}

/* The page that the device will find at this DMA address. */
static Page *page_get(Player *p, uint64_t number, uint64_t at)
{
    uint64_t start = at & ~(uint64_t)(PAGE - 1);
    gint64 leaf = start >> 21;
    Page *page = page_find(p->pages, at);

    if (!page) {
        if (start >> IOVA_BITS ||
            (start >= NO_IOVA && start < NO_IOVA + NO_IOVA_SIZE)) {
            differs(p, number, "an IOMMU does not translate this address");
            return NULL;
        }
        if (p->pool == RAM_SIZE) {
            differs(p, number, "the replay has no room for so much memory");
            return NULL;
        }
        if (!g_hash_table_contains(p->leaves, &leaf)) {
            if (g_hash_table_size(p->leaves) == LEAVES_MAX) {
                differs(p, number, "the replay has no room for so many "
                        "addresses");
                return NULL;
            }
            g_hash_table_add(p->leaves, key_of(leaf));
        }
        page = g_new0(Page, 1);
        page->phys = p->pool;
        page->host = p->ram + page->phys;
        page->step = UINT64_MAX;
        p->pool += PAGE;
        g_hash_table_insert(p->pages, key_of(start), page);
    }
    if (page->step != p->step) {
        g_ptr_array_add(p->touched, key_of(start));
    }
    return page_fresh(p, page);
}

static Page *local_get(Player *p, uint64_t at)
{
    uint64_t start = at & ~(uint64_t)(PAGE - 1);
    Page *page = page_find(p->local_pages, at);

    if (!page) {
        page = g_new0(Page, 1);
        page->host = p->local + start;
        page->step = UINT64_MAX;
        g_hash_table_insert(p->local_pages, key_of(start), page);
    }
    return page_fresh(p, page);
}

/*
 * Bytes that the device will read: they are put there, unless the device will
 * have written them by then. False if they cannot be there: something else
 * was read in the same step before.
 */
static bool page_fill(Page *page, unsigned at, const uint8_t *bytes,
                      unsigned len)
{
    if (find_next_bit(page->read, at + len, at) >= at + len &&
        find_next_bit(page->written, at + len, at) >= at + len) {
        memcpy(page->host + at, bytes, len);
        bitmap_set(page->read, at, len);
        return true;
    }
    for (unsigned i = 0; i < len; i++) {
        if (test_bit(at + i, page->written)) {
            continue;
        }
        if (test_and_set_bit(at + i, page->read)) {
            if (page->host[at + i] != bytes[i]) {
                return false;
            }
        } else {
            page->host[at + i] = bytes[i];
        }
    }
    return true;
}

/* An access that succeeded, page by page. */
static bool prepare_access(Player *p, const QDmashareRecord *rec,
                           const QDmashareAccess *m)
{
    bool local = rec->type == DMASHARE_RECORD_LOCAL_READ;
    bool write = rec->type == DMASHARE_RECORD_DMA_WRITE;
    const uint8_t *bytes = qdmashare_record_bytes(p->r, rec);

    for (uint64_t done = 0; done < m->length;) {
        uint64_t at = m->addr + done;
        unsigned offset = at % PAGE;
        unsigned len = MIN(PAGE - offset, m->length - done);
        Page *page = local ? local_get(p, at) : page_get(p, rec->number, at);

        if (!page) {
            return false;
        }
        page->needs[write] = true;
        if (write) {
            bitmap_set(page->written, offset, len);
        } else if (!page_fill(page, offset, bytes + done, len)) {
            return differs(p, rec->number, "memory changed while the device "
                           "was in the middle of this step");
        }
        done += len;
    }
    return true;
}

/* What the device writes to its own memory; only pages that it reads count. */
static bool prepare_local_write(Player *p, const QDmashareRecord *rec,
                                const QDmashareAccess *m)
{
    uint64_t last = m->addr + m->length - 1;
    uint64_t pages = last / PAGE - m->addr / PAGE + 1;
    GHashTableIter iter;
    gpointer key, value;

    p->visits += MIN(pages, g_hash_table_size(p->local_pages)) + 1;
    if (p->visits > VISITS_MAX) {
        return differs(p, rec->number, "so much in one step cannot be");
    }
    if (pages <= g_hash_table_size(p->local_pages)) {
        for (uint64_t at = m->addr; at <= last;
             at = (at & ~(uint64_t)(PAGE - 1)) + PAGE) {
            Page *page = page_find(p->local_pages, at);

            if (page) {
                bitmap_set(page_fresh(p, page)->written, at % PAGE,
                           MIN(PAGE - at % PAGE, last - at + 1));
            }
        }
        return true;
    }
    g_hash_table_iter_init(&iter, p->local_pages);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        uint64_t start = MAX(*(gint64 *)key, m->addr);
        uint64_t end = MIN(*(gint64 *)key + PAGE - 1, last);

        if (start <= end) {
            bitmap_set(page_fresh(p, value)->written, start % PAGE,
                       end - start + 1);
        }
    }
    return true;
}

/* An access that was refused: at least one of its pages must not be there. */
static bool prepare_fault(Player *p, const QDmashareRecord *rec,
                          const QDmashareAccess *m)
{
    bool write = rec->type == DMASHARE_RECORD_DMA_WRITE;
    uint64_t last = m->addr + m->length - 1;
    bool possible = false;

    for (uint64_t n = m->addr / PAGE; n <= last / PAGE; n++) {
        uint64_t at = n * PAGE;
        Page *page = page_find(p->pages, at);

        if (!page || page->step != p->step || !page->needs[write]) {
            possible = true;
        }
        if (page) {
            if (page->step != p->step) {
                g_ptr_array_add(p->touched, key_of(at));
            }
            page = page_fresh(p, page);
            page->fails[write] = !page->needs[write];
        }
    }
    return possible || differs(p, rec->number, "the address was there and was "
                               "not, in one step");
}

/* What is mapped, as this step needs it. */
static void prepare_pages(Player *p)
{
    bool stale = false;

    for (unsigned i = 0; i < p->touched->len; i++) {
        uint64_t at = *(gint64 *)g_ptr_array_index(p->touched, i);
        Page *page = page_find(p->pages, at);
        unsigned perm = (page->fails[0] ? 0 : QVTD_READ) |
                        (page->fails[1] ? 0 : QVTD_WRITE);

        if (perm != page->perm) {
            stale |= page->perm;
            qvtd_map(p->dom, at, page->phys, PAGE, perm);
            page->perm = perm;
        }
    }
    if (stale) {
        qvtd_invalidate_iotlb(p->vtd);
    }
}

/* Pages are there for one step; when they run out all are given up. */
static void recycle(Player *p)
{
    GHashTableIter iter;
    gpointer key;

    if (p->pool - POOL < (RAM_SIZE - POOL) / 2) {
        return;
    }
    g_hash_table_iter_init(&iter, p->pages);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        qvtd_unmap(p->dom, *(gint64 *)key, PAGE);
    }
    g_hash_table_remove_all(p->pages);
    qvtd_invalidate_iotlb(p->vtd);
    p->pool = POOL;
}

static bool prepare(Player *p, uint64_t first, uint64_t end)
{
    p->step++;
    p->visits = 0;
    g_ptr_array_set_size(p->touched, 0);
    g_hash_table_remove_all(p->local_pages);
    recycle(p);

    /* Which pages of its own memory the step reads must be known first. */
    for (int pass = 0; pass < 3; pass++) {
        for (uint64_t i = first; i < end; i++) {
            QDmashareRecord rec = qdmashare_recording_get(p->r, i);
            QDmashareAccess m;
            bool ok = true;

            if (!qdmashare_record_is_memory(&rec)) {
                continue;
            }
            m = qdmashare_record_memory(&rec);
            switch (rec.type) {
            case DMASHARE_RECORD_LOCAL_READ:
                if (pass == 0) {
                    for (uint64_t at = 0; at < m.length + PAGE; at += PAGE) {
                        local_get(p, MIN(m.addr + at, m.addr + m.length - 1));
                    }
                } else if (pass == 1) {
                    ok = prepare_access(p, &rec, &m);
                }
                break;
            case DMASHARE_RECORD_LOCAL_WRITE:
            case DMASHARE_RECORD_LOCAL_ZERO:
                ok = pass != 1 || prepare_local_write(p, &rec, &m);
                break;
            default:
                if (pass == 1 && !m.status) {
                    ok = prepare_access(p, &rec, &m);
                } else if (pass == 2 &&
                           m.status == DMASHARE_STATUS_FAULT_TRANSLATION) {
                    ok = prepare_fault(p, &rec, &m);
                }
                break;
            }
            if (!ok) {
                return false;
            }
        }
    }
    prepare_pages(p);
    return true;
}

/*
 * Steps
 */

static bool qmp_step(Player *p, const QDmashareRecord *rec, QDict *rsp)
{
    QDict *error = qdict_get_qdict(rsp, "error");

    if (error) {
        differs(p, rec->number, "%s", qdict_get_str(error, "desc"));
    }
    qobject_unref(rsp);
    return !p->replay->difference;
}

static void take_command(Player *p, const QDmashareRecord *rec)
{
    const char *name = (const char *)rec->payload;
    QObject *parsed = qobject_from_json(name + strlen(name) + 1, &error_abort);
    QDict *arguments = qobject_to(QDict, parsed);

    qdict_put_str(arguments, "path", DEVICE);
    /* One that fails has failed before, or its effects are missing now. */
    qobject_unref(qtest_qmp(p->qts, "{ 'execute': %s, 'arguments': %p }", name,
                            arguments));
}

static void take_access(Player *p, const QDmashareRecord *rec)
{
    const struct dmashare_record_reg *reg = (const void *)rec->payload;
    uint64_t at = REGS + ldl_le_p(&reg->offset);
    uint64_t value = ldq_le_p(&reg->value);
    uint32_t size = ldl_le_p(&reg->size);

    if (rec->type == DMASHARE_RECORD_REG_READ) {
        switch (size) {
        case 1:
            qtest_readb(p->qts, at);
            break;
        case 2:
            qtest_readw(p->qts, at);
            break;
        case 4:
            qtest_readl(p->qts, at);
            break;
        default:
            qtest_readq(p->qts, at);
            break;
        }
        return;
    }
    switch (size) {
    case 1:
        qtest_writeb(p->qts, at, value);
        break;
    case 2:
        qtest_writew(p->qts, at, value);
        break;
    case 4:
        qtest_writel(p->qts, at, value);
        break;
    default:
        qtest_writeq(p->qts, at, value);
        break;
    }
}

static void take_reset(Player *p)
{
    uint8_t at = p->bus->config_readb(p->bus, DEVFN, PCI_CAPABILITY_LIST);

    while (at && p->bus->config_readb(p->bus, DEVFN, at) != PCI_CAP_ID_EXP) {
        at = p->bus->config_readb(p->bus, DEVFN, at + PCI_CAP_LIST_NEXT);
    }
    g_assert_cmphex(at, !=, 0);
    at += PCI_EXP_DEVCTL;
    p->bus->config_writew(p->bus, DEVFN, at, config_read(p, at) |
                          PCI_EXP_DEVCTL_BCR_FLR);
}

static bool take_step(Player *p, const QDmashareRecord *rec)
{
    switch (rec->type) {
    case DMASHARE_RECORD_REG_WRITE:
    case DMASHARE_RECORD_REG_READ:
        take_access(p, rec);
        return true;
    case DMASHARE_RECORD_TIMER:
        return qmp_step(p, rec, qtest_qmp(p->qts,
                        "{ 'execute': 'qom-set', 'arguments': {"
                        "  'path': '" DEVICE "', 'property': 'x-run-timer',"
                        "  'value': %u } }", ldl_le_p(rec->payload)));
    case DMASHARE_RECORD_RESET:
        take_reset(p);
        return true;
    case DMASHARE_RECORD_BUS_MASTER:
        device_command(p, PCI_COMMAND_MEMORY | (ldl_le_p(rec->payload) ?
                                                PCI_COMMAND_MASTER : 0));
        return true;
    case DMASHARE_RECORD_COMMAND:
        take_command(p, rec);
        return true;
    default:
        return differs(p, rec->number, "nothing says why the device did this");
    }
}

/* What the device wrote must be in memory, unless it wrote more over it. */
static bool check_write(Player *p, const QDmashareRecord *rec)
{
    QDmashareAccess m = qdmashare_record_memory(rec);
    uint32_t crc = 0;
    bool covered = false;

    for (uint64_t done = 0; done < m.length;) {
        unsigned offset = (m.addr + done) % PAGE;
        unsigned len = MIN(PAGE - offset, m.length - done);
        Page *page = page_find(p->pages, m.addr + done);

        if (page->checked != p->step) {
            page->checked = p->step;
            bitmap_zero(page->seen, PAGE);
        }
        covered |= find_next_bit(page->seen, offset + len, offset) <
                   offset + len;
        bitmap_set(page->seen, offset, len);
        crc = crc32c(crc ^ 0xffffffff, page->host + offset, len);
        done += len;
    }
    return covered || crc == m.crc ||
           differs(p, rec->number, "memory has CRC %08x there now", crc);
}

/* Returns false when there is no sense in going on. */
static bool play_step(Player *p, uint64_t first, uint64_t end)
{
    QDmashareRecord rec = qdmashare_recording_get(p->r, first);
    bool outer = rec.type == DMASHARE_RECORD_RESET ||
                 rec.type == DMASHARE_RECORD_COMMAND;
    bool reset = false;

    if (!prepare(p, first, end)) {
        return false;
    }
    if (rec.time > p->now) {
        qtest_clock_set(p->qts, rec.time);
        p->now = rec.time;
    }
    if (!take_step(p, &rec)) {
        return false;
    }
    for (uint64_t i = end; i-- > first;) {
        QDmashareRecord effect = qdmashare_recording_get(p->r, i);

        /* One by register leaves configuration space alone. */
        reset |= outer && effect.type == DMASHARE_RECORD_RESET;
        if (effect.type == DMASHARE_RECORD_DMA_WRITE &&
            !qdmashare_record_memory(&effect).status &&
            !check_write(p, &effect)) {
            return false;
        }
    }
    if (reset) {
        device_setup(p);
    }
    return true;
}

/* Where the step that begins at @first ends. */
static uint64_t step_end(const QDmashareRecording *r, uint64_t first)
{
    uint64_t end = first + 1;

    while (end < qdmashare_recording_count(r)) {
        QDmashareRecord rec = qdmashare_recording_get(r, end);

        if (rec.step || rec.type == DMASHARE_RECORD_LEDGER ||
            rec.type == DMASHARE_RECORD_END) {
            break;
        }
        end++;
    }
    return end;
}

/*
 * The result
 */

/* Entries of the journal, one a line. */
static void fetch_journal(Player *p)
{
    GString *text = g_string_new(NULL);
    uint64_t next = 0, end;

    do {
        QDict *rsp = qtest_qmp(p->qts, "{ 'execute': 'query-dmashare-journal',"
                               "  'arguments': { 'path': '" DEVICE "',"
                               "    'from': %" PRIu64 ", 'limit': 10000 } }",
                               next);
        QDict *page = qdict_get_qdict(rsp, "return");
        const QListEntry *entry;

        g_assert_nonnull(page);
        QLIST_FOREACH_ENTRY(qdict_get_qlist(page, "entries"), entry) {
            g_autoptr(GString) line = qobject_to_json(entry->value);

            g_string_append_printf(text, "%s\n", line->str);
            p->replay->entries++;
        }
        next = qdict_get_int(page, "next");
        end = qdict_get_int(page, "end");
        qobject_unref(rsp);
    } while (next < end);
    p->replay->journal = g_string_free(text, false);
}

static bool is_data(const QDmashareRecording *r, uint64_t at)
{
    uint16_t type = qdmashare_recording_get(r, at).type;

    return type == DMASHARE_RECORD_DATA || type == DMASHARE_RECORD_PROPERTY;
}

static bool same(const QDmashareRecord *a, const QDmashareRecord *b)
{
    if (a->type != b->type || a->step != b->step || a->time != b->time ||
        a->size != b->size) {
        return false;
    }
    if (qdmashare_record_is_memory(a)) {
        QDmashareAccess m = qdmashare_record_memory(a);
        QDmashareAccess n = qdmashare_record_memory(b);

        /* Which DATA record it was does not matter. */
        m.data = n.data = 0;
        return !memcmp(&m, &n, sizeof(m)) &&
               !memcmp(a->payload + sizeof(m), b->payload + sizeof(m),
                       a->size - sizeof(m));
    }
    return a->type == DMASHARE_RECORD_END ||
           !memcmp(a->payload, b->payload, a->size);
}

char *qdmashare_recording_compare(const QDmashareRecording *want,
                                  const QDmashareRecording *got,
                                  uint64_t records)
{
    uint64_t count = qdmashare_recording_count(got);
    uint64_t i = 0, k = 0;

    for (;; i++, k++) {
        g_autofree char *expected = NULL;
        g_autofree char *came = NULL;
        QDmashareRecord a, b;

        while (i < records && is_data(want, i)) {
            i++;
        }
        while (k < count && is_data(got, k)) {
            k++;
        }
        if (i >= records) {
            return NULL;
        }
        a = qdmashare_recording_get(want, i);
        expected = qdmashare_record_text(&a);
        if (k >= count) {
            return g_strdup_printf("record %" PRIu64 ": expected %s at %"
                                   PRIu64 " ns; nothing came", i, expected,
                                   a.time);
        }
        b = qdmashare_recording_get(got, k);
        if (!same(&a, &b)) {
            came = qdmashare_record_text(&b);
            return g_strdup_printf("record %" PRIu64 ": expected %s at %"
                                   PRIu64 " ns; there came %s at %" PRIu64
                                   " ns", i, expected, a.time, came, b.time);
        }
    }
}

/* The recording of the replay, which is over. */
static void compare(Player *p, const char *filename, uint64_t records)
{
    g_autoptr(QDmashareRecording) got = NULL;
    g_autofree char *error = NULL;
    char *difference;

    got = qdmashare_recording_load(filename, p->replay->difference, &error);
    if (!got) {
        if (!p->replay->difference) {
            p->replay->difference = g_steal_pointer(&error);
        }
        return;
    }
    difference = qdmashare_recording_compare(p->r, got, records);
    if (difference) {
        /* It came first: what was seen from outside follows from it. */
        if (p->replay->difference) {
            g_autofree char *old = p->replay->difference;

            p->replay->difference = g_strdup_printf("%s\n  and then %s",
                                                    difference, old);
            g_free(difference);
        } else {
            p->replay->difference = difference;
        }
    }
}

/* A step that a recording may have lost the end of is not played. */
static uint64_t play(Player *p)
{
    bool whole = p->r->reason == DMASHARE_RECORD_STOPPED ||
                 p->r->reason == DMASHARE_RECORD_GONE;
    uint64_t count = qdmashare_recording_count(p->r);
    uint64_t at = p->r->first_step;

    while (at < count && qdmashare_recording_get(p->r, at).step) {
        uint64_t end = step_end(p->r, at);

        if (!whole &&
            (end == count || !qdmashare_recording_get(p->r, end).step)) {
            return at;
        }
        if (!play_step(p, at, end)) {
            return end;
        }
        at = end;
    }
    if (p->r->end_time > p->now) {
        qtest_clock_set(p->qts, p->r->end_time);
    }
    p->gone = p->r->reason == DMASHARE_RECORD_GONE;
    return whole ? count : at;
}

QDmashareReplay *qdmashare_replay(const QDmashareRecording *r)
{
    QDmashareReplay *replay = g_new0(QDmashareReplay, 1);
    Player p = { .r = r, .replay = replay };
    g_autofree char *dir = g_dir_make_tmp("dmashare-replay-XXXXXX", NULL);
    g_autofree char *filename = g_build_filename(dir, "again", NULL);
    uint64_t records = 0;

    if (machine_new(&p)) {
        qtest_clock_set(p.qts, r->head.start);
        p.now = r->head.start;
        device_command(&p, PCI_COMMAND_MEMORY |
                       (r->head.bus_master ? PCI_COMMAND_MASTER : 0));
        qtest_qmp_assert_success(p.qts, "{ 'execute': 'dmashare-record-start',"
                                 "  'arguments': { 'path': '" DEVICE "',"
                                 "    'filename': %s, 'max-size': %" PRIu64
                                 " } }", filename, r->size * 2 + 1 * MiB);
        records = play(&p);
        /* What is gone has no journal, and has ended its recording. */
        if (!p.gone) {
            fetch_journal(&p);
            qtest_qmp_assert_success(p.qts, "{ 'execute':"
                                     "  'dmashare-record-stop', 'arguments':"
                                     "    { 'path': '" DEVICE "' } }");
        }
    }
    machine_free(&p);
    if (p.qts) {
        compare(&p, filename, records);
    }
    replay->equal = !replay->difference;
    unlink(filename);
    rmdir(dir);
    return replay;
}

void qdmashare_replay_free(QDmashareReplay *replay)
{
    g_free(replay->difference);
    g_free(replay->journal);
    g_free(replay);
}
