/* Decimals as Intel's library has them: the same two words. */
#ifndef DBMOUNT_DOCDB_EXPR_BID_H
#define DBMOUNT_DOCDB_EXPR_BID_H

#include <bid_conf.h>
#include <bid_functions.h>

#include "engines/docdb/values/value.h"

static inline BID_UINT128 expr_bid(bson_decimal128_t n)
{
	return (BID_UINT128){{n.low, n.high}};
}

static inline bson_decimal128_t expr_unbid(BID_UINT128 n)
{
	bson_decimal128_t out;

	out.low = n.w[0];
	out.high = n.w[1];
	return out;
}

#endif
