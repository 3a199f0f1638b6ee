// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the errno of a status
 */
#include "qemu/osdep.h"
#include "dmashare/abi.h"
#include "hw/dmashare/status.h"

enum {
    LINUX_0 = 0,
    LINUX_ENOENT = 2,
    LINUX_EIO = 5,
    LINUX_EACCES = 13,
    LINUX_EFAULT = 14,
    LINUX_EBUSY = 16,
    LINUX_EEXIST = 17,
    LINUX_EINVAL = 22,
    LINUX_EFBIG = 27,
    LINUX_ENOSPC = 28,
    LINUX_ERANGE = 34,
    LINUX_EDEADLK = 35,
    LINUX_EPROTO = 71,
    LINUX_EOPNOTSUPP = 95,
    LINUX_ECONNRESET = 104,
    LINUX_ETIMEDOUT = 110,
    LINUX_ESTALE = 116,
    LINUX_ECANCELED = 125,
    LINUX_ENOTRECOVERABLE = 131,
};

#define ENTRY(name, number) { DMASHARE_STATUS_##name, LINUX_##number },

static const struct {
    uint16_t status;
    uint16_t number;
} errnos[] = {
    DMASHARE_STATUS_ERRNO_LIST(ENTRY)
};

#undef ENTRY

uint16_t dmashare_status_errno(uint16_t status)
{
    for (size_t i = 0; i < ARRAY_SIZE(errnos); i++) {
        if (errnos[i].status == status) {
            return errnos[i].number;
        }
    }
    return LINUX_EIO;
}

uint16_t dmashare_errno(DmashareErrno error)
{
    static const uint16_t number[DMASHARE_ERRNO__MAX] = {
        [DMASHARE_ERRNO_EPERM] = 1,
        [DMASHARE_ERRNO_ENOENT] = LINUX_ENOENT,
        [DMASHARE_ERRNO_EIO] = LINUX_EIO,
        [DMASHARE_ERRNO_EAGAIN] = 11,
        [DMASHARE_ERRNO_ENOMEM] = 12,
        [DMASHARE_ERRNO_EACCES] = LINUX_EACCES,
        [DMASHARE_ERRNO_EFAULT] = LINUX_EFAULT,
        [DMASHARE_ERRNO_EBUSY] = LINUX_EBUSY,
        [DMASHARE_ERRNO_ENODEV] = 19,
        [DMASHARE_ERRNO_EINVAL] = LINUX_EINVAL,
        [DMASHARE_ERRNO_ENOSPC] = LINUX_ENOSPC,
        [DMASHARE_ERRNO_ERANGE] = LINUX_ERANGE,
        [DMASHARE_ERRNO_EDEADLK] = LINUX_EDEADLK,
        [DMASHARE_ERRNO_ETIME] = 62,
        [DMASHARE_ERRNO_EOPNOTSUPP] = LINUX_EOPNOTSUPP,
        [DMASHARE_ERRNO_ETIMEDOUT] = LINUX_ETIMEDOUT,
        [DMASHARE_ERRNO_ESTALE] = LINUX_ESTALE,
        [DMASHARE_ERRNO_ECANCELED] = LINUX_ECANCELED,
    };

    return number[error];
}
