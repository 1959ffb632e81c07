/* DynamoDB on SQLite: tables, their definitions, commands, backups, views. */
#include "tests/unit/dynamodb_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- commands without the wrapper ---- */

static struct buf answer;

static int command(const struct epath *path, const char *const *argv, unsigned argc)
{
	struct engine_call call = {
		.path = path,
		.argc = argc,
		.argv = (char *const *)argv,
		.out = &answer,
	};
	buf_clear(&answer);
	for (const struct engine_command *c = OPS->commands; c->name != NULL; c++) {
		if (strcmp(c->name, argv[0]) == 0) {
			ck_assert(c->depths & 1U << path->depth);
			ck_assert_uint_ge(argc - 1, c->min_args);
			ck_assert_uint_le(argc - 1, c->max_args);
			return c->run(ctx, &call, &err);
		}
	}
	ck_abort_msg("no command %s", argv[0]);
}

#define RUN(path, ...)                                                                             \
	command(path, (const char *const[]){__VA_ARGS__},                                          \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static int schema(const char *table, const char *text)
{
	return OPS->text_write(ctx, PATH(table), ".schema", slice_of(text), &err);
}

static char *schema_of(void *c, const char *table)
{
	struct buf out = BUF_INIT;
	OK(OPS->text_read(c, PATH(table), ".schema", &out, &err));
	buf_cstr(&out);
	return out.p;
}

static json_t *status_of(void *c, const struct epath *path)
{
	json_t *out = json_object();
	OK(OPS->status(c, path, out, &err));
	return out;
}

static json_int_t number_in(const json_t *status, const char *member)
{
	ck_assert_msg(json_is_integer(json_object_get(status, member)), "%s", member);
	return json_integer_value(json_object_get(status, member));
}

/* ---- tables ---- */

START_TEST(table_names)
{
	char name[258];
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	FAILS(EINVAL, OPS->mkdir(ctx, PATH("ab"), &err));
	ck_assert_str_eq(err.msg,
		"1 validation error detected: Value 'ab' at 'tableName' failed to "
		"satisfy constraint: Member must have length greater than or equal "
		"to 3");
	FAILS(EINVAL, OPS->mkdir(ctx, PATH("bad table!@#"), &err));
	ck_assert_str_eq(err.msg,
		"1 validation error detected: Value 'bad table!@#' at 'tableName' "
		"failed to satisfy constraint: Member must satisfy regular "
		"expression pattern: [a-zA-Z0-9_.-]+");
	FAILS(EINVAL, OPS->mkdir(ctx, PATH("a!"), &err));
	SAYS("2 validation errors detected: ");
	FAILS(EINVAL, OPS->mkdir(ctx, PATH(name), &err));
	SAYS("Member must have length less than or equal to 255");
	name[255] = '\0';
	OK(OPS->mkdir(ctx, PATH(name), &err));
	OK(OPS->mkdir(ctx, PATH(".a-B_9"), &err));
	FAILS(EEXIST, OPS->mkdir(ctx, PATH(".a-B_9"), &err));
	SAYS("Table already exists: .a-B_9");
	ck_assert(exists(PATH(name)));
}
END_TEST

START_TEST(a_hundred_tables_are_listed_in_order)
{
	char name[16];
	for (int i = 99; i >= 0; i--) {
		snprintf(name, sizeof(name), "table%02d", i);
		OK(OPS->mkdir(ctx, PATH(name), &err));
		OK(put(PATH(name, "p", "s"), "{}"));
	}
	for (int round = 0; round < 2; round++) {
		struct names names = {0};
		OK(OPS->list(ctx, ROOT, NULL, 0, add_name, &names, &err));
		ck_assert_uint_eq(names.n, 100);
		ck_assert_ptr_nonnull(strstr(buf_cstr(&names.text), "table08 table09 table10"));
		buf_free(&names.text);
		/* All but the last 64 were closed meanwhile: their mtimes are in the catalog. */
		int64_t mtime = info_of(PATH("table05")).mtime_ns;
		engine_again();
		ck_assert_int_eq(info_of(PATH("table05")).mtime_ns, mtime);
	}
	struct slice after = slice_of("table9");
	struct names names = {.max = 2};
	OK(OPS->list(ctx, ROOT, &after, 0, add_name, &names, &err));
	ck_assert_str_eq(buf_cstr(&names.text), "table90 table91");
	buf_free(&names.text);
}
END_TEST

START_TEST(create_table_makes_every_shape)
{
	OK(RUN(ROOT, "create-table", "Movies", "year:N", "title:S"));
	ck_assert_str_eq(buf_cstr(&answer), "table Movies created, keys year:N title:S\n");
	OK(RUN(ROOT, "create-table", "Users", "id:S"));
	OK(RUN(ROOT, "create-table", "Blobs", "a:b:B"));
	OK(put(PATH("Movies", "2013", "Rush"), "{}"));
	OK(put(PATH("Movies", "-5", "Rush"), "{}"));
	OK(put(PATH("Movies", "10", "Rush"), "{}"));
	OK(put(PATH("Movies", "9", "Rush"), "{}"));
	expect_list(PATH("Movies"), "-5 9 10 2013");
	FAILS(EINVAL, put(PATH("Movies", "10.0", "Rush"), "{}"));
	ck_assert(!exists(PATH("Movies", "10.0", "Rush")));
	expect_text(PATH("Movies", "9", "Rush"), DDB_PLAIN,
		"{\n  \"year\": 9,\n  \"title\": \"Rush\"\n}\n");
	OK(put(PATH("Users", "u1"), "{}"));
	expect_list(PATH("Users"), "u1");
	expect_text(PATH("Users", "u1"), DDB_PLAIN, "{\n  \"id\": \"u1\"\n}\n");
	OK(put(PATH("Blobs", "_w"), "{}"));
	OK(put(PATH("Blobs", "AA"), "{}"));
	OK(put(PATH("Blobs", "AAE"), "{}"));
	expect_list(PATH("Blobs"), "AA AAE _w");
	FAILS(ENOTSUP, OPS->mkdir(ctx, PATH("Users", "u2"), &err));
	FAILS(EINVAL, RUN(ROOT, "create-table", "Wrong", "year"));
	FAILS(EINVAL, RUN(ROOT, "create-table", "Wrong", ":S"));
	FAILS(EINVAL, RUN(ROOT, "create-table", "Wrong", "year:X"));
	FAILS(EINVAL, RUN(ROOT, "create-table", "Wrong", "year:S", "year:N"));
	SAYS("same name");
	FAILS(EEXIST, RUN(ROOT, "create-table", "Users", "year:S"));
}
END_TEST

START_TEST(mtime_of_a_table_without_range_key_follows_its_items)
{
	OK(RUN(ROOT, "create-table", "Users", "id:S"));
	int64_t mtime = info_of(PATH("Users")).mtime_ns;
	OK(put(PATH("Users", "u1"), "{}"));
	ck_assert_int_gt(info_of(PATH("Users")).mtime_ns, mtime);
	mtime = info_of(PATH("Users")).mtime_ns;
	OK(put(PATH("Users", "u1"), "{\"x\":1}"));
	ck_assert_int_eq(info_of(PATH("Users")).mtime_ns, mtime);
	OK(OPS->remove(ctx, PATH("Users", "u1"), ENGINE_VERSION_ANY, &err));
	ck_assert_int_gt(info_of(PATH("Users")).mtime_ns, mtime);
	OK(OPS->rmdir(ctx, PATH("Users"), &err));
}
END_TEST

START_TEST(delete_table)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{}"));
	FAILS(ENOTEMPTY, OPS->rmdir(ctx, PATH("Users"), &err));
	SAYS("1 partition, 1 item");
	OK(RUN(PATH("Users"), "deletion-protection", "on"));
	FAILS(EINVAL, RUN(PATH("Users"), "deletion-protection", "maybe"));
	FAILS(EBUSY, RUN(PATH("Users"), "delete-table"));
	SAYS("Resource cannot be deleted as it is currently protected against deletion");
	engine_again();
	FAILS(EBUSY, RUN(ROOT, "delete-table", "Users"));
	OK(RUN(PATH("Users"), "deletion-protection", "off"));
	FAILS(EINVAL, RUN(PATH("Users"), "delete-table", "Others"));
	FAILS(EINVAL, RUN(ROOT, "delete-table"));
	FAILS(ENOENT, RUN(ROOT, "delete-table", "Others"));
	OK(RUN(PATH("Users"), "delete-table", "Users"));
	FAILS(ENOENT, put(PATH("Users", "u1", "a"), "{}"));
	FAILS(ENOENT, OPS->rmdir(ctx, PATH("Users"), &err));
	ck_assert_uint_lt(OPS->bytes(ctx), 200000);
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	expect_list(PATH("Users"), "");
}
END_TEST

