/* COPY: a table of options, in any order, and of what excludes what. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/parse.h"

#define MAXERROR_MAX 100000U

enum option {
	OPT_CSV,
	OPT_JSON,
	OPT_PARQUET,
	OPT_FIXEDWIDTH,
	OPT_DELIMITER,
	OPT_QUOTE,
	OPT_GZIP,
	OPT_BZIP2,
	OPT_ZSTD,
	OPT_MANIFEST,
	OPT_IGNOREHEADER,
	OPT_NULL,
	OPT_EMPTYASNULL,
	OPT_BLANKSASNULL,
	OPT_DATEFORMAT,
	OPT_TIMEFORMAT,
	OPT_MAXERROR,
	OPT_IGNOREALLERRORS,
	OPT_ACCEPTINVCHARS,
	OPT_ESCAPE,
	OPT_REMOVEQUOTES,
	OPT_FILLRECORD,
	OPT_IGNOREBLANKLINES,
	OPT_TRIMBLANKS,
	OPT_TRUNCATECOLUMNS,
	OPT_ROUNDEC,
	OPT_EXPLICIT_IDS,
	OPT_NOLOAD,
	OPT_COMPUPDATE,
	OPT_STATUPDATE,
	OPT_COMPROWS,
	OPT_ENCODING,
	N_OPTIONS,
};

static const char *const names[] = {"CSV", "JSON", "PARQUET", "FIXEDWIDTH", "DELIMITER", "QUOTE",
	"GZIP", "BZIP2", "ZSTD", "MANIFEST", "IGNOREHEADER", "NULL", "EMPTYASNULL", "BLANKSASNULL",
	"DATEFORMAT", "TIMEFORMAT", "MAXERROR", "IGNOREALLERRORS", "ACCEPTINVCHARS", "ESCAPE",
	"REMOVEQUOTES", "FILLRECORD", "IGNOREBLANKLINES", "TRIMBLANKS", "TRUNCATECOLUMNS",
	"ROUNDEC", "EXPLICIT_IDS", "NOLOAD", "COMPUPDATE", "STATUPDATE", "COMPROWS", "ENCODING",
	/* Not of the enum: said elsewhere. */
	"FORMAT", "CREDENTIALS", "IAM_ROLE", "REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY",
	"SESSION_TOKEN", NULL};

/* What cannot be told together. */
static const struct {
	enum option a, b;
} excludes[] = {
	{OPT_CSV, OPT_JSON},
	{OPT_CSV, OPT_PARQUET},
	{OPT_CSV, OPT_FIXEDWIDTH},
	{OPT_JSON, OPT_PARQUET},
	{OPT_JSON, OPT_FIXEDWIDTH},
	{OPT_PARQUET, OPT_FIXEDWIDTH},
	{OPT_GZIP, OPT_BZIP2},
	{OPT_GZIP, OPT_ZSTD},
	{OPT_BZIP2, OPT_ZSTD},
	{OPT_FIXEDWIDTH, OPT_DELIMITER},
	{OPT_CSV, OPT_ESCAPE},
	{OPT_CSV, OPT_REMOVEQUOTES},
	{OPT_ESCAPE, OPT_REMOVEQUOTES},
	{OPT_MAXERROR, OPT_IGNOREALLERRORS},
	{OPT_JSON, OPT_DELIMITER},
	{OPT_JSON, OPT_ESCAPE},
	{OPT_JSON, OPT_REMOVEQUOTES},
	{OPT_JSON, OPT_FILLRECORD},
	{OPT_JSON, OPT_IGNOREBLANKLINES},
	{OPT_JSON, OPT_NULL},
	{OPT_PARQUET, OPT_DELIMITER},
	{OPT_PARQUET, OPT_IGNOREHEADER},
	{OPT_PARQUET, OPT_NULL},
	{OPT_PARQUET, OPT_EMPTYASNULL},
	{OPT_PARQUET, OPT_BLANKSASNULL},
	{OPT_PARQUET, OPT_DATEFORMAT},
	{OPT_PARQUET, OPT_TIMEFORMAT},
	{OPT_PARQUET, OPT_MAXERROR},
	{OPT_PARQUET, OPT_ESCAPE},
	{OPT_PARQUET, OPT_REMOVEQUOTES},
	{OPT_PARQUET, OPT_IGNOREBLANKLINES},
	{OPT_PARQUET, OPT_TRIMBLANKS},
	{OPT_PARQUET, OPT_TRUNCATECOLUMNS},
	{OPT_PARQUET, OPT_ROUNDEC},
	{OPT_PARQUET, OPT_GZIP},
	{OPT_PARQUET, OPT_BZIP2},
	{OPT_PARQUET, OPT_ZSTD},
};

/* Redshift has them, this does not. */
static const char *const unsupported[] = {"AVRO", "ORC", "RCFILE", "SEQUENCEFILE", "TEXTFILE",
	"SHAPEFILE", "LZOP", "SSH", "ENCRYPTED", "READRATIO", "ACCEPTANYDATE", "SERIALIZETOJSON",
	NULL};

