/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks, in the units in which the rest counts, and waiting by the one that never jumps.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <time.h>

static inline int64_t clock_us_(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* For durations and deadlines. */
static inline int64_t monotonic_us(void)
{
	return clock_us_(CLOCK_MONOTONIC);
}

static inline int64_t monotonic_ms(void)
{
	return monotonic_us() / 1000;
}

/* Since the epoch: for what is written down. */
static inline int64_t realtime_us(void)
{
	return clock_us_(CLOCK_REALTIME);
}

/*
 * pthread_cond_timedwait() by monotonic_us(), whatever the clock of cond: 0, or ETIMEDOUT when it
 * is at_us or later.
 */
static inline int wait_until_us(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t at_us)
{
	const struct timespec at = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};

	return pthread_cond_clockwait(cond, lock, CLOCK_MONOTONIC, &at);
}