START_TEST(versions_never_come_again)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{}"));
	uint64_t version = info_of(PATH("Users", "u1", "a")).version;
	OK(RUN(ROOT, "delete-table", "Users"));
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{}"));
	ck_assert_uint_ne(info_of(PATH("Users", "u1", "a")).version, version);
	FAILS(EBUSY,
		OPS->write(ctx, PATH("Users", "u1", "a"), 0, slice_of("{}"), version, NULL, &err));
}
END_TEST

/* ---- definitions ---- */

#define YEAR_TITLE                                                                                 \
	"\"AttributeDefinitions\":[{\"AttributeName\":\"year\",\"AttributeType\":\"N\"},"          \
	"{\"AttributeName\":\"title\",\"AttributeType\":\"S\"}],"                                  \
	"\"KeySchema\":[{\"AttributeName\":\"year\",\"KeyType\":\"HASH\"},"                        \
	"{\"AttributeName\":\"title\",\"KeyType\":\"RANGE\"}]"

START_TEST(schema_defines_a_table_without_items)
{
	OK(OPS->mkdir(ctx, PATH("Movies"), &err));
	OK(OPS->mkdir(ctx, PATH("Movies", "empty"), &err));
	OK(schema("Movies",
		"{\"TableName\":\"Movies\"," YEAR_TITLE ",\"BillingMode\":\"PAY_PER_REQUEST\"}"));
	expect_list(PATH("Movies"), "");
	OK(put(PATH("Movies", "2013", "Rush"), "{}"));
	engine_again();
	char *text = schema_of(ctx, "Movies");
	json_auto_t *root = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(root);
	ck_assert_str_eq(json_string_value(json_object_get(root, "TableName")), "Movies");
	ck_assert_str_eq(json_string_value(json_object_get(root, "TableStatus")), "ACTIVE");
	ck_assert_int_eq(number_in(root, "ItemCount"), 1);
	ck_assert(json_is_false(json_object_get(root, "DeletionProtectionEnabled")));
	/* Saving it as it reads changes nothing. */
	uint64_t version = info_of(PATH("Movies", "2013", "Rush")).version;
	OK(schema("Movies", text));
	ck_assert_uint_eq(info_of(PATH("Movies", "2013", "Rush")).version, version);
	OK(schema("Movies", "{" YEAR_TITLE ",\"DeletionProtectionEnabled\":true}"));
	FAILS(EBUSY, RUN(ROOT, "delete-table", "Movies"));
	FAILS(EBUSY, schema("Movies",
			     "{\"AttributeDefinitions\":[{\"AttributeName\":\"a\","
			     "\"AttributeType\":\"B\"}],"
			     "\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":\"HASH\"}]}"));
	SAYS("the keys of a table with items cannot change");
	OK(put(PATH("Movies", "2013", "Prisoners"), "{}"));
	FAILS(ENOENT, schema("Nobody", "{" YEAR_TITLE "}"));
	FAILS(ENOTSUP, OPS->text_write(ctx, ROOT, ".schema", slice_of("{}"), &err));
	free(text);
}
END_TEST

