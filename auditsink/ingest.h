/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between HTTP and the writer: a bounded queue of bodies, and a few threads that read, mask and
 * encode them, since a body of 40 MiB must not keep the network threads from everybody else.
 */
#pragma once

#include "auditsink/writer.h"
#include "common/http/http_server.h"

struct ingest;

struct ingest_config {
	unsigned workers;
	unsigned queue_max; /* bodies waiting */
	const struct masker *masker;
	struct writer *writer;
};

int ingest_new(const struct ingest_config *config, struct ingest **ret, struct err *e) _must_check_;
/* Answers 503 to what is still waiting, and ends the threads. NULL is fine. Blocks. */
void ingest_free(struct ingest *in);

/*
 * Takes over a request that is suspended and answers it once its events are stored, or cannot be.
 * cluster and source must live as long as the request. -1: the queue is full; the request is still
 * the caller's. Threads: any. Never blocks.
 */
int ingest_submit(struct ingest *in, struct http_request *req, struct span cluster,
	struct span source) _must_check_;

/* 503 with the Retry-After that makes an API server wait longest, counted. */
void ingest_answer_unavailable(struct http_request *req, const char *why);
