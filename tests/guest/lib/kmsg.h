/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IOMMU faults that a test causes on purpose. The runner fails on every fault
 * in the kernel's log that is not between these two, and on two without a
 * fault between them.
 */
#ifndef DMASHARE_TEST_KMSG_H
#define DMASHARE_TEST_KMSG_H

void expect_dmar_begin(void);
void expect_dmar_end(void);

#endif /* DMASHARE_TEST_KMSG_H */
