/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * dmashare: the protocol of the share server, version 1.0
 *
 * A device with the property share=unix:PATH listens on a socket of the host.
 * Programs of the host (libdmashare), and the dmashare device of another VM,
 * connect to it, learn which buffers the guest has marked as shareable, get
 * their very pages as file descriptors, and wait for and hold fences on them.
 * This header is the single definition of what goes over that socket;
 * docs/specs/share-protocol.rst explains it, nothing restates it.
 *
 * Transport: a stream socket of AF_UNIX, because file descriptors go with it
 * (SCM_RIGHTS, attached to the first byte of their message). Every message, in
 * both directions, is one struct dmashare_msg of exactly DMASHARE_MSG_SIZE
 * bytes, little-endian. There is no other framing and no variable part. Bytes
 * that a type does not use must be zero, and are checked, so that they can be
 * given a meaning later.
 *
 * Who begins: the client, with HELLO, and nothing else before WELCOME came.
 *
 * Requests (client to server) carry a serial of the client's choice, not 0;
 * each gets exactly one answer with the same serial: the type named below, or
 * ERROR. Requests of one connection are answered in order. Notices (server to
 * client) have serial 0 and come at any time.
 *
 * A message that breaks a rule of this header (wrong magic, type, length, bits
 * that must be zero, a file descriptor where none belongs, a serial in use)
 * gets ERROR with serial 0 and EPROTO, and the server closes the connection. A
 * request that is well-formed and cannot be done gets ERROR with its serial, an
 * errno and a line for people, and nothing has changed.
 *
 * What goes over the socket is bounded: a client has at most DMASHARE_MAX_OPEN
 * buffers open and DMASHARE_MAX_CLIENT_HOLDS holds that it asked for. Notices
 * about the same buffer that a slow client has not read are put together; a
 * client that does not read at all while it must be answered is disconnected.
 *
 * When a connection ends, however it ends, the server releases all that the
 * client holds, with the errno ECONNRESET.
 *
 * Versions: the client says the highest it knows, the server answers with what
 * is spoken: the same major, and the lower of the two minors. Another major is
 * refused with EPROTONOSUPPORT.
 *
 * Errnos are those of Linux on the wire, 1..4095.
 */
#ifndef DMASHARE_SHARE_H
#define DMASHARE_SHARE_H

#include "dmashare/abi.h"

#define DMASHARE_MSG_MAGIC		0x504d4844	/* "DHMP" */
#define DMASHARE_MSG_SIZE		128

#define DMASHARE_PROTOCOL_MAJOR		1
#define DMASHARE_PROTOCOL_MINOR		0

#define DMASHARE_MAX_OPEN		256	/* buffers, of one connection */
#define DMASHARE_MAX_CLIENT_HOLDS	64	/* holds, of one connection */
#define DMASHARE_MAX_DEADLINE_NS	(3600ULL * 1000 * 1000 * 1000)

enum dmashare_msg_type {
	/* requests, from the client */
	DMASHARE_MSG_HELLO	= 1,	/* body: hello; answer WELCOME */
	DMASHARE_MSG_OPEN	= 2,	/* body: open; answer OPENED, with descriptors */
	DMASHARE_MSG_CLOSE	= 3,	/* body: share; answer DONE */
	DMASHARE_MSG_SUBSCRIBE	= 4,	/* body: subscribe; answer DONE */
	DMASHARE_MSG_ACQUIRE	= 5,	/* body: acquire; answer ACQUIRED; GRANTED follows */
	DMASHARE_MSG_RELEASE	= 6,	/* body: release; answer DONE */

	/* answers */
	DMASHARE_MSG_WELCOME	= 32,	/* body: welcome */
	DMASHARE_MSG_OPENED	= 33,	/* body: opened; 1 or 2 descriptors */
	DMASHARE_MSG_DONE	= 34,	/* no body */
	DMASHARE_MSG_ACQUIRED	= 35,	/* body: hold; 1 descriptor if one was asked for */
	DMASHARE_MSG_ERROR	= 36,	/* body: error */

	/* notices, from the server */
	DMASHARE_MSG_ANNOUNCE	= 64,	/* body: announce */
	DMASHARE_MSG_WITHDRAW	= 65,	/* body: withdraw */
	DMASHARE_MSG_CONTENT	= 66,	/* body: content */
	DMASHARE_MSG_GRANTED	= 67,	/* body: granted */
	DMASHARE_MSG_ENDED	= 68,	/* body: ended */
	DMASHARE_MSG_READY	= 69,	/* no body: all that there was has been announced */
};

/*
 * HELLO: magic is DMASHARE_MSG_MAGIC; version is major << 16 | minor; name is
 * for people (query-dmashare-clients), padded with zeros. EPROTONOSUPPORT:
 * another major. EACCES: the server does not serve this user. EUSERS: it has as
 * many clients as it takes.
 *
 * WELCOME comes first; then one ANNOUNCE for each share there is, and READY.
 */
struct dmashare_msg_hello {
	__le32 magic;
	__le32 version;
	__u8 name[DMASHARE_NAME_LEN];
};

