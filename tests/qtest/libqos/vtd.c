/*
 * libqos helper for Intel VT-d: translate a device's DMA with no guest OS
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/i386/intel_iommu_internal.h"
#include "vtd.h"

/* Three levels translate 39 bits, which every model of the IOMMU offers. */
#define QVTD_LEVELS             3
#define QVTD_LEVELS_WIDE        4
/* Address width in a context entry. */
#define QVTD_AW(levels)         ((levels) - 2)
#define QVTD_ENTRIES            512
#define QVTD_LEVEL_BITS         9
/* Polls of a command that the IOMMU acknowledges in its register. */
#define QVTD_POLLS              1000

static uint64_t vtd_readq(QVtd *vtd, uint32_t reg)
{
    return qtest_readq(vtd->qts, Q35_HOST_BRIDGE_IOMMU_ADDR + reg);
}

static void vtd_writeq(QVtd *vtd, uint32_t reg, uint64_t value)
{
    qtest_writeq(vtd->qts, Q35_HOST_BRIDGE_IOMMU_ADDR + reg, value);
}

static uint32_t vtd_readl(QVtd *vtd, uint32_t reg)
{
    return qtest_readl(vtd->qts, Q35_HOST_BRIDGE_IOMMU_ADDR + reg);
}

static void vtd_writel(QVtd *vtd, uint32_t reg, uint32_t value)
{
    qtest_writel(vtd->qts, Q35_HOST_BRIDGE_IOMMU_ADDR + reg, value);
}

/* Tables are in guest memory. */

static uint64_t entry_read(QVtd *vtd, uint64_t at)
{
    return vtd->ram ? ldq_le_p(vtd->ram + at) : qtest_readq(vtd->qts, at);
}

static void table_write(QVtd *vtd, uint64_t at, const void *bytes, size_t len)
{
    if (vtd->ram) {
        memcpy(vtd->ram + at, bytes, len);
    } else {
        qtest_bufwrite(vtd->qts, at, bytes, len);
    }
}

static void entry_write(QVtd *vtd, uint64_t at, uint64_t value)
{
    value = cpu_to_le64(value);
    table_write(vtd, at, &value, sizeof(value));
}

static uint64_t table_alloc(QVtd *vtd)
{
    uint64_t table = guest_alloc(vtd->alloc, VTD_PAGE_SIZE);

    if (vtd->ram) {
        memset(vtd->ram + table, 0, VTD_PAGE_SIZE);
    } else {
        qtest_memset(vtd->qts, table, 0, VTD_PAGE_SIZE);
    }
    return table;
}

/* The table that an entry points to, made when there is none. */
static uint64_t table_below(QVtd *vtd, uint64_t entry, uint64_t flags)
{
    uint64_t value = entry_read(vtd, entry);

    if (!value) {
        value = table_alloc(vtd) | flags;
        entry_write(vtd, entry, value);
    }
    return value & ~(VTD_PAGE_SIZE - 1);
}

QVtd *qvtd_new(QTestState *qts, QGuestAllocator *alloc)
{
    QVtd *vtd = g_new0(QVtd, 1);
    uint64_t cap;

    vtd->qts = qts;
    vtd->alloc = alloc;
    cap = vtd_readq(vtd, DMAR_CAP_REG);
    g_assert_cmphex(cap & VTD_CAP_SAGAW_39bit, ==, VTD_CAP_SAGAW_39bit);
    vtd->root = table_alloc(vtd);
    return vtd;
}

static void wait_clear(QVtd *vtd, uint32_t reg, uint64_t bit)
{
    unsigned i;

    for (i = 0; i < QVTD_POLLS; i++) {
        if (!(vtd_readq(vtd, reg) & bit)) {
            return;
        }
    }
    g_error("VT-d register 0x%x: bit 0x%" PRIx64 " stays set", reg, bit);
}

void qvtd_invalidate_context(QVtd *vtd)
{
    vtd_writeq(vtd, DMAR_CCMD_REG, VTD_CCMD_ICC | VTD_CCMD_GLOBAL_INVL);
    wait_clear(vtd, DMAR_CCMD_REG, VTD_CCMD_ICC);
}

void qvtd_invalidate_iotlb(QVtd *vtd)
{
    vtd_writeq(vtd, DMAR_IOTLB_REG, VTD_TLB_IVT | VTD_TLB_GLOBAL_FLUSH);
    wait_clear(vtd, DMAR_IOTLB_REG, VTD_TLB_IVT);
}

void qvtd_enable(QVtd *vtd)
{
    vtd_writeq(vtd, DMAR_RTADDR_REG, vtd->root);
    vtd_writel(vtd, DMAR_GCMD_REG, VTD_GCMD_SRTP);
    g_assert_cmphex(vtd_readl(vtd, DMAR_GSTS_REG) & VTD_GSTS_RTPS, ==,
                    VTD_GSTS_RTPS);
    qvtd_invalidate_context(vtd);
    qvtd_invalidate_iotlb(vtd);
    vtd_writel(vtd, DMAR_GCMD_REG, VTD_GCMD_TE);
    g_assert_cmphex(vtd_readl(vtd, DMAR_GSTS_REG) & VTD_GSTS_TES, ==,
                    VTD_GSTS_TES);
}

