/* Base64 as RFC 4648 has it, strict: one text for given bytes and no other. */
#ifndef DBMOUNT_BASE64_H
#define DBMOUNT_BASE64_H

#include "engines/common/buf.h"

/* PADDED is the alphabet of section 4 with '=', as values are written; URL the
 * one of section 5 without, as keys stand in paths. */
enum base64_kind { BASE64_PADDED, BASE64_URL };

void base64_encode(enum base64_kind kind, struct slice bytes, struct buf *out);

/* Appends the bytes. NULL, or a sentence part saying what would be accepted
 * ("a length that is a multiple of 4"); out then holds anything. */
const char *base64_decode(enum base64_kind kind, struct slice text, struct buf *out);

#endif
