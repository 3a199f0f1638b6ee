/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * dmashare: the binary interface between the device and its driver
 *
 * This header is the single definition of the interface. The device model
 * (hw/dmashare), the Linux driver (guest-driver), the qtests and the
 * specification (docs/specs/dmashare.rst) all use it; nothing here may be
 * restated anywhere else.
 *
 * Conventions
 *  - Everything is little-endian.
 *  - "Must be zero" fields are checked: a descriptor with a stray bit in one
 *    is refused with DMASHARE_STATUS_BAD_DESCRIPTOR, so that the bit can be
 *    given a meaning later.
 *  - A "DMA address" is an address as the device puts it on the bus. With an
 *    IOMMU in front of the device it is an IOVA and not a physical address.
 *  - Ring indices are free-running 32-bit counters; the slot of index i in a
 *    ring of n entries (n a power of two) is i & (n - 1).
 *
 * Versioning: DMASHARE_VERSION_MAJOR changes when an old driver cannot drive
 * a new device, DMASHARE_VERSION_MINOR when something was added. A driver
 * must refuse another major and must accept any newer minor. What is optional
 * is announced by a feature bit, never by the minor version alone.
 */
#ifndef DMASHARE_ABI_H
#define DMASHARE_ABI_H

#if defined(__linux__)
#include <linux/types.h>
#else
#include <stdint.h>
typedef uint16_t __le16;
typedef uint32_t __le32;
typedef uint64_t __le64;
typedef uint8_t __u8;
#endif

/*
 * PCI identity. The device id is taken from the range QEMU keeps for
 * experiments; the class is "processing accelerator" (PCI Code and ID
 * Assignment Specification, base class 12h).
 */
#define DMASHARE_PCI_VENDOR_ID		0x1af4
#define DMASHARE_PCI_DEVICE_ID		0x10f0
#define DMASHARE_PCI_CLASS		0x120000
#define DMASHARE_PCI_REVISION		0x01

#define DMASHARE_BAR_REGS		0	/* 32-bit, not prefetchable */
#define DMASHARE_BAR_MSIX		2	/* MSI-X table and PBA */
#define DMASHARE_BAR_LOCAL		4	/* 64-bit prefetchable; optional */

#define DMASHARE_REGS_SIZE		0x4000	/* bytes of BAR0 */

#define DMASHARE_ID_MAGIC		0x48534d44	/* "DMSH" */
#define DMASHARE_VERSION_MAJOR		1
#define DMASHARE_VERSION_MINOR		4

/*
 * Registers (offsets in BAR0)
 *
 * Aligned 32-bit accesses to any register, aligned 64-bit accesses to any
 * pair that forms a 64-bit register (low half first). Any other width or
 * alignment, and any offset not listed, reads as zero and ignores writes;
 * QEMU logs it as a guest error.
 */

/* Identity and limits: read-only, constant from realize to unrealize. */
#define DMASHARE_REG_ID			0x000	/* DMASHARE_ID_MAGIC */
#define DMASHARE_REG_VERSION		0x004	/* major << 16 | minor */
#define DMASHARE_REG_FEATURES_LO	0x008	/* DMASHARE_FEATURE_* bits 0..31 */
#define DMASHARE_REG_FEATURES_HI	0x00c	/* bits 32..63 */

#define DMASHARE_FEATURE_LOCAL		(1 << 0) /* local memory behind BAR4 */
#define DMASHARE_FEATURE_NONCOHERENT	(1 << 1) /* SYNC commands are needed */
#define DMASHARE_FEATURE_RENDER		(1 << 2) /* render engine; since 1.4 */
#define DMASHARE_FEATURE_SHARE		(1 << 3) /* host sharing: SHARE and what goes with it */
#define DMASHARE_FEATURE_PEER		(1 << 4) /* another VM's buffers; since 1.3 */

/*
 * Control, read-write. ENABLE must be set before any queue is enabled;
 * clearing it disables every queue and the event ring as if their own ENABLE
 * had been cleared, and leaves buffers, mappings and timelines alone.
 * RESET is write-only (reads 0) and returns the whole device to its power-on
 * state before the write completes: all rings disabled, all buffers,
 * attachments and mappings gone, all timelines zero, MSI-X vectors of the
 * queues zero. The MSI-X table itself is PCI state and is not touched. No
 * DMA happens after a RESET write has completed, until a queue is enabled
 * again.
 */
#define DMASHARE_REG_CTRL		0x010
#define DMASHARE_CTRL_ENABLE		(1 << 0)
#define DMASHARE_CTRL_RESET		(1 << 1)

/*
 * FATAL (since 1.2): the device has met an error of its own. It has posted the
 * event FATAL if the event ring could take it, fetches and completes nothing
 * any more and does no DMA, and its fences stay as they are. Every register
 * write but that of CTRL.RESET is ignored. A reset of any kind ends this.
 */
#define DMASHARE_REG_STATUS		0x014	/* read-only */
#define DMASHARE_STATUS_REG_READY	(1 << 0) /* CTRL.ENABLE took effect */
#define DMASHARE_STATUS_REG_FATAL	(1 << 1) /* it stopped; only RESET helps */

#define DMASHARE_REG_DMA_BITS		0x018	/* width of a DMA address, 24..64 */
#define DMASHARE_REG_MAX_SEGMENTS	0x01c	/* per mapping */
#define DMASHARE_REG_MAX_SEG_SIZE_LO	0x020	/* bytes; 0 means no limit */
#define DMASHARE_REG_MAX_SEG_SIZE_HI	0x024
#define DMASHARE_REG_BOUNDARY_LO	0x028	/* power of two no segment crosses; 0: none */
#define DMASHARE_REG_BOUNDARY_HI	0x02c
#define DMASHARE_REG_NUM_JOB_QUEUES	0x030	/* 1..DMASHARE_MAX_JOB_QUEUES */
#define DMASHARE_REG_MAX_ENTRIES	0x034	/* of a ring; a power of two */
#define DMASHARE_REG_MAX_BUFFERS	0x038	/* live at once */
#define DMASHARE_REG_MAX_MAPPINGS	0x03c	/* live at once */
#define DMASHARE_REG_MAX_ATTACHMENTS	0x040	/* live at once */
#define DMASHARE_REG_NUM_TIMELINES	0x044	/* 1..DMASHARE_MAX_TIMELINES */
#define DMASHARE_REG_MAX_JOB_BYTES_LO	0x048	/* bytes one job may touch per operand */
#define DMASHARE_REG_MAX_JOB_BYTES_HI	0x04c
#define DMASHARE_REG_LOCAL_SIZE_LO	0x050	/* bytes of local memory */
#define DMASHARE_REG_LOCAL_SIZE_HI	0x054
#define DMASHARE_REG_MAX_TOTAL_SEGMENTS	0x058	/* over all live mappings */
#define DMASHARE_REG_TIME_LO		0x060	/* device time in ns; reading LO latches HI */
#define DMASHARE_REG_TIME_HI		0x064

/*
 * Fence memory, read-write while FENCE_CTRL.ENABLE is clear (writes are ignored
 * with a guest-error log while it is set). DMA address of NUM_TIMELINES 64-bit
 * values without a gap, aligned to 4096. Setting ENABLE makes the device write
 * the present value of every timeline, then each new value before the
 * completion of the job that signalled it is posted. A value v says that every
 * fence of the timeline with seqno <= v has signalled; it says nothing of a
 * fence's status, which is in the completion. When the write faults, the event
 * FENCE_MEMORY is raised, ENABLE clears itself and completions go on.
 */
#define DMASHARE_REG_FENCE_ADDR_LO	0x070
#define DMASHARE_REG_FENCE_ADDR_HI	0x074
#define DMASHARE_REG_FENCE_CTRL		0x078
#define DMASHARE_FENCE_CTRL_ENABLE	(1 << 0)
#define DMASHARE_FENCE_ADDR_ALIGN	4096