static const struct {
	const char *text;
	int code;
	const char *says;
} refused_schemas[] = {
	{"{", EINVAL, "line 1"},
	{"[]", EINVAL, "CreateTable request"},
	{"{\"TableName\":\"Other\"," YEAR_TITLE "}", EINVAL, "'Other'"},
	{"{\"TableName\":7," YEAR_TITLE "}", EINVAL, "TableName"},
	{"{\"KeySchem\":[]}", EINVAL, "did you mean KeySchema?"},
	{"{" YEAR_TITLE ",\"GlobalSecondaryIndexes\":[]}", ENOTSUP, "GlobalSecondaryIndexes"},
	{"{" YEAR_TITLE ",\"Tags\":[]}", ENOTSUP, "Tags"},
	{"{" YEAR_TITLE ",\"BillingMode\":\"PROVISIONED\"}", ENOTSUP, "PROVISIONED"},
	{"{" YEAR_TITLE ",\"BillingMode\":\"FREE\"}", EINVAL, "'FREE' at 'billingMode'"},
	{"{" YEAR_TITLE ",\"DeletionProtectionEnabled\":1}", EINVAL, "true or false"},
	{"{" YEAR_TITLE "," YEAR_TITLE "}", EINVAL, "duplicate"},
	{"{}", EINVAL, "'keySchema'"},
	{"{\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":\"HASH\"}]}", EINVAL,
		"'attributeDefinitions'"},
	{"{\"KeySchema\":[],\"AttributeDefinitions\":[]}", EINVAL, "1 to 2"},
	{"{\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":\"INVALID\"}],"
	 "\"AttributeDefinitions\":[{\"AttributeName\":\"a\",\"AttributeType\":\"S\"}]}",
		EINVAL,
		"Value 'INVALID' at 'keySchema.1.member.keyType' failed to satisfy constraint: "
		"Member must satisfy enum value set: [HASH, RANGE]"},
	{"{\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":\"RANGE\"}],"
	 "\"AttributeDefinitions\":[{\"AttributeName\":\"a\",\"AttributeType\":\"S\"}]}",
		EINVAL, "The first KeySchemaElement is not a HASH key type"},
	{"{\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":\"HASH\"}],"
	 "\"AttributeDefinitions\":[{\"AttributeName\":\"b\",\"AttributeType\":\"S\"}]}",
		EINVAL, "Invalid KeySchema: Some index key attribute have no definition"},
	{"{\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":\"HASH\"}],"
	 "\"AttributeDefinitions\":[{\"AttributeName\":\"a\",\"AttributeType\":\"L\"}]}",
		EINVAL, "'attributeDefinitions.1.member.attributeType'"},
	{"{\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":\"HASH\"}],"
	 "\"AttributeDefinitions\":[{\"AttributeName\":\"a\",\"AttributeType\":\"S\"},"
	 "{\"AttributeName\":\"b\",\"AttributeType\":\"S\"}]}",
		EINVAL, "Number of attributes in KeySchema does not exactly match"},
	{"{\"KeySchema\":[{\"AttributeName\":\"a\",\"KeyType\":\"HASH\"},"
	 "{\"AttributeName\":\"a\",\"KeyType\":\"RANGE\"}],"
	 "\"AttributeDefinitions\":[{\"AttributeName\":\"a\",\"AttributeType\":\"S\"}]}",
		EINVAL, "same name"},
	{"{\"KeySchema\":[{\"KeyType\":\"HASH\"}],"
	 "\"AttributeDefinitions\":[{\"AttributeName\":\"a\",\"AttributeType\":\"S\"}]}",
		EINVAL, "'keySchema.1.member.attributeName'"},
	{"{\"KeySchema\":[{\"AttributeName\":\"\",\"KeyType\":\"HASH\"}],"
	 "\"AttributeDefinitions\":[{\"AttributeName\":\"\",\"AttributeType\":\"S\"}]}",
		EINVAL, "1 to 255 bytes"},
};

