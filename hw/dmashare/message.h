/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: messages of the share protocol
 */
#ifndef HW_DMASHARE_MESSAGE_H
#define HW_DMASHARE_MESSAGE_H

#include "qemu/bswap.h"
#include "dmashare/share.h"

/* An empty message. */
static inline void dmashare_wire_init(struct dmashare_msg *msg, uint32_t type,
                                      uint32_t serial)
{
    memset(msg, 0, sizeof(*msg));
    msg->type = cpu_to_le32(type);
    msg->length = cpu_to_le32(DMASHARE_MSG_SIZE);
    msg->serial = cpu_to_le32(serial);
}

#endif /* HW_DMASHARE_MESSAGE_H */
