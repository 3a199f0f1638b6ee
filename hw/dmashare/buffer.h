/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: buffers, their attachments, and the ledger
 */
#ifndef HW_DMASHARE_BUFFER_H
#define HW_DMASHARE_BUFFER_H

#include "qemu/interval-tree.h"
#include "hw/dmashare/coherence.h"

/*
 * The ledger is kept in the struct that QUERY_LEDGER writes, but in the
 * host's byte order; dmashare_ledger_write() swaps it on its way out.
 */
typedef struct dmashare_ledger DmashareLedger;

/**
 * DmashareBufferLedger: what of it is kept for each buffer
 *
 * Its counters are called as in the ledger. What is not here is known without
 * counting; what the limits of the device bound needs no 64 bits.
 */
typedef struct DmashareBufferLedger {
    uint64_t attaches;
    uint64_t maps;
    uint64_t notes[DMASHARE_NOTE_COUNT];
    uint64_t notes_failed;
    uint64_t jobs;
    uint64_t jobs_failed;
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint64_t faults;
    uint64_t places;
    uint64_t local_bytes_read;
    uint64_t local_bytes_written;
    uint64_t syncs_for_cpu;
    uint64_t syncs_for_device;
    uint64_t move_requests;
    uint32_t live_attachments;
    uint32_t live_mappings;
    uint32_t live_segments;
} DmashareBufferLedger;

typedef struct DmashareHome DmashareHome;

/**
 * DmashareBuffer: a shareable piece of memory, as the device knows it
 * @id: chosen by the driver
 * @refs: the table's, and one of each mapping and attachment; a mapping that
 *        a job still holds keeps a destroyed buffer's ledger alive
 * @size: bytes
 * @flags: DMASHARE_BUFFER_F_*
 * @placement: enum dmashare_placement
 * @system_mappings: live ones of placement SYSTEM
 * @writers: those of them that the device may write through
 * @attachments: its importers, in the order in which they came
 * @mappings: that jobs can name, likewise
 * @by_id: in the tree of all buffers
 * @home: where it lies in local memory while nothing maps it, or NULL; for the
 *        poison alone
 * @copies: the device's own of its bytes
 * @name: for people, not necessarily ending in zero
 * @ledger: what happened to it
 */
typedef struct DmashareBuffer {
    uint32_t id;
    uint32_t refs;
    uint64_t size;
    uint16_t flags;
    uint16_t placement;
    uint32_t system_mappings;
    QLIST_HEAD(, DmashareMapping) writers;
    QTAILQ_HEAD(, DmashareAttachment) attachments;
    QTAILQ_HEAD(, DmashareMapping) mappings;
    IntervalTreeNode by_id;
    DmashareHome *home;
    DmashareCopies copies;
    char name[DMASHARE_NAME_LEN];
    DmashareBufferLedger ledger;
} DmashareBuffer;

/**
 * DmashareAttachment: one importer of one buffer
 * @id: chosen by the driver
 * @flags: DMASHARE_ATTACH_F_*
 * @mappings: live ones made through it
 * @buffer: what it is attached to
 * @next: in the list of that
 * @name: the importer, not necessarily ending in zero
 */
typedef struct DmashareAttachment {
    uint32_t id;
    uint32_t flags;
    uint32_t mappings;
    DmashareBuffer *buffer;
    QTAILQ_ENTRY(DmashareAttachment) next;
    char name[DMASHARE_NAME_LEN];
} DmashareAttachment;

/**
 * DmashareBuffers: all of one device
 * @buffers: id to DmashareBuffer
 * @attachments: id to DmashareAttachment
 * @by_id: the buffers again, by rising ids
 * @max_buffers: live at once
 * @max_attachments: live at once
 * @cache: of the device; what it counts is part of the ledger
 * @ledger: of the device, since power-on or reset
 */
typedef struct DmashareBuffers {
    GHashTable *buffers;
    GHashTable *attachments;
    IntervalTreeRoot by_id;
    uint32_t max_buffers;
    uint32_t max_attachments;
    DmashareCache *cache;
    DmashareLedger ledger;
} DmashareBuffers;

/* Count @n in the ledgers of the device and, if known, of the buffer. */
#define DMASHARE_COUNT(bufs, buf, field, n)             \
    do {                                                \
        (bufs)->ledger.field += (n);                    \
        if (buf) {                                      \
            (buf)->ledger.field += (n);                 \
        }                                               \
    } while (0)

void dmashare_buffers_init(DmashareBuffers *bufs, DmashareCache *cache,
                           uint32_t max_buffers, uint32_t max_attachments);
/* Forget every buffer and attachment, and the ledger. Mappings go first. */
void dmashare_buffers_reset(DmashareBuffers *bufs);
void dmashare_buffers_destroy(DmashareBuffers *bufs);

DmashareBuffer *dmashare_buffer_find(DmashareBuffers *bufs, uint32_t id);
/* The one with the smallest id that is larger than @id, or NULL. */
DmashareBuffer *dmashare_buffer_after(DmashareBuffers *bufs, uint32_t id);
DmashareAttachment *dmashare_attachment_find(DmashareBuffers *bufs,
                                             uint32_t id);
DmashareBuffer *dmashare_buffer_ref(DmashareBuffer *buf);
void dmashare_buffer_unref(DmashareBuffer *buf);

/*
 * The commands, with validated constants (flags, placement, kind, direction)
 * but unvalidated ids and sizes; each returns an enum dmashare_status.
 */
uint16_t dmashare_buffer_create(DmashareBuffers *bufs, uint32_t id,
                                uint64_t size, uint32_t flags,
                                uint32_t placement, const uint8_t *name);
/* Can it be removed? Which then cannot fail. */
uint16_t dmashare_buffer_removable(DmashareBuffers *bufs, uint32_t id);
uint16_t dmashare_buffer_remove(DmashareBuffers *bufs, uint32_t id);
uint16_t dmashare_attach(DmashareBuffers *bufs, uint32_t id, uint32_t buffer,
                         uint32_t flags, const uint8_t *name);
uint16_t dmashare_detach(DmashareBuffers *bufs, uint32_t id);
uint16_t dmashare_place(DmashareBuffers *bufs, uint32_t id,
                        uint32_t placement);
uint16_t dmashare_note(DmashareBuffers *bufs, uint32_t kind, uint32_t buffer,
                       uint32_t attachment, uint32_t error);

/* A ledger, that of the device for NULL, with what the cache counted. */
DmashareLedger dmashare_ledger_get(const DmashareBuffers *bufs,
                                   const DmashareBuffer *buf);
/*
 * The ledger of buffer @id, or of the device for 0, as little-endian bytes:
 * exactly @len of them, zeros after the end of the struct.
 */
uint16_t dmashare_ledger_write(DmashareBuffers *bufs, uint32_t id,
                               void *out, size_t len);

#endif /* HW_DMASHARE_BUFFER_H */
