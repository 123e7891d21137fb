/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request between its handler and its answer. Handlers for the routes; how an exchange goes on
 * is in exchange_steps.h.
 */
#pragma once

#include "common/base/metrics.h"
#include "common/http/http_server.h"

/*
 * Handlers of POST /validate, /mutate and /authorize; userdata is the struct webhook, which must
 * outlive the server. Errors: none come back, a request that fails is denied with the reason.
 * Threads: any. Never blocks: a request that must wait is suspended.
 */
void exchange_validate(struct http_request *req, void *userdata);
void exchange_mutate(struct http_request *req, void *userdata);
void exchange_authorize(struct http_request *req, void *userdata);

struct metric *const *exchange_metrics(size_t *ret_count);