/*
 * Queues. Queue 0 is the control queue, queues 1..NUM_JOB_QUEUES are job
 * queues. Each has a submission ring of struct dmashare_desc and a
 * completion ring of struct dmashare_completion in guest memory.
 *
 * Address, size and vector registers are read-write while the queue is
 * disabled; writes while it is enabled are ignored with a guest-error log.
 * Setting ENABLE checks them: addresses aligned to DMASHARE_RING_ALIGN,
 * entries a power of two from DMASHARE_MIN_ENTRIES to MAX_ENTRIES, vector
 * below DMASHARE_NUM_VECTORS(NUM_JOB_QUEUES), CTRL.ENABLE set. When a check
 * fails ENABLE stays clear and STATUS holds the error. When it succeeds all
 * four ring indices become 0 and the error becomes 0.
 *
 * Clearing ENABLE stops the queue before the write completes: descriptors
 * not yet completed are dropped, no completion is posted for them, and the
 * fences of dropped jobs that were already fetched signal in order with the
 * status DMASHARE_STATUS_ABORTED so that no other queue waits for ever.
 */
#define DMASHARE_MAX_JOB_QUEUES		16
#define DMASHARE_MIN_ENTRIES		2
#define DMASHARE_RING_ALIGN		64
#define DMASHARE_QUEUE_CONTROL		0

#define DMASHARE_REG_QUEUE(q)		(0x100 + (q) * 0x40)
#define DMASHARE_QREG_SQ_ADDR_LO	0x00
#define DMASHARE_QREG_SQ_ADDR_HI	0x04
#define DMASHARE_QREG_CQ_ADDR_LO	0x08
#define DMASHARE_QREG_CQ_ADDR_HI	0x0c
#define DMASHARE_QREG_SQ_ENTRIES	0x10
#define DMASHARE_QREG_CQ_ENTRIES	0x14
#define DMASHARE_QREG_VECTOR		0x18	/* MSI-X vector */
#define DMASHARE_QREG_CTRL		0x1c
#define DMASHARE_QCTRL_ENABLE		(1 << 0)
#define DMASHARE_QREG_STATUS		0x20	/* read-only */
#define DMASHARE_QSTATUS_ENABLED	(1 << 0)
#define DMASHARE_QSTATUS_ERROR_SHIFT	8	/* enum dmashare_queue_error in bits 8..15 */
#define DMASHARE_QSTATUS_ERROR_MASK	(0xff << DMASHARE_QSTATUS_ERROR_SHIFT)
#define DMASHARE_QREG_SQ_HEAD		0x24	/* read-only: next index to be fetched */
#define DMASHARE_QREG_CQ_TAIL		0x28	/* read-only: next index to be posted */

/*
 * Queue errors stop the one queue (QSTATUS.ENABLED clears) and raise the
 * event QUEUE_ERROR; set the queue up anew to go on.
 */
enum dmashare_queue_error {
	DMASHARE_QERR_NONE		= 0,
	DMASHARE_QERR_DISABLED		= 1,	/* CTRL.ENABLE is clear */
	DMASHARE_QERR_ALIGN		= 2,	/* a ring address is misaligned */
	DMASHARE_QERR_ENTRIES		= 3,	/* not a power of two, or out of range */
	DMASHARE_QERR_VECTOR		= 4,	/* no such MSI-X vector */
	DMASHARE_QERR_DOORBELL		= 5,	/* tail > head + entries, or head > tail */
	DMASHARE_QERR_SQ_FAULT		= 6,	/* a descriptor could not be read */
	DMASHARE_QERR_CQ_FAULT		= 7,	/* a completion could not be written */
};

/*
 * Event ring: device to driver, for what no completion reports. One per
 * device, set up as a queue is (same checks, same rules). Events that find
 * the ring full are dropped and counted; the next event that fits carries
 * the count. Interrupts go to the vector given.
 */
#define DMASHARE_REG_EVQ_ADDR_LO	0x080
#define DMASHARE_REG_EVQ_ADDR_HI	0x084
#define DMASHARE_REG_EVQ_ENTRIES	0x088
#define DMASHARE_REG_EVQ_VECTOR		0x08c
#define DMASHARE_REG_EVQ_CTRL		0x090	/* DMASHARE_QCTRL_ENABLE */
#define DMASHARE_REG_EVQ_STATUS		0x094	/* as DMASHARE_QREG_STATUS */
#define DMASHARE_REG_EVQ_TAIL		0x098	/* read-only */
#define DMASHARE_REG_EVQ_LOST		0x09c	/* read-only: events dropped since enabled */

/*
 * Sharing: read-only, constant; 0 without the feature. Since 1.3.
 *
 * The window (FEATURE_PEER) is a part of BAR4, PEER_OFFSET bytes from its start
 * and twice PEER_SIZE long: what is mapped into its first half can only be
 * read, writes of the CPU there are dropped, the second half can be written as
 * well. What nothing is mapped to reads as zeros, but for what the CPU has
 * written there, which is nobody's and gone at any time.
 */
#define DMASHARE_REG_MAX_SHARES		0x0a0	/* live at once */
#define DMASHARE_REG_MAX_HOLDS		0x0a4	/* live at once, of SHARE and PEER each */
#define DMASHARE_REG_MAX_SHARE_SIZE_LO	0x0a8	/* bytes of one shared buffer */
#define DMASHARE_REG_MAX_SHARE_SIZE_HI	0x0ac
#define DMASHARE_REG_MAX_PEERS		0x0b0	/* foreign buffers known at once */
#define DMASHARE_REG_PEER_OFFSET_LO	0x0b8	/* bytes; a multiple of PEER_SIZE */
#define DMASHARE_REG_PEER_OFFSET_HI	0x0bc
#define DMASHARE_REG_PEER_SIZE_LO	0x0c0	/* bytes of one half; a power of two */
#define DMASHARE_REG_PEER_SIZE_HI	0x0c4

/* Rendering: read-only, constant; 0 without the feature. Since 1.4. */
#define DMASHARE_REG_MAX_CONTEXTS	0x0d0	/* largest id */
#define DMASHARE_REG_MAX_RESOURCES	0x0d4	/* largest id */
#define DMASHARE_REG_MAX_RENDER_LO	0x0d8	/* bytes of one render job's operand */
#define DMASHARE_REG_MAX_RENDER_HI	0x0dc
#define DMASHARE_REG_RENDER_BYTES_LO	0x0e0	/* of all resources, as RESOURCE_CREATE counts */
#define DMASHARE_REG_RENDER_BYTES_HI	0x0e4
#define DMASHARE_REG_RENDER_RINGS	0x0e8	/* of a context */

/*
 * Doorbells, write-only (read 0). SQ: the new producer index of the
 * submission ring. CQ: the new consumer index of the completion ring.
 */
#define DMASHARE_REG_DOORBELL_SQ(q)	(0x1000 + (q) * 8)
#define DMASHARE_REG_DOORBELL_CQ(q)	(0x1004 + (q) * 8)
#define DMASHARE_REG_DOORBELL_EVQ	0x1ff8	/* consumer index of the event ring */

/* One vector for events, one for the control queue, one a job queue. */
#define DMASHARE_NUM_VECTORS(job_queues)	((job_queues) + 2)

#define DMASHARE_MAX_TIMELINES		4096	/* 512 before 1.2 */
#define DMASHARE_MAX_WAITS		8	/* of one job */
#define DMASHARE_NAME_LEN		32	/* bytes, zero-padded, need not end in zero */

/*
 * Status of a completion or an event. The comment gives the errno that a
 * driver should report for it; DMASHARE_STATUS_ERRNO_LIST gives the same to
 * a program.
 */
enum dmashare_status {
	DMASHARE_STATUS_OK		= 0x00,