struct copying {
	struct rs_parse *p;
	struct rs_copy *copy;
	size_t told[N_OPTIONS]; /* where, and 1 more; 0: not */
};

int rs_take_delimiter(struct rs_parse *p, char *out)
{
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	size_t at = p->token.at;
	if (p->token.kind != RS_TOKEN_TEXT) {
		return rs_expected(p, "one character in quotes");
	}
	rs_token_text(p->script, &p->token, true, &b);
	if (buf_check(&b, p->err) < 0) {
		return -ENOMEM;
	}
	if (b.n != 1 || (unsigned char)b.p[0] >= 0x80 || b.p[0] == '\0' || b.p[0] == '\n' ||
		b.p[0] == '\r') {
		return rs_refuse_at(p, at, EINVAL,
			"found a text of %zu bytes; one ASCII character is expected, or '\\t' or "
			"an "
			"octal '\\ddd'",
			b.n);
	}
	*out = b.p[0];
	rs_next(p);
	return 0;
}

/* What may stand behind an option's name. */
static int take_option_text(struct copying *c, char **out)
{
	rs_accept(c->p, "as");
	return rs_take_text(c->p, "a text in quotes", false, out);
}

static int take_json(struct copying *c)
{
	rs_accept(c->p, "as");
	c->copy->format = RS_FORMAT_JSON;
	if (c->p->token.kind == RS_TOKEN_TEXT) {
		return rs_take_text(c->p, "'auto' or paths", false, &c->copy->json_paths);
	}
	c->copy->json_paths = strdup("auto");
	return c->copy->json_paths == NULL ? err_set(c->p->err, ENOMEM, "no memory for a name") : 0;
}

static int take_fixed_width(struct copying *c)
{
	c->copy->format = RS_FORMAT_FIXEDWIDTH;
	return take_option_text(c, &c->copy->fixed_width);
}

static int take_character(struct copying *c, char *out)
{
	rs_accept(c->p, "as");
	return rs_take_delimiter(c->p, out);
}

static int take_null(struct copying *c)
{
	int rc = rs_expect(c->p, "as");
	return rc < 0 ? rc : rs_take_text(c->p, "a text in quotes", false, &c->copy->null_as);
}

static int take_count(struct copying *c, uint64_t max, uint64_t *out)
{
	rs_accept(c->p, "as");
	return rs_take_count(c->p, "a count", max, out);
}

static int take_inv_chars(struct copying *c)
{
	struct rs_copy *copy = c->copy;
	bool as = rs_accept(c->p, "as");
	copy->accept_inv_chars = true;
	copy->inv_char = '?';
	return as || c->p->token.kind == RS_TOKEN_TEXT ? rs_take_delimiter(c->p, &copy->inv_char)
						       : 0;
}

/* ON, TRUE, OFF, FALSE; nothing means on. */
static int take_switch(struct copying *c, int *out)
{
	*out = !(rs_is(c->p, "off") || rs_is(c->p, "false"));
	if (rs_is(c->p, "on") || rs_is(c->p, "true") || !*out) {
		rs_next(c->p);
	}
	return 0;
}

static int take_comp_update(struct copying *c)
{
	if (rs_accept(c->p, "preset")) {
		c->copy->comp_update = 1;
		return 0;
	}
	return take_switch(c, &c->copy->comp_update);
}

static int take_encoding(struct copying *c)
{
	rs_accept(c->p, "as");
	if (rs_accept(c->p, "utf8")) {
		return 0;
	}
	static const char *const known[] = {"UTF8", NULL};
	if (rs_is(c->p, "utf16") || rs_is(c->p, "utf16le") || rs_is(c->p, "utf16be")) {
		return rs_unsupported(c->p, "ENCODING UTF16");
	}
	return rs_unknown(c->p, "UTF8", known);
}

static int take_format(struct copying *c, enum option o)
{
	c->copy->format = o == OPT_CSV ? RS_FORMAT_CSV : RS_FORMAT_PARQUET;
	return 0;
}

static bool *flag_of(struct rs_copy *copy, enum option o)
{
	switch (o) {
	case OPT_MANIFEST: return &copy->manifest;
	case OPT_EMPTYASNULL: return &copy->empty_as_null;
	case OPT_BLANKSASNULL: return &copy->blanks_as_null;
	case OPT_IGNOREALLERRORS: return &copy->ignore_all_errors;
	case OPT_ESCAPE: return &copy->escape;
	case OPT_REMOVEQUOTES: return &copy->remove_quotes;
	case OPT_FILLRECORD: return &copy->fill_record;
	case OPT_IGNOREBLANKLINES: return &copy->ignore_blank_lines;
	case OPT_TRIMBLANKS: return &copy->trim_blanks;
	case OPT_TRUNCATECOLUMNS: return &copy->truncate_columns;
	case OPT_ROUNDEC: return &copy->round_decimals;
	case OPT_EXPLICIT_IDS: return &copy->explicit_ids;
	case OPT_NOLOAD: return &copy->no_load;
	default: return NULL;
	}
}

