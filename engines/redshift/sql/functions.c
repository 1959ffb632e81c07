#include "engines/redshift/sql/functions.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engines/redshift/sql/bind.h"
#include "engines/redshift/sql/tree.h"

#define S RS_SCALAR
#define A RS_AGGREGATE
#define W RS_WINDOW

/* clang-format off */
const struct rs_function rs_functions[] = {
	{"abs", S, "I", "1", "abs($1)", "abs($1)"},
	{"abs", S, "c", "1", "abs($1)", "rs_dec_abs($1)"},
	{"abs", S, "d", "1", "abs($1)", "abs($1)"},
	{"acos", S, "d", "d", "acos($1)", "acos($1)"},
	{"add_months", S, "Tl", "T", "@add_months", "rs_add_months($1, $2)"},
	{"any_value", A, "x", "1", "{any_value($1)}", "{min($1$c)}"},
	{"ascii", S, "t", "i", "ascii($1)", "rs_ascii($1)"},
	{"asin", S, "d", "d", "asin($1)", "asin($1)"},
	{"atan", S, "d", "d", "atan($1)", "atan($1)"},
	{"atan2", S, "dd", "d", "atan2($1, $2)", "atan2($1, $2)"},
	{"avg", A, "I", "l", "CAST({sum($d$1)} // {count($d$1)} AS BIGINT)", "{rs_avg_int($d$1)}"},
	{"avg", A, "c", "sum", "@avg", "{rs_dec_avg($d$1)}"},
	{"avg", A, "d", "d", "{avg($d$1)}", "{avg($d$1)}"},
	{"bit_and", A, "I", "1", "{bit_and($d$1)}", "{rs_bit_and($d$1)}"},
	{"bit_or", A, "I", "1", "{bit_or($d$1)}", "{rs_bit_or($d$1)}"},
	{"bool_and", A, "b", "b", "{bool_and($d$1)}", "{min($d$1)}"},
	{"bool_or", A, "b", "b", "{bool_or($d$1)}", "{max($d$1)}"},
	{"btrim", S, "t", "t", "trim($1, ' ')", "trim($1, ' ')"},
	{"btrim", S, "tt", "t", "trim($1, $2)", "trim($1, $2)"},
	{"cbrt", S, "d", "d", "cbrt($1)", "rs_cbrt($1)"},
	{"ceil", S, "I", "1", "$1", "$1"},
	{"ceil", S, "c", "whole", "CAST(ceil($1) AS DECIMAL($z,0))", "rs_dec_ceil($1)"},
	{"ceil", S, "d", "d", "ceil($1)", "ceil($1)"},
	{"ceiling", S, "I", "1", "$1", "$1"},
	{"ceiling", S, "c", "whole", "CAST(ceil($1) AS DECIMAL($z,0))", "rs_dec_ceil($1)"},
	{"ceiling", S, "d", "d", "ceil($1)", "ceil($1)"},
	{"char_length", S, "t", "i", "CAST(length($1) AS INTEGER)", "length($1)"},
	{"character_length", S, "t", "i", "CAST(length($1) AS INTEGER)", "length($1)"},
	{"charindex", S, "tt", "i", "CAST(strpos($2, $1) AS INTEGER)", "instr($2, $1)"},
	{"chr", S, "i", "t", "chr($1)", "rs_chr($1)"},
	{"concat", S, "xx", "t", "($1 || $2)", "($1 || $2)"},
	{"cos", S, "d", "d", "cos($1)", "cos($1)"},
	{"cot", S, "d", "d", "cot($1)", "(1 / tan($1))"},
	{"count", A, "", "l", "{count(*)}", "{count(*)}"},
	{"count", A, "x", "l", "{count($d$1)}", "{count($d$1)}"},
	{"cume_dist", W, "", "d", "{cume_dist()}", "{cume_dist()}"},
	{"current_database", S, "", "t", "'dev'", "'dev'"},
	{"current_schema", S, "", "t", "'public'", "'public'"},
	{"date_cmp", S, "DD", "i", "@compare", "@compare"},
	{"date_part", S, "pT", "d", "@date_part", "CAST(rs_date_part($1, $2) AS REAL)"},
	{"date_part_year", S, "T", "i", "CAST(date_part('year', $1) AS INTEGER)", "CAST(rs_date_part('year', $1) AS INTEGER)"},
	{"date_trunc", S, "pT", "T", "CAST(date_trunc($1, $2) AS TIMESTAMP)", "rs_date_trunc($1, $2)"},
	{"dateadd", S, "plT", "T", "@dateadd", "rs_dateadd($1, $2, $3)"},
	{"datediff", S, "pTT", "l", "@datediff", "rs_datediff($1, $2, $3)"},
	{"degrees", S, "d", "d", "degrees($1)", "degrees($1)"},
	{"dense_rank", W, "", "l", "{dense_rank()}", "{dense_rank()}"},
	{"dexp", S, "d", "d", "exp($1)", "exp($1)"},
	{"dlog1", S, "d", "d", "ln($1)", "ln($1)"},
	{"dlog10", S, "d", "d", "log10($1)", "log10($1)"},
	{"exp", S, "d", "d", "exp($1)", "exp($1)"},
	{"extract", S, "pT", "l", "@extract", "CAST(rs_date_part($1, $2) AS INTEGER)"},
	{"first_value", W, "x", "1", "{first_value($1$i)}", "@first"},
	{"floor", S, "I", "1", "$1", "$1"},
	{"floor", S, "c", "whole", "CAST(floor($1) AS DECIMAL($z,0))", "rs_dec_floor($1)"},
	{"floor", S, "d", "d", "floor($1)", "floor($1)"},
	{"func_sha1", S, "t", "t", "sha1($1)", "rs_sha1($1)"},
	{"getdate", S, "", "T", "@now", "@now"},
	{"initcap", S, "t", "t", "@initcap", "rs_initcap($1)"},
	{"lag", W, "x", "1", "{lag($1$i)}", "@lag"},
	{"lag", W, "xi", "1", "{lag($1, $2$i)}", "@lag"},
	{"last_day", S, "T", "D", "last_day(CAST($1 AS DATE))", "rs_last_day($1)"},
	{"last_value", W, "x", "1", "{last_value($1$i)}", "@last"},
	{"lead", W, "x", "1", "{lead($1$i)}", "@lead"},
	{"lead", W, "xi", "1", "{lead($1, $2$i)}", "@lead"},
	{"left", S, "ti", "t", "left($1, $2)", "rs_left($1, $2)"},
	{"len", S, "t", "i", "CAST(length($1) AS INTEGER)", "length($1)"},
	{"length", S, "t", "i", "CAST(length($1) AS INTEGER)", "length($1)"},
	{"listagg", A, "t", "t", "@listagg", "@listagg"},
	{"listagg", A, "tt", "t", "@listagg", "@listagg"},
	{"ln", S, "d", "d", "ln($1)", "ln($1)"},
	{"log", S, "d", "d", "log10($1)", "log10($1)"},
	{"lower", S, "t", "1", "lower($1)", "rs_lower($1)"},
	{"lpad", S, "ti", "t", "lpad($1, $2, ' ')", "rs_lpad($1, $2)"},
	{"lpad", S, "tit", "t", "lpad($1, $2, $3)", "rs_lpad($1, $2, $3)"},
	{"ltrim", S, "t", "t", "ltrim($1, ' ')", "ltrim($1, ' ')"},
	{"ltrim", S, "tt", "t", "ltrim($1, $2)", "ltrim($1, $2)"},
	{"max", A, "x", "1", "{max($1)}", "{max($1$c)}"},
	{"md5", S, "t", "t", "md5($1)", "rs_md5($1)"},
	{"median", A, "I", "median", "CAST({quantile_cont($1, 0.5)} AS DECIMAL($z,$s))", "rs_dec({rs_median($1)}, $z, $s)"},
	{"median", A, "c", "median", "@median", "{rs_median_dec($1, $s)}"},
	{"median", A, "d", "d", "{quantile_cont($1, 0.5)}", "{rs_median($1)}"},
	{"min", A, "x", "1", "{min($1)}", "{min($1$c)}"},
	{"mod", S, "II", "wider", "@mod", "@mod"},
	{"mod", S, "nn", "mod", "@mod", "@mod"},
	{"months_between", S, "TT", "d", "@months_between", "rs_months_between($1, $2)"},
	{"next_day", S, "Tt", "D", "@next_day", "rs_next_day($1, $2)"},
	{"now", S, "", "Z", "@now", "@now"},
	{"nth_value", W, "xi", "1", "{nth_value($1, $2$i)}", "{nth_value($1, $2)}"},
	{"ntile", W, "l", "l", "{ntile($1)}", "{ntile($1)}"},
	{"octet_length", S, "t", "i", "CAST(strlen($1) AS INTEGER)", "length(CAST($1 AS BLOB))"},
	{"percent_rank", W, "", "d", "{percent_rank()}", "{percent_rank()}"},
	{"percentile_cont", A, "dI", "percent", "CAST({quantile_cont($2, $p)} AS DECIMAL($z,$s))", "rs_dec({rs_percentile_cont($p, $2)}, $z, $s)"},
	{"percentile_cont", A, "dc", "percent", "CAST({quantile_cont(CAST($2 AS DOUBLE), $p)} AS DECIMAL($z,$s))", "rs_dec({rs_percentile_cont($p, rs_real($2))}, $z, $s)"},
	{"percentile_cont", A, "dd", "d", "{quantile_cont($2, $p)}", "{rs_percentile_cont($p, $2)}"},
	{"percentile_disc", A, "dx", "2", "@percentile_disc", "@percentile_disc"},
	{"pi", S, "", "d", "pi()", "3.141592653589793"},
	{"position", S, "tt", "i", "CAST(strpos($1, $2) AS INTEGER)", "instr($1, $2)"},
	{"pow", S, "dd", "d", "pow($1, $2)", "pow($1, $2)"},
	{"power", S, "dd", "d", "pow($1, $2)", "pow($1, $2)"},
	{"radians", S, "d", "d", "radians($1)", "radians($1)"},
	{"random", S, "", "d", "random()", "((random() >> 11) / 9007199254740992.0 + 0.5)"},
	{"rank", W, "", "l", "{rank()}", "{rank()}"},
	{"ratio_to_report", W, "c", "d", "(CAST($1 AS DOUBLE) / CAST({sum($1)} AS DOUBLE))", "(rs_real($1) / {sum(rs_real($1))})"},
	{"ratio_to_report", W, "n", "d", "(CAST($1 AS DOUBLE) / {sum($1)})", "(CAST($1 AS REAL) / {sum($1)})"},
	{"regexp_count", S, "tt", "i", "CAST(len(regexp_extract_all($1, $2)) AS INTEGER)", "rs_regexp_count($1, $2)"},
	{"regexp_instr", S, "tt", "i", "@regexp_instr", "rs_regexp_instr($1, $2)"},
	{"regexp_replace", S, "tt", "t", "regexp_replace($1, $2, '', 'g')", "rs_regexp_replace($1, $2)"},
	{"regexp_replace", S, "ttt", "t", "regexp_replace($1, $2, $3, 'g')", "rs_regexp_replace($1, $2, $3)"},
	{"regexp_substr", S, "tt", "t", "regexp_extract($1, $2)", "rs_regexp_substr($1, $2)"},
	{"repeat", S, "ti", "t", "repeat($1, $2)", "rs_repeat($1, $2)"},
	{"replace", S, "ttt", "t", "replace($1, $2, $3)", "replace($1, $2, $3)"},
	{"replicate", S, "ti", "t", "repeat($1, $2)", "rs_repeat($1, $2)"},
	{"reverse", S, "t", "t", "reverse($1)", "rs_reverse($1)"},
	{"right", S, "ti", "t", "right($1, $2)", "rs_right($1, $2)"},
	{"round", S, "I", "1", "$1", "$1"},
	{"round", S, "c", "whole", "CAST(round($1) AS DECIMAL($z,0))", "rs_dec_round($1, 0, 0)"},
	{"round", S, "cl", "rounded", "CAST(round($1, $2) AS DECIMAL($z,$s))", "rs_dec_round($1, $2, $s)"},
	{"round", S, "d", "d", "round_even($1, 0)", "rs_round($1)"},
	{"round", S, "dl", "d", "round($1, $2)", "rs_round($1, $2)"},
	{"row_number", W, "", "l", "{row_number()}", "{row_number()}"},
	{"rpad", S, "ti", "t", "rpad($1, $2, ' ')", "rs_rpad($1, $2)"},
	{"rpad", S, "tit", "t", "rpad($1, $2, $3)", "rs_rpad($1, $2, $3)"},
	{"rtrim", S, "t", "t", "rtrim($1, ' ')", "rtrim($1, ' ')"},
	{"rtrim", S, "tt", "t", "rtrim($1, $2)", "rtrim($1, $2)"},
	{"sha", S, "t", "t", "sha1($1)", "rs_sha1($1)"},
	{"sha1", S, "t", "t", "sha1($1)", "rs_sha1($1)"},
	{"sign", S, "I", "i", "CAST(sign($1) AS INTEGER)", "sign($1)"},
	{"sign", S, "c", "one", "CAST(sign($1) AS DECIMAL(1,0))", "rs_dec_sign($1)"},
	{"sign", S, "d", "d", "CAST(sign($1) AS DOUBLE)", "CAST(sign($1) AS REAL)"},
	{"sin", S, "d", "d", "sin($1)", "sin($1)"},
	{"split_part", S, "tti", "t", "split_part($1, $2, $3)", "rs_split_part($1, $2, $3)"},
	{"sqrt", S, "d", "d", "sqrt($1)", "sqrt($1)"},
	{"stddev", A, "d", "d", "{stddev_samp($d$1)}", "{rs_stddev_samp($d$1)}"},
	{"stddev_pop", A, "d", "d", "{stddev_pop($d$1)}", "{rs_stddev_pop($d$1)}"},
	{"stddev_samp", A, "d", "d", "{stddev_samp($d$1)}", "{rs_stddev_samp($d$1)}"},
	{"strpos", S, "tt", "i", "CAST(strpos($1, $2) AS INTEGER)", "instr($1, $2)"},
	{"strtol", S, "ti", "l", "@strtol", "rs_strtol($1, $2)"},
	{"substr", S, "ti", "t", "substring($1, greatest($2, 1))", "substr($1, max($2, 1))"},
	{"substr", S, "tii", "t", "@substring", "@substring"},
	{"substring", S, "ti", "t", "substring($1, greatest($2, 1))", "substr($1, max($2, 1))"},
	{"substring", S, "tii", "t", "@substring", "@substring"},
	{"sum", A, "I", "l", "CAST({sum($d$1)} AS BIGINT)", "{rs_sum_int($d$1)}"},
	{"sum", A, "c", "sum", "{sum($d$1)}", "{rs_dec_sum($d$1)}"},
	{"sum", A, "d", "d", "{sum($d$1)}", "{sum($d$1)}"},
	{"sysdate", S, "", "T", "@now", "@now"},
	{"tan", S, "d", "d", "tan($1)", "tan($1)"},
	{"textlen", S, "t", "i", "CAST(length($1) AS INTEGER)", "length($1)"},
	{"timestamp_cmp", S, "TT", "i", "@compare", "@compare"},
	{"to_char", S, "Tk", "t", "@to_char", "rs_to_char($1, $2)"},
	{"to_date", S, "tk", "D", "@to_date", "rs_to_date($1, $2)"},
	{"to_hex", S, "l", "t", "lower(to_hex($1))", "lower(printf('%x', $1))"},
	{"to_timestamp", S, "tk", "Z", "@to_timestamp", "rs_to_timestamp($1, $2)"},
	{"translate", S, "ttt", "t", "translate($1, $2, $3)", "rs_translate($1, $2, $3)"},
	{"trunc", S, "T", "D", "CAST($1 AS DATE)", "rs_cast_date($1)"},
	{"trunc", S, "I", "1", "$1", "$1"},
	{"trunc", S, "c", "whole", "CAST(trunc($1) AS DECIMAL($z,0))", "rs_dec_trunc($1, 0, 0)"},
	{"trunc", S, "cl", "1", "@trunc", "rs_dec_trunc($1, $2, $s)"},
	{"trunc", S, "d", "d", "trunc($1)", "trunc($1)"},
	{"upper", S, "t", "1", "upper($1)", "rs_upper($1)"},
	{"var_pop", A, "d", "d", "{var_pop($d$1)}", "{rs_var_pop($d$1)}"},
	{"var_samp", A, "d", "d", "{var_samp($d$1)}", "{rs_var_samp($d$1)}"},
	{"variance", A, "d", "d", "{var_samp($d$1)}", "{rs_var_samp($d$1)}"},
	{0},
};
/* clang-format on */
const unsigned rs_n_functions = sizeof rs_functions / sizeof *rs_functions - 1;

