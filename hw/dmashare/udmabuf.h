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
typedef struct DmashareUdmabuf DmashareUdmabuf;

/**
 * DmashareUdmabufOps: the host's kernel
 * @create: as the ioctl UDMABUF_CREATE_LIST: a descriptor, or -1 and errno
 * @limits: read what it permits at present
 */
typedef struct DmashareUdmabufOps {
    int (*create)(DmashareUdmabuf *udmabuf, DmashareUdmabufList *list);
    void (*limits)(DmashareUdmabuf *udmabuf);
} DmashareUdmabufOps;

/**
 * DmashareUdmabuf: how dma-bufs are made
 * @ops: constant
 * @fd: of the device file, or -1
 * @max_items: of a list
 * @max_size: bytes of a dma-buf
 */
struct DmashareUdmabuf {
    const DmashareUdmabufOps *ops;
    int fd;
    uint64_t max_items;
    uint64_t max_size;
};

/*
 * Open the device file. False where the host has none, or does not let us use
 * it.
 */
bool dmashare_udmabuf_open(DmashareUdmabuf *udmabuf, Error **errp);
void dmashare_udmabuf_close(DmashareUdmabuf *udmabuf);

/*
 * Would the kernel make a dma-buf of @size bytes from a list of @n_items? The
 * error says what would have to be changed.
 */
bool dmashare_udmabuf_permits(DmashareUdmabuf *udmabuf, uint32_t n_items,
                              uint64_t size, Error **errp);

#endif /* HW_DMASHARE_UDMABUF_H */
