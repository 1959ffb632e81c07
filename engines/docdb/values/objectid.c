#include "engines/docdb/values/value.h"

void doc_objectid_new(unsigned char out[12])
{
	bson_oid_t id;
	bson_oid_init(&id, bson_context_get_default());
	memcpy(out, id.bytes, 12);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool doc_objectid_parse(struct slice hex, unsigned char out[12])
{
	if (hex.n != 24) {
		return false;
	}
	for (size_t i = 0; i < 12; i++) {
		int high = hex_digit(hex.p[2 * i]);
		int low = hex_digit(hex.p[2 * i + 1]);
		if (high < 0 || low < 0) {
			return false;
		}
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}
