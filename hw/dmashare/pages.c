// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: pages that can be passed to other processes
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "hw/dmashare/pages.h"
#include "trace.h"
#ifdef CONFIG_LINUX
#include "standard-headers/linux/udmabuf.h"
#endif

QEMU_BUILD_BUG_ON(sizeof(DmasharePageRange) != 16);
QEMU_BUILD_BUG_ON(sizeof(struct dmashare_range) != 16);

/* Cost of what is done to the host, in copied bytes; see DmashareEngineOps. */
#define RESOLVE_COST    1024
#define DISCARD_COST    8192
#define DISCARD_CHEAP   16      /* bytes discarded for the cost of one */

/* At most so much is looked at at a time; it fits into a range. */
#define LOOK_MOST       (1ULL << 40)

/* At most so much of a range at a time. */
#define DISCARD_PIECE   (4 * 1024 * 1024)

/*
 * Clients may ask as often as they like for a dma-buf that cannot be made. What
 * takes the host longer than this to find out we spend but a small part of our
 * time on.
 */
#define FAILS_FAST_NS   (5 * SCALE_MS)
#define FAILS_PART      100

/* Entries of the list of ranges that are written at a time. */
#define LIST_PIECE      1024

/**
 * PageReason: why pages cannot be passed; each is told of once
 */
typedef enum PageReason {
    REASON_PLACE,
    REASON_FILE,
    REASON_SEAL,
    REASON_LOCAL,
    REASON_SPREAD,
    REASON_HUGE,
    REASON_UDMABUF,
} PageReason;

/*
 * The guest decides how often it is refused something, so that the user is told
 * of each reason once.
 */
static uint16_t G_GNUC_PRINTF(3, 4)
refuse(DmasharePages *pages, PageReason reason, const char *fmt, ...)
{
    DmasharePageHost *host = pages->host;
    g_autofree char *why = NULL;
    va_list ap;

    va_start(ap, fmt);
    why = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    trace_dmashare_pages_refused(pages->map->id, pages->map->buffer->id, why);
    if (!(host->warned & (1u << reason))) {
        host->warned |= 1u << reason;
        warn_report("dmashare: the guest cannot share a buffer: %s", why);
    }
    return DMASHARE_STATUS_NOT_SHAREABLE;
}

/*
 * Looking for them
 */

uint16_t dmashare_pages_begin(DmasharePageHost *host, DmashareMapping *map,
                              bool write, DmasharePages **out)
{
    DmasharePages *pages;

    if (map->buffer->flags & DMASHARE_BUFFER_F_IMPORTED ||
        (map->placement != DMASHARE_PLACEMENT_SYSTEM &&
         map->placement != DMASHARE_PLACEMENT_LOCAL)) {
        return DMASHARE_STATUS_NOT_SHAREABLE;
    }
    if (write && !host->writable) {
        return DMASHARE_STATUS_READ_ONLY;
    }
    pages = g_new0(DmasharePages, 1);
    pages->host = host;
    pages->refs = 1;
    pages->map = dmashare_mapping_ref(map);
    pages->write = write;
    pages->size = map->length;
    pages->dma_buf = -1;
    pages->list = -1;
    *out = pages;
    return DMASHARE_STATUS_OK;
}

/* The number of the file that is @region; it is new if that is @n_files. */
static unsigned file_find(const DmasharePages *pages, void *region)
{
    unsigned i = 0;

    while (i < pages->n_files && pages->files[i].region != region) {
        i++;
    }
    return i;
}

