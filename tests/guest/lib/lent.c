// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "client.h"
#include "control.h"
#include "fence.h"
#include "ktap.h"
#include "lent.h"

#define PAGE	4096u

bool lent_everything(void)
{
	static int known = -1;

	if (known < 0) {
		struct bo bo = dms_create(dms_open(), PAGE, "probe");
		struct drm_dmashare_bo_share s = { .flags = DRM_DMASHARE_SHARE_WRITE };

		known = !share_try(&bo, &s);
		dms_destroy(&bo);
	}
	return known;
}

void lent_needs_everything(void)
{
	if (!lent_everything())
		SKIP("the host shares local memory alone, for reading");
}

static void open_it(const struct lent *c)
{
	client_do(0, "open %u%s", c->share, c->flags ? " write" : "");
}

struct lent lent_begin(const char *name)
{
	struct lent c = {
		.fd = dms_open(),
		.name = name,
		.local = !lent_everything(),
		.flags = lent_everything() ? DRM_DMASHARE_SHARE_WRITE : 0,
	};
	struct drm_dmashare_bo_share s = { .flags = c.flags };

	ctl_calm(0);
	client_do(0, "connect");
	c.bo = create_mapped_in(c.fd, LENT_SIZE, c.local ? LOCAL : SYSTEM);
	pattern_fill(c.bo.map, LENT_SIZE, 1);
	memcpy(s.name, name, strlen(name));
	ASSERT_OK(share_try(&c.bo, &s));
	c.share = s.share;
	ASSERT_EQ(client_find(0, name), c.share);
	open_it(&c);
	return c;
}

void lent_again(struct lent *c)
{
	uint8_t data[LENT_SIZE];

	c->share = client_find(0, c->name);
	open_it(c);
	memcpy(data, c->bo.map, LENT_SIZE);
	ASSERT(client_sees(0, c->share, 0, data, LENT_SIZE));
}

void lent_withdrawn(const struct lent *c, unsigned int reason)
{
	client_do(0, "wait withdraw %u", c->share);
	ASSERT_EQ(client_number("reason"), reason);
}

uint32_t lent_ask(unsigned int client, const struct lent *c, uint64_t deadline, const char *how)
{
	client_do(client, "acquire %u %llu %s", c->share, (unsigned long long)deadline, how);
	return client_number("hold");
}

void lent_granted(unsigned int client, const struct lent *c, uint32_t hold)
{
	client_do(client, "wait granted %u %u", c->share, hold);
	ASSERT_EQ(client_number("error"), 0);
}

uint32_t lent_hold(unsigned int client, const struct lent *c, const char *how)
{
	uint32_t hold = lent_ask(client, c, LONG_NS, how);

	lent_granted(client, c, hold);
	return hold;
}

uint32_t lent_content(unsigned int client, const struct lent *c, uint64_t sequence)
{
	client_do(client, "wait content %u", c->share);
	ASSERT_EQ(client_number("sequence"), sequence);
	return client_number("hold");
}

int lent_fences(const struct lent *c, bool write)
{
	int dmabuf = dms_export(c->fd, c->bo.handle);
	int fence = dmabuf_fences(dmabuf, write ? DMA_BUF_SYNC_WRITE : DMA_BUF_SYNC_READ);

	close(dmabuf);
	return fence;
}
