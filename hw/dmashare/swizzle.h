/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmashare: the order of a pixel's bytes
 */
#ifndef HW_DMASHARE_SWIZZLE_H
#define HW_DMASHARE_SWIZZLE_H

/*
 * Copy a picture of pixels of four bytes, @pixels, with the first and the third
 * byte of each exchanged: red and blue. @dst gets @len bytes of it from @first
 * on; neither needs to be where a pixel begins or ends. Of @pixels nothing is
 * read but the pixels that these bytes are of.
 */
void dmashare_swizzle(uint8_t *dst, const uint8_t *pixels, uint64_t first,
                      uint64_t len);

#endif /* HW_DMASHARE_SWIZZLE_H */