unsigned rs_function_find(const char *name)
{
	unsigned low = 0;
	unsigned high = rs_n_functions;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (strcmp(rs_functions[middle].name, name) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < rs_n_functions && strcmp(rs_functions[low].name, name) == 0 ? low
										 : rs_n_functions;
}

/* ---- which of that name ---- */

static bool is_text(enum sql_kind kind)
{
	return kind == SQL_CHAR || kind == SQL_VARCHAR;
}

static bool is_integer(enum sql_kind kind)
{
	return kind == SQL_SMALLINT || kind == SQL_INTEGER || kind == SQL_BIGINT;
}

static bool is_float(enum sql_kind kind)
{
	return kind == SQL_REAL || kind == SQL_DOUBLE;
}

static bool is_time(enum sql_kind kind)
{
	return kind == SQL_TIMESTAMP || kind == SQL_TIMESTAMPTZ;
}

/* How well a type suits: 0 not at all, 1 with a cast, 3 as it is. */
static int suits(char letter, struct sql_type t, const json_t *node)
{
	bool unknown = t.kind == SQL_UNKNOWN;

	switch (letter) {
	case 'x':
	case 's': return 2;
	case 't': return is_text(t.kind) ? 3 : unknown ? 2 : 0;
	case 'k':
	case 'p': return json_object_get(rs_node_as(node, "A_Const"), "sval") != NULL ? 3 : 0;
	case 'i':
	case 'l': return is_integer(t.kind) ? 3 : unknown ? 1 : 0;
	case 'I': return is_integer(t.kind) ? 4 : 0;
	case 'c': return t.kind == SQL_DECIMAL ? 4 : 0;
	case 'd': return is_float(t.kind) ? 3 : sql_is_number(t.kind) || unknown ? 1 : 0;
	case 'n': return sql_is_number(t.kind) ? 3 : unknown ? 1 : 0;
	case 'b': return t.kind == SQL_BOOLEAN ? 3 : unknown ? 1 : 0;
	case 'D': return t.kind == SQL_DATE ? 4 : 0;
	case 'T': return is_time(t.kind) ? 3 : t.kind == SQL_DATE || unknown ? 2 : 0;
	case 'v': return t.kind == SQL_INTERVAL ? 3 : unknown ? 1 : 0;
	default: return 0;
	}
}

static int score(const struct rs_function *f, json_t *const *args, size_t n)
{
	const char *letter = f->arguments;
	int sum = 1;

	for (size_t i = 0; i < n; i++) {
		int one;

		if (*letter == 0) {
			return 0;
		}
		one = suits(*letter, rs_type_of(args[i]), args[i]);
		if (one == 0) {
			return 0;
		}
		sum += one;
		if (letter[1] != '*') {
			letter++;
		}
	}
	return *letter == 0 || letter[1] == '*' ? sum : 0;
}

unsigned rs_function_choose(const char *name, json_t *const *args, size_t n)
{
	unsigned best = rs_n_functions;
	int most = 0;

	for (unsigned i = rs_function_find(name);
		i < rs_n_functions && strcmp(rs_functions[i].name, name) == 0; i++) {
		int one = score(&rs_functions[i], args, n);

		if (one > most) {
			most = one;
			best = i;
		}
	}
	return best;
}

/* ---- results ---- */

static struct sql_type decimal(unsigned size, unsigned scale)
{
	size = size > SQL_DECIMAL_MAX ? SQL_DECIMAL_MAX : size;
	return (struct sql_type){
		.kind = SQL_DECIMAL, .size = size, .scale = scale > size ? size : scale};
}

static struct sql_type of_letter(char letter)
{
	static const struct {
		char letter;
		enum sql_kind kind;
	} kinds[] = {{'t', SQL_VARCHAR}, {'i', SQL_INTEGER}, {'l', SQL_BIGINT}, {'d', SQL_DOUBLE},
		{'b', SQL_BOOLEAN}, {'D', SQL_DATE}, {'T', SQL_TIMESTAMP}, {'v', SQL_INTERVAL},
		{'Z', SQL_TIMESTAMPTZ}};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (kinds[i].letter == letter) {
			return (struct sql_type){.kind = kinds[i].kind};
		}
	}
	return (struct sql_type){.kind = SQL_VARCHAR};
}