START_TEST(refused_definitions)
{
	OK(OPS->mkdir(ctx, PATH("Movies"), &err));
	FAILS(refused_schemas[_i].code, schema("Movies", refused_schemas[_i].text));
	SAYS(refused_schemas[_i].says);
	json_auto_t *status = status_of(ctx, PATH("Movies"));
	ck_assert_str_eq(json_string_value(json_object_get(status, "KeySchema")), "pk:S sk:S");
}
END_TEST

/* ---- renames ---- */

START_TEST(rename_of_tables)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{\"x\":1}"));
	OK(RUN(PATH("Users"), "backup", "monday"));
	OK(OPS->rename(ctx, PATH("Users"), PATH("People"), 0, &err));
	expect_list(ROOT, "People");
	ck_assert(exists(PATH("People", "u1", "a")));
	ck_assert(!exists(PATH("Users")));
	FAILS(ENOENT, OPS->rename(ctx, PATH("Users"), PATH("People"), 0, &err));
	FAILS(EINVAL, OPS->rename(ctx, PATH("People"), PATH("a!"), 0, &err));
	OK(OPS->mkdir(ctx, PATH("Others"), &err));
	FAILS(EEXIST, OPS->rename(ctx, PATH("People"), PATH("Others"), RENAME_NOREPLACE, &err));
	OK(OPS->mkdir(ctx, PATH("Others", "p"), &err));
	FAILS(ENOTEMPTY, OPS->rename(ctx, PATH("People"), PATH("Others"), 0, &err));
	OK(OPS->rename(ctx, PATH("People"), PATH("Others"), RENAME_EXCHANGE, &err));
	ck_assert(exists(PATH("Others", "u1", "a")));
	expect_list(PATH("People"), "p");
	OK(OPS->rmdir(ctx, PATH("People", "p"), &err));
	OK(RUN(PATH("People"), "deletion-protection", "on"));
	FAILS(EBUSY, OPS->rename(ctx, PATH("Others"), PATH("People"), 0, &err));
	OK(RUN(PATH("People"), "deletion-protection", "off"));
	OK(OPS->rename(ctx, PATH("Others"), PATH("People"), 0, &err));
	expect_list(ROOT, "People");
	OK(OPS->rename(ctx, PATH("People"), PATH("People"), 0, &err));
	FAILS(ENOENT, OPS->rename(ctx, PATH("People"), PATH("Ghost"), RENAME_EXCHANGE, &err));
	/* The backup went with its table. */
	OK(RUN(PATH("People"), "restore", "monday", "as", "Users"));
	ck_assert(exists(PATH("Users", "u1", "a")));
	OK(RUN(PATH("Users"), "backup", "monday"));
	OK(RUN(PATH("Users"), "delete-table"));
	FAILS(EEXIST, OPS->rename(ctx, PATH("People"), PATH("Users"), 0, &err));
	SAYS("both have a backup named monday");
	FAILS(EXDEV, OPS->rename(ctx, PATH("People"), PATH("People", "u1"), 0, &err));
}
END_TEST

