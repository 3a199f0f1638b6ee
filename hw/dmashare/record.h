/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: recording
 *
 * A recorder stands between the core and the bus for as long as it exists,
 * and notes what passes; of what the core is told it is told as well. What it
 * writes is described in include/dmashare/record.h.
 */
#ifndef HW_DMASHARE_RECORD_H
#define HW_DMASHARE_RECORD_H

#include "dmashare/record.h"
#include "hw/dmashare/core.h"

#define DMASHARE_RECORD_SIZE_MIN        (64 * 1024)
#define DMASHARE_RECORD_SIZE_DEFAULT    (1024 * 1024 * 1024)

/**
 * DmashareRecordSummary: what a recording came to
 * @records: in it
 * @bytes: of the file
 * @complete: nothing is missing
 */
typedef struct DmashareRecordSummary {
    uint64_t records;
    uint64_t bytes;
    bool complete;
} DmashareRecordSummary;

/**
 * DmashareRecordProperty: what the device was made with
 * @name: of a property
 * @value: number, or 0 and 1
 */
typedef struct DmashareRecordProperty {
    const char *name;
    uint64_t value;
} DmashareRecordProperty;

/*
 * Begin: the file must not exist and the device must be as after power-on. The
 * recording ends by itself when @max_size bytes, which are at least
 * DMASHARE_RECORD_SIZE_MIN, are not enough.
 */
bool dmashare_record_start(DmashareCore *core, const char *filename,
                           uint64_t max_size, bool bus_master,
                           const DmashareRecordProperty *props, size_t n_props,
                           Error **errp);
/*
 * End it. Waits for the disk. False if the file could not be written; it is
 * over then, too.
 */
bool dmashare_record_stop(DmashareCore *core, enum dmashare_record_reason why,
                          DmashareRecordSummary *summary, Error **errp);

/*
 * What happens to the core. All but the first are called inside the brackets
 * of the step, as soon as they are open.
 */
void dmashare_record_enter(DmashareRecorder *rec, uint32_t timer);
void dmashare_record_reg(DmashareRecorder *rec, bool write, uint64_t addr,
                         unsigned size, uint64_t value);
void dmashare_record_reset(DmashareRecorder *rec);
void dmashare_record_bus_master(DmashareRecorder *rec, bool on);
/* It will be off without a word. */
void dmashare_record_bus_master_reset(DmashareRecorder *rec);
/* A command of the harness that is about to take effect. */
void dmashare_record_command(DmashareRecorder *rec, const char *name,
                             const char *arguments);

#endif /* HW_DMASHARE_RECORD_H */