/* Can what is in this memory be passed in any way? */
static uint16_t file_check(DmasharePages *pages, const DmashareMemory *mem)
{
    bool local = pages->map->placement == DMASHARE_PLACEMENT_LOCAL;

    if (!local && !mem->guest) {
        return refuse(pages, REASON_PLACE, "it is in '%s', which is no memory "
                      "of the guest", mem->name);
    }
    if (mem->fd >= 0 && mem->seals & F_SEAL_SHRINK) {
        return DMASHARE_STATUS_OK;
    }
    if (local) {
        return refuse(pages, REASON_LOCAL, "it is in local memory '%s', which "
                      "is no sealed memory file: give the device local-size= "
                      "in place of local-memdev=, or a memory-backend-memfd "
                      "with share=on,seal=on", mem->name);
    }
    return refuse(pages, REASON_FILE, "it is in memory of the guest, '%s', "
                  "which is no sealed memory file: use -object "
                  "memory-backend-memfd,id=ID,size=SIZE,share=on and -machine "
                  "memory-backend=ID", mem->name);
}

static uint16_t file_add(DmasharePages *pages, void *region)
{
    const DmashareBus *bus = pages->host->bus;
    DmashareMemory *mem;

    if (pages->n_files == DMASHARE_MAX_FILES) {
        return refuse(pages, REASON_SPREAD, "it is in more than %d memory "
                      "files", DMASHARE_MAX_FILES);
    }
    mem = &pages->files[pages->n_files++];
    bus->ops->describe(bus->opaque, region, mem);
    return file_check(pages, mem);
}

/* Room for one range more, if it may be. */
static bool range_room(DmasharePages *pages)
{
    DmasharePageHost *host = pages->host;
    uint32_t room = pages->room;
    DmasharePageRange *ranges;

    if (pages->n_ranges < room) {
        return true;
    }
    room = room ? MIN(room * 2, DMASHARE_MAX_RANGES) : 1;
    if (room == pages->room ||
        room - pages->room > DMASHARE_MAX_TOTAL_RANGES - host->total_ranges) {
        return false;
    }
    ranges = g_try_renew(DmasharePageRange, pages->ranges, room);
    if (!ranges) {
        return false;
    }
    host->total_ranges += room - pages->room;
    pages->ranges = ranges;
    pages->room = room;
    return true;
}

static uint16_t range_add(DmasharePages *pages, unsigned file,
                          uint64_t offset, uint64_t len)
{
    DmasharePageRange *last = pages->n_ranges ?
                              &pages->ranges[pages->n_ranges - 1] : NULL;
    uint64_t units = len / DMASHARE_PAGE;

    if (!units || (offset | len) % DMASHARE_PAGE) {
        return refuse(pages, REASON_PLACE, "'%s' does not consist of pages "
                      "of %d bytes", pages->files[file].name, DMASHARE_PAGE);
    }
    if (last && last->file == file &&
        last->offset + (uint64_t)last->units * DMASHARE_PAGE == offset &&
        units <= UINT32_MAX - last->units) {
        last->units += units;
        return DMASHARE_STATUS_OK;
    }
    if (!range_room(pages)) {
        trace_dmashare_pages_limit(pages->map->id, pages->n_ranges,
                                   pages->host->total_ranges);
        return DMASHARE_STATUS_LIMIT;
    }
    pages->ranges[pages->n_ranges++] = (DmasharePageRange) {
        .offset = offset,
        .units = units,
        .file = file,
    };
    return DMASHARE_STATUS_OK;
}

/* Where what comes next is. */
static uint16_t look(DmasharePages *pages, uint64_t *addr)
{
    const DmashareBus *bus = pages->host->bus;
    DmashareMapping *map = pages->map;
    void *region = NULL;
    uint64_t at, len, offset;
    unsigned file;
    uint16_t status;

    if (map->dead) {
        return DMASHARE_STATUS_BAD_ID;
    }
    at = dmashare_mapping_locate(map, pages->done, &pages->next, &len);
    if ((at | len) % DMASHARE_PAGE) {
        return DMASHARE_STATUS_BAD_SEGMENT;
    }
    offset = at;
    if (map->placement == DMASHARE_PLACEMENT_SYSTEM) {
        *addr = at;
        if (!dmashare_bus_reaches(bus, at, len)) {
            return DMASHARE_STATUS_FAULT_TRANSLATION;
        }
        /* What the mapping permits to the device, the IOMMU permits, too. */
        status = bus->ops->resolve(bus->opaque, at,
                                   map->direction != DMASHARE_DIR_TO_DEVICE,
                                   &region, &offset, &len);
        if (status) {
            return status;
        }
    }
    len = MIN(len, LOOK_MOST);
    file = file_find(pages, region);
    status = file < pages->n_files ? DMASHARE_STATUS_OK
                                   : file_add(pages, region);
    if (!status) {
        status = range_add(pages, file, pages->files[file].start + offset,
                           len);
    }
    pages->done += len;
    return status;
}

