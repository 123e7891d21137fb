/*
 * The table of functions: name, style, signatures, implementation, one sentence of documentation.
 * The checker works from it and the reference documentation is made from it; nothing is declared
 * anywhere else. Functions of one name and style share one implementation, which tells its
 * arguments apart itself: an unchecked expression may bring anything.
 */
#include <pthread.h>

#include "policy/cel/functions.h"
#include "policy/cel/types.h"

#define ORDERED                                                                                    \
	"(int, int) -> bool; (uint, uint) -> bool; (double, double) -> bool; (int, uint) -> "      \
	"bool; "                                                                                   \
	"(int, double) -> bool; (uint, int) -> bool; (uint, double) -> bool; (double, int) -> "    \
	"bool; "                                                                                   \
	"(double, uint) -> bool; (bool, bool) -> bool; (string, string) -> bool; "                 \
	"(bytes, bytes) -> bool; (timestamp, timestamp) -> bool; (duration, duration) -> bool"
#define OF_TIME	 "(timestamp) -> int; (timestamp, string) -> int"
#define TWO_INTS "(int, int) -> int; (uint, uint) -> uint"
#define NAMED_FORMAT(name, doc)                                                                    \
	{                                                                                          \
		"Kubernetes", "format." name, CEL_FN, "() -> kubernetes.NamedFormat",              \
			cel_fn_format_by_name, doc                                                 \
	}