/* ---- backups and views ---- */

START_TEST(a_backup_is_the_table_as_it_was)
{
	void *view;
	void *ctx_of_all;
	struct engine_level l;
	struct engine_info info;
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{\"x\":1}"));
	OK(RUN(PATH("Users"), "backup", "monday"));
	SAYS("");
	ck_assert_ptr_nonnull(strstr(buf_cstr(&answer), "backup monday: 1 item, "));
	FAILS(EEXIST, RUN(PATH("Users"), "backup", "monday"));
	FAILS(EINVAL, RUN(PATH("Users"), "backup", "m"));
	SAYS("backupName");
	OK(put(PATH("Users", "u1", "a"), "{\"x\":2}"));
	OK(put(PATH("Users", "u2", "a"), "{}"));
	OK(OPS->view_open(
		ctx, PATH("Users"), ENGINE_VIEW_SNAPSHOT, slice_of("monday"), &view, &err));
	OK(OPS->view_open(
		ctx, ROOT, ENGINE_VIEW_SNAPSHOT, slice_of("Users:monday"), &ctx_of_all, &err));
	void *live = ctx;
	ctx = view;
	expect_list(PATH("Users"), "u1");
	expect_text(PATH("Users", "u1", "a"), DDB_PLAIN,
		"{\n  \"pk\": \"u1\",\n  \"sk\": \"a\",\n  \"x\": 1\n}\n");
	FAILS(EROFS, put(PATH("Users", "u1", "a"), "{}"));
	FAILS(EROFS, OPS->mkdir(ctx, PATH("Others"), &err));
	FAILS(EROFS, OPS->rmdir(ctx, PATH("Users"), &err));
	FAILS(EROFS, OPS->rename(ctx, PATH("Users"), PATH("Others"), 0, &err));
	FAILS(EROFS, schema("Users", "{" YEAR_TITLE "}"));
	FAILS(ENOENT, OPS->stat(ctx, PATH("Others"), 0, &info, &err));
	OK(OPS->level(ctx, PATH("Users"), &l, &err));
	ck_assert_uint_eq(l.features, ENGINE_HAS_STATUS);
	ck_assert_ptr_null(l.import_formats);
	FAILS(ENOTSUP, OPS->view_list(ctx, ROOT, ENGINE_VIEW_SNAPSHOT, NULL, add_name, NULL, &err));
	ck_assert_int_gt(info_of(PATH("Users")).mtime_ns, 0);
	ck_assert_int_gt(info_of(ROOT).mtime_ns, 0);
	OK(OPS->sync(ctx, PATH("Users"), &err));
	json_auto_t *status = status_of(view, PATH("Users"));
	ck_assert_int_eq(number_in(status, "ItemCount"), 1);
	ck_assert_ptr_null(json_object_get(status, "Backups"));
	json_auto_t *service = status_of(view, ROOT);
	ck_assert_int_eq(number_in(service, "tables"), 1);
	free(schema_of(view, "Users"));
	engine_down();
	ctx = ctx_of_all;
	expect_list(ROOT, "Users");
	expect_list(PATH("Users", "u1"), "a");
	engine_down();
	ctx = live;
	expect_list(PATH("Users"), "u1 u2");
}
END_TEST