	/* The request was refused; nothing was done. */
	DMASHARE_STATUS_BAD_OPCODE	= 0x01,	/* EOPNOTSUPP: unknown, or on the wrong queue */
	DMASHARE_STATUS_BAD_DESCRIPTOR	= 0x02,	/* EINVAL: reserved bits, unknown flag or value */
	DMASHARE_STATUS_BAD_ID		= 0x03,	/* ENOENT: no such buffer, attachment or mapping */
	DMASHARE_STATUS_ID_EXISTS	= 0x04,	/* EEXIST: the id is in use */
	DMASHARE_STATUS_BUSY		= 0x05,	/* EBUSY: still has attachments or mappings */
	DMASHARE_STATUS_LIMIT		= 0x06,	/* ENOSPC: a MAX_* limit is reached */
	DMASHARE_STATUS_BAD_LENGTH	= 0x07,	/* EINVAL: zero, over a limit, or sums differ */
	DMASHARE_STATUS_BAD_SEGMENT	= 0x08,	/* EINVAL: empty segment, or it wraps past 2^64 */
	DMASHARE_STATUS_CONSTRAINT	= 0x09,	/* EFBIG: DMA_BITS, MAX_SEG_SIZE, BOUNDARY */
	DMASHARE_STATUS_BAD_DIRECTION	= 0x0a,	/* EINVAL: not an enum dmashare_direction */
	DMASHARE_STATUS_BAD_FENCE	= 0x0b,	/* EINVAL: no such timeline, old seqno */
	DMASHARE_STATUS_DEADLOCK	= 0x0c,	/* EDEADLK: its waits would close a cycle */
	DMASHARE_STATUS_OVERLAP		= 0x0d,	/* EINVAL: copy operands overlap in one mapping */

	DMASHARE_STATUS_NOT_SHAREABLE	= 0x0e,	/* EOPNOTSUPP: cannot be passed; since 1.3 */
	DMASHARE_STATUS_READ_ONLY	= 0x0f,	/* EACCES: may not be written; since 1.3 */

	/* The request was begun and failed; what it wrote before stays written. */
	DMASHARE_STATUS_FAULT_TRANSLATION = 0x20, /* EFAULT: refused by bus or IOMMU */
	DMASHARE_STATUS_FAULT_DIRECTION	= 0x21,	/* EACCES: against the mapping's direction */
	DMASHARE_STATUS_FAULT_BOUNDS	= 0x22,	/* ERANGE: past the end of the mapping */
	DMASHARE_STATUS_FAULT_DEAD_MAPPING = 0x23, /* ESTALE: no such mapping, or not any more */
	DMASHARE_STATUS_FAULT_BUS_MASTER = 0x24, /* EIO: Bus Master Enable is clear */

	/* Rendering, since 1.4. */
	DMASHARE_STATUS_RENDER_COMMANDS	= 0x28,	/* EPROTO: the renderer found it wrong */
	DMASHARE_STATUS_RENDER_LOST	= 0x29,	/* ENOTRECOVERABLE: it was lost before */
	DMASHARE_STATUS_RENDER_TIMEOUT	= 0x2a,	/* ETIMEDOUT: the renderer hung in this job */
	DMASHARE_STATUS_RENDER_GONE	= 0x2b,	/* ECONNRESET: the renderer ended */

	/* The request did not run. */
	DMASHARE_STATUS_TIMEOUT		= 0x30,	/* ETIMEDOUT: the watchdog ended its wait */
	DMASHARE_STATUS_DEPENDENCY	= 0x31,	/* ECANCELED: a fence failed (JOB_F_STRICT) */
	DMASHARE_STATUS_ABORTED		= 0x32,	/* ECANCELED: its queue was disabled */

	/*
	 * The harness said so (since 1.2): the completion's detail is the errno, a
	 * Linux number from 1 to 4095; EIO where there is no detail.
	 */
	DMASHARE_STATUS_COMMANDED	= 0x33,
};

#define DMASHARE_STATUS_ERRNO_LIST(X)		\
	X(OK, 0)				\
	X(BAD_OPCODE, EOPNOTSUPP)		\
	X(BAD_DESCRIPTOR, EINVAL)		\
	X(BAD_ID, ENOENT)			\
	X(ID_EXISTS, EEXIST)			\
	X(BUSY, EBUSY)				\
	X(LIMIT, ENOSPC)			\
	X(BAD_LENGTH, EINVAL)			\
	X(BAD_SEGMENT, EINVAL)			\
	X(CONSTRAINT, EFBIG)			\
	X(BAD_DIRECTION, EINVAL)		\
	X(BAD_FENCE, EINVAL)			\
	X(DEADLOCK, EDEADLK)			\
	X(OVERLAP, EINVAL)			\
	X(NOT_SHAREABLE, EOPNOTSUPP)		\
	X(READ_ONLY, EACCES)			\
	X(FAULT_TRANSLATION, EFAULT)		\
	X(FAULT_DIRECTION, EACCES)		\
	X(FAULT_BOUNDS, ERANGE)			\
	X(FAULT_DEAD_MAPPING, ESTALE)		\
	X(FAULT_BUS_MASTER, EIO)		\
	X(RENDER_COMMANDS, EPROTO)		\
	X(RENDER_LOST, ENOTRECOVERABLE)		\
	X(RENDER_TIMEOUT, ETIMEDOUT)		\
	X(RENDER_GONE, ECONNRESET)		\
	X(TIMEOUT, ETIMEDOUT)			\
	X(DEPENDENCY, ECANCELED)		\
	X(ABORTED, ECANCELED)			\
	X(COMMANDED, EIO)

/*
 * Directions, numbered as enum dma_data_direction of Linux. To-device means
 * that the device may read the memory, from-device that it may write it.
 */
enum dmashare_direction {
	DMASHARE_DIR_BIDIRECTIONAL	= 0,
	DMASHARE_DIR_TO_DEVICE		= 1,
	DMASHARE_DIR_FROM_DEVICE	= 2,
};

enum dmashare_placement {
	DMASHARE_PLACEMENT_SYSTEM	= 0,	/* segments hold DMA addresses */
	DMASHARE_PLACEMENT_LOCAL	= 1,	/* segments hold offsets in local memory */
	DMASHARE_PLACEMENT_PEER		= 2,	/* ... in the window; since 1.3 */
};

/* Operations of the control queue (below 0x40) and of job queues (above). */
enum dmashare_opcode {
	DMASHARE_OP_NOP			= 0x00,	/* completes with OK */
	DMASHARE_OP_BUFFER_CREATE	= 0x01,	/* body: buffer */
	DMASHARE_OP_BUFFER_DESTROY	= 0x02,	/* body: id */
	DMASHARE_OP_ATTACH		= 0x03,	/* body: attach */
	DMASHARE_OP_DETACH		= 0x04,	/* body: id */
	DMASHARE_OP_MAP			= 0x05,	/* body: map */
	DMASHARE_OP_UNMAP		= 0x06,	/* body: unmap */
	DMASHARE_OP_NOTE		= 0x07,	/* body: note */
	DMASHARE_OP_QUERY_LEDGER	= 0x08,	/* body: query */
	DMASHARE_OP_PLACE		= 0x09,	/* body: place; since 1.1 */
	DMASHARE_OP_SYNC		= 0x0a,	/* body: sync; since 1.1 */
	DMASHARE_OP_SHARE		= 0x0b,	/* body: share; since 1.3, as all to JOB_NOOP */
	DMASHARE_OP_UNSHARE		= 0x0c,	/* body: unshare */
	DMASHARE_OP_PUBLISH		= 0x0d,	/* body: publish */
	DMASHARE_OP_GRANT		= 0x0e,	/* body: hold */
	DMASHARE_OP_PEER_QUERY		= 0x0f,	/* body: query */
	DMASHARE_OP_PEER_MAP		= 0x10,	/* body: peer_map */
	DMASHARE_OP_PEER_UNMAP		= 0x11,	/* body: id */
	DMASHARE_OP_PEER_ACQUIRE	= 0x12,	/* body: peer_acquire */
	DMASHARE_OP_PEER_RELEASE	= 0x13,	/* body: hold */
	DMASHARE_OP_CONTEXT_CREATE	= 0x14,	/* body: context; since 1.4, as all to JOB_NOOP */
	DMASHARE_OP_CONTEXT_DESTROY	= 0x15,	/* body: id */
	DMASHARE_OP_RESOURCE_CREATE	= 0x16,	/* body: resource */
	DMASHARE_OP_RESOURCE_DESTROY	= 0x17,	/* body: id */
	DMASHARE_OP_RESOURCE_ADD	= 0x18,	/* body: pair */
	DMASHARE_OP_RESOURCE_REMOVE	= 0x19,	/* body: pair */
	DMASHARE_OP_QUERY_CAPSET	= 0x1a,	/* body: query */