static const struct cel_function functions[] = {
	{"Operators", "_+_", CEL_FN,
		"(int, int) -> int; (uint, uint) -> uint; (double, double) -> double; "
		"(string, string) -> string; (bytes, bytes) -> bytes; (list(A), list(A)) -> "
		"list(A); (timestamp, duration) -> timestamp; (duration, timestamp) -> "
		"timestamp; (duration, duration) -> duration",
		cel_fn_add,
		"Sum of numbers (overflow is an error), concatenation of strings, bytes and "
		"lists, a moment later."},
	{"Operators", "_-_", CEL_FN,
		"(int, int) -> int; (uint, uint) -> uint; (double, double) -> double; "
		"(timestamp, timestamp) -> duration; (timestamp, duration) -> timestamp; "
		"(duration, duration) -> duration",
		cel_fn_sub, "Difference; overflow is an error."},
	{"Operators", "_*_", CEL_FN,
		"(int, int) -> int; (uint, uint) -> uint; (double, double) -> double", cel_fn_mul,
		"Product; overflow is an error."},
	{"Operators", "_/_", CEL_FN,
		"(int, int) -> int; (uint, uint) -> uint; (double, double) -> double", cel_fn_div,
		"Quotient, of integers towards zero; division of an integer by zero is an "
		"error."},
	{"Operators", "_%_", CEL_FN, "(int, int) -> int; (uint, uint) -> uint", cel_fn_mod,
		"Remainder with the sign of the dividend."},
	{"Operators", "-_", CEL_FN, "(int) -> int; (double) -> double", cel_fn_neg,
		"The negative."},
	{"Operators", "!_", CEL_FN, "(bool) -> bool", cel_fn_not,
		"True for false and false for true."},
	{"Operators", "_==_", CEL_FN, "(A, A) -> bool", cel_fn_eq,
		"Equality, of numbers across their types; values of different types are not "
		"equal."},
	{"Operators", "_!=_", CEL_FN, "(A, A) -> bool", cel_fn_ne, "The opposite of ==."},
	{"Operators", "_<_", CEL_FN, ORDERED, cel_fn_lt,
		"Order of numbers across their types, of strings by code point, of bytes, "
		"bools, timestamps and durations."},
	{"Operators", "_<=_", CEL_FN, ORDERED, cel_fn_le, "As <, or equal."},
	{"Operators", "_>_", CEL_FN, ORDERED, cel_fn_gt, "As < the other way round."},
	{"Operators", "_>=_", CEL_FN, ORDERED, cel_fn_ge, "As >, or equal."},
	{"Operators", "@in", CEL_FN, "(A, list(A)) -> bool; (A, map(A, B)) -> bool", cel_fn_in,
		"Whether a list has the element, or a map the key."},
	{"Conversions", "bool", CEL_FN, "(bool) -> bool; (string) -> bool", cel_fn_to_bool,
		"From \"true\", \"True\", \"TRUE\", \"t\", \"1\" and their opposites."},
	{"Conversions", "int", CEL_FN,
		"(int) -> int; (uint) -> int; (double) -> int; (string) -> int; (timestamp) "
		"-> int",
		cel_fn_to_int,
		"A double is cut towards zero, a timestamp becomes seconds since 1970; what "
		"does not fit is an error."},
	{"Conversions", "uint", CEL_FN,
		"(uint) -> uint; (int) -> uint; (double) -> uint; (string) -> uint", cel_fn_to_uint,
		"As int, without negative numbers."},
	{"Conversions", "double", CEL_FN,
		"(double) -> double; (int) -> double; (uint) -> double; (string) -> double",
		cel_fn_to_double, "The nearest double."},
	{"Conversions", "string", CEL_FN,
		"(string) -> string; (bool) -> string; (int) -> string; (uint) -> string; "
		"(double) -> string; (bytes) -> string; (timestamp) -> string; (duration) -> "
		"string; (net.IP) -> string; (net.CIDR) -> string; (kubernetes.Quantity) -> "
		"string; (kubernetes.URL) -> string; (kubernetes.Semver) -> string",
		cel_fn_to_string, "The usual text of the value; bytes must be UTF-8."},
	{"Conversions", "bytes", CEL_FN, "(bytes) -> bytes; (string) -> bytes", cel_fn_to_bytes,
		"The UTF-8 of a string."},
	{"Conversions", "timestamp", CEL_FN,
		"(timestamp) -> timestamp; (string) -> timestamp; (int) -> timestamp",
		cel_fn_to_timestamp, "From RFC 3339 text or seconds since 1970; years 1 to 9999."},
	{"Conversions", "duration", CEL_FN,
		"(duration) -> duration; (string) -> duration; (int) -> duration",
		cel_fn_to_duration, "From \"1h30m\", \"1.5s\", \"-2ms\" and the like, or seconds."},
	{"Conversions", "dyn", CEL_FN, "(A) -> dyn", cel_fn_dyn,
		"The same value, its type not checked before evaluation."},
	{"Conversions", "type", CEL_FN, "(A) -> type(A)", cel_fn_type,
		"The type of a value, as a value: int, list, google.protobuf.Timestamp."},
	{"Standard", "size", CEL_FN | CEL_ME,
		"(string) -> int; (bytes) -> int; (list(A)) -> int; (map(A, B)) -> int",
		cel_fn_size, "Code points of a string, bytes, elements or entries."},
	{"Standard", "contains", CEL_ME, "(string, string) -> bool; (list(A), list(A)) -> bool",
		cel_fn_contains, "Whether the text occurs in the string."},
	{"Standard", "startsWith", CEL_ME, "(string, string) -> bool", cel_fn_starts_with,
		"Whether the string begins with the text."},
	{"Standard", "endsWith", CEL_ME, "(string, string) -> bool", cel_fn_ends_with,
		"Whether the string ends with the text."},
	{"Standard", "matches", CEL_FN | CEL_ME, "(string, string) -> bool", cel_fn_matches,
		"Whether the RE2 pattern matches anywhere in the string."},
	{"Time", "getFullYear", CEL_ME, OF_TIME, cel_fn_get_full_year,
		"The year, in UTC or the zone given."},
	{"Time", "getMonth", CEL_ME, OF_TIME, cel_fn_get_month, "The month, 0 for January."},
	{"Time", "getDate", CEL_ME, OF_TIME, cel_fn_get_date, "The day of the month, from 1."},
	{"Time", "getDayOfMonth", CEL_ME, OF_TIME, cel_fn_get_day_of_month,
		"The day of the month, from 0."},
	{"Time", "getDayOfWeek", CEL_ME, OF_TIME, cel_fn_get_day_of_week,
		"The day of the week, 0 for Sunday."},
	{"Time", "getDayOfYear", CEL_ME, OF_TIME, cel_fn_get_day_of_year,
		"The day of the year, from 0."},
	{"Time", "getHours", CEL_ME, OF_TIME "; (duration) -> int", cel_fn_get_hours,
		"The hour; of a duration, all of it in hours."},
	{"Time", "getMinutes", CEL_ME, OF_TIME "; (duration) -> int", cel_fn_get_minutes,
		"The minute; of a duration, all of it in minutes."},
	{"Time", "getSeconds", CEL_ME, OF_TIME "; (duration) -> int", cel_fn_get_seconds,
		"The second; of a duration, all of it in seconds."},
	{"Time", "getMilliseconds", CEL_ME, OF_TIME "; (duration) -> int", cel_fn_get_milliseconds,
		"The milliseconds within the second."},
	{"Strings", "charAt", CEL_ME, "(string, int) -> string", cel_fn_char_at,
		"The character at a position; empty at the very end."},
	{"Strings", "indexOf", CEL_ME,
		"(string, string) -> int; (string, string, int) -> int; (list(A), A) -> int",
		cel_fn_index_of,
		"The position of the first occurrence, from a start if given, or -1; of a "
		"list, of the element."},
	{"Strings", "lastIndexOf", CEL_ME,
		"(string, string) -> int; (string, string, int) -> int; (list(A), A) -> int",
		cel_fn_last_index_of,
		"The position of the last occurrence, not after a start if given, or -1."},
	{"Strings", "join", CEL_ME, "(list(string)) -> string; (list(string), string) -> string",
		cel_fn_join, "The strings one after the other, with a separator if given."},
	{"Strings", "lowerAscii", CEL_ME, "(string) -> string", cel_fn_lower_ascii,
		"A to Z in lower case."},
	{"Strings", "upperAscii", CEL_ME, "(string) -> string", cel_fn_upper_ascii,
		"A to Z in upper case."},
	{"Strings", "replace", CEL_ME,
		"(string, string, string) -> string; (string, string, string, int) -> string",
		cel_fn_replace, "Occurrences replaced, at most as many as given."},
	{"Strings", "split", CEL_ME,
		"(string, string) -> list(string); (string, string, int) -> list(string)",
		cel_fn_split, "The parts between separators, at most as many as given."},
	{"Strings", "substring", CEL_ME, "(string, int) -> string; (string, int, int) -> string",
		cel_fn_substring, "The characters from a position on, up to another if given."},
	{"Strings", "trim", CEL_ME, "(string) -> string", cel_fn_trim,
		"Without white space at both ends."},
	{"Strings", "reverse", CEL_ME, "(string) -> string; (list(A)) -> list(A)", cel_fn_reverse,
		"The characters or elements in reverse order."},
	{"Strings", "format", CEL_ME, "(string, list(dyn)) -> string", cel_fn_format,
		"The text with %s, %d, %f, %e, %b, %o, %x and %X replaced by the values of "
		"the list."},
	{"Strings", "strings.quote", CEL_FN, "(string) -> string", cel_fn_strings_quote,
		"The text in double quotes, with what is special escaped."},
	{"Math", "math.greatest", CEL_FN, "(dyn...) -> dyn", cel_fn_math_greatest,
		"The greatest of numbers, or of one list of numbers."},
	{"Math", "math.least", CEL_FN, "(dyn...) -> dyn", cel_fn_math_least,
		"The least of numbers, or of one list of numbers."},
	{"Math", "math.ceil", CEL_FN, "(double) -> double", cel_fn_math_ceil,
		"The next whole number up."},
	{"Math", "math.floor", CEL_FN, "(double) -> double", cel_fn_math_floor,
		"The next whole number down."},
	{"Math", "math.round", CEL_FN, "(double) -> double", cel_fn_math_round,
		"The nearest whole number, halves away from zero."},
	{"Math", "math.trunc", CEL_FN, "(double) -> double", cel_fn_math_trunc,
		"Without the fraction."},
	{"Math", "math.abs", CEL_FN, "(int) -> int; (uint) -> uint; (double) -> double",
		cel_fn_math_abs, "The value without its sign."},
	{"Math", "math.sign", CEL_FN, "(int) -> int; (uint) -> uint; (double) -> double",
		cel_fn_math_sign, "-1, 0 or 1."},
	{"Math", "math.sqrt", CEL_FN, "(int) -> double; (uint) -> double; (double) -> double",
		cel_fn_math_sqrt, "The square root."},
	{"Math", "math.isNaN", CEL_FN, "(double) -> bool", cel_fn_math_is_nan,
		"Whether it is not a number."},
	{"Math", "math.isInf", CEL_FN, "(double) -> bool", cel_fn_math_is_inf,
		"Whether it is infinite."},
	{"Math", "math.isFinite", CEL_FN, "(double) -> bool", cel_fn_math_is_finite,
		"Whether it is neither infinite nor NaN."},
	{"Math", "math.bitAnd", CEL_FN, TWO_INTS, cel_fn_math_bit_and, "Bits set in both."},
	{"Math", "math.bitOr", CEL_FN, TWO_INTS, cel_fn_math_bit_or, "Bits set in either."},
	{"Math", "math.bitXor", CEL_FN, TWO_INTS, cel_fn_math_bit_xor,
		"Bits set in one of the two."},
	{"Math", "math.bitNot", CEL_FN, "(int) -> int; (uint) -> uint", cel_fn_math_bit_not,
		"Bits turned over."},
	{"Math", "math.bitShiftLeft", CEL_FN, "(int, int) -> int; (uint, int) -> uint",
		cel_fn_math_shift_left, "Bits moved up; those past the end are gone."},
	{"Math", "math.bitShiftRight", CEL_FN, "(int, int) -> int; (uint, int) -> uint",
		cel_fn_math_shift_right, "Bits moved down, of an int too: zeros come in."},
	{"Lists", "distinct", CEL_ME, "(list(A)) -> list(A)", cel_fn_list_distinct,
		"The elements without repetitions, in order of first occurrence."},
	{"Lists", "flatten", CEL_ME, "(list(dyn)) -> list(dyn); (list(dyn), int) -> list(dyn)",
		cel_fn_list_flatten,
		"Lists within the list taken apart, one level deep or as many as given."},
	{"Lists", "lists.range", CEL_FN, "(int) -> list(int)", cel_fn_list_range,
		"0 up to, not including, the number."},
	{"Lists", "slice", CEL_ME, "(list(A), int, int) -> list(A)", cel_fn_list_slice,
		"The elements from one position up to, not including, another."},
	{"Lists", "sort", CEL_ME, "(list(A)) -> list(A)", cel_fn_list_sort,
		"The elements in order."},
	{"Lists", "first", CEL_ME, "(list(A)) -> optional(A)", cel_fn_list_first,
		"The first element, if there is one."},
	{"Lists", "last", CEL_ME, "(list(A)) -> optional(A)", cel_fn_list_last,
		"The last element, if there is one."},
	{"Lists", "isSorted", CEL_ME, "(list(A)) -> bool", cel_fn_list_is_sorted,
		"Whether the elements are in order."},
	{"Lists", "sum", CEL_ME, "(list(A)) -> A", cel_fn_list_sum,
		"The sum of numbers or durations; 0 of nothing."},
	{"Lists", "min", CEL_ME, "(list(A)) -> A", cel_fn_list_min,
		"The smallest element; an error for an empty list."},
	{"Lists", "max", CEL_ME, "(list(A)) -> A", cel_fn_list_max,
		"The largest element; an error for an empty list."},
	{"Sets", "sets.contains", CEL_FN, "(list(A), list(A)) -> bool", cel_fn_sets_contains,
		"Whether every element of the second list is in the first."},
	{"Sets", "sets.equivalent", CEL_FN, "(list(A), list(A)) -> bool", cel_fn_sets_equivalent,
		"Whether both lists have the same elements."},
	{"Sets", "sets.intersects", CEL_FN, "(list(A), list(A)) -> bool", cel_fn_sets_intersects,
		"Whether the lists share an element."},
	{"Encoders", "base64.encode", CEL_FN, "(bytes) -> string", cel_fn_base64_encode,
		"Base64 with padding."},
	{"Encoders", "base64.decode", CEL_FN, "(string) -> bytes", cel_fn_base64_decode,
		"From base64, with or without padding."},
	{"Optionals", "optional.of", CEL_FN, "(A) -> optional(A)", cel_fn_optional_of,
		"An optional with the value."},
	{"Optionals", "optional.none", CEL_FN, "() -> optional(A)", cel_fn_optional_none,
		"An optional without a value."},
	{"Optionals", "optional.ofNonZeroValue", CEL_FN, "(A) -> optional(A)",
		cel_fn_optional_of_non_zero,
		"optional.of(x), or none for null, false, 0, \"\" and what is empty."},
	{"Optionals", "hasValue", CEL_ME, "(optional(A)) -> bool", cel_fn_optional_has_value,
		"Whether there is a value."},
	{"Optionals", "value", CEL_ME, "(optional(A)) -> A", cel_fn_optional_value,
		"The value; an error when there is none."},
	{"Optionals", "or", CEL_ME, "(optional(A), optional(A)) -> optional(A)", cel_fn_optional_or,
		"This if it has a value, else the other."},
	{"Optionals", "orValue", CEL_ME, "(optional(A), A) -> A", cel_fn_optional_or_value,
		"The value, or the one given when there is none."},
	{"Optionals", "optional.unwrap", CEL_FN, "(list(optional(A))) -> list(A)",
		cel_fn_optional_unwrap, "The values of those that have one."},
	{"Optionals", "unwrapOpt", CEL_ME, "(list(optional(A))) -> list(A)", cel_fn_optional_unwrap,
		"The values of those that have one."},
	{"Regular expressions", "find", CEL_ME, "(string, string) -> string", cel_fn_re_find,
		"The first match of the pattern, or \"\"."},
	{"Regular expressions", "findAll", CEL_ME,
		"(string, string) -> list(string); (string, string, int) -> list(string)",
		cel_fn_re_find_all, "All matches of the pattern, at most as many as given."},
	{"Regular expressions", "regex.extract", CEL_FN, "(string, string) -> optional(string)",
		cel_fn_re_extract, "The first match, or its one group, if any."},
	{"Regular expressions", "regex.extractAll", CEL_FN, "(string, string) -> list(string)",
		cel_fn_re_extract_all, "All matches, or their one group."},
	{"Regular expressions", "regex.replace", CEL_FN,
		"(string, string, string) -> string; (string, string, string, int) -> string",
		cel_fn_re_replace, "Matches replaced; \\1 in the replacement is the first group."},
	{"Kubernetes", "quantity", CEL_FN, "(string) -> kubernetes.Quantity", cel_fn_quantity,
		"A quantity such as \"500m\" or \"10Gi\"."},
	{"Kubernetes", "isQuantity", CEL_FN, "(string) -> bool", cel_fn_is_quantity,
		"Whether the text is a quantity."},
	{"Kubernetes", "sign", CEL_FN | CEL_ME, "(kubernetes.Quantity) -> int",
		cel_fn_quantity_sign, "-1, 0 or 1."},
	{"Kubernetes", "isInteger", CEL_ME, "(kubernetes.Quantity) -> bool",
		cel_fn_quantity_is_integer, "Whether asInteger() gives a result."},
	{"Kubernetes", "asInteger", CEL_ME, "(kubernetes.Quantity) -> int",
		cel_fn_quantity_as_integer, "The quantity as an int; an error if it is none."},
	{"Kubernetes", "asApproximateFloat", CEL_ME, "(kubernetes.Quantity) -> double",
		cel_fn_quantity_as_float, "The quantity as the nearest double."},
	{"Kubernetes", "add", CEL_ME,
		"(kubernetes.Quantity, kubernetes.Quantity) -> kubernetes.Quantity; "
		"(kubernetes.Quantity, int) -> kubernetes.Quantity",
		cel_fn_quantity_add, "The sum."},
	{"Kubernetes", "sub", CEL_ME,
		"(kubernetes.Quantity, kubernetes.Quantity) -> kubernetes.Quantity; "
		"(kubernetes.Quantity, int) -> kubernetes.Quantity",
		cel_fn_quantity_sub, "The difference."},
	{"Kubernetes", "compareTo", CEL_ME,
		"(kubernetes.Quantity, kubernetes.Quantity) -> int; (kubernetes.Semver, "
		"kubernetes.Semver) -> int",
		cel_fn_compare_to, "-1, 0 or 1."},
	{"Kubernetes", "isGreaterThan", CEL_ME,
		"(kubernetes.Quantity, kubernetes.Quantity) -> bool; (kubernetes.Semver, "
		"kubernetes.Semver) -> bool",
		cel_fn_is_greater_than, "Whether this is the greater one."},
	{"Kubernetes", "isLessThan", CEL_ME,
		"(kubernetes.Quantity, kubernetes.Quantity) -> bool; (kubernetes.Semver, "
		"kubernetes.Semver) -> bool",
		cel_fn_is_less_than, "Whether this is the smaller one."},
	{"Kubernetes", "ip", CEL_FN | CEL_ME, "(string) -> net.IP; (net.CIDR) -> net.IP", cel_fn_ip,
		"An IPv4 or IPv6 address; of a CIDR, its address."},
	{"Kubernetes", "jsonpatch.escapeKey", CEL_FN, "(string) -> string",
		cel_fn_jsonpatch_escape_key,
		"The key with ~ and / escaped, as a part of a JSON patch's path."},
	{"Kubernetes", "isIP", CEL_FN, "(string) -> bool", cel_fn_is_ip,
		"Whether the text is an IP address."},
	{"Kubernetes", "ip.isCanonical", CEL_FN, "(string) -> bool", cel_fn_ip_is_canonical,
		"Whether the text is the address's one canonical form."},
	{"Kubernetes", "family", CEL_ME, "(net.IP) -> int", cel_fn_ip_family, "4 or 6."},
	{"Kubernetes", "isUnspecified", CEL_ME, "(net.IP) -> bool", cel_fn_ip_is_unspecified,
		"Whether it is 0.0.0.0 or ::."},
	{"Kubernetes", "isLoopback", CEL_ME, "(net.IP) -> bool", cel_fn_ip_is_loopback,
		"Whether it is in 127.0.0.0/8 or ::1."},
	{"Kubernetes", "isLinkLocalMulticast", CEL_ME, "(net.IP) -> bool",
		cel_fn_ip_is_link_local_multicast, "Whether it is in 224.0.0.0/24 or ff02::/16."},
	{"Kubernetes", "isLinkLocalUnicast", CEL_ME, "(net.IP) -> bool",
		cel_fn_ip_is_link_local_unicast, "Whether it is in 169.254.0.0/16 or fe80::/10."},
	{"Kubernetes", "isGlobalUnicast", CEL_ME, "(net.IP) -> bool", cel_fn_ip_is_global_unicast,
		"Whether it is none of the special kinds; private addresses count as global."},
	{"Kubernetes", "cidr", CEL_FN, "(string) -> net.CIDR", cel_fn_cidr,
		"An address range such as \"10.0.0.0/8\"."},
	{"Kubernetes", "isCIDR", CEL_FN, "(string) -> bool", cel_fn_is_cidr,
		"Whether the text is an address range."},
	{"Kubernetes", "containsIP", CEL_ME,
		"(net.CIDR, net.IP) -> bool; (net.CIDR, string) -> bool", cel_fn_cidr_contains_ip,
		"Whether the address is in the range."},
	{"Kubernetes", "containsCIDR", CEL_ME,
		"(net.CIDR, net.CIDR) -> bool; (net.CIDR, string) -> bool",
		cel_fn_cidr_contains_cidr, "Whether the other range is within this one."},
	{"Kubernetes", "masked", CEL_ME, "(net.CIDR) -> net.CIDR", cel_fn_cidr_masked,
		"The range with the address's host bits cleared."},
	{"Kubernetes", "prefixLength", CEL_ME, "(net.CIDR) -> int", cel_fn_cidr_prefix_length,
		"The number of bits after the slash."},
	{"Kubernetes", "url", CEL_FN, "(string) -> kubernetes.URL", cel_fn_url,
		"An absolute URL, or an absolute path."},
	{"Kubernetes", "isURL", CEL_FN, "(string) -> bool", cel_fn_is_url,
		"Whether url() takes the text."},
	{"Kubernetes", "getScheme", CEL_ME, "(kubernetes.URL) -> string", cel_fn_url_scheme,
		"\"https\" of https://example.com:80/p?q=1."},
	{"Kubernetes", "getHost", CEL_ME, "(kubernetes.URL) -> string", cel_fn_url_host,
		"\"example.com:80\" of it."},
	{"Kubernetes", "getHostname", CEL_ME, "(kubernetes.URL) -> string", cel_fn_url_hostname,
		"\"example.com\" of it."},
	{"Kubernetes", "getPort", CEL_ME, "(kubernetes.URL) -> string", cel_fn_url_port,
		"\"80\" of it."},
	{"Kubernetes", "getEscapedPath", CEL_ME, "(kubernetes.URL) -> string", cel_fn_url_path,
		"\"/p\" of it, escaped as in the URL."},
	{"Kubernetes", "getQuery", CEL_ME, "(kubernetes.URL) -> map(string, list(string))",
		cel_fn_url_query, "{\"q\": [\"1\"]} of it."},
	{"Kubernetes", "semver", CEL_FN,
		"(string) -> kubernetes.Semver; (string, bool) -> kubernetes.Semver", cel_fn_semver,
		"A semantic version; with true, \"v1.0\" and \"01.1.0\" are taken too."},
	{"Kubernetes", "isSemver", CEL_FN, "(string) -> bool; (string, bool) -> bool",
		cel_fn_is_semver, "Whether semver() takes the text."},
	{"Kubernetes", "major", CEL_ME, "(kubernetes.Semver) -> int", cel_fn_semver_major,
		"The first number."},
	{"Kubernetes", "minor", CEL_ME, "(kubernetes.Semver) -> int", cel_fn_semver_minor,
		"The second number."},
	{"Kubernetes", "patch", CEL_ME, "(kubernetes.Semver) -> int", cel_fn_semver_patch,
		"The third number."},
	{"Kubernetes", "format.named", CEL_FN, "(string) -> optional(kubernetes.NamedFormat)",
		cel_fn_format_named, "The format of that name (those below), if there is one."},
	{"Kubernetes", "validate", CEL_ME,
		"(kubernetes.NamedFormat, string) -> optional(list(string))",
		cel_fn_format_validate, "What is wrong with the text; none when it is good."},
	NAMED_FORMAT("dns1123Label",
		"Letters, digits and dashes: the names of Services and Namespaces."),
	NAMED_FORMAT(
		"dns1123Subdomain", "Labels with dots between them: the names of most objects."),
	NAMED_FORMAT("dns1035Label", "A dns1123Label that begins with a letter."),
	NAMED_FORMAT("qualifiedName",
		"A name, with or without the prefix of a domain: keys of labels and annotations."),
	NAMED_FORMAT("dns1123LabelPrefix", "What generateName may be where names are labels."),
	NAMED_FORMAT(
		"dns1123SubdomainPrefix", "What generateName may be where names are subdomains."),
	NAMED_FORMAT(
		"dns1035LabelPrefix", "What generateName may be where names begin with a letter."),
	NAMED_FORMAT("labelValue", "What a label's value may be."),
	NAMED_FORMAT("uri", "An absolute URL, or an absolute path."),
	NAMED_FORMAT("uuid", "A UUID, with or without its dashes."),
	NAMED_FORMAT("byte", "Base64 with padding."),
	NAMED_FORMAT("date", "A date such as 2006-01-02."),
	NAMED_FORMAT("datetime", "A time such as 2006-01-02T15:04:05Z."),
};

