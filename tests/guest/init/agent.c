// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest agent: runs programs for the host and tells it what they said.
 *
 * It talks over a channel of its own (a virtio-serial port, or a second UART
 * where the guest kernel has no virtio console), so that kernel messages on the
 * console can never mix with results.
 *
 * Host to guest, one request at a time:
 *
 *     run ID TIMEOUT_MS LENGTH\n     and LENGTH bytes: the arguments, each
 *                                    ended by a NUL byte
 *     talk ID TIMEOUT_MS LENGTH\n    the same of a program with an input; any
 *                                    other reads from /dev/null
 *     input ID LENGTH\n              and LENGTH bytes for it to read
 *     kill ID\n                      end that run now
 *     poweroff\n
 *
 * Guest to host, each a header line and LENGTH bytes:
 *
 *     hello 0 LENGTH                 "key=value" lines, once, when ready
 *     out ID LENGTH                  what the program wrote to its stdout
 *     err ID LENGTH                  ... and to its stderr
 *     exit ID LENGTH                 "key=value" lines: status (0..255) or
 *                                    signal, timeout (0 or 1), ms, taint
 *     refused ID LENGTH              the request could not be done, and why
 *
 * A program may take the virtio port from under the agent and give it back, as
 * it must be done around a sleep (tests/guest/lib/host.h). Whatever there is to
 * say waits for it.
 *
 * Several runs may be under way; their frames are told apart by ID. A run is
 * over when its process has died and its output is at an end; a process that
 * outlives the kill is reported as "stuck=1". Every run is bracketed in the
 * kernel log by "dmashare-test: begin PROGRAM" and "dmashare-test: end
 * PROGRAM", which is how the host knows whose a kernel message is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MAX_RUNS	8
#define MAX_REQUEST	65536
#define MAX_ARGS	256
/* How long a killed process may take to go away before it counts as stuck. */
#define GRACE_MS	5000
/* For how long the channel may be away, and how often it is looked for. */
#define AWAY_MS		120000
#define LOOK_MS		20

struct run {
	bool active;
	unsigned long id;
	pid_t pid;
	int in;			/* write end, -1 when it reads nothing */
	int out, err;		/* read ends, -1 at their end */
	int status;		/* of waitpid(), valid when reaped */
	bool reaped, timed_out, killed;
	uint64_t start, deadline;	/* ms; deadline 0 is none */
	char name[64];
};

static struct run runs[MAX_RUNS];
static const char *channel_path;
static int channel;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Without its channel the agent is of no use to anybody: stop the machine. */
static void __attribute__((noreturn)) stop(const char *why)
{
	fprintf(stderr, "agent: %s: %s\n", why, strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

/*
 * The port's driver has let go of it. The kernel does not tell when one can be
 * opened, nor when the host has it open: look again and again, but not for ever.
 */
static void reopen(void)
{
	uint64_t end = now_ms() + AWAY_MS;

	close(channel);
	for (;;) {
		struct pollfd p = { .events = POLLOUT };

		channel = open(channel_path, O_RDWR | O_CLOEXEC | O_NOCTTY);
		p.fd = channel;
		if (channel >= 0 && poll(&p, 1, 0) == 1 && p.revents == POLLOUT)
			return;
		if (now_ms() >= end)
			stop("the channel was taken away");
		if (channel >= 0)
			close(channel);
		poll(NULL, 0, LOOK_MS);
	}
}

static void send_bytes(const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(channel, data, len);

		if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
			struct pollfd p = { .fd = channel, .events = POLLOUT };

			poll(&p, 1, -1);
			continue;
		}
		/* A port that is just going away takes nothing. */
		if (n == 0 || (n < 0 && errno == ENODEV)) {
			reopen();
			continue;
		}
		if (n < 0)
			stop("cannot write to the channel");
		data += n;
		len -= n;
	}
}

static void send_frame(const char *type, unsigned long id, const char *data,
		       size_t len)
{
	char head[64];

	send_bytes(head, snprintf(head, sizeof(head), "%s %lu %zu\n", type, id,
				  len));
	send_bytes(data, len);
}

static void __attribute__((format(printf, 3, 4)))
send_text(const char *type, unsigned long id, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	send_frame(type, id, text, strlen(text));
}

static unsigned long taint(void)
{
	unsigned long value = 0;
	FILE *f = fopen("/proc/sys/kernel/tainted", "re");

	if (f) {
		if (fscanf(f, "%lu", &value) != 1)
			value = 0;
		fclose(f);
	}
	return value;
}

static void __attribute__((format(printf, 1, 2)))
kernel_log(const char *format, ...)
{
	char text[256];
	va_list args;
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	int len;

	if (fd < 0)
		return;
	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* The host reads these lines from the console, so a level it shows. */
	if (write(fd, text, len) < 0)
		perror("agent: /dev/kmsg");
	close(fd);
}

/* Ask the kernel to write something (blocked tasks, ...) to its log. */
static void sysrq(char key)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, &key, 1) < 0)
		perror("agent: sysrq");
	close(fd);
}