static struct sql_type modulo(struct sql_type a, struct sql_type b)
{
	if (a.kind == SQL_REAL || a.kind == SQL_DOUBLE || b.kind == SQL_REAL ||
		b.kind == SQL_DOUBLE) {
		return (struct sql_type){.kind = SQL_DOUBLE};
	}
	unsigned as = a.kind == SQL_DECIMAL ? a.scale : 0;
	unsigned bs = b.kind == SQL_DECIMAL ? b.scale : 0;

	return decimal(SQL_DECIMAL_MAX, as > bs ? as : bs);
}

struct sql_type rs_function_result(
	const struct rs_function *f, const struct sql_type *arguments, unsigned n)
{
	const char *rule = f->result;
	struct sql_type a = n > 0 ? arguments[0] : of_letter('t');
	struct sql_type b = n > 1 ? arguments[1] : a;

	if (rule[1] == 0) {
		return *rule == '1' ? a : *rule == '2' ? b : of_letter(*rule);
	}
	if (strcmp(rule, "sum") == 0) {
		return decimal(SQL_DECIMAL_MAX, a.scale);
	}
	if (strcmp(rule, "median") == 0) {
		return decimal(SQL_DECIMAL_MAX, (a.kind == SQL_DECIMAL ? a.scale : 0) + 1);
	}
	if (strcmp(rule, "percent") == 0) {
		return decimal(SQL_DECIMAL_MAX, (b.kind == SQL_DECIMAL ? b.scale : 0) + 4);
	}
	if (strcmp(rule, "whole") == 0) {
		return decimal(a.size - a.scale + 1, 0);
	}
	if (strcmp(rule, "rounded") == 0) {
		return decimal(a.size + 1, a.scale);
	}
	if (strcmp(rule, "one") == 0) {
		return decimal(1, 0);
	}
	if (strcmp(rule, "wider") == 0) {
		return a.kind > b.kind ? a : b;
	}
	return modulo(a, b);
}

