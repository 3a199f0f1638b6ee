/*
 * libqos helpers for dmashare: contexts, resources and jobs of the renderer
 *
 * What the renderer does takes real time, of which the device's clock knows
 * nothing: who waits for it here asks again and again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef LIBQOS_DMASHARE_RENDER_H
#define LIBQOS_DMASHARE_RENDER_H

#include "dmashare-machine.h"

/* Buffers, and mappings, of a QRender. */
#define QRENDER_CMD             1
#define QRENDER_SRC             2
#define QRENDER_DST             3
#define QRENDER_CMD_BYTES       4096

/* A texture: four bytes a pixel, blue first. */
#define QRENDER_SIDE            64
#define QRENDER_PIXELS          (QRENDER_SIDE * QRENDER_SIDE)
#define QRENDER_BYTES           (QRENDER_PIXELS * 4)
#define QRENDER_FORMAT          1
#define QRENDER_BIND            (1 << 1 | 1 << 3)

/* After this long there will be no answer any more. */
#define QRENDER_SOON_US         (20 * G_USEC_PER_SEC)

/* A device that renders, of a machine of its own, and memory for its jobs. */
typedef struct QRender {
    QDmashareMachine *m;
    QDmashare *d;
    QDmashareBuf cmd;           /* what a job of commands reads */
    QDmashareBuf src;           /* what an upload reads, of QRENDER_BYTES */
    QDmashareBuf dst;           /* what a download writes, likewise */
} QRender;

/* False, and the case is skipped, if the renderer was not built. */
bool qrender_begin(QRender *r, const char *properties);
void qrender_end(QRender *r);
/* The memory, on a device that was started anew. */
void qrender_memory(QRender *r);
/* The process, by its id. */
pid_t qrender_pid(QRender *r);

/* The next completion of a queue, the next event: waits for it. */
struct dmashare_completion qrender_await(QRender *r, unsigned q);
struct dmashare_event qrender_event(QRender *r);
/* Submit it. */
void qrender_submit(QRender *r, unsigned q, struct dmashare_desc desc);
/* Submit it and wait for it: its status. */
unsigned qrender_run(QRender *r, unsigned q, struct dmashare_desc desc);

/* A macro, so that a failure names the test's own line. */
#define qrender_assert(r, q, desc, want) \
    g_assert_cmphex(qrender_run(r, q, desc), ==, DMASHARE_STATUS_##want)

/* Commands of the control queue. */
struct dmashare_desc qrender_context(uint32_t id);
struct dmashare_desc qrender_texture(uint32_t id);
struct dmashare_desc qrender_by_id(uint8_t opcode, uint32_t id);
struct dmashare_desc qrender_pair(uint8_t opcode, uint32_t context,
                                  uint32_t resource);

/* Jobs; the seqno is the timeline's next. Of words, put to @at of r->cmd. */
struct dmashare_desc qrender_commands(QRender *r, unsigned timeline,
                                      uint32_t context, unsigned at,
                                      const uint32_t *word, unsigned n);
/* What the context draws on is of this pixel. */
#define QRENDER_CLEAR_WORDS     9
void qrender_clear_words(uint32_t *word, uint32_t pixel);
struct dmashare_desc qrender_clear(QRender *r, unsigned timeline,
                                   uint32_t context, unsigned at,
                                   uint32_t pixel);
/* It draws on that texture, which it may use. */
struct dmashare_desc qrender_canvas(QRender *r, unsigned timeline,
                                    uint32_t context, uint32_t texture);
/* It draws on what there is not, of which the library says nothing. */
struct dmashare_desc qrender_wrong(QRender *r, unsigned timeline,
                                   uint32_t context, unsigned at);
/* A shader that is none. */
struct dmashare_desc qrender_bad_shader(QRender *r, unsigned timeline,
                                        uint32_t context, unsigned at);
/* All of a texture, from r->src or to r->dst. */
struct dmashare_desc qrender_transfer(QRender *r, unsigned timeline, bool up,
                                      uint32_t texture);

/* A context and a texture, both of this id, which it draws on. */
void qrender_stage(QRender *r, uint32_t id);
/* All of the texture has this pixel. */
void qrender_shows(QRender *r, uint32_t texture, uint32_t pixel);
/* What qrender_stage() made can be drawn on. */
void qrender_works(QRender *r, uint32_t id, uint32_t pixel);

#endif
