// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dmashare: the QMP commands about rendering
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-dmashare.h"
#include "hw/dmashare/control.h"

/* What a page of resources has if nobody says, and at most. */
#define RESOURCES_DEFAULT       100
#define RESOURCES_MAX           1000

static DmashareRenderProcess *renderer_find(const char *path,
                                            DmashareCore **core, Error **errp)
{
    DmashareRenderProcess *process;

    *core = dmashare_core_find(path, errp);
    process = *core ? dmashare_core_renderer(*core) : NULL;
    if (*core && !process) {
        DMASHARE_EXPECTS(errp, "path", "a device with the property 'render', "
                         "which '%s' has not", path);
    }
    return process;
}

DmashareContextInfoList *qmp_query_dmashare_contexts(const char *path,
                                                     Error **errp)
{
    DmashareContextInfoList *list = NULL, **tail = &list;
    DmashareCore *core;

    if (!renderer_find(path, &core, errp)) {
        return NULL;
    }
    for (uint32_t i = 1; i <= core->render.max_contexts; i++) {
        const DmashareRenderObject *obj = core->render.context[i];
        DmashareContextInfo *info;

        if (!obj) {
            continue;
        }
        info = g_new0(DmashareContextInfo, 1);
        info->id = i;
        info->name = g_strndup((const char *)obj->name, sizeof(obj->name));
        info->lost = obj->lost;
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}

static DmashareResourceInfo *resource_info(const DmashareRenderObject *obj)
{
    DmashareResourceInfo *info = g_new(DmashareResourceInfo, 1);

    *info = (DmashareResourceInfo) {
        .id = obj->id,
        .lost = obj->lost,
        .target = obj->target,
        .format = obj->format,
        .width = obj->width,
        .height = obj->height,
        .bytes = obj->bytes,
    };
    return info;
}

DmashareResourceInfoList *qmp_query_dmashare_resources(const char *path,
                                                       bool has_after,
                                                       uint32_t after,
                                                       bool has_limit,
                                                       uint32_t limit,
                                                       Error **errp)
{
    DmashareResourceInfoList *list = NULL, **tail = &list;
    DmashareCore *core;
    uint32_t n = 0;

    if (!renderer_find(path, &core, errp) ||
        !dmashare_page_limit(has_limit, &limit, RESOURCES_DEFAULT,
                             RESOURCES_MAX, errp)) {
        return NULL;
    }
    for (uint64_t i = (has_after ? after : 0) + 1ULL;
         i <= core->render.max_resources && n < limit; i++) {
        const DmashareRenderObject *obj = core->render.resource[i];

        if (obj) {
            QAPI_LIST_APPEND(tail, resource_info(obj));
            n++;
        }
    }
    return list;
}

void qmp_dmashare_render_fault(const char *path, DmashareRenderFault fault,
                               Error **errp)
{
    DmashareCore *core;
    DmashareRenderProcess *process = renderer_find(path, &core, errp);

    /* Such a device cannot be recorded, and what the core does enters it. */
    if (process && !dmashare_render_process_fault(process, fault)) {
        DMASHARE_EXPECTS(errp, "path", "a device that has a renderer at "
                         "present; that of '%s' has ended", path);
    }
}
