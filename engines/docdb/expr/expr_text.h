/* Text, shared by what works on strings. */
#ifndef DBMOUNT_DOCDB_EXPR_TEXT_H
#define DBMOUNT_DOCDB_EXPR_TEXT_H

#include "engines/docdb/expr/expr_impl.h"

#define EXPR_NOT_FOUND SIZE_MAX

/* In UTF-8 that is valid. */
size_t expr_text_count(struct slice text);
/* Where that many characters end; text.n where there are fewer. */
size_t expr_text_offset(struct slice text, size_t characters);
size_t expr_text_find(struct slice text, struct slice part);

/* expr_convert.c: any value that can be a string. EINVAL names the type. */
int expr_to_string(struct expr_run *run, struct doc_value v, struct doc_value *out);

#endif