START_TEST(views_are_listed_made_and_removed)
{
	struct names names = {0};
	void *view;
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(OPS->mkdir(ctx, PATH("Users-2"), &err));
	OK(OPS->view_create(ctx, PATH("Users"), ENGINE_VIEW_SNAPSHOT, slice_of("one"), &err));
	OK(OPS->view_create(ctx, PATH("Users-2"), ENGINE_VIEW_SNAPSHOT, slice_of("one"), &err));
	OK(OPS->view_create(ctx, ROOT, ENGINE_VIEW_SNAPSHOT, slice_of("Users:two"), &err));
	FAILS(EINVAL, OPS->view_create(ctx, ROOT, ENGINE_VIEW_SNAPSHOT, slice_of("two"), &err));
	FAILS(ENOENT, OPS->view_create(ctx, ROOT, ENGINE_VIEW_SNAPSHOT, slice_of("No:two"), &err));
	OK(OPS->view_list(ctx, ROOT, ENGINE_VIEW_SNAPSHOT, NULL, add_name, &names, &err));
	ck_assert_str_eq(buf_cstr(&names.text), "Users-2:one Users:one Users:two");
	buf_clear(&names.text);
	names.n = 0;
	struct slice after = slice_of("one");
	OK(OPS->view_list(
		ctx, PATH("Users"), ENGINE_VIEW_SNAPSHOT, &after, add_name, &names, &err));
	ck_assert_str_eq(buf_cstr(&names.text), "two");
	buf_free(&names.text);
	FAILS(ENOTSUP, OPS->view_open(ctx, PATH("Users"), ENGINE_VIEW_REPLICA, slice_of("one"),
			       &view, &err));
	FAILS(ENOENT, OPS->view_open(ctx, PATH("Users"), ENGINE_VIEW_SNAPSHOT, slice_of("no!"),
			      &view, &err));
	FAILS(ENOENT,
		OPS->view_open(ctx, ROOT, ENGINE_VIEW_SNAPSHOT, slice_of("one"), &view, &err));
	OK(OPS->view_remove(ctx, ROOT, ENGINE_VIEW_SNAPSHOT, slice_of("Users:one"), &err));
	FAILS(ENOENT,
		OPS->view_remove(ctx, PATH("Users"), ENGINE_VIEW_SNAPSHOT, slice_of("one"), &err));
	OK(OPS->view_remove(ctx, PATH("Users"), ENGINE_VIEW_SNAPSHOT, slice_of("two"), &err));
}
END_TEST

START_TEST(backups_outlive_their_table_and_restore_to_a_new_name)
{
	OK(RUN(ROOT, "create-table", "Movies", "year:N", "title:S"));
	OK(put(PATH("Movies", "2013", "Rush"), "{\"rating\":8.1}"));
	char *before = text_of(PATH("Movies", "2013", "Rush"), DDB_PLAIN);
	OK(RUN(PATH("Movies"), "backup", "monday"));
	FAILS(EEXIST, RUN(PATH("Movies"), "restore", "monday", "as", "Movies"));
	FAILS(EINVAL, RUN(PATH("Movies"), "restore", "monday", "to", "Films"));
	FAILS(EINVAL, RUN(PATH("Movies"), "restore", "monday", "as", "f"));
	SAYS("targetTableName");
	FAILS(ENOENT, RUN(PATH("Movies"), "restore", "tuesday", "as", "Films"));
	OK(RUN(PATH("Movies"), "delete-table"));
	engine_again();
	FAILS(EINVAL, RUN(ROOT, "restore", "monday", "as", "Films"));
	OK(RUN(ROOT, "restore", "Movies:monday", "as", "Films"));
	expect_text(PATH("Films", "2013", "Rush"), DDB_PLAIN, before);
	OK(put(PATH("Films", "2014", "Ida"), "{}"));
	engine_again();
	expect_list(PATH("Films"), "2013 2014");
	OK(RUN(ROOT, "delete-backup", "Movies:monday"));
	FAILS(ENOENT, RUN(ROOT, "delete-backup", "Movies:monday"));
	ck_assert(exists(PATH("Films", "2013", "Rush")));
	free(before);
}
END_TEST

