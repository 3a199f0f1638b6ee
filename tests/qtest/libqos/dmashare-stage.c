/*
 * libqos helper for dmashare: where a recording is played
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
#include "qobject/qnum.h"
#include "dmashare-stage.h"
#include "pci-pc.h"

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

bool qdmashare_differs(QDmashareStage *p, uint64_t number,
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

static void config_write(QDmashareStage *p, uint8_t at, uint32_t value)
{
    p->bus->config_writel(p->bus, QDMASHARE_STAGE_DEVFN, at, value);
}

void qdmashare_stage_command(QDmashareStage *p, uint16_t value)
{
    p->bus->config_writew(p->bus, QDMASHARE_STAGE_DEVFN, PCI_COMMAND, value);
}

/* What a reset took away. Bus Master Enable is for the recording to set. */
void qdmashare_stage_setup(QDmashareStage *p)
{
    config_write(p, PCI_BASE_ADDRESS_0, QDMASHARE_STAGE_REGS);
    if (p->local) {
        config_write(p, PCI_BASE_ADDRESS_4, local_base(p->r));
        config_write(p, PCI_BASE_ADDRESS_5, local_base(p->r) >> 32);
    }
    qdmashare_stage_command(p, PCI_COMMAND_MEMORY);
}

static void port_setup(QDmashareStage *p)
{
    uint64_t base = local_base(p->r);
    uint64_t last = base + MAX(p->r->local_size, 1 * MiB) - 1;
    QPCIBus *bus = p->bus;

    bus->config_writeb(bus, PORT, PCI_SECONDARY_BUS, QDMASHARE_STAGE_BUS);
    bus->config_writeb(bus, PORT, PCI_SUBORDINATE_BUS, QDMASHARE_STAGE_BUS);
    bus->config_writew(bus, PORT, PCI_MEMORY_BASE, QDMASHARE_STAGE_REGS >> 16);
    bus->config_writew(bus, PORT, PCI_MEMORY_LIMIT, QDMASHARE_STAGE_REGS >> 16);
    bus->config_writew(bus, PORT, PCI_PREF_MEMORY_BASE, base >> 16);
    bus->config_writew(bus, PORT, PCI_PREF_MEMORY_LIMIT, last >> 16);
    bus->config_writel(bus, PORT, PCI_PREF_BASE_UPPER32, base >> 32);
    bus->config_writel(bus, PORT, PCI_PREF_LIMIT_UPPER32, last >> 32);
    bus->config_writew(bus, PORT, PCI_COMMAND,
                       PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* Would there be such a device? A cold-plugged one that is none ends QEMU. */
static bool machine_tried(QDmashareStage *p, const char *props)
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

/* It is tried once. */
static bool machine_possible(QDmashareStage *p, const char *props)
{
    static char *known;
    g_autofree char *key = g_strdup_printf("%s,%" PRIu64, props,
                                           p->r->local_size);

    if (!g_strcmp0(key, known)) {
        return true;
    }
    if (!machine_tried(p, props)) {
        return false;
    }
    g_free(known);
    known = g_steal_pointer(&key);
    return true;
}

bool qdmashare_stage_new(QDmashareStage *p)
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
    p->vtd->ram = p->ram;
    p->dom = qvtd_domain_new_wide(p->vtd, 1);
    port_setup(p);
    qdmashare_stage_setup(p);
    qvtd_attach(p->dom, QDMASHARE_STAGE_BUS, 0);
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

void qdmashare_stage_free(QDmashareStage *p)
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
static Page *page_fresh(QDmashareStage *p, Page *page)
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
static Page *page_get(QDmashareStage *p, uint64_t number, uint64_t at)
{
    uint64_t start = at & ~(uint64_t)(PAGE - 1);
    gint64 leaf = start >> 21;
    Page *page = page_find(p->pages, at);

    if (!page) {
        if (start >> IOVA_BITS ||
            (start >= NO_IOVA && start < NO_IOVA + NO_IOVA_SIZE)) {
            qdmashare_differs(p, number,
                              "an IOMMU does not translate this address");
            return NULL;
        }
        if (p->pool == RAM_SIZE) {
            qdmashare_differs(p, number,
                              "the replay has no room for so much memory");
            return NULL;
        }
        if (!g_hash_table_contains(p->leaves, &leaf)) {
            if (g_hash_table_size(p->leaves) == LEAVES_MAX) {
                qdmashare_differs(p, number, "the replay has no room for so "
                                  "many addresses");
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

static Page *local_get(QDmashareStage *p, uint64_t at)
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
static bool prepare_access(QDmashareStage *p, const QDmashareRecord *rec,
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
            return qdmashare_differs(p, rec->number, "memory changed while the "
                                     "device was in the middle of this step");
        }
        done += len;
    }
    return true;
}

/* What the device writes to its own memory; only pages that it reads count. */
static bool prepare_local_write(QDmashareStage *p, const QDmashareRecord *rec,
                                const QDmashareAccess *m)
{
    uint64_t last = m->addr + m->length - 1;
    uint64_t pages = last / PAGE - m->addr / PAGE + 1;
    GHashTableIter iter;
    gpointer key, value;

    p->visits += MIN(pages, g_hash_table_size(p->local_pages)) + 1;
    if (p->visits > VISITS_MAX) {
        return qdmashare_differs(p, rec->number,
                                 "so much in one step cannot be");
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
static bool prepare_fault(QDmashareStage *p, const QDmashareRecord *rec,
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
    return possible ||
           qdmashare_differs(p, rec->number,
                             "the address was there and was not, in one step");
}

/* What is mapped, as this step needs it. */
static void prepare_pages(QDmashareStage *p)
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
static void recycle(QDmashareStage *p)
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

bool qdmashare_stage_prepare(QDmashareStage *p, uint64_t first, uint64_t end)
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

/* What the device wrote must be in memory, unless it wrote more over it. */
bool qdmashare_stage_check(QDmashareStage *p, const QDmashareRecord *rec)
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
           qdmashare_differs(p, rec->number,
                             "memory has CRC %08x there now", crc);
}