#define COUNT	    ARRAY_LEN(functions)
#define MAX_SIGS    20
#define TYPES_BYTES (1u << 20)

/* Parsed from the table once; never freed. */
static struct {
	struct cel_signature *sigs;
	uint32_t count;
} parsed[COUNT];
static pthread_once_t parse_once = PTHREAD_ONCE_INIT;

static bool accept(struct span *s, const char *text)
{
	size_t len = strlen(text);

	while (s->len > 0 && *s->ptr == ' ') {
		s->ptr++;
		s->len--;
	}
	if (s->len < len || memcmp(s->ptr, text, len) != 0)
		return false;
	s->ptr += len;
	s->len -= len;
	return true;
}

static bool parse_signature(struct arena *a, struct span *s, struct cel_signature *sig)
{
	if (!accept(s, "("))
		return false;
	while (!accept(s, ")")) {
		if (sig->param_count == ARRAY_LEN(sig->params) ||
			(sig->param_count > 0 && !accept(s, ",")) ||
			!(sig->params[sig->param_count++] = cel_type_parse(a, s)))
			return false;
		sig->variadic = accept(s, "...");
	}
	return accept(s, "->") && (sig->result = cel_type_parse(a, s)) != NULL;
}

static void parse_table(void)
{
	static struct arena *types;

	types = arena_new(65536, TYPES_BYTES);
	for (size_t i = 0; types && i < COUNT; i++) {
		struct span s = span_of(functions[i].signatures);
		parsed[i].sigs = arena_calloc(types, MAX_SIGS, sizeof *parsed[i].sigs);
		while (parsed[i].sigs && s.len > 0) {
			/* a mistake in the table is ours: found by the unit test, not by users */
			if (parsed[i].count == MAX_SIGS ||
				!parse_signature(types, &s, &parsed[i].sigs[parsed[i].count]))
				abort();
			parsed[i].count++;
			accept(&s, ";");
		}
	}
}

