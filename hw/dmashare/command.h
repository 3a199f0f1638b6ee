/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: descriptors
 *
 * The only room that reads them: validation of every command, execution of
 * the control commands, and the start of jobs.
 */
#ifndef HW_DMASHARE_COMMAND_H
#define HW_DMASHARE_COMMAND_H

#include "qemu/cutils.h"
#include "hw/dmashare/engine.h"
#include "hw/dmashare/peer.h"
#include "hw/dmashare/share.h"

/**
 * DmashareCommands: what commands work on
 * @bus: where segment lists and ledgers are
 * @buffers: buffers and attachments
 * @mappings: mappings
 * @fences: timelines
 * @engines: of the jobs
 * @peer: buffers of another VM, NULL without the feature
 * @render: contexts and resources
 * @poison: for local memory that was left
 * @shares: what is shared outside of the VM
 * @faults: fault rules
 * @journal: where what happens is written
 * @notify: who is told of it at once
 * @block: scratch for the segments of one list block
 */
typedef struct DmashareCommands {
    const DmashareBus *bus;
    DmashareBuffers *buffers;
    DmashareMappings *mappings;
    DmashareFences *fences;
    DmashareEngines *engines;
    DmasharePeer *peer;
    DmashareRender *render;
    DmasharePoison *poison;
    DmashareShares *shares;
    DmashareFaults *faults;
    DmashareJournal *journal;
    const DmashareNotify *notify;
    struct dmashare_segment *block;
} DmashareCommands;

/*
 * Take a freshly fetched job (desc, lane and order are set): decide whether
 * it is refused, and submit its fence if it has a valid one.
 */
void dmashare_command_take(DmashareCommands *cmds, DmashareJob *job);

/* Is it a job, by its opcode? */
static inline bool dmashare_command_is_job(const DmashareJob *job)
{
    return job->desc.opcode >= DMASHARE_OP_JOB_NOOP;
}

/*
 * The waits of a taken command are over: begin. Returns OK, or the status it
 * failed with. With @job->fatal it has not begun, and the device is to stop.
 */
uint16_t dmashare_command_start(DmashareCommands *cmds, DmashareJob *job,
                                int64_t now);

/*
 * Go on with a started command whose time has come. Returns true when it is
 * over and its status final.
 */
bool dmashare_command_step(DmashareCommands *cmds, DmashareJob *job,
                           int64_t *budget);

/* Is there nothing in its body after the first @len bytes? */
static inline bool dmashare_command_body_ends(const DmashareJob *job,
                                              size_t len)
{
    return buffer_is_zero(job->desc.body + len, sizeof(job->desc.body) - len);
}

/*
 * What QUERY_LEDGER and its like have in common: @fill says in at most @len
 * bytes of zeros what is to be known of @id, or returns why it cannot.
 */
typedef uint16_t DmashareQueryFill(DmashareCommands *cmds, uint32_t id,
                                   uint8_t *out, uint32_t len);
uint16_t dmashare_command_query(DmashareCommands *cmds, DmashareJob *job,
                                DmashareQueryFill *fill);

/*
 * command-share.c: the commands of sharing, as dmashare_command_start() and
 * _step(); abort is for one that was begun and is given up.
 */
bool dmashare_command_share_exists(const DmashareCommands *cmds,
                                   uint8_t opcode);
uint16_t dmashare_command_share_start(DmashareCommands *cmds,
                                      DmashareJob *job);
bool dmashare_command_share_step(DmashareCommands *cmds, DmashareJob *job,
                                 int64_t *budget);
void dmashare_command_share_abort(DmashareCommands *cmds, DmashareJob *job);

/*
 * command-report.c: a control command is over, or was refused: the journal and
 * those who are to be told. What it names by another id than a buffer's has to
 * be looked up before it starts.
 */
uint32_t dmashare_command_names(const DmashareCommands *cmds,
                                const struct dmashare_desc *desc);
void dmashare_command_report(DmashareCommands *cmds, const DmashareJob *job,
                             uint16_t status);

/* command-peer.c: PEER_QUERY to PEER_RELEASE. Does this one exist? */
bool dmashare_command_peer_exists(const DmashareCommands *cmds,
                                  uint8_t opcode);
/* Do it; returns its status. */
uint16_t dmashare_command_peer(DmashareCommands *cmds, DmashareJob *job);

/*
 * command-render.c: CONTEXT_CREATE to QUERY_CAPSET, as dmashare_command_start()
 * and _step(). Does this one exist?
 */
bool dmashare_command_render_exists(const DmashareCommands *cmds,
                                    uint8_t opcode);
uint16_t dmashare_command_render_start(DmashareCommands *cmds,
                                       DmashareJob *job);
bool dmashare_command_render_step(DmashareCommands *cmds, DmashareJob *job);

/*
 * command-fault.c: it is about to start. Does a fault rule object? Returns OK
 * or the status that it fails with; sets @job->fatal if the device stops.
 */
uint16_t dmashare_command_fault(DmashareCommands *cmds, DmashareJob *job);

/* Free a job in whatever state; its fence is gone or disowned. */
void dmashare_command_free(DmashareCommands *cmds, DmashareJob *job);

#endif /* HW_DMASHARE_COMMAND_H */