static int take_value(struct copying *c, enum option o)
{
	struct rs_copy *copy = c->copy;
	uint64_t ignored;
	switch (o) {
	case OPT_CSV:
	case OPT_PARQUET: return take_format(c, o);
	case OPT_JSON: return take_json(c);
	case OPT_FIXEDWIDTH: return take_fixed_width(c);
	case OPT_DELIMITER: return take_character(c, &copy->delimiter);
	case OPT_QUOTE: return take_character(c, &copy->quote);
	case OPT_GZIP: copy->compression = RS_GZIP; return 0;
	case OPT_BZIP2: copy->compression = RS_BZIP2; return 0;
	case OPT_ZSTD: copy->compression = RS_ZSTD; return 0;
	case OPT_IGNOREHEADER: return take_count(c, UINT32_MAX, &copy->ignore_header);
	case OPT_NULL: return take_null(c);
	case OPT_DATEFORMAT: return take_option_text(c, &copy->date_format);
	case OPT_TIMEFORMAT: return take_option_text(c, &copy->time_format);
	case OPT_MAXERROR: return take_count(c, MAXERROR_MAX, &copy->max_error);
	case OPT_ACCEPTINVCHARS: return take_inv_chars(c);
	case OPT_COMPUPDATE: return take_comp_update(c);
	case OPT_STATUPDATE: return take_switch(c, &copy->stat_update);
	case OPT_COMPROWS: return take_count(c, UINT32_MAX, &ignored);
	case OPT_ENCODING: return take_encoding(c);
	default: break;
	}
	bool *flag = flag_of(copy, o);
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

static int refuse_option(struct copying *c)
{
	for (unsigned i = 0; unsupported[i] != NULL; i++) {
		if (is_name(c->p, unsupported[i])) {
			return rs_unsupported(c->p, unsupported[i]);
		}
	}
	return rs_unknown(c->p, "an option of COPY", names);
}

static int take_option(struct copying *c)
{
	int rc = rs_take_credentials(c->p, &c->copy->has_credentials);
	if (rc != 0) {
		return rc < 0 ? rc : 0;
	}
	if (rs_accept(c->p, "format")) {
		rs_accept(c->p, "as");
		if (!is_name(c->p, "csv") && !is_name(c->p, "json") && !is_name(c->p, "parquet") &&
			!is_name(c->p, "fixedwidth")) {
			return refuse_option(c);
		}
	}
	for (unsigned o = 0; o < N_OPTIONS; o++) {
		if (!is_name(c->p, names[o])) {
			continue;
		}
		if (c->told[o] != 0) {
			return rs_refuse(c->p, EINVAL, "%s is told twice", names[o]);
		}
		c->told[o] = c->p->token.at + 1;
		rs_next(c->p);
		return take_value(c, (enum option)o);
	}
	return refuse_option(c);
}

static int check(struct copying *c)
{
	for (size_t i = 0; i < sizeof(excludes) / sizeof(excludes[0]); i++) {
		size_t a = c->told[excludes[i].a];
		size_t b = c->told[excludes[i].b];
		if (a != 0 && b != 0) {
			return rs_refuse_at(c->p, (a > b ? a : b) - 1, EINVAL,
				"%s and %s exclude each other", names[excludes[i].a],
				names[excludes[i].b]);
		}
	}
	if (c->told[OPT_QUOTE] != 0 && c->told[OPT_CSV] == 0) {
		return rs_refuse_at(c->p, c->told[OPT_QUOTE] - 1, EINVAL,
			"QUOTE is an option of CSV, which is not told");
	}
	char delimiter = (char)(c->copy->delimiter != 0 ? c->copy->delimiter : ',');
	if (c->copy->format == RS_FORMAT_CSV && c->copy->quote == delimiter) {
		return rs_refuse_at(c->p, c->told[OPT_QUOTE] - 1, EINVAL,
			"QUOTE and the delimiter are the same character");
	}
	return 0;
}

static int take_source(struct rs_parse *p, struct rs_copy *copy)
{
	static const char *const other[] = {"dynamodb://", "emr://", "ssh://", NULL};
	int rc = rs_expect(p, "from");
	size_t at = p->token.at;
	rc = rc < 0 ? rc : rs_take_text(p, "an address in quotes", false, &copy->from);
	for (unsigned i = 0; rc == 0 && other[i] != NULL; i++) {
		if (strncmp(copy->from, other[i], strlen(other[i])) == 0) {
			return rs_refuse_at(p, at, ENOTSUP, "%s is not supported here", other[i]);
		}
	}
	return rc;
}

int rs_parse_copy(struct rs_parse *p, struct rs_statement *s)
{
	struct rs_copy *copy = &s->copy;
	struct copying c = {.p = p, .copy = copy};
	s->kind = RS_COPY;
	copy->comp_update = -1;
	copy->stat_update = -1;
	int rc = rs_take_qualified(p, "a table", &copy->table);
	if (rc == 0 && rs_is_mark(p, '(')) {
		rc = rs_take_names(p, "a column", &copy->columns, &copy->n_columns);
	}
	rc = rc < 0 ? rc : take_source(p, copy);
	while (rc == 0 && !rs_at_end(p)) {
		rc = take_option(&c);
	}
	return rc < 0 ? rc : check(&c);
}
