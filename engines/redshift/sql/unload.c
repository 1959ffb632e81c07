/* UNLOAD. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/parse.h"

#define MB	     ((uint64_t)1 << 20)
#define GB	     ((uint64_t)1 << 30)
#define FILE_MIN     (5 * MB)
#define FILE_MAX     (GB * 62 / 10)
#define FILE_NUMBERS 100000 /* of MB */

enum option {
	OPT_CSV,
	OPT_PARQUET,
	OPT_JSON,
	OPT_FIXEDWIDTH,
	OPT_DELIMITER,
	OPT_GZIP,
	OPT_BZIP2,
	OPT_ZSTD,
	OPT_HEADER,
	OPT_ADDQUOTES,
	OPT_ESCAPE,
	OPT_MANIFEST,
	OPT_ALLOWOVERWRITE,
	OPT_CLEANPATH,
	OPT_PARALLEL,
	OPT_NULL,
	OPT_PARTITION,
	OPT_MAXFILESIZE,
	N_OPTIONS,
};

static const char *const names[] = {"CSV", "PARQUET", "JSON", "FIXEDWIDTH", "DELIMITER", "GZIP",
	"BZIP2", "ZSTD", "HEADER", "ADDQUOTES", "ESCAPE", "MANIFEST", "ALLOWOVERWRITE", "CLEANPATH",
	"PARALLEL", "NULL", "PARTITION", "MAXFILESIZE", "FORMAT", "CREDENTIALS", "IAM_ROLE",
	"REGION", NULL};

static const struct {
	enum option a, b;
} excludes[] = {
	{OPT_CSV, OPT_PARQUET},
	{OPT_CSV, OPT_JSON},
	{OPT_CSV, OPT_FIXEDWIDTH},
	{OPT_PARQUET, OPT_JSON},
	{OPT_PARQUET, OPT_FIXEDWIDTH},
	{OPT_JSON, OPT_FIXEDWIDTH},
	{OPT_GZIP, OPT_BZIP2},
	{OPT_GZIP, OPT_ZSTD},
	{OPT_BZIP2, OPT_ZSTD},
	{OPT_FIXEDWIDTH, OPT_DELIMITER},
	{OPT_FIXEDWIDTH, OPT_HEADER},
	{OPT_CSV, OPT_ESCAPE},
	{OPT_CSV, OPT_ADDQUOTES},
	{OPT_PARQUET, OPT_DELIMITER},
	{OPT_PARQUET, OPT_HEADER},
	{OPT_PARQUET, OPT_ADDQUOTES},
	{OPT_PARQUET, OPT_ESCAPE},
	{OPT_PARQUET, OPT_NULL},
	{OPT_PARQUET, OPT_GZIP},
	{OPT_PARQUET, OPT_BZIP2},
	{OPT_PARQUET, OPT_ZSTD},
	{OPT_JSON, OPT_DELIMITER},
	{OPT_JSON, OPT_HEADER},
	{OPT_JSON, OPT_ADDQUOTES},
	{OPT_JSON, OPT_ESCAPE},
	{OPT_JSON, OPT_NULL},
	{OPT_ALLOWOVERWRITE, OPT_CLEANPATH},
};

static const char *const unsupported[] = {
	"ENCRYPTED", "ROWGROUPSIZE", "EXTENSION", "AVRO", "ORC", "TEXT", NULL};

struct unloading {
	struct rs_parse *p;
	struct rs_unload *unload;
	size_t told[N_OPTIONS]; /* where, and 1 more; 0: not */
};

static int take_text(struct unloading *u, char **out)
{
	rs_accept(u->p, "as");
	return rs_take_text(u->p, "a text in quotes", false, out);
}

static int take_parallel(struct unloading *u)
{
	struct rs_parse *p = u->p;
	u->unload->parallel = !(rs_is(p, "off") || rs_is(p, "false"));
	if (!u->unload->parallel || rs_is(p, "on") || rs_is(p, "true")) {
		rs_next(p);
	}
	return 0;
}

static int take_partition(struct unloading *u)
{
	struct rs_unload *unload = u->unload;
	int rc = rs_expect(u->p, "by");
	rc = rc < 0 ? rc
		    : rs_take_names(
			      u->p, "a column", &unload->partition_by, &unload->n_partition_by);
	unload->include = rc == 0 && rs_accept(u->p, "include");
	return rc;
}

/* "5 MB", "1.5 gb" */
static int take_file_size(struct unloading *u)
{
	struct rs_parse *p = u->p;
	const uint64_t most = FILE_MAX;
	char text[16];
	rs_accept(p, "as");
	size_t at = p->token.at;
	if (p->token.kind != RS_TOKEN_NUMBER || p->token.n >= sizeof(text)) {
		return rs_expected(p, "a size, 100 MB say");
	}
	memcpy(text, p->script.p + p->token.at, p->token.n);
	text[p->token.n] = '\0';
	rs_next(p);
	double size = strtod(text, NULL) * (double)(rs_is(p, "gb") ? GB : MB);
	if (!rs_accept(p, "gb")) {
		rs_accept(p, "mb");
	}
	if (!(size >= (double)FILE_MIN && size <= (double)most)) {
		return rs_refuse_at(
			p, at, EINVAL, "a size of %s; 5 MB to 6.2 GB is expected", text);
	}
	u->unload->max_file_size = (uint64_t)size;
	return 0;
}