	DMASHARE_OP_JOB_NOOP		= 0x40,	/* body: job; takes value ns of device time */
	DMASHARE_OP_JOB_COPY		= 0x41,	/* body: job; src to dst */
	DMASHARE_OP_JOB_FILL		= 0x42,	/* body: job; value repeated into dst */
	DMASHARE_OP_JOB_CHECKSUM	= 0x43,	/* body: job; CRC32C of src into result */
	DMASHARE_OP_JOB_RENDER		= 0x44,	/* body: job; the commands in src; since 1.4 */
	DMASHARE_OP_JOB_UPLOAD		= 0x45,	/* body: transfer; src to a resource; since 1.4 */
	DMASHARE_OP_JOB_DOWNLOAD	= 0x46,	/* body: transfer; a resource to dst; since 1.4 */
};

/*
 * Local memory (FEATURE_LOCAL): LOCAL_SIZE bytes of the device's own, all of
 * them behind BAR4, byte n at offset n. The driver says what is where: the
 * device keeps no account of it and a RESET leaves its contents alone. Engines
 * reach it through mappings of placement LOCAL, without the bus: neither Bus
 * Master Enable, an IOMMU, DMA_BITS, MAX_SEG_SIZE nor BOUNDARY apply. The CPU
 * and other devices reach it through the BAR.
 */

/*
 * Coherence (FEATURE_NONCOHERENT). Without the feature engines read and write
 * memory, and SYNC does nothing. With it they work on the device's own copy of
 * a buffer's bytes, which the device keeps in pieces of DMASHARE_CACHE_PAGE:
 *
 *  - an access through a mapping of placement SYSTEM copies the pieces it
 *    touches from memory, unless the buffer has a copy already, and then reads
 *    or writes the copy; written bytes are dirty. What the CPU or another
 *    device writes to memory is not seen in a piece that was copied, and what
 *    is dirty is not seen in memory. A write through a mapping of direction
 *    from-device, by way of which memory may not be read, leaves absent what it
 *    does not write; that is copied when it is first read.
 *  - SYNC for the CPU writes the dirty bytes of a range to memory, where they
 *    become clean; whatever its direction is, for a CPU that is to write a part
 *    of what a device wrote must find the rest.
 *  - SYNC for the device, to-device or bidirectional, drops the copies of every
 *    piece the range touches; from-device it does nothing, for then the CPU
 *    wrote nothing. Dirty bytes that are dropped are lost, and counted
 *    (cache_discarded).
 *  - MAP drops the clean bytes of the buffer's copies, UNMAP writes dirty ones
 *    to memory, as SYNC over the whole buffer would, unless SKIP_SYNC is given.
 *    When the last mapping of placement SYSTEM ends with SKIP_SYNC its dirty
 *    bytes are lost and counted; clean copies stay with the buffer. Mappings of
 *    placement LOCAL have no part in this.
 *  - dirty bytes go to memory by way of the mapping named, or if its direction
 *    is to-device by way of any other live one of placement SYSTEM that may be
 *    written; where there is none it fails with FAULT_DIRECTION.
 *  - a mapping with MAP_F_UNCACHED and a job with JOB_F_UNCACHED go past the
 *    copies without disagreeing with them: dirty bytes are read from the copy
 *    and all others from memory; what is written goes to memory, and the piece
 *    of the copy is written back and dropped.
 *
 * The copies of all buffers together take at most what the device's property
 * cache-size allows; when there is no room the oldest piece is written back and
 * dropped (what faults is lost and counted). Local memory is never copied. The
 * device compares a clean copy that it reads with the memory behind it, and
 * counts bytes that differ (stale_bytes): somebody forgot a sync.
 */
#define DMASHARE_CACHE_PAGE		4096

/*
 * BUFFER_CREATE. A buffer exists in the device for its ledger and as the
 * anchor of attachments and mappings; its bytes are where its mappings say.
 * Refused: BAD_ID (id 0), ID_EXISTS, LIMIT, BAD_LENGTH (size 0),
 * BAD_DESCRIPTOR (placement or flags unknown, local without the feature or for
 * an imported buffer).
 */
#define DMASHARE_BUFFER_F_IMPORTED	(1 << 0) /* backs a foreign dma-buf */

struct dmashare_body_buffer {
	__le32 id;			/* chosen by the driver, not 0 */
	__le32 flags;			/* DMASHARE_BUFFER_F_* */
	__le64 size;			/* bytes, constant for the buffer's life */
	__le32 placement;		/* enum dmashare_placement */
	__le32 reserved;		/* must be zero */
	__u8 name[DMASHARE_NAME_LEN];	/* for people: ledger, trace, control plane */
};

/*
 * ATTACH: an importer attached to one of the buffers (a foreign device to
 * ours, or our device to a foreign one). Refused: BAD_ID (id 0 or no such
 * buffer), ID_EXISTS, LIMIT, BAD_DESCRIPTOR.
 */
#define DMASHARE_ATTACH_F_DYNAMIC	(1 << 0) /* importer handles moves */
#define DMASHARE_ATTACH_F_P2P		(1 << 1) /* importer takes BAR addresses */
#define DMASHARE_ATTACH_F_SELF		(1 << 2) /* this device is the importer */

struct dmashare_body_attach {
	__le32 id;			/* attachment id, chosen by the driver, not 0 */
	__le32 buffer;			/* buffer id */
	__le32 flags;			/* DMASHARE_ATTACH_F_* */
	__le32 reserved;		/* must be zero */
	__u8 name[DMASHARE_NAME_LEN];	/* the importer */
};

/*
 * BUFFER_DESTROY, DETACH. BUFFER_DESTROY is refused with BUSY while the buffer
 * has attachments or mappings, DETACH while the attachment has mappings. Both:
 * BAD_ID.
 */
struct dmashare_body_id {
	__le32 id;
	__le32 reserved;		/* must be zero */
};

/*
 * UNMAP always ends the mapping, and once its completion is posted the device
 * will not touch the memory again: a job that still uses the mapping fails with
 * FAULT_DEAD_MAPPING at its next access. Refused: BAD_ID, BAD_DESCRIPTOR
 * (flags). Failed, the mapping having ended: FAULT_TRANSLATION,
 * FAULT_BUS_MASTER, FAULT_DIRECTION (dirty bytes could not be written back, the
 * first of them to the DMA address in detail; they are lost).
 */
#define DMASHARE_UNMAP_F_SKIP_SYNC	(1 << 0) /* do not write dirty bytes back */

struct dmashare_body_unmap {
	__le32 id;			/* mapping id */
	__le32 flags;			/* DMASHARE_UNMAP_F_* */
};

/*
 * MAP: gives the device's engines a list of segments to address, in order,
 * as the bytes 0..length-1 of the mapping. Segments may be of any alignment
 * and may alias each other. The list is read once, while MAP executes. Segments
 * of placement LOCAL lie in local memory (BAD_SEGMENT: past its end); an imported
 * buffer cannot have any (BAD_DESCRIPTOR). A buffer may have mappings of both
 * placements at once, as it must while it moves.
 * Refused: BAD_ID (id 0, no such buffer, no such attachment or one of another
 * buffer, no attachment for an imported buffer), ID_EXISTS, LIMIT (mappings,
 * or segments in all), BAD_LENGTH (n_segments 0 or over MAX_SEGMENTS; length
 * not the segments' sum, or not the buffer's size; a list block whose count is
 * 0 or over DMASHARE_SEG_BLOCK_MAX, or more or fewer segments in the chain
 * than n_segments), BAD_SEGMENT, CONSTRAINT, BAD_DIRECTION, BAD_DESCRIPTOR,
 * FAULT_TRANSLATION (the list itself cannot be read), FAULT_BUS_MASTER.
 */
#define DMASHARE_MAP_F_SKIP_SYNC	(1 << 0) /* keep the buffer's clean copies */
#define DMASHARE_MAP_F_UNCACHED		(1 << 1) /* go past the copies; see Coherence */

struct dmashare_body_map {
	__le32 id;			/* mapping id, chosen by the driver, not 0 */
	__le32 buffer;			/* buffer id */
	__le32 attachment;		/* attachment id, or 0 for a buffer not imported */
	__le32 direction;		/* enum dmashare_direction */
	__le64 length;			/* bytes */
	__le32 n_segments;
	__le32 placement;		/* enum dmashare_placement of the segments */
	__le64 list;			/* DMA address of the first block, 8-aligned */
	__le32 flags;			/* DMASHARE_MAP_F_*; since 1.1 */
	__le32 reserved;		/* must be zero */
};

