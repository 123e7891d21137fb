/* Opaque values by their representation: equality and text. */
#include "policy/cel/opaque.h"

bool cel_opaque_equal(struct cel_value a, struct cel_value b)
{
	int order;

	switch (a.rep) {
	case CEL_REP_IP:
		return cel_ip_equal(a, b);
	case CEL_REP_CIDR:
		return cel_cidr_equal(a, b);
	case CEL_REP_URL:
		return cel_url_equal(a, b);
	case CEL_REP_QUANTITY:
		return cel_quantity_equal(a, b);
	case CEL_REP_SEMVER:
		return cel_semver_compare(a, b, &order) && order == 0;
	case CEL_REP_FORMAT:
		return cel_format_equal(a, b);
	default:
		return false;
	}
}

void cel_put_opaque(struct buf *out, struct cel_value v)
{
	switch (v.rep) {
	case CEL_REP_IP:
		cel_ip_put(out, v);
		break;
	case CEL_REP_CIDR:
		cel_cidr_put(out, v);
		break;
	case CEL_REP_URL:
		cel_url_put(out, v);
		break;
	case CEL_REP_QUANTITY:
		cel_quantity_put(out, v);
		break;
	case CEL_REP_SEMVER:
		cel_semver_put(out, v);
		break;
	case CEL_REP_FORMAT:
		cel_format_put(out, v);
		break;
	default:
		break;
	}
}
