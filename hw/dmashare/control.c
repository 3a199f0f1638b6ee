// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: devices as the control plane finds them
 */
#include "qemu/osdep.h"
#include "hw/dmashare/pci.h"

static DmashareState *works(Object *obj)
{
    DmashareState *s = (DmashareState *)object_dynamic_cast(obj,
                                                            TYPE_DMASHARE);

    /* One whose link is down is there, for its link to go up again. */
    return s && DEVICE(s)->realized && (!s->core.gone || s->link_down) ? s
                                                                        : NULL;
}

static int add_path(Object *obj, void *opaque)
{
    if (works(obj)) {
        g_ptr_array_add(opaque, object_get_canonical_path(obj));
    }
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *dmashare_core_paths(void)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);

    object_child_foreach_recursive(object_get_root(), add_path, paths);
    g_ptr_array_sort(paths, compare_paths);
    return paths;
}

char *dmashare_core_path(DmashareCore *core)
{
    return object_get_canonical_path(OBJECT(container_of(core, DmashareState,
                                                         core)));
}

const char *dmashare_core_id(DmashareCore *core)
{
    return DEVICE(container_of(core, DmashareState, core))->id;
}

DmashareServer *dmashare_core_server(DmashareCore *core)
{
    return container_of(core, DmashareState, core)->server;
}

DmashareRenderProcess *dmashare_core_renderer(DmashareCore *core)
{
    return container_of(core, DmashareState, core)->render_process;
}

DmashareCore *dmashare_core_find(const char *path, Error **errp)
{
    bool ambiguous = false;
    Object *obj = object_resolve_path_type(path, TYPE_DMASHARE, &ambiguous);
    g_autoptr(GPtrArray) paths = NULL;
    g_autofree char *list = NULL;
    DmashareState *s;

    if (obj) {
        s = works(obj);
        if (!s) {
            DMASHARE_EXPECTS(errp, "path", "a dmashare device that works; "
                             "'%s' is not realized, or gone", path);
        }
        return s ? &s->core : NULL;
    }

    paths = dmashare_core_paths();
    g_ptr_array_add(paths, NULL);
    list = g_strjoinv(", ", (char **)paths->pdata);
    DMASHARE_EXPECTS(errp, "path", "the QOM path of a dmashare device, not "
                     "'%s'%s; there %s%s", path,
                     ambiguous ? ", which is part of several" : "",
                     *list ? "are: " : "is none", list);
    return NULL;
}

bool dmashare_page_limit(bool has_limit, uint32_t *limit, uint32_t none,
                         uint32_t max, Error **errp)
{
    if (!has_limit) {
        *limit = none;
    } else if (!*limit || *limit > max) {
        DMASHARE_EXPECTS(errp, "limit", "a number from 1 to %" PRIu32
                         ", not %" PRIu32, max, *limit);
        return false;
    }
    return true;
}
