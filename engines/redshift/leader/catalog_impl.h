/* What the files of the catalogue share. */
#ifndef DBMOUNT_REDSHIFT_CATALOG_IMPL_H
#define DBMOUNT_REDSHIFT_CATALOG_IMPL_H

#include "engines/redshift/leader/catalog.h"

#define RS_PUBLIC "public"

/* catalog_copy.c: copies for who copies much: what fails sets *failed, and going on is harmless. */

char *rs_dup(const char *text, bool *failed); /* NULL stays NULL */
char **rs_dup_list(char *const *list, unsigned n, bool *failed);
void rs_free_list(char **list, unsigned n);
/* Room for n; NULL when there are none or memory ran out. */
void *rs_room(unsigned n, size_t size, bool *failed);
int rs_create_copy(const struct rs_create *from, struct rs_create *to, struct err *err);
void rs_lake_clear(struct rs_lake *l);

/* catalog_json.c: members that more than one kind has. */

json_t *rs_type_to_json(struct sql_type t);
int rs_type_of_json(const json_t *o, struct sql_type *out);
json_t *rs_list_to_json(char *const *list, unsigned n);
int rs_list_of_json(const json_t *o, char ***out, unsigned *n);
/* A copy of a member that is a text; NULL stays NULL. -1: it is none, or no memory. */
int rs_text_of_json(const json_t *o, const char *name, char **out);

/* external_json.c: what else of the catalogue is stored, an object each. NULL: no memory. */

json_t *rs_user_view_to_json(const struct rs_user_view *v);
int rs_user_view_of_json(const json_t *o, struct rs_user_view *out);
json_t *rs_lake_to_json(const struct rs_lake *l);
int rs_lake_of_json(const json_t *o, struct rs_lake *out);
json_t *rs_external_schema_to_json(const struct rs_external_schema *s);
int rs_external_schema_of_json(const json_t *o, struct rs_external_schema *out);
json_t *rs_external_table_to_json(const struct rs_external_table *t);
int rs_external_table_of_json(const json_t *o, struct rs_external_table *out);

#endif
