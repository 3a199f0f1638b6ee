/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading what QEMU answers. Nothing is parsed into a tree: a value is a
 * pointer to where it begins in the text, which must be well-formed (QEMU wrote
 * it), and NULL is a value that is not there.
 */
#ifndef DMASHARE_TEST_JSON_H
#define DMASHARE_TEST_JSON_H

#include <stdbool.h>
#include <stdint.h>

/* Member @key of an object; NULL when it has none, or is no object. */
const char *json_get(const char *object, const char *key);
/* The first element of an array, and the one after an element. */
const char *json_first(const char *array);
const char *json_next(const char *element);

/* A number, without its sign and fraction; @missing for what is none. */
uint64_t json_number(const char *value, uint64_t missing);
bool json_is_true(const char *value);
/* Whether it is that string, which has no character that JSON escapes. */
bool json_is(const char *value, const char *text);

/* The same of a member that must be there: the case fails when it is not. */
const char *json_member(const char *object, const char *key);
uint64_t json_member_number(const char *object, const char *key);

#endif /* DMASHARE_TEST_JSON_H */