/*
 * Passing a file of the guest's whole memory, or of all local memory: it must
 * not be possible to do anything to it but to read and, if permitted, write.
 */
static uint16_t choose_file(DmasharePages *pages, uint32_t path)
{
    const DmashareMemory *mem = &pages->files[0];

    if (pages->n_files > 1) {
        return refuse(pages, REASON_SPREAD, "it is in %u memory files, and "
                      "without /dev/udmabuf it can be in one only",
                      pages->n_files);
    }
    if (!(mem->seals & F_SEAL_SEAL)) {
        return refuse(pages, REASON_SEAL, "the memory file of '%s' could be "
                      "sealed by others: it needs F_SEAL_SEAL, as with "
                      "memory-backend-memfd's seal=on", mem->name);
    }
    if (pages->write && mem->page_size != qemu_real_host_page_size()) {
        /* Whoever may write may give pages back, which may be scarce. */
        return refuse(pages, REASON_HUGE, "'%s' is of huge pages, which "
                      "cannot be shared to be written: use hugetlb=off",
                      mem->name);
    }
    pages->path = path;
    return DMASHARE_STATUS_OK;
}

static uint16_t choose_system(DmasharePages *pages)
{
    DmasharePageHost *host = pages->host;
    g_autoptr(GString) why = g_string_new(NULL);
    Error *err = NULL;

    if (host->udmabuf.fd < 0) {
        g_string_assign(why, "/dev/udmabuf is not there, or not permitted");
    } else if (dmashare_udmabuf_permits(&host->udmabuf, pages->n_ranges,
                                        pages->size, &err)) {
        pages->path = DMASHARE_PATH_UDMABUF;
        return DMASHARE_STATUS_OK;
    } else {
        g_string_assign(why, error_get_pretty(err));
        error_free(err);
    }
    if (host->guest_memory && !host->only_udmabuf) {
        return choose_file(pages, DMASHARE_PATH_GUEST);
    }
    return refuse(pages, REASON_UDMABUF, "%s%s", why->str, host->only_udmabuf ?
                  "" : " (share-guest-memory=on would let clients see all of "
                  "the guest's memory instead)");
}

/* The mapping is not needed any more, nor is room for more ranges. */
static void look_end(DmasharePages *pages)
{
    if (pages->n_ranges) {
        pages->ranges = g_renew(DmasharePageRange, pages->ranges,
                                pages->n_ranges);
        pages->host->total_ranges -= pages->room - pages->n_ranges;
        pages->room = pages->n_ranges;
    }
    g_clear_pointer(&pages->map, dmashare_mapping_unref);
    pages->done = 0;
    pages->next = 0;
}

bool dmashare_pages_step(DmasharePages *pages, int64_t *budget,
                         uint16_t *status, uint64_t *addr)
{
    *addr = ~0ULL;
    while (pages->done < pages->size) {
        if (*budget <= 0) {
            return false;
        }
        *budget -= RESOLVE_COST;
        *status = look(pages, addr);
        if (*status) {
            look_end(pages);
            return true;
        }
    }
    *addr = ~0ULL;
    *status = pages->map->placement == DMASHARE_PLACEMENT_LOCAL ?
              choose_file(pages, DMASHARE_PATH_LOCAL) : choose_system(pages);
    if (!*status) {
        trace_dmashare_pages(pages->map->id, pages->map->buffer->id,
                             pages->path, pages->size, pages->n_ranges);
    }
    look_end(pages);
    return true;
}

/*
 * Life
 */

