#include "webhook/notify/notify_send.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_MS 5000L
#define TOTAL_MS   10000L
#define BODY_MAX   ((size_t)1 << 20)

struct notify_sender {
	CURL *curl;
	struct arena *arena;
};

struct notify_sender *notify_sender_new(void)
{
	struct notify_sender *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->curl = curl_easy_init();
	s->arena = arena_new(65536, 8 << 20);
	if (!s->curl || !s->arena) {
		notify_sender_free(s);
		return NULL;
	}
	return s;
}

void notify_sender_free(struct notify_sender *s)
{
	if (!s)
		return;
	if (s->curl)
		curl_easy_cleanup(s->curl);
	arena_free(s->arena);
	free(s);
}

/* ---- where a connection may lead ---- */

struct range {
	const char *prefix;
	unsigned bits;
};

static const struct range private4[] = {{"0.0.0.0", 8}, {"10.0.0.0", 8}, {"100.64.0.0", 10},
	{"127.0.0.0", 8}, {"169.254.0.0", 16}, {"172.16.0.0", 12}, {"192.0.0.0", 24},
	{"192.0.2.0", 24}, {"192.168.0.0", 16}, {"198.18.0.0", 15}, {"198.51.100.0", 24},
	{"203.0.113.0", 24}, {"224.0.0.0", 3}};
/* v4 in v6 is looked at as v4; NAT64 and 6to4 hide a v4 address too. */
static const struct range private6[] = {{"::", 96}, {"64:ff9b::", 32}, {"100::", 64},
	{"2001::", 23}, {"2001:db8::", 32}, {"2002::", 16}, {"fc00::", 7}, {"fe80::", 10},
	{"fec0::", 10}, {"ff00::", 8}};

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool in_ranges(int family, const uint8_t *address, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t prefix[16];

		if (inet_pton(family, ranges[i].prefix, prefix) == 1 &&
			same_bits(address, prefix, ranges[i].bits))
			return true;
	}
	return false;
}

/* Is it an address that is not of the public internet, so that a name must not lead there unasked?
 */
static bool is_private(const struct sockaddr *address)
{
	const struct in6_addr *six;

	if (address->sa_family == AF_INET)
		return in_ranges(AF_INET,
			(const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr, private4,
			ARRAY_LEN(private4));
	if (address->sa_family != AF_INET6)
		return true;
	six = &((const struct sockaddr_in6 *)address)->sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(six))
		return in_ranges(AF_INET, six->s6_addr + 12, private4, ARRAY_LEN(private4));
	return in_ranges(AF_INET6, six->s6_addr, private6, ARRAY_LEN(private6));
}

/* curl's last word before it connects: the address that the name really led to. */
static curl_socket_t open_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *a)
{
	const struct notify_target *t = userdata;

	(void)purpose;
	if (!t->allow_private && is_private(&a->addr))
		return CURL_SOCKET_BAD;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t ignore_body(char *data, size_t size, size_t count, void *userdata)
{
	(void)data;
	(void)userdata;
	return size * count;
}

/* ---- one POST ---- */

static int add_header(struct curl_slist **list, const char *text)
{
	struct curl_slist *more = text ? curl_slist_append(*list, text) : NULL;

	if (!more)
		return -1;
	*list = more;
	return 0;
}

static int add_signature(struct notify_sender *s, struct curl_slist **list,
	const struct notify_target *t, const struct notify_event *ev, struct span body)
{
	_cleanup_(buf_free) struct buf id = BUF_INIT(1024), signature = BUF_INIT(256);
	int64_t now = (int64_t)time(NULL);

	notify_put_id(ev, &id);
	notify_put_signature(t, buf_span(&id), now, body, &signature);
	if (id.failed || signature.failed)
		return -1;
	return add_header(list, arena_printf(s->arena, "webhook-id: %s", buf_str(&id)).ptr) |
	       add_header(list,
		       arena_printf(s->arena, "webhook-timestamp: %lld", (long long)now).ptr) |
	       add_header(list,
		       arena_printf(s->arena, "webhook-signature: %s", buf_str(&signature)).ptr);
}

static struct curl_slist *headers_of(struct notify_sender *s, const struct notify_target *t,
	const struct notify_event *ev, struct span body)
{
	bool slack = t->type == NOTIFY_SLACK;
	struct curl_slist *list = NULL;

	if (add_header(&list, slack ? "Content-Type: application/json"
				    : "Content-Type: application/cloudevents+json") != 0 ||
		add_header(&list, "User-Agent: holdpoint/" HOLDPOINT_VERSION) != 0 ||
		add_header(&list, "Expect:") != 0 ||
		(t->secret && add_signature(s, &list, t, ev, body) != 0)) {
		curl_slist_free_all(list);
		return NULL;
	}
	return list;
}

static void set_options(
	CURL *c, const struct notify_target *t, struct span body, struct curl_slist *headers)
{
	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, t->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, TOTAL_MS);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, (void *)t);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, ignore_body);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.ptr);
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	if (t->ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, t->ca_file);
}

static enum notify_status status_of_code(long code, struct err *e)
{
	if (code >= 200 && code < 300)
		return NOTIFY_DELIVERED;
	if (code >= 300 && code < 400)
		err_set(e, "HTTP %ld: redirects are not followed", code);
	else
		err_set(e, "HTTP %ld", code);
	return code == 410 ? NOTIFY_NEVER : NOTIFY_TRY_AGAIN;
}

static enum notify_status post(struct notify_sender *s, const struct notify_target *t,
	const struct notify_event *ev, struct span body, struct err *e)
{
	struct curl_slist *headers = headers_of(s, t, ev, body);
	long code = 0;
	CURLcode rc;

	if (!headers) {
		err_set(e, "out of memory");
		return NOTIFY_TRY_AGAIN;
	}
	set_options(s->curl, t, body, headers);
	rc = curl_easy_perform(s->curl);
	curl_slist_free_all(headers);
	if (rc != CURLE_OK) {
		/* curl's own sentence may quote the URL, which may be a secret. */
		err_set(e, "%s%s", curl_easy_strerror(rc),
			rc == CURLE_COULDNT_CONNECT && !t->allow_private
				? " (a private address needs allowPrivate: true)"
				: "");
		return NOTIFY_TRY_AGAIN;
	}
	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &code);
	return status_of_code(code, e);
}

enum notify_status notify_send(struct notify_sender *s, const struct notify_target *t,
	const struct notify_event *ev, struct err *e)
{
	_cleanup_(buf_free) struct buf body = BUF_INIT(BODY_MAX);
	enum notify_status status;

	if (notify_put_body(t, ev, s->arena, &body) != 0) {
		err_set(e, "the event cannot be put into words");
		arena_reset(s->arena);
		return NOTIFY_NEVER;
	}
	status = post(s, t, ev, buf_span(&body), e);
	arena_reset(s->arena);
	return status;
}
