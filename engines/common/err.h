/* An error: an errno for the kernel, a sentence for the person. */
#ifndef DBMOUNT_ERR_H
#define DBMOUNT_ERR_H

#define ERR_MSG_MAX 1024

/* Made on the stack of whoever starts an operation (`struct err err = {0};`),
 * filled where the fact is known, read where the answer is given. Untouched on
 * success. The message is one line: what was found, where, what would be
 * accepted. It never holds a document's body or a secret. */
struct err {
	int code; /* a positive errno, 0 while nothing went wrong */
	char msg[ERR_MSG_MAX];
};

/* Sets code and message unless an error is there already (the first wins), and
 * returns -code of the error that stands, so callers write
 * `return err_set(err, EINVAL, "...")`. `err` may be NULL. Control characters
 * in the message become '?', so that it stays one line. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message that stands. Returns -code. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "TEXT: strerror(errno)" with errno's code. Returns -errno. */
int err_errno(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Back to "nothing went wrong", for a caller that deals with an expected error. */
void err_clear(struct err *err);

#endif
