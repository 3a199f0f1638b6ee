/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of the interpreter of tests/guest/act.c, which scenarios are
 * played with: the things that commands make and use, by name, and how a
 * command answers. docs/scenarios.rst has the commands.
 */
#ifndef DMASHARE_TEST_ACT_H
#define DMASHARE_TEST_ACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display.h"
#include "dms.h"
#include "fence.h"
#include "foreign.h"
#include "vivid.h"

#define ACT_MAX_WORDS	64
#define ACT_NAME	32

/**
 * struct act - a command that is under way
 * @id: its number, which begins every line of its answer
 * @words: what it is made of, the first one its name; NULL after the last
 * @n: how many they are
 */
struct act {
	unsigned long id;
	char *words[ACT_MAX_WORDS + 1];
	int n;
};

enum act_kind {
	ACT_DEVICE,	/* an open DRM file of dmashare */
	ACT_BUFFER,	/* a GEM handle of one */
	ACT_FOREIGN,	/* a buffer of a stock exporter */
	ACT_FILE,	/* a dma-buf or a sync_file */
	ACT_JOB,	/* a submit: its sync_file, and the ids of its jobs */
	ACT_HOLD,	/* a fence of vgem's that is held */
	ACT_CAMERA,	/* vivid's capture node */
	ACT_DISPLAY,	/* vkms */
};

/**
 * struct act_thing - what a name stands for
 * @name: that name
 * @kind: which members count
 * @fd: device, file, job, display: the descriptor
 * @bo: buffer
 * @foreign: foreign buffer
 * @hold: hold
 * @camera: camera
 * @display: display
 * @result: job: the id of its last one, for JOB_RESULT
 * @device: job: the DRM file that it was submitted to
 * @map: where the program sees the bytes, NULL when it does not
 * @size: of @map
 */
struct act_thing {
	char name[ACT_NAME];
	enum act_kind kind;
	int fd;
	struct bo bo;
	struct foreign foreign;
	struct hold hold;
	struct vivid camera;
	struct display display;
	uint64_t result;
	int device;
	uint8_t *map;
	size_t size;
};

/**
 * struct act_command - what can be asked for
 * @name: its first word
 * @usage: the others, for people
 * @least: how many words it has at least, with the name
 * @most: ... and at most
 * @run: does it; 0, or what act_error() returned
 */
struct act_command {
	const char *name, *usage;
	int least, most;
	int (*run)(struct act *a);
};

extern const struct act_command act_buffer_commands[];
extern const struct act_command act_fence_commands[];
extern const struct act_command act_camera_commands[];
extern const struct act_command act_display_commands[];
extern const struct act_command act_system_commands[];

/* The command cannot be done because of this errno; the reason for people. */
int act_error(struct act *a, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The scenario learns that NAME.KEY has this value. */
void act_say(struct act *a, const char *name, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* What errno is called in answers: "ok" for 0, else "EIO", ... */
const char *act_errno(int err);

/*
 * A name that the command gives to something new, which is complete when
 * act_publish() is called; NULL after an error.
 */
struct act_thing *act_new(struct act *a, const char *name, enum act_kind kind);
void act_publish(struct act_thing *t);
/* Takes the name away again; nothing is closed. */
void act_forget(struct act_thing *t);
/* What the name stands for; NULL after an error, which no such thing is. */
struct act_thing *act_find(struct act *a, const char *name);
struct act_thing *act_find_kind(struct act *a, const char *name, enum act_kind kind);
/* The file that the thing is, or -1 after an error: dma-buf, sync_file, ... */
int act_find_file(struct act *a, const char *name);

/* "64K", "10ms", "0x1f"; false after an error. */
bool act_number(struct act *a, const char *word, uint64_t *value);
/* Whether the word is KEY=VALUE of that key; where VALUE begins, or NULL. */
const char *act_option(const char *word, const char *key);

/* Listens for files that other processes of the scenario give to this one. */
void act_listen(const char *process);

#endif /* DMASHARE_TEST_ACT_H */
