/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events as lines: for watch where there is no terminal, and for map. */
#ifndef TOOL_EVENTS_H
#define TOOL_EVENTS_H

#include "tool.h"

/* "released", "moved", "reset" */
const char *withdrawn_name(int error);
void event_print(const struct dmashare_notice *n);

#endif /* TOOL_EVENTS_H */
