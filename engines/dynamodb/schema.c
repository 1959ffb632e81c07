/* Definitions of tables as the service writes them: a CreateTable request in,
 * what DescribeTable tells out. */
#include "engines/dynamodb/dynamodb.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engines/common/cleanup.h"
#include "engines/common/suggest.h"

/* ---- out ---- */

void ddb_time_text(int64_t ns, char out[DDB_TIME_MAX])
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	char day[DDB_TIME_MAX];

	gmtime_r(&seconds, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, DDB_TIME_MAX, "%.20s.%03dZ", day, (int)(ns % 1000000000 / 1000000));
}

static json_t *definition(const struct ddb_key_def *key)
{
	return json_pack("{s:s, s:s}", "AttributeName", key->name, "AttributeType",
		ddb_type_names[key->type]);
}

static json_t *key_element(const struct ddb_key_def *key, const char *type)
{
	return json_pack("{s:s, s:s}", "AttributeName", key->name, "KeyType", type);
}

static json_t *definitions(const struct ddb_key_schema *schema)
{
	json_t *list = json_pack("[o]", definition(&schema->hash));

	if (schema->has_range) {
		json_array_append_new(list, definition(&schema->range));
	}
	return list;
}

static json_t *key_schema(const struct ddb_key_schema *schema)
{
	json_t *list = json_pack("[o]", key_element(&schema->hash, "HASH"));

	if (schema->has_range) {
		json_array_append_new(list, key_element(&schema->range, "RANGE"));
	}
	return list;
}