struct dmashare_segment {
	__le64 addr;			/* DMA address, or offset in local memory */
	__le64 len;			/* bytes, not 0 */
};

struct dmashare_seg_block {
	__le64 next;			/* DMA address of the next block, 8-aligned; 0: the last */
	__le32 count;			/* of segments, 1..DMASHARE_SEG_BLOCK_MAX */
	__le32 reserved;		/* must be zero */
	struct dmashare_segment segment[];
};

#define DMASHARE_SEG_BLOCK_MAX		4095

/*
 * NOTE: the driver tells the device what happened to a buffer where the
 * device has no part in it, so that the ledger sees every callback of the
 * dma-buf. Counted in the ledger, traced, never refused for its order.
 * Refused: BAD_ID (no such buffer; no such attachment unless 0),
 * BAD_DESCRIPTOR (kind), BAD_DIRECTION.
 */
enum dmashare_note {
	DMASHARE_NOTE_EXPORT		= 0,	/* a dma_buf was made of the buffer */
	DMASHARE_NOTE_RELEASE		= 1,	/* dma_buf_ops.release */
	DMASHARE_NOTE_MAP		= 2,	/* .map_dma_buf for another device */
	DMASHARE_NOTE_UNMAP		= 3,	/* .unmap_dma_buf for another device */
	DMASHARE_NOTE_BEGIN_CPU		= 4,	/* .begin_cpu_access */
	DMASHARE_NOTE_END_CPU		= 5,	/* .end_cpu_access */
	DMASHARE_NOTE_MMAP		= 6,	/* .mmap */
	DMASHARE_NOTE_VMAP		= 7,	/* .vmap */
	DMASHARE_NOTE_VUNMAP		= 8,	/* .vunmap */
	DMASHARE_NOTE_PIN		= 9,	/* .pin */
	DMASHARE_NOTE_UNPIN		= 10,	/* .unpin */
	DMASHARE_NOTE_MOVE		= 11,	/* importers were told of a move */
	DMASHARE_NOTE_COUNT		= 12,
};

struct dmashare_body_note {
	__le32 kind;			/* enum dmashare_note */
	__le32 buffer;			/* buffer id */
	__le32 attachment;		/* attachment id, or 0 */
	__le32 direction;		/* enum dmashare_direction, 0 where it means nothing */
	__le32 error;			/* 0, or the positive errno the callback returned */
	__le32 reserved;		/* must be zero */
	__le64 length;			/* bytes concerned */
};

/*
 * PLACE: the buffer's bytes are somewhere else from now on. The driver has
 * copied them (with jobs) or is about to; the device records the placement for
 * the ledger and for people. Refused: BAD_ID, BAD_DESCRIPTOR (placement unknown,
 * local without the feature or for an imported buffer).
 */
struct dmashare_body_place {
	__le32 id;			/* buffer id */
	__le32 placement;		/* enum dmashare_placement */
};

/*
 * SYNC: hand a range of a mapping from the device to the CPU or back; see
 * Coherence. Executes in its turn in the control queue and does not wait for
 * jobs: who must see a job's writes waits for its fence first. A device without
 * FEATURE_NONCOHERENT checks and counts it and does nothing else. Refused:
 * BAD_ID, BAD_DESCRIPTOR (flags: exactly one of the two), BAD_DIRECTION,
 * BAD_LENGTH (length 0, or the range ends past the mapping). Failed:
 * FAULT_TRANSLATION, FAULT_BUS_MASTER, FAULT_DIRECTION (detail is the DMA
 * address; what could not be written stays dirty).
 */
#define DMASHARE_SYNC_F_FOR_CPU		(1 << 0)
#define DMASHARE_SYNC_F_FOR_DEVICE	(1 << 1)

struct dmashare_body_sync {
	__le32 mapping;			/* mapping id */
	__le32 flags;			/* DMASHARE_SYNC_F_* */
	__le32 direction;		/* enum dmashare_direction */
	__le32 reserved;		/* must be zero */
	__le64 offset;			/* bytes from the start of the mapping */
	__le64 length;			/* bytes */
};

/*
 * QUERY_LEDGER: writes struct dmashare_ledger of one buffer, or with id 0 of
 * the device since power-on or RESET, to guest memory. Refused: BAD_ID;
 * BAD_LENGTH (length less than 8, or not a multiple of 8; a longer length
 * than the device's struct is filled with zeros up to
 * DMASHARE_LEDGER_MAX_LENGTH, a shorter one gets the beginning);
 * FAULT_TRANSLATION, FAULT_BUS_MASTER.
 */
struct dmashare_body_query {
	__le32 id;			/* buffer id, or 0 */
	__le32 length;			/* bytes of room at addr */
	__le64 addr;			/* DMA address, 8-aligned */
};

#define DMASHARE_LEDGER_MAX_LENGTH	4096

/* Counters only ever grow; "live" ones are the present number. */
struct dmashare_ledger {
	__le64 buffers;			/* created (1 for one buffer) */
	__le64 live_buffers;
	__le64 attaches;		/* ATTACH that succeeded */
	__le64 live_attachments;
	__le64 maps;			/* MAP that succeeded: the device's own */
	__le64 live_mappings;
	__le64 live_segments;
	__le64 notes[DMASHARE_NOTE_COUNT];	/* with error 0, by enum dmashare_note */
	__le64 notes_failed;		/* with another error */
	__le64 jobs;			/* completed with OK that named the buffer */
	__le64 jobs_failed;		/* completed with another status */
	__le64 bytes_read;		/* by the engines, from mappings of the buffer */
	__le64 bytes_written;
	__le64 faults;			/* FAULT events raised */
	__le64 fences_signalled;	/* device only, else 0 */
	__le64 fences_failed;		/* of those, with a status other than OK */
	/* since 1.1 */
	__le64 places;			/* PLACE that changed the placement */
	__le64 local_bytes_read;	/* of bytes_read, from local memory */
	__le64 local_bytes_written;	/* of bytes_written, to local memory */
	__le64 syncs_for_cpu;		/* SYNC that succeeded */
	__le64 syncs_for_device;
	__le64 cache_bytes;		/* present size of the copies */
	__le64 cache_dirty;		/* dirty bytes at present */
	__le64 cache_written_back;	/* dirty bytes written to memory */
	__le64 cache_discarded;		/* dirty bytes lost */
	__le64 stale_bytes;		/* read from a copy that memory disagreed with */
	__le64 move_requests;		/* MOVE_REQUEST events raised */
};

/*
 * Sharing (FEATURE_SHARE). SHARE lets clients on the host, and devices of other
 * VMs, have the very pages of a buffer; see dmashare/share.h for what they see
 * of it.
 *
 * SHARE: the pages are those that the segments of the mapping name: of any
 * direction, and of placement SYSTEM or LOCAL. An IOMMU is asked once, now;
 * whoever maps the pages must not use them for anything else before UNSHARE, or
 * UNMAP of that mapping, was completed. A buffer is shared once at a time:
 * SHARE again after UNSHARE_F_SUSPEND, or after the mapping was unmapped, gives
 * the same share new pages, and what it says of the contents replaces what was
 * said before. Completion: result is the share's id on the host. Refused:
 * BAD_OPCODE (no feature), BAD_ID (no such buffer, no such mapping or one of
 * another buffer), ID_EXISTS (it has pages), LIMIT (MAX_SHARES,
 * MAX_SHARE_SIZE), BAD_SEGMENT (address or length not a multiple of 4096),
 * NOT_SHAREABLE (imported buffer, or pages that the host cannot pass in any
 * permitted way: a PCI BAR, memory of the guest without a memory file),
 * READ_ONLY (F_WRITE, and whoever started the device permits reading alone),
 * BAD_DESCRIPTOR (flags), FAULT_TRANSLATION, FAULT_BUS_MASTER.
 */
#define DMASHARE_SHARE_WRITE		(1 << 0) /* clients may ask to write */

