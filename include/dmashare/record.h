/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * dmashare: the format of a recording
 *
 * A recording has everything that one device was told and did, from its
 * power-on state on. This header is its single definition: the device writes
 * it (hw/dmashare/record.c), tests/qtest/dmashare-replay reads it, and
 * docs/recording.rst explains it.
 *
 * A file is a struct dmashare_record_file and then records, each a struct
 * dmashare_record and its payload, which zeros fill up to a multiple of 8
 * bytes. The last record is an END.
 * Everything is little-endian. Versions are as in abi.h: a reader refuses
 * another major, and any type of record, flag or value that it does not know.
 */
#ifndef DMASHARE_RECORD_H
#define DMASHARE_RECORD_H

#include "dmashare/abi.h"

#define DMASHARE_RECORD_MAGIC		"DMSHREC\n"
#define DMASHARE_RECORD_MAJOR		1
#define DMASHARE_RECORD_MINOR		0

struct dmashare_record_file {
	__u8 magic[8];			/* DMASHARE_RECORD_MAGIC */
	__le16 major;			/* DMASHARE_RECORD_MAJOR */
	__le16 minor;
	__le32 size;			/* bytes of this header, 64 */
	__le32 interface;		/* of the device, as DMASHARE_REG_VERSION */
	__le32 bus_master;		/* as of BUS_MASTER, at the start */
	__le64 start;			/* device time in ns at the start */
	__le32 granule;			/* of local memory: what can be given back; or 0 */
	__le32 next_rule;		/* id of the next fault rule */
	__le32 next_hold;		/* id of the next hold */
	__u8 reserved[16];		/* zero */
	__le32 crc;			/* CRC32C of the header before it */
};

#define DMASHARE_RECORD_FILE_SIZE	64

/*
 * A record. The time is the device's: it stands still during one step, so all
 * records of a step have the same.
 */
struct dmashare_record {
	__le32 size;			/* bytes of the payload, without what fills it up */
	__le16 type;			/* enum dmashare_record_type */
	__le16 flags;			/* DMASHARE_RECORD_F_* */
	__le64 number;			/* 0 for the first, and so on */
	__le64 time;			/* ns of device time, never falls */
	__le32 reserved;		/* zero */
	__le32 crc;			/* CRC32C of the header before it and the payload */
};

#define DMASHARE_RECORD_SIZE		32

/*
 * The record is what a step begins with: something that came from outside, or
 * a timer. All that follows it up to the next one is what the device did then.
 */
#define DMASHARE_RECORD_F_STEP		(1 << 0)

/* Payloads: of any record, of DATA, and of what DMA has to say inline. */
#define DMASHARE_RECORD_MAX		(16 << 20)
#define DMASHARE_RECORD_DATA_MAX	(64 << 10)
#define DMASHARE_RECORD_INLINE_MAX	512

/*
 * An engine's access is recorded in pieces that lie in one page each, and a
 * device that is recorded makes them so, whatever its IOMMU could do at once.
 */
#define DMASHARE_RECORD_PAGE		4096

/*
 * BUS_MASTER is whether configuration space lets the device do DMA: Bus Master
 * Enable, and power state D0. A reset clears it without a word.
 */
enum dmashare_record_type {
	/* The device's configuration; before all others. */
	DMASHARE_RECORD_PROPERTY	= 1,	/* struct dmashare_record_property */

	/* What steps begin with. */
	DMASHARE_RECORD_REG_WRITE	= 2,	/* struct dmashare_record_reg */
	DMASHARE_RECORD_REG_READ	= 3,	/* struct dmashare_record_reg */
	DMASHARE_RECORD_TIMER		= 4,	/* __le32: its number */
	DMASHARE_RECORD_RESET		= 5,	/* nothing; inside a step, too */
	DMASHARE_RECORD_BUS_MASTER	= 6,	/* __le32: 1 if DMA is possible now */
	DMASHARE_RECORD_COMMAND		= 7,	/* QMP: "name\0" and "{ arguments }\0" */
	DMASHARE_RECORD_UNKNOWN		= 8,	/* nothing: for no known reason */