int ddb_schema_print(const struct ddb_table_facts *facts, struct buf *out, struct err *err)
{
	char created[DDB_TIME_MAX];

	ddb_time_text(facts->created_ns, created);
	json_auto_t *root = json_pack("{s:s%, s:o, s:o, s:s, s:s, s:s, s:I, s:I, s:b}", "TableName",
		facts->name.p, facts->name.n, "AttributeDefinitions", definitions(facts->schema),
		"KeySchema", key_schema(facts->schema), "BillingMode", "PAY_PER_REQUEST",
		"TableStatus", "ACTIVE", "CreationDateTime", created, "ItemCount",
		(json_int_t)facts->items, "TableSizeBytes", (json_int_t)facts->bytes,
		"DeletionProtectionEnabled", facts->deletion_protection);
	CLEANUP(cleanup_free) char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
	if (text == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	buf_puts(out, text);
	buf_putc(out, '\n');
	return buf_check(out, err);
}

/* ---- in ---- */

enum member_kind { TAKEN, FACT, MISSING };

/* What a CreateTable request, or an answer of DescribeTable, may hold. A FACT is
 * what `.schema` itself shows and nobody can set: saving it back is no error. */
static const struct member {
	const char *name;
	enum member_kind kind;
} members[] = {
	{"AttributeDefinitions", TAKEN},
	{"BillingMode", TAKEN},
	{"CreationDateTime", FACT},
	{"DeletionProtectionEnabled", TAKEN},
	{"GlobalSecondaryIndexes", MISSING},
	{"ItemCount", FACT},
	{"KeySchema", TAKEN},
	{"LocalSecondaryIndexes", MISSING},
	{"MultiRegionConsistency", MISSING},
	{"OnDemandThroughput", MISSING},
	{"ProvisionedThroughput", MISSING},
	{"Replicas", MISSING},
	{"ResourcePolicy", MISSING},
	{"SSESpecification", MISSING},
	{"StreamSpecification", MISSING},
	{"TableClass", MISSING},
	{"TableName", TAKEN},
	{"TableSizeBytes", FACT},
	{"TableStatus", FACT},
	{"Tags", MISSING},
	{"WarmThroughput", MISSING},
};
#define N_MEMBERS (sizeof(members) / sizeof(members[0]))

static const char *next_member(const void *arg, unsigned i)
{
	(void)arg;
	return i < N_MEMBERS ? members[i].name : NULL;
}

static int check_member(const char *name, struct err *err)
{
	for (size_t i = 0; i < N_MEMBERS; i++) {
		if (strcmp(members[i].name, name) != 0) {
			continue;
		}
		return members[i].kind != MISSING ? 0
						  : err_set(err, ENOTSUP,
							    "%s is not supported yet: leave it "
							    "out, nothing was changed",
							    name);
	}
	const char *near = suggest(name, next_member, NULL);
	return err_set(err, EINVAL, "CreateTable has no member '%.100s'%s%s%s", name,
		near != NULL ? "; did you mean " : "", near != NULL ? near : "",
		near != NULL ? "?" : "");
}

/* The string member of a list's element; an error names it as the service does. */
static const char *text_member(
	const json_t *element, const char *member, const char *list, size_t i, struct err *err)
{
	const json_t *value = json_object_get(element, member);

	if (!json_is_string(value)) {
		err_set(err, EINVAL,
			"1 validation error detected: Value null at '%s.%zu.member.%c%s' failed to "
			"satisfy constraint: Member must not be null",
			list, i + 1, member[0] | 0x20, member + 1);
		return NULL;
	}
	return json_string_value(value);
}

/* "Value 'x' at 'list.1.member.keyType' failed to satisfy ...: [HASH, RANGE]" */
static int bad_enum(const char *value, const char *list, size_t i, const char *member,
	const char *set, struct err *err)
{
	return err_set(err, EINVAL,
		"1 validation error detected: Value '%.100s' at '%s.%zu.member.%s' failed to "
		"satisfy constraint: Member must satisfy enum value set: [%s]",
		value, list, i + 1, member, set);
}

static int list_member(const json_t *root, const char *member, const char *path, size_t max,
	json_t **out, struct err *err)
{
	*out = json_object_get(root, member);
	if (*out == NULL || json_is_null(*out)) {
		return err_set(err, EINVAL,
			"1 validation error detected: Value null at '%s' failed to satisfy "
			"constraint: Member must not be null",
			path);
	}
	if (!json_is_array(*out) || json_array_size(*out) == 0 || json_array_size(*out) > max) {
		return err_set(
			err, EINVAL, "%s: a list of 1 to %zu elements is expected", member, max);
	}
	return 0;
}

static int take_name(const char *name, struct ddb_key_def *out, struct err *err)
{
	size_t n = strlen(name);

	if (n == 0 || n > DDB_KEY_NAME_MAX) {
		return err_set(err, EINVAL,
			"the name of a key attribute has 1 to %d bytes, found %zu",
			DDB_KEY_NAME_MAX, n);
	}
	memcpy(out->name, name, n + 1);
	return 0;
}

/* The type of the attribute, from AttributeDefinitions. */
static int find_type(const json_t *defs, struct ddb_key_def *key, struct err *err)
{
	size_t i;
	const json_t *def;
	bool found = false;

	json_array_foreach ((json_t *)defs, i, def) {
		const char *name =
			text_member(def, "AttributeName", "attributeDefinitions", i, err);
		const char *type =
			text_member(def, "AttributeType", "attributeDefinitions", i, err);
		if (name == NULL || type == NULL) {
			return -err->code;
		}
		enum ddb_type t = DDB_S;
		while (t <= DDB_B && strcmp(ddb_type_names[t], type) != 0) {
			t++;
		}
		if (t > DDB_B) {
			return bad_enum(
				type, "attributeDefinitions", i, "attributeType", "B, N, S", err);
		}
		if (strcmp(name, key->name) == 0) {
			key->type = t;
			found = true;
		}
	}
	return found ? 0
		     : err_set(err, EINVAL,
			       "Invalid KeySchema: Some index key attribute have no definition");
}

static int take_key(
	const json_t *list, size_t i, const json_t *defs, struct ddb_key_def *out, struct err *err)
{
	static const char *const types[] = {"HASH", "RANGE"};
	static const char *const ordinals[] = {"first", "second"};
	const json_t *element = json_array_get(list, i);
	const char *name = text_member(element, "AttributeName", "keySchema", i, err);
	const char *type =
		name != NULL ? text_member(element, "KeyType", "keySchema", i, err) : NULL;

	if (type == NULL) {
		return -err->code;
	}
	if (strcmp(type, "HASH") != 0 && strcmp(type, "RANGE") != 0) {
		return bad_enum(type, "keySchema", i, "keyType", "HASH, RANGE", err);
	}
	if (strcmp(type, types[i]) != 0) {
		return err_set(err, EINVAL,
			"Invalid KeySchema: The %s KeySchemaElement is not a %s key type",
			ordinals[i], types[i]);
	}
	int rc = take_name(name, out, err);
	return rc < 0 ? rc : find_type(defs, out, err);
}

int ddb_schema_check(const struct ddb_key_schema *schema, struct err *err)
{
	if (schema->has_range && strcmp(schema->hash.name, schema->range.name) == 0) {
		return err_set(err, EINVAL,
			"Both the Hash Key and the Range Key element in the KeySchema have the "
			"same "
			"name: %s",
			schema->hash.name);
	}
	return 0;
}

static int take_keys(const json_t *root, struct ddb_key_schema *out, struct err *err)
{
	json_t *keys;
	json_t *defs;

	int rc = list_member(root, "KeySchema", "keySchema", 2, &keys, err);
	rc = rc < 0 ? rc
		    : list_member(root, "AttributeDefinitions", "attributeDefinitions", 100, &defs,
			      err);
	rc = rc < 0 ? rc : take_key(keys, 0, defs, &out->hash, err);
	if (rc == 0 && json_array_size(keys) > 1) {
		out->has_range = true;
		rc = take_key(keys, 1, defs, &out->range, err);
	}
	rc = rc < 0 ? rc : ddb_schema_check(out, err);
	if (rc == 0 && json_array_size(keys) != json_array_size(defs)) {
		return err_set(err, EINVAL,
			"One or more parameter values were invalid: Number of attributes in "
			"KeySchema does not exactly match number of attributes defined in "
			"AttributeDefinitions");
	}
	return rc;
}

static int check_table_name(const json_t *root, struct slice name, struct err *err)
{
	const json_t *value = json_object_get(root, "TableName");

	if (value == NULL) {
		return 0;
	}
	struct slice found = json_is_string(value) ? slice_make(json_string_value(value),
							     json_string_length(value))
						   : slice_of("");
	if (slice_equal(found, name)) {
		return 0;
	}
	return err_set(err, EINVAL, "TableName is '%.*s', but the directory is '%.*s'",
		(int)(found.n < 100 ? found.n : 100), found.p, (int)name.n, name.p);
}

static int check_billing(const json_t *root, struct err *err)
{
	const json_t *value = json_object_get(root, "BillingMode");
	const char *mode = json_is_string(value) ? json_string_value(value) : "";

	if (value == NULL || strcmp(mode, "PAY_PER_REQUEST") == 0) {
		return 0;
	}
	if (strcmp(mode, "PROVISIONED") == 0) {
		return err_set(err, ENOTSUP,
			"BillingMode PROVISIONED is not supported yet: PAY_PER_REQUEST is, nothing "
			"was changed");
	}
	return err_set(err, EINVAL,
		"1 validation error detected: Value '%.100s' at 'billingMode' failed to satisfy "
		"constraint: Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]",
		mode);
}

static int take_protection(const json_t *root, struct ddb_table_wish *out, struct err *err)
{
	const json_t *value = json_object_get(root, "DeletionProtectionEnabled");

	if (value == NULL) {
		return 0;
	}
	if (!json_is_boolean(value)) {
		return err_set(err, EINVAL, "DeletionProtectionEnabled: true or false is expected");
	}
	out->has_deletion_protection = true;
	out->deletion_protection = json_is_true(value);
	return 0;
}

static int take_root(
	const json_t *root, struct slice name, struct ddb_table_wish *out, struct err *err)
{
	const char *member;
	json_t *value;

	if (!json_is_object(root)) {
		return err_set(err, EINVAL,
			"a CreateTable request is an object: {\"KeySchema\": "
			"[...], \"AttributeDefinitions\": [...]}");
	}
	json_object_foreach ((json_t *)root, member, value) {
		int rc = check_member(member, err);
		if (rc < 0) {
			return rc;
		}
	}
	int rc = check_table_name(root, name, err);
	rc = rc < 0 ? rc : check_billing(root, err);
	rc = rc < 0 ? rc : take_protection(root, out, err);
	return rc < 0 ? rc : take_keys(root, &out->schema, err);
}

int ddb_schema_parse(
	struct slice text, struct slice name, struct ddb_table_wish *out, struct err *err)
{
	struct ddb_table_wish wish = {0};
	json_error_t why;

	json_auto_t *root =
		json_loadb(text.p != NULL ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &why);
	if (root == NULL) {
		return err_set(
			err, EINVAL, "line %d, column %d: %s", why.line, why.column, why.text);
	}
	int rc = take_root(root, name, &wish, err);
	if (rc == 0) {
		*out = wish;
	}
	return rc;
}
