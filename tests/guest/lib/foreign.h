/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers of stock kernel drivers, as dma-bufs: vgem, udmabuf, the system
 * dma-heap. Each can be mapped for the CPU through its own exporter.
 */
#ifndef DMASHARE_TEST_FOREIGN_H
#define DMASHARE_TEST_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct foreign {
	const char *exporter;	/* "vgem", "udmabuf", "system-heap" */
	size_t size;
	int dmabuf;
	uint8_t *map;		/* mmap() of the dma-buf: the exporter's own */
	int backing;		/* vgem device or memfd, -1 without one */
	uint32_t handle;	/* of vgem */
};

/* How a kind of foreign buffer is made. */
struct exporter {
	const char *name;
	struct foreign (*create)(size_t size);
};

extern const struct exporter exporters[];
#define N_EXPORTERS	3

struct foreign vgem_buffer(size_t size);
/*
 * Of one memfd, its pages in order, of which hardly two are neighbours in
 * memory: udmabuf makes one segment of neighbours, and maps it for its own
 * device at DMA_BUF_IOCTL_SYNC, which then claims to take 64 KiB at most. A
 * kernel with DMA_API_DEBUG says so, of udmabuf, and then of nobody else.
 */
struct foreign udmabuf_buffer(size_t size);
/*
 * Of a memfd whose 4 KiB pages are taken one by one, in an order that leaves
 * no two neighbours next to each other.
 */
struct foreign udmabuf_scattered(size_t size);
struct foreign heap_buffer(size_t size);

void foreign_destroy(struct foreign *f);

/*
 * Whether its exporter has bounce buffers copied back when it unmaps for a
 * device, or says that they shall not be (DMA_ATTR_SKIP_CPU_SYNC). It is
 * imported for @fd and let go of again; the kernel's tracing of the DMA API
 * tells what the exporter said.
 */
bool foreign_syncs_at_unmap(int fd, const struct foreign *f);

/* vgem's primary node; the case fails when there is none. */
int vgem_open(void);
/*
 * How many mappings vgem makes of a dma-buf that it imports: 1, or 0 in a
 * kernel whose GEM shmem helpers have learnt to attach and no more. The case
 * fails when it cannot be told.
 */
unsigned int vgem_maps(void);
/* A buffer of at least that many bytes; its GEM handle. */
uint32_t vgem_create(int vgem, size_t size);
/* Maps a buffer of vgem's, its own or an imported one, through vgem's file. */
uint8_t *vgem_map(int vgem, uint32_t handle, size_t size);

#endif /* DMASHARE_TEST_FOREIGN_H */