static struct run *find_run(unsigned long id)
{
	for (int i = 0; i < MAX_RUNS; i++) {
		if (runs[i].active && runs[i].id == id)
			return &runs[i];
	}
	return NULL;
}

static void close_pipe(int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static void start_run(unsigned long id, unsigned long timeout, char *args,
		      size_t len, bool talk)
{
	char *argv[MAX_ARGS + 1];
	struct run *run = NULL;
	int in[2] = { -1, -1 }, out[2], err[2], argc = 0;
	const char *base;
	pid_t pid;

	for (size_t at = 0; at < len; at += strlen(args + at) + 1) {
		if (argc == MAX_ARGS) {
			send_text("refused", id, "more than %d arguments",
				  MAX_ARGS);
			return;
		}
		argv[argc++] = args + at;
	}
	argv[argc] = NULL;
	for (int i = 0; i < MAX_RUNS && !run; i++) {
		if (!runs[i].active)
			run = &runs[i];
	}
	if (!argc || !run || find_run(id)) {
		send_text("refused", id, "%s", !argc ? "no program named" :
			  !run ? "too many runs" : "this id is in use");
		return;
	}
	if (pipe2(out, O_CLOEXEC)) {
		send_text("refused", id, "pipe: %s", strerror(errno));
		return;
	}
	if (pipe2(err, O_CLOEXEC)) {
		send_text("refused", id, "pipe: %s", strerror(errno));
		close_pipe(out);
		return;
	}
	/* Our end must not block: who does not read would hold up everybody. */
	if (talk && (pipe2(in, O_CLOEXEC) ||
		     fcntl(in[1], F_SETFL, O_NONBLOCK))) {
		send_text("refused", id, "pipe: %s", strerror(errno));
		close_pipe(in);
		close_pipe(out);
		close_pipe(err);
		return;
	}
	base = strrchr(argv[0], '/');
	base = base ? base + 1 : argv[0];
	kernel_log("<5>dmashare-test: begin %s\n", base);

	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_RDONLY);
		sigset_t none;

		/* A session of its own, so that all of it can be killed. */
		setsid();
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		dup2(talk ? in[0] : null, 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		execvp(argv[0], argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	close(out[1]);
	close(err[1]);
	if (talk)
		close(in[0]);
	if (pid < 0) {
		send_text("refused", id, "fork: %s", strerror(errno));
		if (talk)
			close(in[1]);
		close(out[0]);
		close(err[0]);
		return;
	}
	*run = (struct run) {
		.active = true, .id = id, .pid = pid,
		.in = talk ? in[1] : -1, .out = out[0], .err = err[0],
		.start = now_ms(),
	};
	run->deadline = timeout ? run->start + timeout : 0;
	snprintf(run->name, sizeof(run->name), "%s", base);
}

/* Pass on what a program wrote; close the pipe at its end. */
static void forward(struct run *run, const char *type, int *fd)
{
	char data[16384];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n > 0) {
		send_frame(type, run->id, data, n);
	} else if (n == 0 || errno != EINTR) {
		close(*fd);
		*fd = -1;
	}
}

static void end_run(struct run *run, bool stuck)
{
	char how[64];

	if (stuck)
		snprintf(how, sizeof(how), "stuck=1");
	else if (WIFSIGNALED(run->status))
		snprintf(how, sizeof(how), "signal=%d", WTERMSIG(run->status));
	else
		snprintf(how, sizeof(how), "status=%d",
			 WEXITSTATUS(run->status));
	if (run->in >= 0)
		close(run->in);
	if (run->out >= 0)
		close(run->out);
	if (run->err >= 0)
		close(run->err);
	kernel_log("<5>dmashare-test: end %s %s\n", run->name, how);
	send_text("exit", run->id, "%s\ntimeout=%d\nms=%llu\ntaint=%lu\n", how,
		  run->timed_out,
		  (unsigned long long)(now_ms() - run->start), taint());
	run->active = false;
}

static void kill_run(struct run *run)
{
	kill(-run->pid, SIGKILL);
	run->killed = true;
	run->deadline = now_ms() + GRACE_MS;
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < MAX_RUNS; i++) {
			if (runs[i].active && runs[i].pid == pid) {
				runs[i].status = status;
				runs[i].reaped = true;
			}
		}
	}
}

/*
 * What is left of a program that has ended: children that it left behind would
 * hold its pipes open for ever, so they go as well.
 */
static void settle(struct run *run)
{
	if (run->reaped && !run->killed)
		kill_run(run);
	if (run->reaped && run->out < 0 && run->err < 0) {
		end_run(run, false);
	} else if (run->deadline && now_ms() >= run->deadline) {
		if (run->killed) {
			end_run(run, !run->reaped);
		} else {
			run->timed_out = true;
			sysrq('w');
			kill_run(run);
		}
	}
}

/* Bytes for a program to read: all of them or, when it does not read, none. */
static void input(unsigned long id, const char *data, size_t len)
{
	struct run *run = find_run(id);

	if (!run || run->in < 0 || len > PIPE_BUF)
		send_text("refused", id, "%s", !run ? "no such run" :
			  run->in < 0 ? "it has no input" :
			  "more than a pipe takes at once");
	else if (len && write(run->in, data, len) < 0)
		send_text("refused", id, "its input: %s", strerror(errno));
}

