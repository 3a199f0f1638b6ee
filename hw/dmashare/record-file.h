/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: a file that is written behind the device's back
 *
 * Nothing here waits for the disk but the closing of the file: what is
 * appended goes to memory, and a thread takes it from there. That memory is
 * bounded; who is too fast for the disk is refused.
 */
#ifndef HW_DMASHARE_RECORD_FILE_H
#define HW_DMASHARE_RECORD_FILE_H

#include "qemu/iov.h"

typedef struct DmashareRecordFile DmashareRecordFile;

/* Make a file, which must not exist. */
DmashareRecordFile *dmashare_record_file_new(const char *filename,
                                             Error **errp);

/*
 * Append all of it or nothing. False if the disk is too far behind, or has
 * failed; which it was, closing tells.
 */
bool dmashare_record_file_append(DmashareRecordFile *file,
                                 const struct iovec *iov, unsigned n);

/* Append past the limit what there is only once: the end. */
void dmashare_record_file_finish(DmashareRecordFile *file,
                                 const struct iovec *iov, unsigned n);

/* Has writing failed? */
bool dmashare_record_file_failed(DmashareRecordFile *file);

/* Wait until all is written, close and free. False if any of it was not. */
bool dmashare_record_file_close(DmashareRecordFile *file, Error **errp);

#endif /* HW_DMASHARE_RECORD_FILE_H */