/*
 * device: the device's name (its id, or its path), cut off where it is too
 * long, padded with zeros. instance changes with every start of the server:
 * whoever connects anew knows by it that no share of before is left.
 */
struct dmashare_msg_welcome {
	__le32 magic;
	__le32 version;
	__le64 instance;
	__le32 max_open;
	__le32 max_holds;
	__u8 device[DMASHARE_NAME_LEN];
};

/*
 * How the pages are passed; see OPENED.
 *  UDMABUF	a dma-buf of the host with these pages and no others. The kernel makes
 *		no read-only ones: F_READ_ONLY is not enforced.
 *  LOCAL	the memory file of the device's local memory, in which the buffer is a
 *		range. What else the guest has in local memory can be seen in it.
 *  GUEST	the memory file of the guest's RAM, all of which can be seen in it:
 *		only where whoever started QEMU asked for that.
 */
enum dmashare_share_path {
	DMASHARE_PATH_NONE	= 0,	/* no pages at present (it moves) */
	DMASHARE_PATH_UDMABUF	= 1,
	DMASHARE_PATH_LOCAL	= 2,
	DMASHARE_PATH_GUEST	= 3,
};

/*
 * ANNOUNCE: a share is there, or has changed: id names it for as long as the
 * guest shares that buffer and is never used again by this instance; generation
 * grows each time that its pages are others. What the guest said of its
 * contents (fourcc, width, height, stride) is not checked against anything: a
 * client does that.
 */
#define DMASHARE_SHARE_F_WRITE		(1 << 0) /* clients may open it for writing */

struct dmashare_msg_announce {
	__le32 share;
	__le32 generation;
	__le64 size;			/* bytes, a multiple of 4096 */
	__le32 flags;			/* DMASHARE_SHARE_F_* */
	__le32 path;			/* enum dmashare_share_path */
	__le32 fourcc;			/* DRM_FORMAT_*, 0: bytes */
	__le32 width;			/* pixels */
	__le32 height;			/* rows */
	__le32 stride;			/* bytes from row to row */
	__le64 sequence;		/* of the last content published, 0: none yet */
	__u8 name[DMASHARE_NAME_LEN];
};

/*
 * WITHDRAW: the pages of that generation are the buffer's no more. RELEASED:
 * the share is gone. MOVED: it stays, and is announced again when it has new
 * pages. RESET: the device was reset or removed; as RELEASED.
 *
 * What a client still has mapped never shows the buffer's new bytes. UDMABUF
 * with F_CUT: nor anything else of the guest, which has been given other pages
 * in their place. Otherwise the client must unmap it: the pages are the
 * guest's, which uses them for something else. The descriptors need not be sent
 * back; the client has closed the share as if by CLOSE, and its holds of it
 * have ENDED.
 */
enum dmashare_withdraw_reason {
	DMASHARE_WITHDRAW_RELEASED	= 0,
	DMASHARE_WITHDRAW_MOVED		= 1,
	DMASHARE_WITHDRAW_RESET		= 2,
};

#define DMASHARE_WITHDRAW_F_CUT		(1 << 0)

struct dmashare_msg_withdraw {
	__le32 share;
	__le32 generation;
	__le32 reason;			/* enum dmashare_withdraw_reason */
	__le32 flags;			/* DMASHARE_WITHDRAW_F_* */
};

/*
 * OPEN: be given the pages. Without F_WRITE the descriptor is read-only where
 * the kernel can make one (see enum dmashare_share_path). ENOENT: no such
 * share. ESTALE: it has another generation. EACCES: F_WRITE, and the guest or
 * whoever started QEMU permits reading alone. EBUSY: this client has it open
 * already. EMFILE: DMASHARE_MAX_OPEN. EAGAIN: it has no pages at present.
 * EOPNOTSUPP: the host cannot pass these pages in any way that is permitted.
 * Else what the host's kernel said when it was to make the dma-buf.
 *
 * OPENED: the first descriptor is the memory. The buffer's bytes are n_ranges
 * ranges of it, in order: one, from offset on, if n_ranges is 1, else as listed
 * in the second descriptor, a sealed memory file of n_ranges struct
 * dmashare_range. Offsets and lengths are multiples of 4096.
 */
#define DMASHARE_OPEN_F_WRITE		(1 << 0)
#define DMASHARE_MAX_RANGES		(1U << 20)

struct dmashare_msg_open {
	__le32 share;
	__le32 generation;
	__le32 flags;			/* DMASHARE_OPEN_F_* */
	__le32 reserved;
};

#define DMASHARE_OPENED_F_WRITE		(1 << 0) /* it may be written */
#define DMASHARE_OPENED_F_ENFORCED	(1 << 1) /* if not, the kernel sees to that */

struct dmashare_msg_opened {
	__le32 share;
	__le32 generation;
	__le64 size;			/* bytes */
	__le64 offset;			/* of the first range */
	__le32 n_ranges;		/* 1..DMASHARE_MAX_RANGES */
	__le32 path;			/* enum dmashare_share_path */
	__le32 flags;			/* DMASHARE_OPENED_F_* */
	__le32 reserved;
};