void qvtd_disable(QVtd *vtd)
{
    vtd_writel(vtd, DMAR_GCMD_REG, 0);
    g_assert_cmphex(vtd_readl(vtd, DMAR_GSTS_REG) & VTD_GSTS_TES, ==, 0);
}

static QVtdDomain *domain_new(QVtd *vtd, uint16_t id, unsigned levels)
{
    QVtdDomain *dom = g_new0(QVtdDomain, 1);

    dom->vtd = vtd;
    dom->id = id;
    dom->levels = levels;
    dom->table = table_alloc(vtd);
    return dom;
}

QVtdDomain *qvtd_domain_new(QVtd *vtd, uint16_t id)
{
    return domain_new(vtd, id, QVTD_LEVELS);
}

QVtdDomain *qvtd_domain_new_wide(QVtd *vtd, uint16_t id)
{
    g_assert_cmphex(vtd_readq(vtd, DMAR_CAP_REG) & VTD_CAP_SAGAW_48bit, ==,
                    VTD_CAP_SAGAW_48bit);
    return domain_new(vtd, id, QVTD_LEVELS_WIDE);
}

static uint64_t context_entry(QVtd *vtd, uint8_t bus, uint8_t devfn)
{
    uint64_t root_entry = vtd->root + bus * sizeof(VTDRootEntry);
    uint64_t table = table_below(vtd, root_entry, VTD_ROOT_ENTRY_P);

    return table + devfn * VTD_CTX_ENTRY_LEGACY_SIZE;
}

void qvtd_attach(QVtdDomain *dom, uint8_t bus, uint8_t devfn)
{
    uint64_t entry = context_entry(dom->vtd, bus, devfn);

    qtest_writeq(dom->vtd->qts, entry + 8, dom->id << 8 | QVTD_AW(dom->levels));
    qtest_writeq(dom->vtd->qts, entry,
                 dom->table | VTD_CONTEXT_TT_MULTI_LEVEL |
                 VTD_CONTEXT_ENTRY_P);
}

void qvtd_detach(QVtd *vtd, uint8_t bus, uint8_t devfn)
{
    qtest_writeq(vtd->qts, context_entry(vtd, bus, devfn), 0);
}

/* Writes the entries of a range, the part of one last-level table at a time. */
static void set_pages(QVtdDomain *dom, uint64_t iova, uint64_t phys,
                      uint64_t size, unsigned perm)
{
    g_assert_cmphex((iova | phys | size) & (VTD_PAGE_SIZE - 1), ==, 0);

    while (size) {
        uint64_t page = iova >> VTD_PAGE_SHIFT;
        unsigned first = page & (QVTD_ENTRIES - 1);
        unsigned n = MIN(QVTD_ENTRIES - first, size >> VTD_PAGE_SHIFT);
        uint64_t table = dom->table;
        uint64_t entry[QVTD_ENTRIES];
        unsigned i;
        int level;

        for (level = dom->levels - 1; level > 0; level--) {
            unsigned slot = page >> (level * QVTD_LEVEL_BITS) &
                            (QVTD_ENTRIES - 1);

            table = table_below(dom->vtd, table + slot * 8,
                                QVTD_READ | QVTD_WRITE);
        }
        for (i = 0; i < n; i++) {
            entry[i] = perm ?
                       cpu_to_le64((phys + i * VTD_PAGE_SIZE) | perm) : 0;
        }
        table_write(dom->vtd, table + first * 8, entry, n * 8);
        iova += n * VTD_PAGE_SIZE;
        phys += n * VTD_PAGE_SIZE;
        size -= n * VTD_PAGE_SIZE;
    }
}

void qvtd_map(QVtdDomain *dom, uint64_t iova, uint64_t phys, uint64_t size,
              unsigned perm)
{
    set_pages(dom, iova, phys, size, perm);
}

void qvtd_unmap(QVtdDomain *dom, uint64_t iova, uint64_t size)
{
    set_pages(dom, iova, 0, size, 0);
}

bool qvtd_fault(QVtd *vtd, QVtdFault *fault)
{
    uint32_t status = vtd_readl(vtd, DMAR_FSTS_REG);
    uint32_t reg;
    uint64_t lo, hi;

    if (!(status & VTD_FSTS_PPF)) {
        return false;
    }
    /* The status names the register that was recorded first. */
    reg = DMAR_FRCD_REG_OFFSET + ((status & VTD_FSTS_FRI_MASK) >> 8) * 16;
    lo = vtd_readq(vtd, reg);
    hi = vtd_readq(vtd, reg + 8);
    g_assert_cmphex(hi & VTD_FRCD_F, ==, VTD_FRCD_F);

    fault->addr = VTD_FRCD_FI(lo);
    fault->source = VTD_FRCD_SID(hi);
    fault->reason = hi >> 32;
    fault->read = hi & VTD_FRCD_T;

    /* Both are cleared by writing one. */
    vtd_writel(vtd, reg + 12, VTD_FRCD_F >> 32);
    vtd_writel(vtd, DMAR_FSTS_REG, VTD_FSTS_PFO);
    return true;
}
