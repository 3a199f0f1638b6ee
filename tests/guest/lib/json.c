// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "ktap.h"

static const char *blanks(const char *at)
{
	while (isspace((unsigned char)*at))
		at++;
	return at;
}

/* After the string that begins at @at. */
static const char *after_string(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : at;
}

/* After the value that begins at @at. */
static const char *after(const char *at)
{
	unsigned int depth = 0;

	do {
		if (*at == '"') {
			at = after_string(at);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		if (*at == '}' || *at == ']') {
			/* The end of what a number or a word is in. */
			if (!depth)
				return at;
			depth--;
		}
		if (*at == ',' && !depth)
			return at;
		if (*at)
			at++;
	} while (*at && (depth || (*at != ',' && *at != '}' && *at != ']')));
	return at;
}

const char *json_get(const char *object, const char *key)
{
	size_t n = strlen(key);
	const char *at;

	if (!object || *object != '{')
		return NULL;
	at = blanks(object + 1);
	while (*at == '"') {
		bool same = !strncmp(at + 1, key, n) && at[n + 1] == '"';

		at = blanks(after_string(at));
		if (*at != ':')
			return NULL;
		at = blanks(at + 1);
		if (same)
			return at;
		at = blanks(after(at));
		if (*at == ',')
			at = blanks(at + 1);
	}
	return NULL;
}

const char *json_first(const char *array)
{
	const char *at;

	if (!array || *array != '[')
		return NULL;
	at = blanks(array + 1);
	return *at && *at != ']' ? at : NULL;
}

const char *json_next(const char *element)
{
	const char *at = blanks(after(element));

	return *at == ',' ? blanks(at + 1) : NULL;
}

uint64_t json_number(const char *value, uint64_t missing)
{
	if (!value || !isdigit((unsigned char)*value))
		return missing;
	return strtoull(value, NULL, 10);
}

bool json_is_true(const char *value)
{
	return value && !strncmp(value, "true", 4);
}

bool json_is(const char *value, const char *text)
{
	size_t n = strlen(text);

	return value && *value == '"' && !strncmp(value + 1, text, n) && value[n + 1] == '"';
}

const char *json_member(const char *object, const char *key)
{
	const char *value = json_get(object, key);

	ASSERT_MSG(value, "no \"%s\" in %.200s", key, object ? object : "nothing");
	return value;
}

uint64_t json_member_number(const char *object, const char *key)
{
	const char *value = json_member(object, key);

	ASSERT_MSG(isdigit((unsigned char)*value), "\"%s\" is no number: %.40s", key, value);
	return json_number(value, 0);
}