struct dmashare_range {
	__le64 offset;			/* bytes in the memory file */
	__le64 length;			/* bytes, not 0 */
};

/* CLOSE: ENOENT: not open. Its holds are released with ECANCELED. */
struct dmashare_msg_share {
	__le32 share;
	__le32 reserved;
};

/*
 * SUBSCRIBE: with on 1 every content published from now on comes with a hold of
 * this client, which the guest waits for; with 0 no more, and those held are
 * released with ECANCELED. ENOENT: not open.
 */
struct dmashare_msg_subscribe {
	__le32 share;
	__le32 on;			/* 0 or 1 */
};

/*
 * CONTENT: the guest has published new contents. To all clients, hold being 0;
 * to subscribers with a hold: the guest writes no other contents before they
 * RELEASE it, or the deadline has passed. Without a hold a later one replaces
 * one that was not read yet.
 */
struct dmashare_msg_content {
	__le32 share;
	__le32 generation;
	__le64 sequence;		/* the guest's number for it, not 0 */
	__le32 hold;			/* 0: none */
	__le32 reserved;
	__le64 deadline;		/* of the hold: ns of the guest's device time left */
};

/*
 * ACQUIRE: a fence of the client's own, which the guest's users of the buffer
 * wait for. The answer ACQUIRED names the hold. GRANTED comes when the guest
 * has done what it was doing with the buffer (its writes; with F_WRITE its
 * reads as well), and from then on the client may read (write) until it
 * RELEASEs the hold, at most deadline long, counted in the guest's device time,
 * which stands still when the guest does. With F_WAIT nothing is held: GRANTED
 * is the end of it, and no RELEASE follows.
 *
 * With F_FD a descriptor comes with ACQUIRED that can be polled and read
 * without this socket: it becomes readable when GRANTED is sent, or ENDED in
 * its place, giving one le32, the errno (0: granted), and then the end of file;
 * the end of file alone means that the hold was released, or the server is
 * gone. It is a pipe and no eventfd: to write to one whose flags the reader can
 * change can block the writer, which is QEMU.
 *
 * ENOENT: not open. EACCES: F_WRITE, and it is not open for writing. ENOSPC:
 * DMASHARE_MAX_CLIENT_HOLDS, 16 with F_FD that are not granted, or all that the
 * device can have. EMFILE: no pipe can be made. EINVAL: deadline 0 or over
 * DMASHARE_MAX_DEADLINE_NS.
 */
#define DMASHARE_ACQUIRE_F_WRITE	(1 << 0)
#define DMASHARE_ACQUIRE_F_WAIT		(1 << 1)
#define DMASHARE_ACQUIRE_F_FD		(1 << 2)

struct dmashare_msg_acquire {
	__le32 share;
	__le32 flags;			/* DMASHARE_ACQUIRE_F_* */
	__le64 deadline;		/* ns; 0 with F_WAIT */
};

/* ACQUIRED */
struct dmashare_msg_hold {
	__le32 share;
	__le32 hold;			/* not 0 */
};

/* GRANTED: error 0, or the errno that the guest refused it with, which ends it. */
struct dmashare_msg_granted {
	__le32 share;
	__le32 hold;
	__le32 error;
	__le32 reserved;
	__le64 sequence;		/* of the contents */
};

/*
 * RELEASE: the fence signals, with error 0 or as failed with that errno; before
 * GRANTED it is cancelled. ENOENT: no such hold, or it has ENDED.
 */
struct dmashare_msg_release {
	__le32 hold;
	__le32 error;			/* 0..4095 */
};

/*
 * ENDED: the hold is over without the client's doing: ETIMEDOUT (deadline),
 * ECANCELED (the guest withdrew the buffer, or the device was reset). No
 * RELEASE follows.
 */
struct dmashare_msg_ended {
	__le32 share;
	__le32 hold;
	__le32 error;
	__le32 reserved;
};

/* ERROR: text is one line for people, ended by a zero. */
#define DMASHARE_MSG_TEXT_LEN		104

struct dmashare_msg_error {
	__le32 error;			/* errno */
	__u8 text[DMASHARE_MSG_TEXT_LEN];
};

struct dmashare_msg {
	__le32 type;			/* enum dmashare_msg_type */
	__le32 length;			/* DMASHARE_MSG_SIZE */
	__le32 serial;
	__le32 reserved;
	union {
		struct dmashare_msg_hello hello;
		struct dmashare_msg_welcome welcome;
		struct dmashare_msg_announce announce;
		struct dmashare_msg_withdraw withdraw;
		struct dmashare_msg_open open;
		struct dmashare_msg_opened opened;
		struct dmashare_msg_share share;
		struct dmashare_msg_subscribe subscribe;
		struct dmashare_msg_content content;
		struct dmashare_msg_acquire acquire;
		struct dmashare_msg_hold hold;
		struct dmashare_msg_granted granted;
		struct dmashare_msg_release release;
		struct dmashare_msg_ended ended;
		struct dmashare_msg_error error;
		__u8 body[DMASHARE_MSG_SIZE - 16];
	};
};

#endif /* DMASHARE_SHARE_H */
