#include <stdlib.h>

#include "engines/redshift/leader/catalog.h"
#include "engines/redshift/sql/parse.h"

static void free_texts(char **texts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		free(texts[i]);
	}
	free(texts);
}

static void free_name(struct rs_name *name)
{
	free(name->schema);
	free(name->name);
}

void rs_column_def_clear(struct rs_column_def *c)
{
	free(c->name);
	free(c->default_text);
	free(c->encode);
	free(c->references);
	*c = (struct rs_column_def){0};
}

static void free_alter(struct rs_alter *a)
{
	free_name(&a->name);
	rs_column_def_clear(&a->column);
	free(a->from);
	free(a->to);
	free(a->distkey);
	free_texts(a->sortkeys, a->n_sortkeys);
	free_texts(a->partition_columns, a->n_partition);
	free_texts(a->partition_values, a->n_partition);
	free(a->location);
}

static void free_copy(struct rs_copy *c)
{
	free_name(&c->table);
	free_texts(c->columns, c->n_columns);
	free(c->from);
	free(c->json_paths);
	free(c->fixed_width);
	free(c->null_as);
	free(c->date_format);
	free(c->time_format);
}

static void free_unload(struct rs_unload *u)
{
	free(u->select);
	json_decref(u->tree);
	free(u->to);
	free(u->null_as);
	free_texts(u->partition_by, u->n_partition_by);
	free(u->fixed_width);
}

void rs_statement_free(struct rs_statement *s)
{
	if (s == NULL) {
		return;
	}
	json_decref(s->tree);
	free(s->body);
	rs_create_clear(&s->create);
	free_alter(&s->alter);
	free_copy(&s->copy);
	free_unload(&s->unload);
	for (unsigned i = 0; i < s->n_names; i++) {
		free_name(&s->names[i]);
	}
	free(s->names);
	free(s->mode);
	free(s->directory);
	free(s->what);
	free(s);
}
