/* SPDX-License-Identifier: Apache-2.0
 * crc_tables.h: slice-by-8 tables of three reflected CRCs, spelt out by the preprocessor; private to checksum.c.
 * Source: M. E. Kounavis and F. L. Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation"
 * (2008), for slicing; polynomials: RFC 3720 appendix B.4 (CRC32C), ISO/IEC 13239 (CRC32), NVM Command Set
 * Specification 5.2.1.3.4 (CRC64NVME).
 *
 * table[k][b] is the register after byte b and k zero bytes. A CRC is linear: an entry is the exclusive or of the
 * entries of its index's single bits, so 8 x 8 basis values say all. Read from bit 7 of slice 0 down to bit 0, then
 * slice 1, and so on: the first is the polynomial P, each next one is v >> 1, exclusive-or P if v was odd.
 */
#ifndef S3ONRAMP_AWS_CRC_TABLES_H
#define S3ONRAMP_AWS_CRC_TABLES_H

/* clang-format off */
/* The 256 entries of a slice from the values of its bits 0 … 7. */
#define CRC_2(x, a)                         (x), (x) ^ (a)
#define CRC_4(x, a, b)                      CRC_2(x, a), CRC_2((x) ^ (b), a)
#define CRC_8(x, a, b, c)                   CRC_4(x, a, b), CRC_4((x) ^ (c), a, b)
#define CRC_16(x, a, b, c, d)               CRC_8(x, a, b, c), CRC_8((x) ^ (d), a, b, c)
#define CRC_32(x, a, b, c, d, e)            CRC_16(x, a, b, c, d), CRC_16((x) ^ (e), a, b, c, d)
#define CRC_64(x, a, b, c, d, e, f)         CRC_32(x, a, b, c, d, e), CRC_32((x) ^ (f), a, b, c, d, e)
#define CRC_128(x, a, b, c, d, e, f, g)     CRC_64(x, a, b, c, d, e, f), CRC_64((x) ^ (g), a, b, c, d, e, f)
#define CRC_SLICE(a, b, c, d, e, f, g, h)   {CRC_128(0, a, b, c, d, e, f, g), CRC_128(h, a, b, c, d, e, f, g)}

#define CRC32_SLICES(T) \
    T(0x77073096U, 0xee0e612cU, 0x076dc419U, 0x0edb8832U, 0x1db71064U, 0x3b6e20c8U, 0x76dc4190U, 0xedb88320U), \
    T(0x191b3141U, 0x32366282U, 0x646cc504U, 0xc8d98a08U, 0x4ac21251U, 0x958424a2U, 0xf0794f05U, 0x3b83984bU), \
    T(0x01c26a37U, 0x0384d46eU, 0x0709a8dcU, 0x0e1351b8U, 0x1c26a370U, 0x384d46e0U, 0x709a8dc0U, 0xe1351b80U), \
    T(0xb8bc6765U, 0xaa09c88bU, 0x8f629757U, 0xc5b428efU, 0x5019579fU, 0xa032af3eU, 0x9b14583dU, 0xed59b63bU), \
    T(0x3d6029b0U, 0x7ac05360U, 0xf580a6c0U, 0x30704bc1U, 0x60e09782U, 0xc1c12f04U, 0x58f35849U, 0xb1e6b092U), \
    T(0xcb5cd3a5U, 0x4dc8a10bU, 0x9b914216U, 0xec53826dU, 0x03d6029bU, 0x07ac0536U, 0x0f580a6cU, 0x1eb014d8U), \
    T(0xa6770bb4U, 0x979f1129U, 0xf44f2413U, 0x33ef4e67U, 0x67de9cceU, 0xcfbd399cU, 0x440b7579U, 0x8816eaf2U), \
    T(0xccaa009eU, 0x4225077dU, 0x844a0efaU, 0xd3e51bb5U, 0x7cbb312bU, 0xf9766256U, 0x299dc2edU, 0x533b85daU)

