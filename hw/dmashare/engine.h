/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: jobs and the engines that run them, in virtual time
 */
#ifndef HW_DMASHARE_ENGINE_H
#define HW_DMASHARE_ENGINE_H

#include "qemu/queue.h"
#include "hw/dmashare/fault.h"
#include "hw/dmashare/fence.h"
#include "hw/dmashare/mapping.h"
#include "hw/dmashare/poison.h"
#include "hw/dmashare/render.h"
#include "hw/dmashare/share.h"

typedef struct DmashareEngineOps DmashareEngineOps;

/**
 * DmashareOperand: a range of a mapping, as a job uses it
 * @map: resolved when the job starts, NULL before and for unused operands
 * @id: mapping id
 * @hint: segment that was touched last
 * @offset: of the first row
 * @pitch: from row to row
 */
typedef struct DmashareOperand {
    DmashareMapping *map;
    uint32_t id;
    uint32_t hint;
    uint64_t offset;
    uint64_t pitch;
} DmashareOperand;

/**
 * DmashareFault: why a job failed with FAULT_*
 * @status: the FAULT_*, or COMMANDED if a fault rule said so, or OK
 * @write: the access was a write
 * @buffer: buffer id, 0 if unknown
 * @mapping: mapping id
 * @offset: in the mapping, of the first byte not transferred
 * @addr: DMA address of that byte, ~0 if it never came to one
 */
typedef struct DmashareFault {
    uint16_t status;
    bool write;
    uint32_t buffer;
    uint32_t mapping;
    uint64_t offset;
    uint64_t addr;
} DmashareFault;

/**
 * DmashareJobState: how far a command has come
 * @DMASHARE_JOB_NEW: fetched and validated
 * @DMASHARE_JOB_WAITING: in front of its queue, for fences
 * @DMASHARE_JOB_RUNNING: on its engine, or being executed
 * @DMASHARE_JOB_DONE: has its status, and is set aside until its fence signals
 * @DMASHARE_JOB_OVER: its completion can be posted
 */
typedef enum DmashareJobState {
    DMASHARE_JOB_NEW,
    DMASHARE_JOB_WAITING,
    DMASHARE_JOB_RUNNING,
    DMASHARE_JOB_DONE,
    DMASHARE_JOB_OVER,
} DmashareJobState;

/**
 * DmashareJob: one fetched descriptor, of a job or of a control command
 * @next: in the list of its queue that goes with its @state
 * @desc: private copy; the guest cannot change it any more
 * @lane: its queue
 * @state: how far it has come
 * @refused: validation found it wrong; @status says how
 * @deadlocked: it was chosen to break a cycle
 * @fatal: a fault rule stopped the device when it was about to start
 * @status: enum dmashare_status; from DONE on only the harness changes it
 * @error: errno that goes with STATUS_COMMANDED
 * @hung: id of the fault rule that does not let it end, 0 for none
 * @order: number of fetch, over all queues
 * @result: for the completion
 * @fence: to signal, or NULL
 * @n_waits: fences to wait for
 * @wait: the fences
 * @deadline: when the watchdog ends its wait, INT64_MAX for never
 *
 * @engine: that runs it
 * @src: operand to read
 * @dst: operand to write
 * @rows: at least 1
 * @row: being moved
 * @length: bytes of a row
 * @column: next byte of the row
 * @limit: before this column the bytes of the row can be moved
 * @ready: when its device time is over
 * @crc: of the bytes read so far
 * @asleep: it waits for somebody outside of the device, who will wake its queue
 * @phase: engine-render.c: what comes next
 * @part: engine-render.c: rows of each of its requests, 0: it has but one
 * @fault: if it failed
 *
 * @named: DETACH, UNMAP, SYNC: the buffer behind the id, or DMASHARE_NO_ID
 * @making: MAP: the mapping being made
 * @list: MAP: next list block, 0 after the last
 * @ending: UNMAP: the mapping being ended
 * @syncing: SYNC: the mapping named, of which this is a reference
 * @sweeping: there are copies of a buffer to go through
 * @sweep: and this is to be done to them
 * @wipe: UNMAP, BUFFER_DESTROY: how far local memory was poisoned
 * @pages: SHARE: what is being looked for; UNSHARE: discarded
 * @unsharing: UNSHARE: what is not shared any more
 */
typedef struct DmashareJob {
    QTAILQ_ENTRY(DmashareJob) next;
    struct dmashare_desc desc;
    unsigned lane;
    DmashareJobState state;
    bool refused;
    bool deadlocked;
    bool fatal;
    uint16_t status;
    uint16_t error;
    uint32_t hung;
    uint64_t order;
    uint64_t result;
    DmashareFence *fence;
    unsigned n_waits;
    DmashareWait wait[DMASHARE_MAX_WAITS];
    int64_t deadline;

    const DmashareEngineOps *engine;
    DmashareOperand src;
    DmashareOperand dst;
    uint32_t rows;
    uint32_t row;
    uint64_t length;
    uint64_t column;
    uint64_t limit;
    int64_t ready;
    uint32_t crc;
    bool asleep;
    unsigned phase;
    uint32_t part;
    DmashareFault fault;

    uint32_t named;
    DmashareMapping *making;
    uint64_t list;
    DmashareMapping *ending;
    DmashareMapping *syncing;
    bool sweeping;
    DmashareSweep sweep;
    DmashareWipe wipe;
    DmasharePages *pages;
    DmashareShare *unsharing;
} DmashareJob;