struct dmashare_body_share {
	__le32 buffer;			/* buffer id */
	__le32 mapping;			/* mapping id */
	__le32 flags;			/* DMASHARE_SHARE_WRITE */
	__le32 fourcc;			/* DRM_FORMAT_* of the contents, 0: bytes */
	__le32 width;			/* pixels, or 0 */
	__le32 height;			/* rows, or 0 */
	__le32 stride;			/* bytes from row to row, or 0 */
	__le32 reserved;		/* must be zero */
	__u8 name[DMASHARE_NAME_LEN];	/* what clients call it; zeros: the buffer's name */
};

/*
 * UNSHARE: clients are told, their holds are over (no SHARE_DONE for those that
 * this ends: the completion is their end, so the driver ends them with
 * ECANCELED), and nobody is given the pages any more. Those who have them
 * mapped may go on to see what is in them; with F_DISCARD the device puts
 * others, all zeros, in their place where it can, so that clients keep the old
 * ones and nothing else: what was in the pages is lost to the guest, and result
 * is 1 if it was done, else 0. With F_SUSPEND the share stays, without pages.
 * With F_DISCARD alone it is also for a buffer that was unshared without before,
 * while the mapping that SHARE named is there. Events of holds that this ends may
 * be in the ring already.
 * UNMAP of the mapping that SHARE named is UNSHARE with SUSPEND; RESET ends
 * every share. Refused: BAD_ID (no such buffer, or it is not shared),
 * BAD_DESCRIPTOR (flags).
 */
#define DMASHARE_UNSHARE_F_SUSPEND	(1 << 0)
#define DMASHARE_UNSHARE_F_DISCARD	(1 << 1)

struct dmashare_body_unshare {
	__le32 buffer;			/* buffer id */
	__le32 flags;			/* DMASHARE_UNSHARE_F_* */
};

/*
 * PUBLISH: the buffer has new contents, which clients are told of. Every client
 * that has subscribed to it holds it from now on; when the last of them has
 * released it, or deadline ns of device time have passed, the event SHARE_DONE
 * with this hold is raised: status OK; TIMEOUT; or COMMANDED with the first
 * errno that a client released it with (ECONNRESET for one that vanished).
 * Result is the number of clients that hold it; if 0 there will be no event.
 * Refused: BAD_ID (no such buffer, not shared, without pages, hold 0 or from
 * DMASHARE_HOLD_DEVICE on), ID_EXISTS (hold in use), BUSY (the last contents
 * are still held), LIMIT (MAX_HOLDS), BAD_LENGTH (deadline 0 or over one hour),
 * BAD_DESCRIPTOR (sequence 0).
 */
#define DMASHARE_HOLD_DEVICE		0x80000000	/* ids from here on are the device's */
#define DMASHARE_MAX_HOLD_NS		(3600ULL * 1000 * 1000 * 1000)

struct dmashare_body_publish {
	__le32 buffer;			/* buffer id */
	__le32 hold;			/* chosen by the driver, 1..DMASHARE_HOLD_DEVICE - 1 */
	__le64 sequence;		/* the driver's number for the contents, not 0 */
	__le64 deadline;		/* ns */
};

/*
 * GRANT answers the event SHARE_ACQUIRE: error 0 lets the client go on, and the
 * hold's deadline begins; another errno (1..4095) refuses it, and ends the
 * hold; so does 0 for one with EVENT_F_WAIT. Refused: BAD_ID (no such hold: the
 * client is gone, and the event SHARE_DONE says so), BUSY (granted before),
 * BAD_LENGTH (error).
 *
 * PEER_RELEASE: see PEER_ACQUIRE.
 */
struct dmashare_body_hold {
	__le32 hold;
	__le32 error;			/* errno, 0: none */
};

/*
 * Buffers of another VM (FEATURE_PEER). The device is a client of another's
 * share server. A buffer announced there gets an id here (event PEER_ANNOUNCE),
 * never used again until RESET, and goes when it is withdrawn there or has
 * other pages, or when the connection is lost (event PEER_WITHDRAW). From then
 * on the window shows zeros where it was, jobs that touch it fail with
 * FAULT_DEAD_MAPPING, and the id lives on until PEER_UNMAP. After RESET, and
 * when the connection is there again, all are announced anew.
 *
 * PEER_QUERY writes struct dmashare_peer_info of foreign buffer id; refusals as
 * QUERY_LEDGER.
 *
 * PEER_MAP: put it into the window, from offset on. Refused: BAD_OPCODE, BAD_ID
 * (also: withdrawn), BUSY (it is there), BAD_LENGTH (offset not a multiple of
 * 4096, or it does not fit between there and the end of that half), OVERLAP
 * (something else is there), READ_ONLY (second half, and the owner permits
 * reading alone), BAD_DESCRIPTOR (flags), NOT_SHAREABLE (what the owner passed
 * cannot be mapped safely). Buffers of placement PEER are created with
 * BUFFER_CREATE and mapped for the engines with MAP, segments being offsets
 * from the start of the window, each within one foreign buffer that is mapped
 * there (BAD_SEGMENT); direction to-device alone for the first half
 * (BAD_DIRECTION). Such mappings need no bus, as those of placement LOCAL.
 *
 * PEER_UNMAP: take it out of the window; holds of it are released with
 * ECANCELED, and the completion is their end: no PEER_GRANTED follows. For a
 * withdrawn one: forget the id. The window shows zeros there. Refused: BAD_ID,
 * also if it is neither mapped nor withdrawn.
 */
#define DMASHARE_PEER_MAP_F_WRITE	(1 << 0) /* offset is in the second half */
#define DMASHARE_PEER_MAP_F_SUBSCRIBE	(1 << 1) /* its owner waits: PEER_ACQUIRE_F_CONTENT */

struct dmashare_body_peer_map {
	__le32 peer;			/* id of the foreign buffer */
	__le32 flags;			/* DMASHARE_PEER_MAP_F_* */
	__le64 offset;			/* bytes from the start of the window */
};

/*
 * PEER_ACQUIRE: a fence of ours that the owner's users of the buffer wait for.
 * The event PEER_GRANTED says when the owner is done (COMMANDED and an errno:
 * refused, and the hold is over; ECONNRESET: the connection is lost); then the
 * buffer may be read (written) until PEER_RELEASE, which signals the owner's
 * fence, as failed with error if that is not 0. With F_CONTENT it is granted
 * with the next contents that the owner publishes, or those published since
 * PEER_MAP that have not been acquired so far; needs F_SUBSCRIBE. When the
 * owner ends the hold (deadline), PEER_GRANTED comes for it with that errno,
 * again if need be. A hold that has ended in any way is forgotten with that
 * event or the completion of PEER_RELEASE. Refused: BAD_ID (no such foreign
 * buffer, not mapped; hold 0 or from DMASHARE_HOLD_DEVICE on), ID_EXISTS (hold
 * in use), LIMIT (MAX_HOLDS), READ_ONLY, BAD_LENGTH (deadline 0 or over one
 * hour; must be 0 with F_CONTENT, whose deadline is the owner's),
 * BAD_DESCRIPTOR (flags; CONTENT without SUBSCRIBE, CONTENT with WRITE).
 * PEER_RELEASE: BAD_ID (no such hold), BAD_LENGTH (error over 4095). Before
 * PEER_GRANTED it cancels.
 */
#define DMASHARE_PEER_ACQUIRE_F_WRITE	(1 << 0)
#define DMASHARE_PEER_ACQUIRE_F_CONTENT	(1 << 1)

struct dmashare_body_peer_acquire {
	__le32 peer;			/* id of the foreign buffer */
	__le32 flags;			/* DMASHARE_PEER_ACQUIRE_F_* */
	__le32 hold;			/* chosen by the driver, 1..DMASHARE_HOLD_DEVICE - 1 */
	__le32 reserved;		/* must be zero */
	__le64 deadline;		/* ns of the owner's device time */
};

#define DMASHARE_PEER_F_WRITE		(1 << 0) /* it may be mapped for writing */
#define DMASHARE_PEER_F_WITHDRAWN	(1 << 1)

struct dmashare_peer_info {
	__le32 id;
	__le32 share;			/* its id at the owner's share server */
	__le32 generation;		/* there */
	__le32 flags;			/* DMASHARE_PEER_F_* */
	__le64 size;			/* bytes, a multiple of 4096 */
	__le64 sequence;		/* of the last contents published, 0: none yet */
	__le32 fourcc;			/* as in struct dmashare_body_share: not checked */
	__le32 width;
	__le32 height;
	__le32 stride;
	__u8 name[DMASHARE_NAME_LEN];
	__u8 device[DMASHARE_NAME_LEN];	/* the owner's device */
};

