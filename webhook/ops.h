/*
 * What operators and kubelets ask, on the plain listener: GET /livez, /readyz, /metrics, /version.
 */
#pragma once

#include "common/http/http_server.h"

struct webhook;

/* The table for http_server_config, userdata filled in. Static: one webhook a process. */
const struct http_route *ops_routes(struct webhook *w);
