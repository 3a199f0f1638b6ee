// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: importers that reach local memory by its addresses on the bus
 *
 * Such an importer says so (allow_peer2peer) and can do with a table that has
 * DMA addresses but no pages. Whether its device gets to our BAR is another
 * matter: the two may be behind different host bridges, or a bridge between
 * them may not let the one through to the other. The kernel knows, where it has
 * P2PDMA; elsewhere we take those that an IOMMU translates for, for it has a
 * mapping of the BAR made, and those on our own PCI hierarchy with addresses
 * wide enough.
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "dmashare_drv.h"

#ifdef DMASHARE_P2P_PROVIDER
#include <linux/dma-buf-mapping.h>
#include <linux/pci-p2pdma.h>

/**
 * dmashare_p2p_init - prepare for importers that take BAR addresses
 * @ddev: the device, whose local memory was found
 *
 * Returns: 0, also if the kernel cannot; or -ENOMEM
 */
int dmashare_p2p_init(struct dmashare_device *ddev)
{
	struct pci_dev *pdev = to_pci_dev(ddev->drm.dev);
	int ret;

	if (!ddev->local.size)
		return 0;

	ret = pcim_p2pdma_init(pdev);
	if (ret)
		return ret == -EOPNOTSUPP ? 0 : ret;
	ddev->local.provider = pcim_p2pdma_provider(pdev, DMASHARE_BAR_LOCAL);

	return 0;
}

/**
 * dmashare_p2p_supported - can any importer be given BAR addresses?
 * @ddev: the device
 *
 * Returns: true if so
 */
bool dmashare_p2p_supported(struct dmashare_device *ddev)
{
	return ddev->local.provider;
}

/**
 * dmashare_p2p_reachable - can this importer be given BAR addresses?
 * @ddev: the device
 * @importer: who would do the DMA
 *
 * Returns: true if so
 */
bool dmashare_p2p_reachable(struct dmashare_device *ddev, struct device *importer)
{
	return dmashare_p2p_supported(ddev) &&
	       pci_p2pdma_distance(to_pci_dev(ddev->drm.dev), importer, false) >= 0;
}

/**
 * dmashare_p2p_map - map local memory for an importer's device
 * @attach: the importer, which dmashare_p2p_reachable(); the reservation lock is
 *	held
 * @backing: in local memory
 * @dir: direction
 *
 * Returns: a table without pages, or an error of the DMA API
 */
struct sg_table *dmashare_p2p_map(struct dma_buf_attachment *attach,
				  struct dmashare_backing *backing,
				  enum dma_data_direction dir)
{
	struct phys_vec range = {
		.paddr = dmashare_local_phys(backing),
		.len = backing->size,
	};

	return dma_buf_phys_vec_to_sgt(attach, backing->ddev->local.provider, &range, 1,
				       backing->size, dir);
}

/**
 * dmashare_p2p_unmap - undo dmashare_p2p_map()
 * @attach: the importer; the reservation lock is held
 * @sgt: the table; freed
 * @dir: direction
 */
void dmashare_p2p_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			enum dma_data_direction dir)
{
	dma_buf_free_sgt(attach, sgt, dir);
}

#else /* The same with what there was before. */

int dmashare_p2p_init(struct dmashare_device *ddev)
{
	return 0;
}

bool dmashare_p2p_supported(struct dmashare_device *ddev)
{
	return ddev->local.size;
}

static const struct pci_bus *dmashare_root_bus(struct device *dev)
{
	const struct pci_bus *bus = to_pci_dev(dev)->bus;

	while (bus->parent)
		bus = bus->parent;

	return bus;
}

bool dmashare_p2p_reachable(struct dmashare_device *ddev, struct device *importer)
{
	const struct dmashare_local *local = &ddev->local;
	struct iommu_domain *domain;

	if (!local->size || !dev_is_pci(importer))
		return false;

	domain = iommu_get_domain_for_dev(importer);
	if (domain && domain->type & __IOMMU_DOMAIN_PAGING)
		return true;

	/* An address on the bus is what the CPU has only where they are the same. */
	return dmashare_root_bus(importer) == dmashare_root_bus(ddev->drm.dev) &&
	       pci_bus_address(to_pci_dev(ddev->drm.dev), DMASHARE_BAR_LOCAL) == local->phys &&
	       local->phys + local->size - 1 <= dma_get_mask(importer);
}

/*
 * What one entry of a table may hold, and one call map, for a device. A power of
 * two, so that an IOMMU can use large pages for all of them.
 */
static u64 dmashare_p2p_chunk(struct device *dev)
{
	u64 max = min_t(u64, dma_get_max_seg_size(dev), UINT_MAX);
	u64 boundary = dma_get_seg_boundary(dev);

	if (boundary < UINT_MAX)
		max = min(max, boundary + 1);

	return max_t(u64, rounddown_pow_of_two(max), PAGE_SIZE);
}

void dmashare_p2p_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i)
		if (sg_dma_len(sg))
			dma_unmap_resource(attach->dev, sg_dma_address(sg), sg_dma_len(sg),
					   dir, 0);
	sg_free_table(sgt);
	kfree(sgt);
}

struct sg_table *dmashare_p2p_map(struct dma_buf_attachment *attach,
				  struct dmashare_backing *backing,
				  enum dma_data_direction dir)
{
	u64 chunk = dmashare_p2p_chunk(attach->dev);
	phys_addr_t phys = dmashare_local_phys(backing);
	u64 n = DIV64_U64_ROUND_UP(backing->size, chunk);
	u64 left = backing->size;
	struct scatterlist *sg;
	struct sg_table *sgt;
	int ret, i;

	if (n > INT_MAX)
		return ERR_PTR(-EFBIG);
	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table(sgt, n, GFP_KERNEL);
	if (ret) {
		kfree(sgt);
		return ERR_PTR(ret);
	}

	/* No pages: a length of 0 until the entry is mapped, and for ever in CPU terms. */
	for_each_sgtable_dma_sg(sgt, sg, i) {
		u64 len = min(left, chunk);
		dma_addr_t addr = dma_map_resource(attach->dev, phys, len, dir, 0);

		ret = dma_mapping_error(attach->dev, addr);
		if (ret) {
			dmashare_p2p_unmap(attach, sgt, dir);
			return ERR_PTR(ret);
		}
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = len;
		phys += len;
		left -= len;
	}

	return sgt;
}
#endif
