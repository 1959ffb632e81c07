/* Prepared statements of a connection, by the address of their text: a literal's is its own for
 * as long as the program runs, and comparing it costs nothing. The store's own list is not used,
 * so that replicas and copies, which have none, are read by the same code. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>

#include "engines/cache/redis/db_impl.h"

struct prepared {
	const char *sql; /* NULL: free */
	sqlite3_stmt *stmt;
	bool used;
};

/* A hash table that is never more than half full. */
struct redis_statements {
	struct prepared *at;
	unsigned size; /* a power of two */
	unsigned n;
	struct prepared **used; /* room for `size` */
	unsigned n_used;
};

enum { FIRST_SIZE = 64 };

static bool allocate(struct redis_statements *s, unsigned size)
{
	s->at = calloc(size, sizeof(struct prepared));
	s->used = calloc(size, sizeof(struct prepared *));
	s->size = size;
	return s->at != NULL && s->used != NULL;
}

static struct redis_statements *statements_new(void)
{
	struct redis_statements *s = calloc(1, sizeof(*s));

	if (s != NULL && !allocate(s, FIRST_SIZE)) {
		redis_statements_free(s);
		return NULL;
	}
	return s;
}

int redis_statements_of(void **slot, struct redis_txn *t, struct err *err)
{
	if (*slot == NULL) {
		*slot = statements_new();
	}
	t->statements = *slot;
	return *slot != NULL ? 0 : err_set(err, ENOMEM, "%s: out of memory", t->label);
}

void redis_statements_free(void *statements)
{
	struct redis_statements *s = statements;

	if (s == NULL) {
		return;
	}
	for (unsigned i = 0; s->at != NULL && i < s->size; i++) {
		sqlite3_finalize(s->at[i].stmt);
	}
	free(s->at);
	free(s->used);
	free(s);
}

void redis_statements_end(struct redis_statements *s)
{
	while (s->n_used > 0) {
		struct prepared *p = s->used[--s->n_used];
		sqlite3_reset(p->stmt);
		p->used = false;
	}
}

/* Where it is, or belongs. */
static struct prepared *find(const struct redis_statements *s, const char *sql)
{
	uint64_t h = (uint64_t)(uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15);
	unsigned i = (unsigned)(h >> 40) & (s->size - 1);

	while (s->at[i].sql != NULL && s->at[i].sql != sql) {
		i = (i + 1) & (s->size - 1);
	}
	return &s->at[i];
}

/* Into a table of twice the size. */
static int grow(struct redis_statements *s, struct err *err)
{
	struct redis_statements larger = {0};

	if (!allocate(&larger, 2 * s->size)) {
		free(larger.at);
		free(larger.used);
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < s->size; i++) {
		if (s->at[i].sql != NULL) {
			struct prepared *p = find(&larger, s->at[i].sql);
			*p = s->at[i];
			larger.n++;
			if (p->used) {
				larger.used[larger.n_used++] = p;
			}
		}
	}
	free(s->at);
	free(s->used);
	*s = larger;
	return 0;
}

static struct prepared *prepare(struct redis_txn *t, const char *sql, struct err *err)
{
	struct redis_statements *s = t->statements;
	sqlite3_stmt *stmt = NULL;

	if (2 * (s->n + 1) > s->size && grow(s, err) < 0) {
		return NULL;
	}
	if (sqlite3_prepare_v3(t->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) !=
		SQLITE_OK) {
		store_sql_error(t->sql, t->label, err);
		return NULL;
	}
	struct prepared *p = find(s, sql);
	*p = (struct prepared){.sql = sql, .stmt = stmt};
	s->n++;
	return p;
}

sqlite3_stmt *redis_stmt(struct redis_txn *t, const char *sql, struct err *err)
{
	struct redis_statements *s = t->statements;
	struct prepared *p = find(s, sql);

	if (p->sql == NULL) {
		p = prepare(t, sql, err);
	} else {
		sqlite3_reset(p->stmt);
		sqlite3_clear_bindings(p->stmt);
	}
	if (p == NULL) {
		return NULL;
	}
	if (!p->used) {
		p->used = true;
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): grow() has put another there */
		s->used[s->n_used++] = p;
	}
	return p->stmt;
}

int redis_row(struct redis_txn *t, sqlite3_stmt *stmt, struct err *err)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW) {
		return 1;
	}
	rc = rc == SQLITE_DONE ? 0 : store_sql_error(t->sql, t->label, err);
	sqlite3_reset(stmt);
	return rc;
}

int redis_done(struct redis_txn *t, sqlite3_stmt *stmt, struct err *err)
{
	int rc = redis_row(t, stmt, err);

	assert(rc <= 0);
	return rc;
}

int redis_run(struct redis_txn *t, struct err *err, const char *sql, const char *types, ...)
{
	sqlite3_stmt *stmt = redis_stmt(t, sql, err);
	va_list args;

	if (stmt == NULL) {
		return -err->code;
	}
	va_start(args, types);
	for (int i = 1; *types != '\0'; i++, types++) {
		switch (*types) {
		case 'i': sqlite3_bind_int64(stmt, i, va_arg(args, int64_t)); break;
		case 'd': sqlite3_bind_double(stmt, i, va_arg(args, double)); break;
		case 'b': store_bind_slice(stmt, i, va_arg(args, struct slice)); break;
		default: sqlite3_bind_null(stmt, i); break;
		}
	}
	va_end(args);
	return redis_done(t, stmt, err);
}
