// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare-render: what the sanitizers are told, where it is built with them
 *
 * There is no look for leaks: the process ends by _exit(), and who looks for them
 * at its end would find what OpenGL keeps for its life.
 */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

#define OPTIONS	"log_path=" REPORTS ":abort_on_error=1"

const char *__asan_default_options(void)
{
	return OPTIONS ":detect_leaks=0";
}

const char *__ubsan_default_options(void)
{
	return OPTIONS ":print_stacktrace=1";
}