DmasharePages *dmashare_pages_ref(DmasharePages *pages)
{
    pages->refs++;
    return pages;
}

void dmashare_pages_unref(DmasharePages *pages)
{
    const DmashareBus *bus;

    if (!pages || --pages->refs) {
        return;
    }
    bus = pages->host->bus;
    if (pages->map) {
        look_end(pages);
    }
    if (pages->dma_buf >= 0) {
        close(pages->dma_buf);
    }
    if (pages->list >= 0) {
        close(pages->list);
    }
    for (unsigned i = 0; i < pages->n_files; i++) {
        bus->ops->put(bus->opaque, &pages->files[i]);
    }
    pages->host->total_ranges -= pages->room;
    g_free(pages->ranges);
    g_free(pages);
}

/*
 * Passing them
 */

uint64_t dmashare_pages_offset(const DmasharePages *pages)
{
    return pages->path == DMASHARE_PATH_UDMABUF ? 0 : pages->ranges[0].offset;
}

uint32_t dmashare_pages_n_ranges(const DmasharePages *pages)
{
    return pages->path == DMASHARE_PATH_UDMABUF ? 1 : pages->n_ranges;
}

#ifdef CONFIG_LINUX
static DmashareUdmabufList *dma_buf_list(const DmasharePages *pages)
{
    DmashareUdmabufList *list;

    list = g_try_malloc0(sizeof(*list) +
                         pages->n_ranges * sizeof(list->list[0]));
    if (!list) {
        return NULL;
    }
    list->flags = UDMABUF_FLAGS_CLOEXEC;
    list->count = pages->n_ranges;
    for (uint32_t i = 0; i < pages->n_ranges; i++) {
        const DmasharePageRange *range = &pages->ranges[i];

        list->list[i].memfd = pages->files[range->file].fd;
        list->list[i].offset = range->offset;
        list->list[i].size = (uint64_t)range->units * DMASHARE_PAGE;
    }
    return list;
}

/* Clients must find the buffer in it, no less and no more. */
static int dma_buf_check(const DmasharePages *pages, int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);

    return size < 0 || size != pages->size ? -EIO : 0;
}

/* Returns 0 or a negative errno. */
static int dma_buf_make(DmasharePages *pages)
{
    DmashareUdmabuf *udmabuf = &pages->host->udmabuf;
    g_autofree DmashareUdmabufList *list = dma_buf_list(pages);
    int fd, error;

    if (!list) {
        return -ENOMEM;
    }
    fd = udmabuf->ops->create(udmabuf, list);
    if (fd < 0) {
        return -errno;
    }
    error = dma_buf_check(pages, fd);
    if (error) {
        close(fd);
    } else {
        pages->dma_buf = fd;
    }
    return error;
}
#else
static int dma_buf_make(DmasharePages *pages)
{
    return -EOPNOTSUPP;
}
#endif

static int dma_buf_fd(DmasharePages *pages, Error **errp)
{
    int64_t start = get_clock(), took;
    int fd;

    if (pages->dma_buf < 0 && start >= pages->again) {
        pages->error = dma_buf_make(pages);
        took = get_clock() - start;
        if (took > FAILS_FAST_NS) {
            pages->again = start + took * FAILS_PART;
        }
    }
    if (pages->dma_buf < 0) {
        error_setg_errno(errp, -pages->error, "the host cannot make a dma-buf "
                         "of the buffer");
        return pages->error;
    }
    fd = qemu_dup(pages->dma_buf);
    if (fd < 0) {
        fd = -errno;
        error_setg_errno(errp, -fd, "no descriptor is left");
    }
    return fd;
}

/*
 * The file opened once more: what the other side does to its description of it
 * is nothing to us, and it may be a read-only one.
 */
static int file_open(int fd, bool write, Error **errp)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    int other = qemu_open(path, write ? O_RDWR : O_RDONLY, errp);

    return other < 0 ? -errno : other;
}

