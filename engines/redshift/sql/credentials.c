/* Who may read the data is not asked here: what says it is taken for the sake of scripts that have
 * it, and forgotten at once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/parse.h"

static void cleanup_secret(char **text)
{
	if (*text != NULL) {
		explicit_bzero(*text, strlen(*text));
	}
	free(*text);
}

static int take_secret(struct rs_parse *p, const char *what)
{
	char *secret CLEANUP(cleanup_secret) = NULL;
	rs_accept(p, "as");
	return rs_take_text(p, what, false, &secret);
}

int rs_take_credentials(struct rs_parse *p, bool *has)
{
	static const char *const words[] = {"credentials", "access_key_id", "secret_access_key",
		"session_token", "master_symmetric_key", "kms_key_id", NULL};
	if (rs_is(p, "with") && rs_is_next(p, "credentials")) {
		rs_next(p);
	}
	if (rs_accept(p, "iam_role")) {
		*has = true;
		int rc = rs_accept(p, "default") ? 0 : take_secret(p, "a role's ARN in quotes");
		return rc < 0 ? rc : 1;
	}
	if (rs_accept(p, "region")) {
		int rc = take_secret(p, "a region in quotes");
		return rc < 0 ? rc : 1;
	}
	for (unsigned i = 0; words[i] != NULL; i++) {
		if (rs_accept(p, words[i])) {
			*has = true;
			int rc = take_secret(p, "a text in quotes");
			return rc < 0 ? rc : 1;
		}
	}
	return 0;
}

/* Where secrets stand in a statement: behind these words, or in the text behind CREDENTIALS. */
static bool is_secret(struct slice s, const struct rs_token *word)
{
	static const char *const words[] = {"credentials", "access_key_id", "secret_access_key",
		"session_token", "master_symmetric_key", "iam_role", "password", NULL};
	for (unsigned i = 0; words[i] != NULL; i++) {
		if (rs_token_is(s, word, words[i])) {
			return true;
		}
	}
	return false;
}

void rs_statement_public(const struct rs_statement *s, struct buf *out)
{
	size_t copied = 0;
	bool secret = false;
	for (struct rs_token t = rs_token_at(s->text, 0); t.kind != RS_TOKEN_END;
		t = rs_token_at(s->text, rs_token_end(&t))) {
		if (secret && t.kind == RS_TOKEN_TEXT) {
			buf_append(out, s->text.p + copied, t.at - copied);
			buf_puts(out, "'***'");
			copied = rs_token_end(&t);
		}
		secret = is_secret(s->text, &t) || (secret && rs_token_is(s->text, &t, "as"));
	}
	buf_append(out, s->text.p + copied, s->text.n - copied);
}
