// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: a file that is written behind the device's back
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/lockable.h"
#include "qemu/thread.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "hw/dmashare/record-file.h"

/* What may wait for the disk. */
#define BEHIND_MAX      (64 * MiB)

/**
 * DmashareRecordFile: a file that is written behind the device's back
 * @filename: for messages
 * @fd: the file
 * @thread: that writes
 * @lock: of all that follows
 * @wake: there is something to do
 * @pending: appended and not yet taken by the thread
 * @closing: there will be nothing more
 * @error: errno of the write that failed, or 0; nothing was written after it
 */
struct DmashareRecordFile {
    char *filename;
    int fd;
    QemuThread thread;
    QemuMutex lock;
    QemuCond wake;
    GByteArray *pending;
    bool closing;
    int error;
};

static void *file_thread(void *opaque)
{
    DmashareRecordFile *file = opaque;
    bool last;

    do {
        g_autoptr(GByteArray) taken = NULL;
        int error = 0;

        qemu_mutex_lock(&file->lock);
        while (!file->pending->len && !file->closing) {
            qemu_cond_wait(&file->wake, &file->lock);
        }
        taken = file->pending;
        file->pending = g_byte_array_new();
        last = file->closing;
        qemu_mutex_unlock(&file->lock);

        if (qemu_write_full(file->fd, taken->data, taken->len) !=
            (ssize_t)taken->len) {
            error = errno ?: EIO;
            last = true;
        }
        if (error) {
            error_report("dmashare: the recording '%s' ends: %s",
                         file->filename, strerror(error));
            qemu_mutex_lock(&file->lock);
            file->error = error;
            qemu_mutex_unlock(&file->lock);
        }
    } while (!last);
    return NULL;
}

DmashareRecordFile *dmashare_record_file_new(const char *filename,
                                             Error **errp)
{
    DmashareRecordFile *file;
    int fd = qemu_create(filename, O_WRONLY | O_EXCL, 0666, errp);

    if (fd < 0) {
        return NULL;
    }
    file = g_new0(DmashareRecordFile, 1);
    file->filename = g_strdup(filename);
    file->fd = fd;
    file->pending = g_byte_array_new();
    qemu_mutex_init(&file->lock);
    qemu_cond_init(&file->wake);
    qemu_thread_create(&file->thread, "dmashare-record", file_thread, file,
                       QEMU_THREAD_JOINABLE);
    return file;
}

static bool file_append(DmashareRecordFile *file, const struct iovec *iov,
                        unsigned n, uint64_t most)
{
    QEMU_LOCK_GUARD(&file->lock);
    if (file->error || file->pending->len + iov_size(iov, n) > most) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        g_byte_array_append(file->pending, iov[i].iov_base, iov[i].iov_len);
    }
    qemu_cond_signal(&file->wake);
    return true;
}

bool dmashare_record_file_append(DmashareRecordFile *file,
                                 const struct iovec *iov, unsigned n)
{
    return file_append(file, iov, n, BEHIND_MAX);
}

void dmashare_record_file_finish(DmashareRecordFile *file,
                                 const struct iovec *iov, unsigned n)
{
    file_append(file, iov, n, UINT32_MAX);
}

bool dmashare_record_file_failed(DmashareRecordFile *file)
{
    QEMU_LOCK_GUARD(&file->lock);
    return file->error;
}

bool dmashare_record_file_close(DmashareRecordFile *file, Error **errp)
{
    bool ok;

    WITH_QEMU_LOCK_GUARD(&file->lock) {
        file->closing = true;
        qemu_cond_signal(&file->wake);
    }
    qemu_thread_join(&file->thread);
    if (close(file->fd) < 0 && !file->error) {
        file->error = errno;
    }
    ok = !file->error;
    if (!ok) {
        error_setg_errno(errp, file->error,
                         "dmashare: the recording '%s' could not be written",
                         file->filename);
    }
    g_byte_array_unref(file->pending);
    qemu_cond_destroy(&file->wake);
    qemu_mutex_destroy(&file->lock);
    g_free(file->filename);
    g_free(file);
    return ok;
}