START_TEST(status_tells_what_is_there)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{\"x\":\"12345\"}"));
	OK(put(PATH("Users", "u1", "b"), "{}"));
	OK(put(PATH("Users", "u2", "b"), "{}"));
	OK(RUN(PATH("Users"), "backup", "monday"));
	json_auto_t *service = status_of(ctx, ROOT);
	ck_assert_int_eq(number_in(service, "tables"), 1);
	ck_assert_int_eq(number_in(service, "items"), 3);
	ck_assert_int_eq(number_in(service, "bytes"), 27);
	json_auto_t *table = status_of(ctx, PATH("Users"));
	ck_assert_int_eq(number_in(table, "ItemCount"), 3);
	ck_assert_int_eq(number_in(table, "TableSizeBytes"), 27);
	json_t *backups = json_object_get(table, "Backups");
	ck_assert_int_eq(json_array_size(backups), 1);
	ck_assert_int_eq(number_in(json_array_get(backups, 0), "items"), 3);
	ck_assert_ptr_nonnull(json_object_get(table, "LastBackup"));
	json_auto_t *part = status_of(ctx, PATH("Users", "u1"));
	ck_assert_int_eq(number_in(part, "items"), 2);
	ck_assert_int_eq(number_in(part, "bytes"), 20);
	FAILS(ENOENT, OPS->status(ctx, PATH("Users", "u3"), part, &err));
}
END_TEST

/* ---- opening ---- */

static void damage(const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", site, name);
	int fd = open(path, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "garbage, garbage", 16, 0), 16);
	close(fd);
}

START_TEST(a_damaged_table_is_refused_alone)
{
	OK(OPS->mkdir(ctx, PATH("Bad"), &err));
	OK(OPS->mkdir(ctx, PATH("Good"), &err));
	OK(put(PATH("Bad", "u1", "a"), "{}"));
	OK(put(PATH("Good", "u1", "a"), "{}"));
	engine_down();
	damage("t1.db");
	engine_up();
	struct engine_info info;
	struct engine_level l;
	FAILS(EIO, OPS->stat(ctx, PATH("Bad", "u1", "a"), 0, &info, &err));
	SAYS("table Bad");
	FAILS(EIO, put(PATH("Bad", "u1", "a"), "{}"));
	FAILS(EIO, OPS->rmdir(ctx, PATH("Bad"), &err));
	expect_list(ROOT, "Bad Good");
	OK(OPS->level(ctx, PATH("Bad"), &l, &err));
	ck_assert(exists(PATH("Good", "u1", "a")));
	json_auto_t *status = status_of(ctx, ROOT);
	ck_assert_int_eq(number_in(status, "tables"), 2);
	ck_assert_str_eq(
		json_string_value(json_array_get(json_object_get(status, "damaged"), 0)), "Bad");
	OK(RUN(ROOT, "delete-table", "Bad"));
	expect_list(ROOT, "Good");
}
END_TEST

START_TEST(a_damaged_or_lost_catalog_refuses_to_open)
{
	char path[128];
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	engine_down();
	damage("catalog.db");
	FAILS(EIO, OPS->open(&config, &ctx, &err));
	snprintf(path, sizeof(path), "%s/catalog.db", site);
	ck_assert_int_eq(unlink(path), 0);
	FAILS(EIO, OPS->open(&config, &ctx, &err));
	SAYS("nothing was changed");
	snprintf(path, sizeof(path), "%s/t1.db", site);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_ptr_null(ctx);
}
END_TEST

START_TEST(leftovers_are_removed_at_open)
{
	static const char *const left[] = {"t77.db", "t77.db-wal", "b9.db", "tmp/import"};
	char path[128];
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	engine_down();
	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", site, left[i]);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	engine_up();
	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", site, left[i]);
		ck_assert_int_ne(access(path, F_OK), 0);
	}
	expect_list(ROOT, "Users");
}
END_TEST