/*
 * Rendering (FEATURE_RENDER). The commands of a context are those of the
 * protocol "virgl", interpreted by a renderer outside of the device. A context
 * has state and refers to resources that were added to it; a resource is a
 * texture or a buffer of the renderer's own, which all contexts may share.
 *
 * The commands below are checked by the device alone and complete without
 * waiting for the renderer. What it refuses later, and a context whose commands
 * were wrong (the job fails with RENDER_COMMANDS), is told by the event
 * RENDER_LOST, and from then on all jobs that name the context or resource fail
 * with RENDER_LOST. When the renderer ends, whatever the reason, all contexts
 * and resources are lost, with one event RENDER_LOST that names none. Lost ones
 * are still to be destroyed. CREATE starts another renderer, at most one a second;
 * meanwhile it is refused with RENDER_GONE. RESET destroys all of them.
 *
 * CONTEXT_CREATE: refused: BAD_ID (id 0 or over MAX_CONTEXTS), ID_EXISTS,
 * BAD_DESCRIPTOR (capset), RENDER_GONE.
 *
 * CONTEXT_DESTROY, RESOURCE_DESTROY: jobs that have begun end, with whatever
 * status; jobs that begin later fail with RENDER_LOST. Refused: BAD_ID.
 *
 * RESOURCE_CREATE: commands name the resource by its id. target, format, bind
 * and flags are the protocol's; format and flags are the renderer's to judge.
 * The resource counts as width * height * depth * array_size * max(nr_samples,
 * 1) texels of 16 bytes, or of 4 with a format from 1 to 4 or 67 (red, green,
 * blue and alpha or nothing, of 8 bits each); with last_level not 0 a half
 * more. One of target BUFFER counts as width bytes. Refused: BAD_ID (id 0 or
 * over MAX_RESOURCES), ID_EXISTS, BAD_LENGTH (a dimension 0 or over
 * MAX_DIMENSION, or MAX_BUFFER_WIDTH for a BUFFER; one that the target does not
 * have and is not 1; over 16 samples or 15 levels), BAD_DESCRIPTOR (target,
 * reserved), LIMIT (bytes of all), RENDER_GONE.
 *
 * RESOURCE_ADD, RESOURCE_REMOVE: the context may use the resource, or may not any
 * more. Both may be done twice. Refused: BAD_ID.
 *
 * QUERY_CAPSET: writes the capability set id (CAPSET_*) of the renderer, as the
 * protocol defines it, to memory; refusals as QUERY_LEDGER, BAD_ID if there is no
 * such set, and BUSY while the first renderer is starting. Result is its size,
 * which may be larger than length.
 */
#define DMASHARE_CAPSET_VIRGL		1
#define DMASHARE_CAPSET_VIRGL2		2

struct dmashare_body_context {
	__le32 id;			/* chosen by the driver, 1..MAX_CONTEXTS */
	__le32 capset;			/* DMASHARE_CAPSET_* */
	__u8 name[DMASHARE_NAME_LEN];	/* for people */
};

enum dmashare_target {
	DMASHARE_TARGET_BUFFER		= 0,
	DMASHARE_TARGET_1D		= 1,
	DMASHARE_TARGET_2D		= 2,
	DMASHARE_TARGET_3D		= 3,
	DMASHARE_TARGET_CUBE		= 4,
	DMASHARE_TARGET_RECT		= 5,
	DMASHARE_TARGET_1D_ARRAY	= 6,
	DMASHARE_TARGET_2D_ARRAY	= 7,
	DMASHARE_TARGET_CUBE_ARRAY	= 8,
};

#define DMASHARE_MAX_DIMENSION		16384
#define DMASHARE_MAX_BUFFER_WIDTH	(64 << 20)

struct dmashare_body_resource {
	__le32 id;			/* chosen by the driver, 1..MAX_RESOURCES */
	__le32 target;			/* enum dmashare_target */
	__le32 format;
	__le32 bind;
	__le32 width;
	__le32 height;
	__le32 depth;
	__le32 array_size;
	__le32 last_level;
	__le32 nr_samples;
	__le32 flags;
	__le32 reserved;		/* must be zero */
};

struct dmashare_body_pair {
	__le32 context;
	__le32 resource;
};

/*
 * Jobs. An operand is a range of a mapping. With rows 0 or 1 an operand is
 * the length bytes at offset. With rows >= 2 (copy, fill, checksum) it is
 * that many rows of length bytes, one every pitch bytes; pitch must then be at
 * least length. Operands that an opcode does not use must be all zero.
 *
 *   opcode    src  dst  length  value
 *   NOOP      -    -    0       duration in ns of device time, at most
 *                               DMASHARE_NOOP_MAX_NS
 *   COPY      x    x    x       0
 *   FILL      -    x    x       pattern: its 8 bytes in little-endian order
 *                               repeat from the start of each row, the last
 *                               repetition being cut off
 *   CHECKSUM  x    -    x       0; result is the CRC32C (Castagnoli,
 *                               RFC 3720 B.4, initial value and final xor
 *                               0xffffffff) of the rows one after another
 *   RENDER    x    -    x       id of a context, and a ring << 32; length is a
 *                               multiple of 4, rows 0
 *   UPLOAD    x    -    x       bytes of the operand from layer to layer; rows 0
 *   DOWNLOAD  -    x    x       the same
 *
 * RENDER to DOWNLOAD take the time that the renderer takes, besides. What they
 * read is read before the renderer sees it; DOWNLOAD writes while the renderer
 * reads on, and one that failed may have written a part. A pixel of the box is
 * where the renderer puts it: row after row of stride bytes, from the operand's
 * first byte on. RENDER's fence signals when the renderer has done what the
 * commands ask for. MAX_RENDER is the limit of their length. A ring from
 * RENDER_RINGS on is BAD_LENGTH, an unknown context or resource RENDER_LOST
 * when the job begins.
 *
 * Any other job takes the latency and bandwidth that the device was given as
 * properties (default: none), in device time.
 *
 * A job names the fence it signals: a timeline and a seqno greater than any
 * that was submitted on that timeline before. Fences of one timeline signal
 * in the order of their seqnos whichever queue their jobs were on; a job
 * that is done before its turn completes when its turn comes, and jobs behind
 * it on its queue need not wait for that.
 *
 * A job starts when every fence in waits has signalled, with whatever
 * status; with JOB_F_STRICT a failed one (among the timeline's last
 * DMASHARE_FAILED_KEPT failures) fails the job with DEPENDENCY. A wait may
 * name a fence that has not been submitted yet. A wait longer than the
 * device's watchdog (property, default 10 s of device time) fails the job
 * with TIMEOUT. A wait that closes a cycle with jobs already fetched on
 * other queues fails the job with DEADLOCK.
 *
 * A job that is refused or fails still signals its fence if its timeline and
 * seqno were valid; with BAD_FENCE for these two, and for a BAD_OPCODE below
 * 0x40, there is no fence to signal. COMPLETION_F_FENCE tells.
 *
 * Refused: BAD_OPCODE, BAD_DESCRIPTOR (reserved bits, flags, n_waits, an
 * unused operand, wait or value that is not zero, a NOOP with length or rows,
 * pitch below length, or not 0 with rows < 2, a NOOP longer than the limit),
 * BAD_LENGTH (0 where needed, or length * rows over MAX_JOB_BYTES), OVERLAP,
 * BAD_FENCE, DEADLOCK. Failed: the FAULT_* (each also an event), RENDER_*,
 * TIMEOUT, DEPENDENCY. Bounds, direction and the mapping's existence are
 * checked for all operands before the first byte moves.
 */
#define DMASHARE_JOB_F_STRICT		(1 << 0)
#define DMASHARE_JOB_F_UNCACHED		(1 << 1) /* go past the copies; see Coherence */

#define DMASHARE_FAILED_KEPT		64
#define DMASHARE_NOOP_MAX_NS		(3600ULL * 1000 * 1000 * 1000)