int dmashare_pages_fd(DmasharePages *pages, bool write, bool *enforced,
                      Error **errp)
{
    const DmashareMemory *mem = &pages->files[0];
    bool made = pages->dma_buf >= 0;
    int fd;

    assert(pages->path != DMASHARE_PATH_NONE && write <= pages->write);
    if (pages->path == DMASHARE_PATH_UDMABUF) {
        *enforced = false;
        fd = dma_buf_fd(pages, errp);
    } else {
        *enforced = !write && mem->seals & DMASHARE_SEALS_WRITE;
        fd = file_open(mem->fd, write, errp);
    }
    trace_dmashare_pages_fd(pages->path, pages->size, write, made,
                            fd < 0 ? -fd : 0);
    return fd;
}

/* A piece of the list of ranges, little-endian as all that is sent. */
static bool list_write(const DmasharePages *pages, int fd, uint32_t from,
                       uint32_t n)
{
    g_autofree struct dmashare_range *list = g_new(struct dmashare_range, n);
    size_t bytes = n * sizeof(*list);

    for (uint32_t i = 0; i < n; i++) {
        const DmasharePageRange *range = &pages->ranges[from + i];

        list[i].offset = cpu_to_le64(range->offset);
        list[i].length = cpu_to_le64((uint64_t)range->units * DMASHARE_PAGE);
    }
    return qemu_write_full(fd, list, bytes) == bytes;
}

/* Written once, whoever asks for it and how often. */
static int list_make(DmasharePages *pages, Error **errp)
{
    uint32_t n = pages->n_ranges;
    bool ok = true;
    int fd, err;

    fd = qemu_memfd_create("dmashare-ranges",
                           n * sizeof(struct dmashare_range), false, 0,
                           F_SEAL_SHRINK | F_SEAL_GROW, errp);
    if (fd < 0) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; ok && i < n; i += LIST_PIECE) {
        ok = list_write(pages, fd, i, MIN(LIST_PIECE, n - i));
    }
    if (!ok || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL)) {
        err = errno;
        error_setg_errno(errp, err, "cannot write the list of ranges");
        close(fd);
        return -err;
    }
    pages->list = fd;
    return 0;
}

int dmashare_pages_ranges_fd(DmasharePages *pages, Error **errp)
{
    int ret = 0;

    if (dmashare_pages_n_ranges(pages) == 1) {
        return -1;
    }
    if (pages->list < 0) {
        ret = list_make(pages, errp);
    }
    return ret < 0 ? ret : file_open(pages->list, false, errp);
}

/*
 * Taking the guest's own pages out of what was passed
 */

/* As much of a range as is to be done at a time. True if it was. */
static bool discard_piece(DmasharePages *pages, int64_t *budget)
{
    const DmashareBus *bus = pages->host->bus;
    const DmasharePageRange *range = &pages->ranges[pages->next];
    const DmashareMemory *mem = &pages->files[range->file];
    uint64_t size = (uint64_t)range->units * DMASHARE_PAGE;
    uint64_t len = MIN(size - pages->done, DISCARD_PIECE);
    uint64_t offset = range->offset + pages->done;

    *budget -= DISCARD_COST + len / DISCARD_CHEAP;
    if ((offset | len) % mem->page_size ||
        mem->seals & DMASHARE_SEALS_WRITE ||
        !bus->ops->discard(bus->opaque, mem, offset, len)) {
        trace_dmashare_pages_kept(mem->name, offset, len);
        return false;
    }
    pages->done += len;
    if (pages->done == size) {
        pages->done = 0;
        pages->next++;
    }
    return true;
}

bool dmashare_pages_discard(DmasharePages *pages, int64_t *budget)
{
    /*
     * A dma-buf keeps the pages that it was made of. A file has whatever pages
     * it has at a time, so that new ones would be seen as well.
     */
    if (pages->dma_buf < 0) {
        return true;
    }
    while (pages->next < pages->n_ranges) {
        if (*budget <= 0) {
            return false;
        }
        if (!discard_piece(pages, budget)) {
            return true;
        }
    }
    pages->cut = true;
    return true;
}
