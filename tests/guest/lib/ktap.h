/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KTAP for the guest tests: each case runs in a process of its own, so that
 * one that fails, crashes or hangs leaves nothing behind for the next (every
 * file it opened is closed by the kernel, which is itself part of what is
 * tested). Results go to stdout, one KTAP stream per program; diagnostics are
 * KTAP "# " lines on the same stream.
 */
#ifndef DMASHARE_TEST_KTAP_H
#define DMASHARE_TEST_KTAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One test case. @run returns when it passed; it fails by one of the ASSERT
 * macros and is skipped by SKIP. @timeout is in seconds, 0 means the default.
 * @covers is said by covers() before the case runs, NULL: nothing.
 */
struct ktap_case {
	const char *name;
	void (*run)(void);
	unsigned int timeout;
	const char *covers;
};

#define KTAP_CASE(fn)			{ #fn, fn, 0, NULL }
#define KTAP_SLOW(fn, seconds)		{ #fn, fn, seconds, NULL }
#define KTAP_COVERS(fn, cells)		{ #fn, fn, 0, cells }
#define KTAP_SLOW_COVERS(fn, seconds, cells)	{ #fn, fn, seconds, cells }

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))

/*
 * Runs the cases and returns the program's exit status: 0 when none failed.
 * Arguments: "--list" prints the names and runs nothing, "--brief" makes
 * rounds() smaller, "--patient" gives each case five times as long (for a host that
 * does much else at the same time), any other argument is a pattern (fnmatch) of the cases to
 * run, and one with a minus in front of those to leave out.
 */
int ktap_main(int argc, char **argv, const struct ktap_case *cases, size_t n);

/*
 * How often to do what must come out the same each time: @n, and with "--brief"
 * a tenth of it.
 */
unsigned int rounds(unsigned int n);

/* A KTAP diagnostic line ("# ..."); a line on stderr where no case is running. */
void ktap_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * What this case proves for the conformance table (docs/conformance.rst), as
 * words OPERATION:COUNTERPART separated by blanks; the words are those of the
 * file tests/guest/conformance. It counts if the case passes, wherever in the
 * case it is said.
 */
void covers(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * That a documented errno was seen: @ioctl as the documentation names it
 * ("BO_CREATE", "SUBMIT", "PRIME_FD_TO_HANDLE"), @err its number.
 * tests/scripts/test-errno.py compares with what is documented.
 */
void errno_seen(const char *ioctl, int err);

/* Ends the case as failed / as skipped. Do not call: use the macros. */
void ktap_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void ktap_skip(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/*
 * What ktap_fail() and ktap_skip() do when no case is running, in a program
 * that uses this library but is not a test (the demo): by default print the
 * message to stderr and exit with status 1.
 */

#define FAIL(...)	ktap_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...)	ktap_skip(__VA_ARGS__)

#define ASSERT(cond)							\
	do {								\
		if (!(cond))						\
			FAIL("not true: %s", #cond);			\
	} while (0)

#define ASSERT_MSG(cond, ...)						\
	do {								\
		if (!(cond))						\
			FAIL(__VA_ARGS__);				\
	} while (0)

/* Unsigned compare of two integers; prints both. */
#define ASSERT_EQ(a, b)							\
	do {								\
		uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);	\
		if (a_ != b_)						\
			FAIL("%s is %#llx (%lld), not %s = %#llx (%lld)", \
			     #a, (unsigned long long)a_, (long long)a_,	\
			     #b, (unsigned long long)b_, (long long)b_); \
	} while (0)

#define ASSERT_NE(a, b)							\
	do {								\
		uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);	\
		if (a_ == b_)						\
			FAIL("%s and %s are both %#llx", #a, #b,	\
			     (unsigned long long)a_);			\
	} while (0)

/* A call in the kernel's manner: succeeds, or fails with -1 and this errno. */
#define ASSERT_OK(call)							\
	do {								\
		if ((call) < 0)						\
			FAIL("%s: %s", #call, strerror(errno));		\
	} while (0)

#define ASSERT_ERRNO(call, err)						\
	do {								\
		long r_;						\
		errno = 0;						\
		r_ = (long)(call);					\
		if (r_ >= 0)						\
			FAIL("%s gave %ld, not %s", #call, r_, #err);	\
		if (errno != (err))					\
			FAIL("%s: %s, not %s", #call, strerror(errno),	\
			     #err);					\
	} while (0)

/* ASSERT_ERRNO of a documented refusal of that ioctl. */
#define ASSERT_REFUSED(ioctl, call, err)				\
	do {								\
		ASSERT_ERRNO(call, err);				\
		errno_seen(ioctl, err);					\
	} while (0)

#endif /* DMASHARE_TEST_KTAP_H */