#define CRC32C_SLICES(T) \
    T(0xf26b8303U, 0xe13b70f7U, 0xc79a971fU, 0x8ad958cfU, 0x105ec76fU, 0x20bd8edeU, 0x417b1dbcU, 0x82f63b78U), \
    T(0x13a29877U, 0x274530eeU, 0x4e8a61dcU, 0x9d14c3b8U, 0x3fc5f181U, 0x7f8be302U, 0xff17c604U, 0xfbc3faf9U), \
    T(0xa541927eU, 0x4f6f520dU, 0x9edea41aU, 0x38513ec5U, 0x70a27d8aU, 0xe144fb14U, 0xc76580d9U, 0x8b277743U), \
    T(0xdd45aab8U, 0xbf672381U, 0x7b2231f3U, 0xf64463e6U, 0xe964b13dU, 0xd725148bU, 0xaba65fe7U, 0x52a0c93fU), \
    T(0x38116facU, 0x7022df58U, 0xe045beb0U, 0xc5670b91U, 0x8f2261d3U, 0x1ba8b557U, 0x37516aaeU, 0x6ea2d55cU), \
    T(0xef306b19U, 0xdb8ca0c3U, 0xb2f53777U, 0x6006181fU, 0xc00c303eU, 0x85f4168dU, 0x0e045bebU, 0x1c08b7d6U), \
    T(0x68032cc8U, 0xd0065990U, 0xa5e0c5d1U, 0x4e2dfd53U, 0x9c5bfaa6U, 0x3d5b83bdU, 0x7ab7077aU, 0xf56e0ef4U), \
    T(0x493c7d27U, 0x9278fa4eU, 0x211d826dU, 0x423b04daU, 0x847609b4U, 0x0d006599U, 0x1a00cb32U, 0x34019664U)

#define CRC64NVME_SLICES(T) \
    T(0x7f6ef0c830358979U, 0xfedde190606b12f2U, 0xc962e5739841b68fU, 0xa61cecb46814fe75U, \
      0x78e0ff3b88be6f81U, 0xf1c1fe77117cdf02U, 0xd75adabd7a6e2d6fU, 0x9a6c9329ac4bc9b5U), \
    T(0x8776a97d73bddf69U, 0x3a3474a9bfec2db9U, 0x7468e9537fd85b72U, 0xe8d1d2a6ffb0b6e4U, \
      0xe57a831ea7f6fea3U, 0xfe2c206e177a6e2dU, 0xc881668f76634f31U, 0xa5dbeb4db4510d09U), \
    T(0xff6e4e1f4e4038beU, 0xca05ba6dc417e217U, 0xa0d25288d0b85745U, 0x757d8342f9e73de1U, \
      0xeafb0685f3ce7bc2U, 0xe12f2b58bf0b64efU, 0xf68770e226815ab5U, 0xd9d7c79715952601U), \
    T(0x8211147cbaf96306U, 0x30fb0eaa2d655567U, 0x61f61d545acaaaceU, 0xc3ec3aa8b595559cU, \
      0xb301530233bd3853U, 0x52db80573fede3cdU, 0xa5b700ae7fdbc79aU, 0x7fb7270fa7201c5fU), \
    T(0x373d15f784905d1eU, 0x6e7a2bef0920ba3cU, 0xdcf457de12417478U, 0x8d3189ef7c157b9bU, \
      0x2eba358da0bd645dU, 0x5d746b1b417ac8baU, 0xbae8d63682f59174U, 0x41088a3e5d7cb183U), \
    T(0xe9742a79ef04a5d4U, 0xe63172a0869ed8c3U, 0xf8bbc31255aa22edU, 0xc5aea077f3c3d6b1U, \
      0xbf8466bcbf103e09U, 0x4bd1eb2a26b7ef79U, 0x97a3d6544d6fdef2U, 0x1b9e8afbc2482e8fU), \
    T(0xfc5d27f6bf353971U, 0xcc6369be26fde189U, 0xac1ff52f156c5079U, 0x6ce6cc0d724f3399U, \
      0xd9cd981ae49e6732U, 0x8742166691ab5d0fU, 0x3a5d0a9e7bc12975U, 0x74ba153cf78252eaU), \
    T(0x21e9761e252621acU, 0x43d2ec3c4a4c4358U, 0x87a5d878949886b0U, 0x3b9296a271a69e0bU, \
      0x77252d44e34d3c16U, 0xee4a5a89c69a782cU, 0xe84d9340d5a36333U, 0xe44200d2f3d1550dU)
/* clang-format on */

#endif
