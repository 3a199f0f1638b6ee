/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: commands of the harness that have effects
 *
 * Such a command is a step of the device as an access of its driver is: time
 * stands still, and it is recorded before anything of it happens.
 */
#ifndef HW_DMASHARE_HARNESS_H
#define HW_DMASHARE_HARNESS_H

#include "qapi/error.h"
#include "qapi/qapi-visit-dmashare.h"
#include "qapi/qobject-output-visitor.h"
#include "hw/dmashare/core.h"

/* A device that a command is given to; it stays until the command is over. */
typedef DmashareCore DmashareHarness;

DmashareHarness *dmashare_harness_begin(DmashareCore *core);
void dmashare_harness_end(DmashareHarness *harness);
/* Record the command, whose arguments @v has visited; frees it. */
void dmashare_harness_record(DmashareHarness *harness, const char *command,
                             Visitor *v, QObject **arguments);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DmashareHarness, dmashare_harness_end)

/* What QAPI made of the arguments of a command. */
#define DMASHARE_HARNESS_ARGS(command) q_obj_dmashare_##command##_arg

/*
 * The QMP command dmashare-COMMAND is about to take effect on @core; its
 * arguments follow as initialisers, without the path:
 *
 *     g_autoptr(DmashareHarness) harness =
 *         DMASHARE_HARNESS(core, local_poison, .enable = enable);
 *
 * That may be before the last reason to refuse it was found: it will be refused
 * in a replay, too.
 */
#define DMASHARE_HARNESS(core, command, ...)                                \
    ({                                                                      \
        DmashareHarness *h_ = dmashare_harness_begin(core);                 \
        if (h_->recorder) {                                                 \
            DMASHARE_HARNESS_ARGS(command) arg_ = { __VA_ARGS__ };          \
            QObject *to_ = NULL;                                            \
            Visitor *v_ = qobject_output_visitor_new(&to_);                 \
            visit_start_struct(v_, NULL, NULL, 0, &error_abort);            \
            visit_type_q_obj_dmashare_##command##_arg_members(v_, &arg_,    \
                                                              &error_abort);\
            visit_end_struct(v_, NULL);                                     \
            dmashare_harness_record(h_, #command, v_, &to_);                \
        }                                                                   \
        h_;                                                                 \
    })

#endif /* HW_DMASHARE_HARNESS_H */
