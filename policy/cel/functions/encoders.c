/* Base64 in both directions. */
#include "policy/cel/functions/functions_internal.h"

struct cel_value cel_fn_base64_encode(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct buf b = BUF_IN_ARENA(ev->run->arena, 64u << 20);

	if (a[0].kind != CEL_BYTES)
		return cel_err_overload(ev, n, a, count);
	if (!cel_charge(ev, a[0].n / 4))
		return cel_err_cost();
	cel_put_base64(&b, cel_span(a[0]));
	return cel_string_from(ev, &b);
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

struct cel_value cel_fn_base64_decode(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	uint32_t word = 0, bits = 0;
	size_t len = 0;

	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	struct span s = cel_span(a[0]);
	if (s.len % 4 == 0) /* padding is there in full or not at all */
		for (int i = 0; i < 2 && s.len > 0 && s.ptr[s.len - 1] == '='; i++)
			s.len--;
	char *room = cel_string_room(ev, s.len / 4 * 3 + 3);
	if (!room)
		return cel_err_room(ev);
	for (size_t i = 0; i < s.len; i++) {
		int d = digit(s.ptr[i]);
		if (d < 0)
			return cel_err_text(ev, n, "the text is not base64");
		word = word << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			room[len++] = (char)(word >> bits);
		}
	}
	if (s.len % 4 == 1)
		return cel_err_text(ev, n, "the text is not base64");
	return cel_bytes((struct span){room, len});
}