const struct cel_function *cel_function_find(struct span name, unsigned style, size_t *at)
{
	for (size_t i = *at; i < COUNT; i++)
		if ((functions[i].style & style) && functions[i].name[0] == name.ptr[0] &&
			span_eq_str(name, functions[i].name)) {
			*at = i + 1;
			return &functions[i];
		}
	*at = COUNT;
	return NULL;
}

const struct cel_signature *cel_function_signatures(
	const struct cel_function *f, uint32_t *ret_count)
{
	size_t i = (size_t)(f - functions);

	pthread_once(&parse_once, parse_table);
	*ret_count = parsed[i].count;
	return parsed[i].sigs;
}

void cel_function_offer_names(struct cel_hint *h, unsigned style)
{
	const struct cel_macro_info *m;

	for (size_t i = 0; i < COUNT; i++)
		if (functions[i].style & style)
			cel_hint_offer(h, span_of(functions[i].name));
	for (size_t i = 0; (m = cel_macro_at(i)) != NULL; i++)
		if (m->style & style)
			cel_hint_offer(h, span_of(m->name));
}

bool cel_fn_takes_pattern(cel_fn fn)
{
	return fn == cel_fn_matches || fn == cel_fn_re_find || fn == cel_fn_re_find_all ||
	       fn == cel_fn_re_extract || fn == cel_fn_re_extract_all || fn == cel_fn_re_replace;
}

bool cel_function_at(size_t index, struct cel_function_info *ret)
{
	const struct cel_macro_info *m;

	if (index < COUNT) {
		const struct cel_function *f = &functions[index];
		*ret = (struct cel_function_info){
			f->group, f->name, f->style & CEL_ME, f->signatures, f->doc};
		return true;
	}
	m = cel_macro_at(index - COUNT);
	if (m)
		*ret = (struct cel_function_info){
			"Macros", m->name, m->style & CEL_ME, m->signatures, m->doc};
	return m != NULL;
}
