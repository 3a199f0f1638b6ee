// SPDX-License-Identifier: GPL-2.0
/*
 * dmashare: importers that reach what is behind BAR4 by its addresses on the bus
 *
 * Such an importer says so (allow_peer2peer) and can do with a table that has
 * DMA addresses but no pages. Whether its device gets to our BAR is another
 * matter: the two may be behind different host bridges, or a bridge between
 * them may not let the one through to the other. The kernel knows, where it has
 * P2PDMA; elsewhere we take those that an IOMMU translates for, for it has a
 * mapping of the BAR made, and those on our own PCI hierarchy.
 *
 * Whoever is given an address that nothing translates must have addresses that
 * wide. That is found out before anything is mapped: for memory of a device
 * there are no bounce buffers, and the DMA API warns of who tries.
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>

#include "dmashare_drv.h"

/* Does an IOMMU make the addresses that the DMA API gives this importer? */
static bool dmashare_p2p_translated(struct device *importer)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(importer);

	return domain && domain->type & __IOMMU_DOMAIN_PAGING;
}

/* What of BAR4 an importer may be given: up to the end of the last that is there. */
static u64 dmashare_p2p_size(const struct dmashare_device *ddev)
{
	if (ddev->window.size)
		return ddev->limits.peer_offset + 2 * ddev->window.size;

	return ddev->local.size;
}

/* Has this importer the addresses that the BAR has on the bus and for the CPU? */
static bool dmashare_p2p_addressable(struct dmashare_device *ddev, struct device *importer)
{
	struct pci_dev *pdev = to_pci_dev(ddev->drm.dev);
	u64 start = max_t(u64, pci_bus_address(pdev, DMASHARE_BAR_LOCAL),
			  pci_resource_start(pdev, DMASHARE_BAR_LOCAL));
	u64 limit = min_not_zero(dma_get_mask(importer), importer->bus_dma_limit);

	return start + dmashare_p2p_size(ddev) - 1 <= limit;
}

#ifdef DMASHARE_P2P_PROVIDER
#include <linux/dma-buf-mapping.h>
#include <linux/pci-p2pdma.h>

/**
 * dmashare_p2p_init - prepare for importers that take BAR addresses
 * @ddev: the device, whose local memory and window were found
 *
 * Returns: 0, also if the kernel cannot; or -ENOMEM
 */
int dmashare_p2p_init(struct dmashare_device *ddev)
{
	struct pci_dev *pdev = to_pci_dev(ddev->drm.dev);
	int ret;

	if (!dmashare_p2p_size(ddev))
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

/*
 * Below one bridge the address on the bus may be used as it is, whether or not
 * there is an IOMMU: what is sent to it may never get up to there.
 */
static bool dmashare_p2p_share_bridge(struct pci_dev *a, struct pci_dev *b)
{
	struct pci_dev *above_a, *above_b;

	for (above_a = pci_upstream_bridge(a); above_a; above_a = pci_upstream_bridge(above_a))
		for (above_b = pci_upstream_bridge(b); above_b;
		     above_b = pci_upstream_bridge(above_b))
			if (above_a == above_b)
				return true;

	return false;
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
	struct pci_dev *pdev = to_pci_dev(ddev->drm.dev);

	if (!dmashare_p2p_supported(ddev) || pci_p2pdma_distance(pdev, importer, false) < 0)
		return false;
	if (dmashare_p2p_translated(importer) &&
	    !dmashare_p2p_share_bridge(pdev, to_pci_dev(importer)))
		return true;

	/* Where all is to be bounced, what cannot be is refused. */
	return dmashare_p2p_addressable(ddev, importer) && !is_swiotlb_force_bounce(importer);
}

/**
 * dmashare_p2p_map - map memory behind the BAR for an importer's device
 * @attach: the importer, which dmashare_p2p_reachable(); the reservation lock is
 *	held
 * @backing: in local memory, or in the window
 * @dir: direction
 *
 * Returns: a table without pages, or an error of the DMA API
 */
struct sg_table *dmashare_p2p_map(struct dma_buf_attachment *attach,
				  struct dmashare_backing *backing,
				  enum dma_data_direction dir)
{
	struct phys_vec range = {
		.paddr = dmashare_backing_phys(backing),
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
	/*
	 * The table hides from CPU users that it has entries, and up to Linux 7.3 at
	 * least sg_free_table() then frees none of them.
	 */
	sgt->orig_nents = sgt->nents;
	dma_buf_free_sgt(attach, sgt, dir);
}

#else /* The same with what there was before. */

int dmashare_p2p_init(struct dmashare_device *ddev)
{
	return 0;
}

bool dmashare_p2p_supported(struct dmashare_device *ddev)
{
	return dmashare_p2p_size(ddev);
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
	struct pci_dev *pdev = to_pci_dev(ddev->drm.dev);

	if (!dmashare_p2p_supported(ddev) || !dev_is_pci(importer))
		return false;
	if (dmashare_p2p_translated(importer))
		return true;

	/* An address on the bus is what the CPU has only where they are the same. */
	return dmashare_root_bus(importer) == dmashare_root_bus(ddev->drm.dev) &&
	       pci_bus_address(pdev, DMASHARE_BAR_LOCAL) ==
	       pci_resource_start(pdev, DMASHARE_BAR_LOCAL) &&
	       dmashare_p2p_addressable(ddev, importer);
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
	phys_addr_t phys = dmashare_backing_phys(backing);
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
