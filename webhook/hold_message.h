/* What a requester is told about a hold: for people in words, for programs in causes. */
#pragma once

struct exchange;

/* Fills x->answer from x->hold. */
void hold_message_put(struct exchange *x);
