/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/spool_ledger_record.h"

/* A record: uint32_t length of the payload, its kind (a byte), the payload, and the SHA-256 of that
 * of the record before and of these. */
#define HEAD_LEN (sizeof(uint32_t) + 1)

struct fixed {
	int64_t id, taken_us;
	uint64_t size_bytes, bytes;
	uint32_t events;
	uint16_t cluster_len, source_len;
	uint8_t sha256[SHA256_LEN];
};

static void chain_on(uint8_t chain[SHA256_LEN], struct span record, struct sha256 *h)
{
	sha256_reset(h);
	sha256_add(h, chain, SHA256_LEN);
	sha256_add(h, record.ptr, record.len);
	sha256_finish(h, chain);
}

void ledger_record_put(struct buf *out, uint8_t chain[SHA256_LEN], struct sha256 *h,
	enum ledger_kind kind, struct span payload)
{
	uint32_t len = (uint32_t)payload.len;
	size_t from = out->len;

	buf_add(out, &len, sizeof(len));
	buf_add_char(out, (char)kind);
	buf_add_span(out, payload);
	if (out->failed)
		return;
	chain_on(chain, (struct span){out->ptr + from, out->len - from}, h);
	buf_add(out, chain, SHA256_LEN);
}

static bool is_torn_end(struct span rest)
{
	while (rest.len > 0 && rest.ptr[rest.len - 1] == 0)
		rest.len--;
	return rest.len < LEDGER_RECORD_MAX;
}

enum ledger_read ledger_record_read(
	struct span bytes, uint8_t chain[SHA256_LEN], struct sha256 *h, struct ledger_record *ret)
{
	uint8_t own[SHA256_LEN];
	uint32_t len = 0;

	if (bytes.len >= HEAD_LEN)
		memcpy(&len, bytes.ptr, sizeof(len));
	if (bytes.len < HEAD_LEN || len > bytes.len - HEAD_LEN ||
		bytes.len - HEAD_LEN - len < SHA256_LEN)
		return is_torn_end(bytes) ? LEDGER_READ_END : LEDGER_READ_DAMAGED;
	memcpy(own, chain, sizeof(own));
	chain_on(own, (struct span){bytes.ptr, HEAD_LEN + len}, h);
	if (memcmp(own, bytes.ptr + HEAD_LEN + len, SHA256_LEN) != 0)
		return LEDGER_READ_DAMAGED;
	memcpy(chain, own, sizeof(own));
	*ret = (struct ledger_record){.kind = (enum ledger_kind)bytes.ptr[sizeof(len)],
		.payload = {bytes.ptr + HEAD_LEN, len},
		.len = HEAD_LEN + len + SHA256_LEN};
	return LEDGER_READ_OK;
}

void ledger_note_put(struct buf *out, const struct ledger_note *n)
{
	struct fixed f = {.id = n->id,
		.taken_us = n->taken_us,
		.size_bytes = n->size_bytes,
		.bytes = n->bytes,
		.events = n->events,
		.cluster_len = (uint16_t)strlen(n->cluster),
		.source_len = (uint16_t)strlen(n->source)};

	memcpy(f.sha256, n->sha256, sizeof(f.sha256));
	buf_add(out, &f, sizeof(f));
	buf_add(out, n->cluster, f.cluster_len);
	buf_add(out, n->source, f.source_len);
}

int ledger_note_read(struct span payload, struct ledger_note *ret)
{
	struct fixed f;

	if (payload.len < sizeof(f))
		return -1;
	memcpy(&f, payload.ptr, sizeof(f));
	if (f.cluster_len > CLUSTER_NAME_MAX || f.source_len > SOURCE_NAME_MAX ||
		payload.len != sizeof(f) + f.cluster_len + f.source_len)
		return -1;
	*ret = (struct ledger_note){.id = f.id,
		.size_bytes = f.size_bytes,
		.bytes = f.bytes,
		.events = f.events,
		.taken_us = f.taken_us};
	memcpy(ret->sha256, f.sha256, sizeof(f.sha256));
	memcpy(ret->cluster, payload.ptr + sizeof(f), f.cluster_len);
	memcpy(ret->source, payload.ptr + sizeof(f) + f.cluster_len, f.source_len);
	return 0;
}

int64_t ledger_number_at(struct span payload, size_t i)
{
	int64_t v = 0;

	if (payload.len >= (i + 1) * sizeof(v))
		memcpy(&v, payload.ptr + i * sizeof(v), sizeof(v));
	return v;
}
