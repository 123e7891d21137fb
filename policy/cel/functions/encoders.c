/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 in both directions. */
#include "common/base/crypto.h"
#include "policy/cel/functions/functions_internal.h"

struct cel_value cel_fn_base64_encode(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct buf b = BUF_IN_ARENA(ev->run->arena, 64u << 20);

	if (a[0].kind != CEL_BYTES)
		return cel_err_overload(ev, n, a, count);
	if (!cel_charge(ev, a[0].n / 4))
		return cel_err_cost();
	base64_put(&b, a[0].s, a[0].n);
	return cel_string_from(ev, &b);
}

struct cel_value cel_fn_base64_decode(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	size_t len;

	if (a[0].kind != CEL_STRING)
		return cel_err_overload(ev, n, a, count);
	char *room = cel_string_room(ev, BASE64_ROOM(a[0].n));
	if (!room)
		return cel_err_room(ev);
	if (base64_decode_to(cel_span(a[0]), BASE64_UNPADDED, room, &len) < 0)
		return cel_err_text(ev, n, "the text is not base64");
	return cel_bytes((struct span){room, len});
}