/**
 * DmashareEngines: what the engines of one device share
 * @buffers: for the ledger
 * @mappings: that operands name
 * @faults: fault rules
 * @latency: property, ns per job
 * @bandwidth: property, bytes per second, 0 for infinite
 * @max_job_bytes: property
 * @render: the renderer, which there is if it is enabled
 */
typedef struct DmashareEngines {
    DmashareBuffers *buffers;
    DmashareMappings *mappings;
    DmashareFaults *faults;
    uint64_t latency;
    uint64_t bandwidth;
    uint64_t max_job_bytes;
    DmashareRender *render;
} DmashareEngines;

/**
 * DmashareEngineOps: one engine
 * @uses_src: reads an operand
 * @uses_dst: writes an operand
 * @uses_value: the descriptor's value means something
 * @cost: of a byte, in units of one copied byte; bounds the work of a step
 * @bulk: would a run of @len bytes cost next to nothing? NULL if never
 * @piece: move up to @len bytes at the job's row and column; *@done says how
 *         many it were. Returns OK or the status of the fault it recorded.
 * @finish: all bytes are moved; compute the result. May be NULL.
 * @body: bytes of the descriptor's body, 0: as of most jobs
 * @validate: check what is its own. May be NULL.
 * @step: does more than moving bytes: in place of that, as
 *        dmashare_engine_step(). May be NULL.
 * @release: let go of what it has for a job, if there is anything. May be NULL.
 */
struct DmashareEngineOps {
    bool uses_src;
    bool uses_dst;
    bool uses_value;
    unsigned cost;
    bool (*bulk)(const DmashareEngines *eng, const DmashareJob *job,
                 uint64_t len);
    uint16_t (*piece)(DmashareEngines *eng, DmashareJob *job, uint64_t len,
                      uint64_t *done);
    void (*finish)(DmashareJob *job);
    size_t body;
    uint16_t (*validate)(const DmashareEngines *eng, const DmashareJob *job);
    bool (*step)(DmashareEngines *eng, DmashareJob *job, int64_t *budget);
    void (*release)(DmashareEngines *eng, DmashareJob *job);
};

extern const DmashareEngineOps dmashare_engine_noop;
extern const DmashareEngineOps dmashare_engine_copy;
extern const DmashareEngineOps dmashare_engine_fill;
extern const DmashareEngineOps dmashare_engine_checksum;
extern const DmashareEngineOps dmashare_engine_render;
extern const DmashareEngineOps dmashare_engine_upload;
extern const DmashareEngineOps dmashare_engine_download;

/* The engine of an opcode, or NULL. */
const DmashareEngineOps *dmashare_engine_find(const DmashareEngines *eng,
                                              uint8_t opcode);

/*
 * Check what the descriptor alone tells, having set engine, rows, length and
 * operands from it: OK, BAD_DESCRIPTOR, BAD_LENGTH or OVERLAP.
 */
uint16_t dmashare_engine_validate(const DmashareEngines *eng,
                                  DmashareJob *job);

/*
 * Start a job: resolve its mappings, check every access it will make, and
 * set the time when its bytes move. OK or a FAULT_*.
 */
uint16_t dmashare_engine_start(DmashareEngines *eng, DmashareJob *job,
                               int64_t now);

/*
 * Move bytes, its time having come, as far as @budget (in copied bytes, what
 * was used is subtracted) goes. Returns true when the job is over and its
 * status final; if not, and it is asleep, there is no use in calling again
 * before its queue was woken.
 */
bool dmashare_engine_step(DmashareEngines *eng, DmashareJob *job,
                          int64_t *budget);

/* Enter the finished job into the ledgers. */
void dmashare_engine_account(DmashareEngines *eng, DmashareJob *job);

/* The buffer that an operand names, or NULL; also before the job starts. */
DmashareBuffer *dmashare_operand_buffer(const DmashareEngines *eng,
                                        const DmashareOperand *op);

/* Let go of what a started job holds. */
void dmashare_engine_release(DmashareEngines *eng, DmashareJob *job);

/*
 * For the engines: move all bytes of the job, in pieces. Returns true when they
 * are, or one could not be; false when the budget or the limit was reached.
 */
bool dmashare_engine_move(DmashareEngines *eng, DmashareJob *job,
                          int64_t *budget);

/*
 * For the engines: windows on operands. Open notes what went wrong as the
 * job's fault; @len is what is left of the row.
 */
uint16_t dmashare_operand_open(DmashareEngines *eng, DmashareJob *job,
                               DmashareOperand *op, uint64_t len,
                               DmashareWindow *win);
/* Fill a write window with zeros. */
void dmashare_operand_zero(DmashareEngines *eng, DmashareWindow *win);
/* Close a window after @used bytes, which count in the ledger. */
uint16_t dmashare_operand_close(DmashareEngines *eng, DmashareJob *job,
                                DmashareOperand *op, DmashareWindow *win,
                                uint64_t used);

#endif /* HW_DMASHARE_ENGINE_H */