START_TEST(settings)
{
	struct engine_setting setting = {"dynamodb_json", "typed"};
	struct engine_level l;
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{}"));
	engine_down();
	config.settings = &setting;
	config.n_settings = 1;
	engine_up();
	OK(OPS->level(ctx, PATH("Users", "u1"), &l, &err));
	ck_assert_uint_eq(l.listed_form, DDB_TYPED);
	engine_down();
	setting.value = "xml";
	FAILS(EINVAL, OPS->open(&config, &ctx, &err));
	SAYS("dynamodb_json=xml");
	setting.key = "colour";
	FAILS(EINVAL, OPS->open(&config, &ctx, &err));
	SAYS("colour");
}
END_TEST

START_TEST(read_only)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{}"));
	OK(RUN(PATH("Users"), "backup", "monday"));
	int64_t mtime = info_of(PATH("Users")).mtime_ns;
	engine_down();
	config.read_only = true;
	engine_up();
	ck_assert(exists(PATH("Users", "u1", "a")));
	ck_assert_int_eq(info_of(PATH("Users")).mtime_ns, mtime);
	FAILS(EROFS, put(PATH("Users", "u1", "a"), "{}"));
	FAILS(EROFS, OPS->mkdir(ctx, PATH("Others"), &err));
	FAILS(EROFS, OPS->mkdir(ctx, PATH("Users", "u2"), &err));
	FAILS(EROFS, RUN(PATH("Users"), "backup", "tuesday"));
	FAILS(EROFS, RUN(PATH("Users"), "delete-backup", "monday"));
	FAILS(EROFS, RUN(PATH("Users"), "restore", "monday", "as", "Others"));
	FAILS(EROFS, RUN(PATH("Users"), "deletion-protection", "on"));
	expect_list(ROOT, "Users");
}
END_TEST

START_TEST(read_only_without_anything)
{
	char path[128];
	void *view;
	engine_down();
	snprintf(path, sizeof(path), "%s/catalog.db", site);
	ck_assert_int_eq(unlink(path), 0);
	config.read_only = true;
	engine_up();
	expect_list(ROOT, "");
	ck_assert(!exists(PATH("Users")));
	ck_assert_int_eq(info_of(ROOT).mtime_ns, 0);
	FAILS(ENOENT, OPS->view_open(
			      ctx, ROOT, ENGINE_VIEW_SNAPSHOT, slice_of("Users:one"), &view, &err));
	json_auto_t *status = status_of(ctx, ROOT);
	ck_assert_int_eq(number_in(status, "tables"), 0);
	FAILS(EROFS, OPS->mkdir(ctx, PATH("Users"), &err));
}
END_TEST

static void free_answer(void)
{
	buf_free(&answer);
	answer = (struct buf)BUF_INIT;
}

static Suite *suite(void)
{
	Suite *s = suite_create("dynamodb tables");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_checked_fixture(c, NULL, free_answer);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, table_names);
	tcase_add_test(c, a_hundred_tables_are_listed_in_order);
	tcase_add_test(c, create_table_makes_every_shape);
	tcase_add_test(c, mtime_of_a_table_without_range_key_follows_its_items);
	tcase_add_test(c, delete_table);
	tcase_add_test(c, versions_never_come_again);
	tcase_add_test(c, schema_defines_a_table_without_items);
	tcase_add_loop_test(
		c, refused_definitions, 0, sizeof(refused_schemas) / sizeof(refused_schemas[0]));
	tcase_add_test(c, rename_of_tables);
	tcase_add_test(c, a_backup_is_the_table_as_it_was);
	tcase_add_test(c, views_are_listed_made_and_removed);
	tcase_add_test(c, backups_outlive_their_table_and_restore_to_a_new_name);
	tcase_add_test(c, status_tells_what_is_there);
	tcase_add_test(c, a_damaged_table_is_refused_alone);
	tcase_add_test(c, a_damaged_or_lost_catalog_refuses_to_open);
	tcase_add_test(c, leftovers_are_removed_at_open);
	tcase_add_test(c, settings);
	tcase_add_test(c, read_only);
	tcase_add_test(c, read_only_without_anything);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
