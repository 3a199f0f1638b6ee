/*
 * libqos helper for dmashare: where a recording is played
 *
 * A machine with the device of the recording, and memory that holds, for each
 * step, what the device will read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_STAGE_H
#define LIBQOS_DMASHARE_STAGE_H

#include "../libqtest.h"
#include "dmashare-replay.h"
#include "pci.h"
#include "vtd.h"

/* The device's QOM path. */
#define QDMASHARE_STAGE_DEVICE  "/machine/peripheral/dev"

/* It is behind a port, which is what it can be pulled out of. */
#define QDMASHARE_STAGE_BUS     1
#define QDMASHARE_STAGE_DEVFN   (QDMASHARE_STAGE_BUS << 8)

/* Guest-physical address of BAR0. */
#define QDMASHARE_STAGE_REGS    0xe0000000u

typedef struct QDmashareStage {
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
} QDmashareStage;

/* Note a difference, unless there is one already; returns false. */
bool G_GNUC_PRINTF(3, 4) qdmashare_differs(QDmashareStage *p, uint64_t number,
                                           const char *fmt, ...);

/*
 * Make what has @r and @replay set; false, and a difference, if there can be no
 * such device. To be freed in any case.
 */
bool qdmashare_stage_new(QDmashareStage *p);
void qdmashare_stage_free(QDmashareStage *p);

/* What a reset took away. Bus Master Enable is for the recording to set. */
void qdmashare_stage_setup(QDmashareStage *p);
/* Its PCI command register. */
void qdmashare_stage_command(QDmashareStage *p, uint16_t value);

/*
 * Before the step that begins with record @first and has ended before @end:
 * memory is as it was then. False if it cannot be.
 */
bool qdmashare_stage_prepare(QDmashareStage *p, uint64_t first, uint64_t end);
/* After the step, for its writes in reverse: memory has what was written. */
bool qdmashare_stage_check(QDmashareStage *p, const QDmashareRecord *rec);

#endif
