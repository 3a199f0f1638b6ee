// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the commands of sharing
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/dmashare/command.h"

/*
 * SHARE: the pages are looked for in steps, and shared when all are found
 */

static void share_request(const struct dmashare_body_share *body,
                          DmashareShareRequest *req)
{
    req->buffer = le32_to_cpu(body->buffer);
    req->mapping = le32_to_cpu(body->mapping);
    req->flags = le32_to_cpu(body->flags);
    req->fourcc = le32_to_cpu(body->fourcc);
    req->width = le32_to_cpu(body->width);
    req->height = le32_to_cpu(body->height);
    req->stride = le32_to_cpu(body->stride);
    memcpy(req->name, body->name, sizeof(req->name));
}

static uint16_t share_start(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_share *body = &job->desc.share;
    DmashareShareRequest req;
    DmashareMapping *map;
    uint16_t status;

    share_request(body, &req);
    if (body->reserved || !dmashare_command_body_ends(job, sizeof(*body)) ||
        req.flags & ~DMASHARE_SHARE_WRITE) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    status = dmashare_share_check(cmds->shares, &req, &map);
    if (status) {
        return status;
    }
    return dmashare_pages_begin(cmds->shares->host, map,
                                req.flags & DMASHARE_SHARE_WRITE, &job->pages);
}

static bool share_step(DmashareCommands *cmds, DmashareJob *job,
                       int64_t *budget)
{
    DmashareShareRequest req;

    if (!dmashare_pages_step(job->pages, budget, &job->status,
                             &job->fault.addr)) {
        return false;
    }
    if (!job->status) {
        share_request(&job->desc.share, &req);
        job->result = dmashare_share_commit(cmds->shares, &req, job->pages);
        job->pages = NULL;
    }
    return true;
}

/*
 * UNSHARE: what is to be discarded is, before the clients are told
 */

static uint16_t unshare_start(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_unshare *body = &job->desc.unshare;
    uint32_t buffer = le32_to_cpu(body->buffer);
    uint32_t flags = le32_to_cpu(body->flags);

    if (!dmashare_command_body_ends(job, sizeof(*body)) ||
        flags & ~(DMASHARE_UNSHARE_F_SUSPEND | DMASHARE_UNSHARE_F_DISCARD)) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    job->unsharing = dmashare_share_find(cmds->shares, buffer);
    if (job->unsharing) {
        dmashare_share_stop(cmds->shares, job->unsharing);
        if (flags & DMASHARE_UNSHARE_F_DISCARD && job->unsharing->pages) {
            job->pages = dmashare_pages_ref(job->unsharing->pages);
        }
        return DMASHARE_STATUS_OK;
    }
    if (flags == DMASHARE_UNSHARE_F_DISCARD) {
        job->pages = dmashare_share_retired(cmds->shares, buffer);
    }
    return job->pages ? DMASHARE_STATUS_OK : DMASHARE_STATUS_BAD_ID;
}

static void unshare_finish(DmashareCommands *cmds, DmashareJob *job)
{
    uint32_t flags = le32_to_cpu(job->desc.unshare.flags);
    DmashareShare *share = job->unsharing;

    job->unsharing = NULL;
    if (!share) {
        return;
    }
    if (flags & DMASHARE_UNSHARE_F_SUSPEND) {
        dmashare_share_withdraw(cmds->shares, share, DMASHARE_WITHDRAW_MOVED);
    } else if (flags & DMASHARE_UNSHARE_F_DISCARD) {
        dmashare_share_withdraw(cmds->shares, share,
                                DMASHARE_WITHDRAW_RELEASED);
    } else {
        dmashare_share_retire(cmds->shares, share);
    }
}

static bool unshare_step(DmashareCommands *cmds, DmashareJob *job,
                         int64_t *budget)
{
    if (job->pages) {
        if (!dmashare_pages_discard(job->pages, budget)) {
            return false;
        }
        job->result = job->pages->cut;
        g_clear_pointer(&job->pages, dmashare_pages_unref);
    }
    unshare_finish(cmds, job);
    return true;
}

/*
 * The others
 */

static uint16_t publish(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_publish *body = &job->desc.publish;
    uint32_t holders = 0;
    uint16_t status;

    if (!dmashare_command_body_ends(job, sizeof(*body))) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    status = dmashare_share_publish(cmds->shares, le32_to_cpu(body->buffer),
                                    le32_to_cpu(body->hold),
                                    le64_to_cpu(body->sequence),
                                    le64_to_cpu(body->deadline), &holders);
    job->result = holders;
    return status;
}

static uint16_t grant(DmashareCommands *cmds, DmashareJob *job)
{
    const struct dmashare_body_hold *body = &job->desc.hold;

    if (!dmashare_command_body_ends(job, sizeof(*body))) {
        return DMASHARE_STATUS_BAD_DESCRIPTOR;
    }
    return dmashare_share_grant(cmds->shares, le32_to_cpu(body->hold),
                                le32_to_cpu(body->error));
}

bool dmashare_command_share_exists(const DmashareCommands *cmds,
                                   uint8_t opcode)
{
    return cmds->shares->limits.enabled && opcode >= DMASHARE_OP_SHARE &&
           opcode <= DMASHARE_OP_GRANT;
}

uint16_t dmashare_command_share_start(DmashareCommands *cmds, DmashareJob *job)
{
    switch (job->desc.opcode) {
    case DMASHARE_OP_SHARE:
        return share_start(cmds, job);
    case DMASHARE_OP_UNSHARE:
        return unshare_start(cmds, job);
    case DMASHARE_OP_PUBLISH:
        return publish(cmds, job);
    case DMASHARE_OP_GRANT:
        return grant(cmds, job);
    default:
        return DMASHARE_STATUS_BAD_OPCODE;
    }
}

bool dmashare_command_share_step(DmashareCommands *cmds, DmashareJob *job,
                                 int64_t *budget)
{
    switch (job->desc.opcode) {
    case DMASHARE_OP_SHARE:
        return share_step(cmds, job, budget);
    case DMASHARE_OP_UNSHARE:
        return unshare_step(cmds, job, budget);
    default:
        return true;
    }
}

void dmashare_command_share_abort(DmashareCommands *cmds, DmashareJob *job)
{
    g_clear_pointer(&job->pages, dmashare_pages_unref);
    /* Nobody holds it any more, and that has to be told. */
    unshare_finish(cmds, job);
}
