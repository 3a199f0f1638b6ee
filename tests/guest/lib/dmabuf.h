/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel tells people of a dma-buf: fdinfo and debugfs. */
#ifndef DMASHARE_TEST_DMABUF_H
#define DMASHARE_TEST_DMABUF_H

#include <stdbool.h>

/*
 * The value of "KEY:" in /proc/self/fdinfo of the file, without the line's
 * end; NULL when there is no such line. The caller frees it.
 */
char *fdinfo_value(int fd, const char *key);
/* The same as a number; the case fails when there is none. */
long fdinfo_number(int fd, const char *key);

/*
 * What debugfs' dma_buf/bufinfo says of the dma-buf, all lines of it; NULL when
 * it is not listed. The caller frees it.
 */
char *bufinfo_entry(int dmabuf);
/* Whether some dma-buf of that inode number is listed. */
bool bufinfo_lists(unsigned long inode);
/* The inode number of a file. */
unsigned long inode_of(int fd);

/*
 * How many fences of a usage ("kernel", "write", "read") the dma-buf has that
 * have not signalled, and whose driver's name contains @driver.
 */
unsigned int bufinfo_fences(int dmabuf, const char *usage, const char *driver);

/*
 * Whether the kernel, where one side of an attachment is dynamic and the other
 * is not, maps it when it is made: for both directions, and until it ends.
 */
bool mixed_attach_maps(void);

/* DMA_BUF_IOCTL_EXPORT_SYNC_FILE and _IMPORT_SYNC_FILE as the kernel says. */
int dmabuf_try_fences(int dmabuf, unsigned int flags);
int dmabuf_try_add_fence(int dmabuf, int fence, unsigned int flags);

/* Puts a file into a UNIX socket, and takes one out of it (SCM_RIGHTS). */
void socket_put(int socket, int fd);
int socket_take(int socket);

#endif /* DMASHARE_TEST_DMABUF_H */
