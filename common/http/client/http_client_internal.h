/* SPDX-License-Identifier: Apache-2.0 */
/* Where a connection may lead. */
#pragma once

#include <sys/socket.h>

#include "common/base/util.h"

/* Of the public internet? A name of somebody else's must not lead elsewhere unasked. */
bool http_address_is_public(const struct sockaddr *address);
