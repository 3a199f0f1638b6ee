/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: dma-bufs of the host's
 *
 * The host's kernel makes a dma-buf of pages of memory files, if it has the
 * device file for that.
 */
#ifndef HW_DMASHARE_UDMABUF_H
#define HW_DMASHARE_UDMABUF_H

typedef struct udmabuf_create_list DmashareUdmabufList;

/**
 * DmashareUdmabuf: how dma-bufs are made
 * @fd: of the device file, or -1
 * @create: as the ioctl UDMABUF_CREATE_LIST: a descriptor, or -1 and errno
 * @max_items: of a list
 * @max_size: bytes of a dma-buf
 */
typedef struct DmashareUdmabuf {
    int fd;
    int (*create)(int fd, DmashareUdmabufList *list);
    uint32_t max_items;
    uint64_t max_size;
} DmashareUdmabuf;

/*
 * Open the device file. NULL where the host has none, or does not let us use
 * it.
 */
DmashareUdmabuf *dmashare_udmabuf_open(Error **errp);
void dmashare_udmabuf_close(DmashareUdmabuf *udmabuf);

#endif /* HW_DMASHARE_UDMABUF_H */