/* ---- parts of dates ---- */

static const struct {
	const char *name;
	const char *part;
} parts[] = {
	{"c", "century"},
	{"cent", "century"},
	{"cents", "century"},
	{"centuries", "century"},
	{"century", "century"},
	{"d", "day"},
	{"day", "day"},
	{"dayofmonth", "day"},
	{"dayofweek", "dow"},
	{"dayofyear", "doy"},
	{"days", "day"},
	{"dec", "decade"},
	{"decade", "decade"},
	{"decades", "decade"},
	{"decs", "decade"},
	{"dow", "dow"},
	{"doy", "doy"},
	{"dw", "dow"},
	{"dy", "doy"},
	{"epoch", "epoch"},
	{"h", "hour"},
	{"hh", "hour"},
	{"hour", "hour"},
	{"hours", "hour"},
	{"hr", "hour"},
	{"hrs", "hour"},
	{"m", "minute"},
	{"microsec", "microsecond"},
	{"microsecond", "microsecond"},
	{"microseconds", "microsecond"},
	{"microsecs", "microsecond"},
	{"mil", "millennium"},
	{"millennia", "millennium"},
	{"millennium", "millennium"},
	{"millisecond", "millisecond"},
	{"milliseconds", "millisecond"},
	{"millisecs", "millisecond"},
	{"min", "minute"},
	{"mins", "minute"},
	{"minute", "minute"},
	{"minutes", "minute"},
	{"mon", "month"},
	{"mons", "month"},
	{"month", "month"},
	{"months", "month"},
	{"ms", "millisecond"},
	{"msec", "millisecond"},
	{"msecs", "millisecond"},
	{"qtr", "quarter"},
	{"qtrs", "quarter"},
	{"quarter", "quarter"},
	{"quarters", "quarter"},
	{"s", "second"},
	{"sec", "second"},
	{"second", "second"},
	{"seconds", "second"},
	{"secs", "second"},
	{"us", "microsecond"},
	{"usec", "microsecond"},
	{"usecs", "microsecond"},
	{"w", "week"},
	{"week", "week"},
	{"weekday", "dow"},
	{"weeks", "week"},
	{"y", "year"},
	{"year", "year"},
	{"years", "year"},
	{"yr", "year"},
	{"yrs", "year"},
};

const char *rs_date_part(const char *text)
{
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (strcasecmp(parts[i].name, text) == 0) {
			return parts[i].part;
		}
	}
	return NULL;
}