	/* What the device did. */
	DMASHARE_RECORD_DMA_READ	= 16,	/* struct dmashare_record_memory */
	DMASHARE_RECORD_DMA_WRITE	= 17,	/* struct dmashare_record_memory */
	DMASHARE_RECORD_LOCAL_READ	= 18,	/* struct dmashare_record_memory */
	DMASHARE_RECORD_LOCAL_WRITE	= 19,	/* struct dmashare_record_memory */
	DMASHARE_RECORD_LOCAL_ZERO	= 20,	/* struct dmashare_record_memory */
	DMASHARE_RECORD_INTERRUPT	= 21,	/* __le32: vector */
	DMASHARE_RECORD_JOURNAL		= 22,	/* struct dmashare_record_journal */

	/* Bytes that a later record refers to. They count from 0. */
	DMASHARE_RECORD_DATA		= 32,	/* the bytes */

	/* The end. */
	DMASHARE_RECORD_LEDGER		= 33,	/* struct dmashare_ledger, of the device */
	DMASHARE_RECORD_END		= 34,	/* struct dmashare_record_end */
};

/* A property of the device, by its name. */
struct dmashare_record_property {
	__le64 value;
	__u8 name[32];			/* zero-padded, ends in zero */
};

struct dmashare_record_reg {
	__le32 offset;			/* in BAR0 */
	__le32 size;			/* of the access, 1..8 bytes */
	__le64 value;
};

/*
 * An access to memory: by DMA address, or by the offset in local memory. What
 * was read is given in full, right behind this (length at most
 * DMASHARE_RECORD_INLINE_MAX) or in a DATA record. What was written is given
 * in full if it is that short, else by its checksum. LOCAL_ZERO: pages were
 * given back, and are zero now.
 */
struct dmashare_record_memory {
	__le64 addr;
	__le64 length;			/* bytes; reads: at most DMASHARE_RECORD_DATA_MAX */
	__le64 data;			/* number of the DATA record, or ~0 */
	__le32 crc;			/* CRC32C of the bytes; 0 where status is not OK */
	__le16 status;			/* OK, FAULT_TRANSLATION or FAULT_BUS_MASTER */
	__le16 reserved;		/* zero */
};

/* An entry of the journal; see DmashareJournalEntry in qapi/dmashare.json. */
struct dmashare_record_journal {
	__le64 sequence;		/* 0 for the first after the start */
	__le64 arg;
	__le64 seqno;			/* ~0: means nothing */
	__le64 bytes;			/* likewise */
	__le32 operation;		/* DmashareOperation */
	__le32 actor;			/* DmashareActor */
	__le16 status;
	__le16 error;
	__le32 queue;			/* ~0: means nothing */
	__le32 buffer;			/* likewise */
	__le32 object;			/* likewise */
	__le32 timeline;		/* likewise */
	__le32 reserved;		/* zero */
};

enum dmashare_record_reason {
	DMASHARE_RECORD_STOPPED		= 0,	/* as commanded, or QEMU ended: all is there */
	DMASHARE_RECORD_GONE		= 1,	/* the device was unplugged: all is there */
	DMASHARE_RECORD_FULL		= 2,	/* max-size was reached: the rest is missing */
	DMASHARE_RECORD_BEHIND		= 3,	/* the disk was too slow: likewise */
};

/*
 * Counts of what came before. The last step of a recording that is not whole
 * may be cut.
 */
struct dmashare_record_end {
	__le32 reason;			/* enum dmashare_record_reason */
	__le32 reserved;		/* zero */
	__le64 records;
	__le64 steps;
	__le64 data;			/* DATA records */
};

#endif /* DMASHARE_RECORD_H */