/* Requests: returns how many bytes of the buffer were used. */
static size_t handle(char *data, size_t len)
{
	unsigned long id, timeout, size;
	char *end = memchr(data, '\n', len);
	struct run *run;
	char word[8];
	size_t line;

	if (!end)
		return 0;
	*end = '\0';
	line = end + 1 - data;
	if (sscanf(data, "%4[a-z] %lu %lu %lu", word, &id, &timeout,
		   &size) == 4 &&
	    (!strcmp(word, "run") || !strcmp(word, "talk"))) {
		if (size > MAX_REQUEST / 2) {
			send_text("refused", id, "arguments too long");
			return line;
		}
		if (len - line < size) {
			*end = '\n';
			return 0;
		}
		if (size && data[line + size - 1])
			send_text("refused", id, "arguments without an end");
		else
			start_run(id, timeout, data + line, size,
				  !strcmp(word, "talk"));
		return line + size;
	}
	if (sscanf(data, "input %lu %lu", &id, &size) == 2) {
		if (size > MAX_REQUEST / 2) {
			send_text("refused", id, "input too long");
			return line;
		}
		if (len - line < size) {
			*end = '\n';
			return 0;
		}
		input(id, data + line, size);
		return line + size;
	}
	if (sscanf(data, "kill %lu", &id) == 1) {
		run = find_run(id);
		if (run)
			kill_run(run);
	} else if (!strcmp(data, "poweroff")) {
		sync();
		reboot(RB_POWER_OFF);
	} else {
		send_text("refused", 0, "unknown request \"%.80s\"", data);
	}
	return line;
}

static void receive(void)
{
	static char request[MAX_REQUEST];
	static size_t have;
	ssize_t n = read(channel, request + have, sizeof(request) - have);
	size_t used;

	/*
	 * A virtio port whose host end is closed reads as an end of file, each time;
	 * so does one that its driver lets go of just now, once: the driver takes
	 * that for closed a moment before it says that there is no port any more.
	 */
	if (n == 0)
		n = read(channel, request + have, sizeof(request) - have);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0 && errno == ENODEV) {
		reopen();
		return;
	}
	if (n == 0)
		stop("the host closed the channel");
	if (n < 0)
		stop("cannot read from the channel");
	have += n;
	while ((used = handle(request, have)) > 0) {
		have -= used;
		memmove(request, request + used, have);
	}
	if (have == sizeof(request))
		stop("a request without an end");
}

static int next_timeout(void)
{
	uint64_t now = now_ms(), first = UINT64_MAX;

	for (int i = 0; i < MAX_RUNS; i++) {
		if (runs[i].active && runs[i].deadline &&
		    runs[i].deadline < first)
			first = runs[i].deadline;
	}
	if (first == UINT64_MAX)
		return -1;
	return first <= now ? 0 : first - now;
}

static void serve(int signals)
{
	for (;;) {
		struct pollfd p[2 + 2 * MAX_RUNS];

		p[0] = (struct pollfd) { .fd = channel, .events = POLLIN };
		p[1] = (struct pollfd) { .fd = signals, .events = POLLIN };
		for (int i = 0; i < MAX_RUNS; i++) {
			bool on = runs[i].active;

			/* poll() passes over negative descriptors */
			p[2 + 2 * i] = (struct pollfd) {
				.fd = on ? runs[i].out : -1, .events = POLLIN };
			p[3 + 2 * i] = (struct pollfd) {
				.fd = on ? runs[i].err : -1, .events = POLLIN };
		}
		if (poll(p, 2 + 2 * MAX_RUNS, next_timeout()) < 0) {
			if (errno == EINTR)
				continue;
			stop("poll");
		}
		if (p[1].revents) {
			struct signalfd_siginfo info;

			if (read(signals, &info, sizeof(info)) < 0 &&
			    errno != EAGAIN)
				stop("signalfd");
			reap();
		}
		for (int i = 0; i < MAX_RUNS; i++) {
			if (!runs[i].active)
				continue;
			if (p[2 + 2 * i].revents)
				forward(&runs[i], "out", &runs[i].out);
			if (p[3 + 2 * i].revents)
				forward(&runs[i], "err", &runs[i].err);
			settle(&runs[i]);
		}
		if (p[0].revents)
			receive();
	}
}

int main(int argc, char **argv)
{
	struct utsname uts;
	struct termios raw;
	sigset_t set;
	int signals;

	if (argc < 2) {
		fprintf(stderr, "usage: agent CHANNEL [KEY=VALUE]...\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		stop("signalfd");
	channel_path = argv[1];
	channel = open(channel_path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (channel < 0)
		stop(channel_path);
	if (!tcgetattr(channel, &raw)) {
		cfmakeraw(&raw);
		cfsetspeed(&raw, B115200);
		tcsetattr(channel, TCSANOW, &raw);
	}
	uname(&uts);
	send_text("hello", 0, "protocol=1\nrelease=%s\nmachine=%s\ntaint=%lu\n",
		  uts.release, uts.machine, taint());
	serve(signals);
}
