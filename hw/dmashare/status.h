/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the errno of a status
 *
 * In the numbers of Linux on x86, whatever those of the host are.
 */
#ifndef HW_DMASHARE_STATUS_H
#define HW_DMASHARE_STATUS_H

#include "qapi/qapi-types-dmashare.h"

/* The errno that goes with an enum dmashare_status, 0 for OK. */
uint16_t dmashare_status_errno(uint16_t status);
/* The number of an errno that was given by its name, 0 for none. */
uint16_t dmashare_errno(DmashareErrno error);

#endif /* HW_DMASHARE_STATUS_H */