static bool *flag_of(struct rs_unload *u, enum option o)
{
	switch (o) {
	case OPT_HEADER: return &u->header;
	case OPT_ADDQUOTES: return &u->add_quotes;
	case OPT_ESCAPE: return &u->escape;
	case OPT_ALLOWOVERWRITE: return &u->allow_overwrite;
	case OPT_CLEANPATH: return &u->clean_path;
	default: return NULL;
	}
}

static int take_fixed_width(struct unloading *u)
{
	u->unload->format = RS_FORMAT_FIXEDWIDTH;
	return take_text(u, &u->unload->fixed_width);
}

static int take_value(struct unloading *u, enum option o)
{
	struct rs_unload *unload = u->unload;
	switch (o) {
	case OPT_CSV: unload->format = RS_FORMAT_CSV; return 0;
	case OPT_PARQUET: unload->format = RS_FORMAT_PARQUET; return 0;
	case OPT_JSON: unload->format = RS_FORMAT_JSON; return 0;
	case OPT_FIXEDWIDTH: return take_fixed_width(u);
	case OPT_DELIMITER:
		rs_accept(u->p, "as");
		return rs_take_delimiter(u->p, &unload->delimiter);
	case OPT_GZIP: unload->compression = RS_GZIP; return 0;
	case OPT_BZIP2: unload->compression = RS_BZIP2; return 0;
	case OPT_ZSTD: unload->compression = RS_ZSTD; return 0;
	case OPT_MANIFEST:
		unload->manifest = true;
		unload->verbose = rs_accept(u->p, "verbose");
		return 0;
	case OPT_PARALLEL: return take_parallel(u);
	case OPT_NULL: return take_text(u, &unload->null_as);
	case OPT_PARTITION: return take_partition(u);
	case OPT_MAXFILESIZE: return take_file_size(u);
	default: break;
	}
	bool *flag = flag_of(unload, o);
	if (flag != NULL) {
		*flag = true;
	}
	return 0;
}

static bool is_name(const struct rs_parse *p, const char *name)
{
	return p->token.kind == RS_TOKEN_WORD && strlen(name) == p->token.n &&
	       strncasecmp(name, p->script.p + p->token.at, p->token.n) == 0;
}

static int refuse_option(struct rs_parse *p)
{
	for (unsigned i = 0; unsupported[i] != NULL; i++) {
		if (is_name(p, unsupported[i])) {
			return rs_unsupported(p, unsupported[i]);
		}
	}
	return rs_unknown(p, "an option of UNLOAD", names);
}

static int take_option(struct unloading *u)
{
	struct rs_parse *p = u->p;
	int rc = rs_take_credentials(p, &u->unload->has_credentials);
	if (rc != 0) {
		return rc < 0 ? rc : 0;
	}
	if (rs_accept(p, "format")) {
		rs_accept(p, "as");
		if (!is_name(p, "csv") && !is_name(p, "json") && !is_name(p, "parquet")) {
			return refuse_option(p);
		}
	}
	for (unsigned o = 0; o < N_OPTIONS; o++) {
		if (!is_name(p, names[o])) {
			continue;
		}
		if (u->told[o] != 0) {
			return rs_refuse(p, EINVAL, "%s is told twice", names[o]);
		}
		u->told[o] = p->token.at + 1;
		rs_next(p);
		return take_value(u, (enum option)o);
	}
	return refuse_option(p);
}

static int check(struct unloading *u)
{
	for (size_t i = 0; i < sizeof(excludes) / sizeof(excludes[0]); i++) {
		size_t a = u->told[excludes[i].a];
		size_t b = u->told[excludes[i].b];
		if (a != 0 && b != 0) {
			return rs_refuse_at(u->p, (a > b ? a : b) - 1, EINVAL,
				"%s and %s exclude each other", names[excludes[i].a],
				names[excludes[i].b]);
		}
	}
	return 0;
}

/* ('select …'): a script of its own within the quotes. */
static int take_select(struct rs_parse *p, struct rs_unload *u)
{
	size_t at = p->token.at;
	int rc = rs_take_text(p, "a SELECT in quotes", true, &u->select);
	if (rc < 0) {
		return rc;
	}
	struct err why = {0};
	struct rs_parse inner = {.script = slice_of(u->select), .err = &why};
	inner.token = rs_token_at(inner.script, 0);
	rc = rs_pg_select(&inner, 0, 0, &u->tree);
	if (rc < 0) {
		return rs_refuse_at(p, at, -rc, "within the quotes, %s", why.msg);
	}
	return 0;
}

int rs_parse_unload(struct rs_parse *p, struct rs_statement *s)
{
	struct unloading u = {.p = p, .unload = &s->unload};
	s->kind = RS_UNLOAD;
	s->unload.parallel = true;
	int rc = rs_expect_mark(p, '(');
	rc = rc < 0 ? rc : take_select(p, &s->unload);
	rc = rc < 0 ? rc : rs_expect_mark(p, ')');
	rc = rc < 0 ? rc : rs_expect(p, "to");
	rc = rc < 0 ? rc : rs_take_text(p, "an address in quotes", false, &s->unload.to);
	while (rc == 0 && !rs_at_end(p)) {
		rc = take_option(&u);
	}
	return rc < 0 ? rc : check(&u);
}