struct dmashare_operand {
	__le32 mapping;			/* mapping id */
	__le32 reserved;		/* must be zero */
	__le64 offset;			/* bytes from the start of the mapping */
	__le64 pitch;			/* bytes from row to row, 0 with rows < 2 */
};

struct dmashare_wait {
	__le32 timeline;
	__le32 reserved;		/* must be zero */
	__le64 seqno;
};

struct dmashare_body_job {
	__le32 timeline;		/* the fence to signal */
	__le32 rows;
	__le64 seqno;			/* of the fence to signal, not 0 */
	struct dmashare_operand src;
	struct dmashare_operand dst;
	__le64 length;			/* bytes, or bytes of a row */
	__le64 value;			/* by opcode, above */
	struct dmashare_wait wait[DMASHARE_MAX_WAITS];
};

/*
 * UPLOAD and DOWNLOAD: a box of one level of a resource. x and width of a
 * BUFFER are bytes. stride is from row to row of the operand, 0: as long as the
 * whole level's rows; the layer stride likewise. Bytes of DOWNLOAD's operand
 * that no pixel has are written, as zeros. Refused besides: BAD_LENGTH (an empty
 * box). Failed besides: RENDER_COMMANDS (the box is not inside of the level, a
 * stride is longer than the operand, or the operand is too small for the box).
 */
struct dmashare_body_transfer {
	struct dmashare_body_job job;
	__le32 resource;
	__le32 level;
	__le32 stride;
	__le32 x;
	__le32 width;
	__le16 y;
	__le16 height;
	__le16 z;			/* or layer */
	__le16 depth;
	__le32 reserved;		/* must be zero */
};

/*
 * A submission ring entry. The device fetches it once, when a completion
 * ring slot is free for it, and looks only at its own copy afterwards.
 * Commands of the control queue execute and complete in order. Jobs of one
 * queue run in order, one after the other, and complete when their fences
 * signal: a job that is done before its turn on its timeline, or whose fence is
 * held, is set aside, and jobs behind it go on and may complete before it (since
 * 1.2; before that the queue waited). Job queues run beside each other and beside
 * the control queue.
 */
struct dmashare_desc {
	__u8 opcode;			/* enum dmashare_opcode */
	__u8 n_waits;			/* jobs: 0..DMASHARE_MAX_WAITS, else 0 */
	__le16 flags;			/* jobs: DMASHARE_JOB_F_*, else 0 */
	__le32 reserved;		/* must be zero */
	__le64 cookie;			/* returned in the completion */
	union {
		struct dmashare_body_buffer buffer;
		struct dmashare_body_attach attach;
		struct dmashare_body_id id;
		struct dmashare_body_map map;
		struct dmashare_body_unmap unmap;
		struct dmashare_body_note note;
		struct dmashare_body_query query;
		struct dmashare_body_place place;
		struct dmashare_body_sync sync;
		struct dmashare_body_share share;
		struct dmashare_body_unshare unshare;
		struct dmashare_body_publish publish;
		struct dmashare_body_hold hold;
		struct dmashare_body_peer_map peer_map;
		struct dmashare_body_peer_acquire peer_acquire;
		struct dmashare_body_context context;
		struct dmashare_body_resource resource;
		struct dmashare_body_pair pair;
		struct dmashare_body_job job;
		struct dmashare_body_transfer transfer;
		__u8 body[240];		/* bytes past the opcode's body must be zero */
	};
};

#define DMASHARE_DESC_SIZE		256

/*
 * A completion ring entry. seq is written last, as one aligned 32-bit store:
 * the entry of index i is valid when its seq is i + 1 (modulo 2^32), so the
 * driver zeroes the ring before it enables the queue and needs no register
 * to find new entries.
 */
struct dmashare_completion {
	__le64 cookie;
	__le64 result;			/* CHECKSUM: the CRC; QUERY_*: bytes; SHARE: id; else 0 */
	__le64 detail;			/* FAULT_*: the event's addr; COMMANDED: errno; else 0 */
	__le16 status;			/* enum dmashare_status */
	__le16 flags;			/* DMASHARE_COMPLETION_F_* */
	__le32 seq;
};

#define DMASHARE_COMPLETION_F_FENCE	(1 << 0) /* its fence signalled with this status */
#define DMASHARE_COMPLETION_SIZE	32

/* An event ring entry; seq as in struct dmashare_completion. */
enum dmashare_event_type {
	DMASHARE_EVENT_FAULT		= 1,	/* an access of a job failed */
	DMASHARE_EVENT_QUEUE_ERROR	= 2,	/* a queue stopped; status is the queue error */
	DMASHARE_EVENT_FENCE_MEMORY	= 3,	/* fence memory could not be written */
	DMASHARE_EVENT_WATCHDOG		= 4,	/* a wait was ended by the watchdog */
	/*
	 * The harness wants buffer to move to the placement in offset (since
	 * 1.1). A wish: the driver may not be able to, for a pinned buffer.
	 */
	DMASHARE_EVENT_MOVE_REQUEST	= 5,
	/*
	 * A fence is held and nothing but the harness will ever end that (since
	 * 1.2): offset is the timeline, addr the seqno.
	 */
	DMASHARE_EVENT_HELD_FOR_EVER	= 6,
	DMASHARE_EVENT_FATAL		= 7,	/* STATUS.FATAL was set; since 1.2 */
	/*
	 * Sharing, since 1.3. Events of these kinds are never dropped: those
	 * that find the ring full or disabled are kept, and come when there is
	 * room, for which they get half of the ring. The hold's, or the foreign
	 * buffer's, id is in mapping.
	 *
	 * SHARE_ACQUIRE: a client wants to hold buffer; the driver has its
	 * users wait for the hold and answers with GRANT. offset is the
	 * deadline in ns. EVENT_F_WRITE, EVENT_F_WAIT: as the client asked.
	 * SHARE_DONE: the hold is over, by its status; offset is the errno, 0
	 * with OK. PEER_ANNOUNCE: offset is the size. PEER_WITHDRAW: status OK
	 * (withdrawn) or COMMANDED, offset the errno (the connection was lost:
	 * ECONNRESET). PEER_CONTENT: offset is the sequence; one that was not
	 * posted yet is replaced by the next. PEER_GRANTED: addr is the
	 * sequence, status OK, or COMMANDED and offset the errno.
	 */
	DMASHARE_EVENT_SHARE_ACQUIRE	= 8,
	DMASHARE_EVENT_SHARE_DONE	= 9,
	DMASHARE_EVENT_PEER_ANNOUNCE	= 10,
	DMASHARE_EVENT_PEER_WITHDRAW	= 11,
	DMASHARE_EVENT_PEER_CONTENT	= 12,
	DMASHARE_EVENT_PEER_GRANTED	= 13,
	/*
	 * Rendering, since 1.4: flags is 0 for a context and EVENT_F_RESOURCE for
	 * a resource, mapping its id; 0: all of both. status says why.
	 */
	DMASHARE_EVENT_RENDER_LOST	= 14,
};

#define DMASHARE_EVENT_F_WRITE		(1 << 0) /* the access was a write, or is to be one */
#define DMASHARE_EVENT_F_WAIT		(1 << 1) /* SHARE_ACQUIRE: to be told, and nothing held */
#define DMASHARE_EVENT_F_RESOURCE	(1 << 2) /* RENDER_LOST: a resource, not a context */

struct dmashare_event {
	__le16 type;			/* enum dmashare_event_type */
	__le16 status;			/* enum dmashare_status, or enum dmashare_queue_error */
	__le16 queue;			/* queue of the job or the error */
	__le16 flags;			/* DMASHARE_EVENT_F_* */
	__le64 cookie;			/* of the job, else 0 */
	__le32 buffer;			/* buffer id, 0 if unknown */
	__le32 mapping;			/* mapping id, 0 if none */
	__le64 offset;			/* in the mapping, of the first byte not transferred */
	__le64 addr;			/* DMA address of that byte, ~0 if there is none */
	__le64 time;			/* device time in ns */
	__le64 reserved;		/* zero */
	__le32 lost;			/* events dropped just before this one */
	__le32 seq;
};

#define DMASHARE_EVENT_SIZE		64

#endif /* DMASHARE_ABI_H */
