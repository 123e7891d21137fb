/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3) without libsystemd: what a service manager that started us with NOTIFY_SOCKET is
 * told. One datagram a message; see systemd's documentation for what it understands.
 */
#pragma once

#include "common/base/util.h"

/* Threads: any. "READY=1", "STOPPING=1", "WATCHDOG=1", lines apart. 1: sent; 0: nobody wants to
 * know; -1: it could not be sent. Never blocks. */
int sd_notify_send(const char *state);

/* "RELOADING=1" with the time that systemd asks for. */
int sd_notify_reloading(void);

/* How often WATCHDOG=1 is expected of this process, in microseconds; 0: never. */
uint64_t sd_notify_watchdog_us(void);
