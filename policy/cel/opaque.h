/* What values of opaque types share with value.c and text.c. Inside the CEL engine only. */
#pragma once

#include "policy/cel/cel_impl.h"

/* False: they are not both versions. */
bool cel_semver_compare(struct cel_value a, struct cel_value b, int *ret);
void cel_semver_put(struct buf *out, struct cel_value v);

bool cel_quantity_equal(struct cel_value a, struct cel_value b);
void cel_quantity_put(struct buf *out, struct cel_value q);

bool cel_ip_equal(struct cel_value a, struct cel_value b);
bool cel_cidr_equal(struct cel_value a, struct cel_value b);
void cel_ip_put(struct buf *out, struct cel_value v);
void cel_cidr_put(struct buf *out, struct cel_value v);

bool cel_url_equal(struct cel_value a, struct cel_value b);
void cel_url_put(struct buf *out, struct cel_value v);

/* Whether url() takes the text. */
bool cel_url_valid(struct span s);

bool cel_format_equal(struct cel_value a, struct cel_value b);
void cel_format_put(struct buf *out, struct cel_value v);
