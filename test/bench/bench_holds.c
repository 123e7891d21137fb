/*
 * bench_holds CERTS ADDRESS DATABASE_URL WAITING SAMPLES: opens WAITING TLS connections with one
 * held request each (a rule with `wait`), then approves SAMPLES of them, one after the other, and
 * prints how long after the approval was sent the answer came: one JSON object. Memory is read from
 * /proc/PID of the environment's WEBHOOK_PID while all wait.
 */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/util.h"

static void die(const char *what)
{
	fprintf(stderr, "bench_holds: %s\n", what);
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static SSL_CTX *client_tls(const char *certs)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	char ca[4096], cert[4096], key[4096];

	snprintf(ca, sizeof(ca), "%s/ca.crt", certs);
	snprintf(cert, sizeof(cert), "%s/apiserver.crt", certs);
	snprintf(key, sizeof(key), "%s/apiserver.key", certs);
	if (!tls || SSL_CTX_load_verify_locations(tls, ca, NULL) != 1 ||
		SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
		SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
		die("cannot use the certificates");
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	return tls;
}

static struct sockaddr_in address_of(const char *text)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	const char *colon = strrchr(text, ':');
	char host[64];

	if (!colon)
		die("ADDRESS is HOST:PORT");
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		die("ADDRESS is an IPv4 address with a port");
	a.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	return a;
}

/* Client ports run out on one address: the loopback network has many. */
static SSL *connect_to(SSL_CTX *tls, const struct sockaddr_in *to, unsigned number)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_in from = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / 10000)};
	SSL *ssl = SSL_new(tls);

	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
		connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
		die("cannot connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) != 1)
		die("the TLS handshake failed");
	return ssl;
}

static void send_held(SSL *ssl, unsigned number)
{
	char body[2048], request[4096];
	int n = snprintf(body, sizeof(body),
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
		"\"uid\":\"w-%u\",\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":"
		"\"pods\"},\"name\":\"w-%u\",\"namespace\":\"prod\",\"operation\":\"DELETE\","
		"\"userInfo\":{\"username\":\"agent\",\"groups\":[\"ai-agents\"]},\"object\":null,"
		"\"oldObject\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":"
		"\"w-%u\",\"namespace\":\"prod\",\"uid\":\"uid-%u\"},\"spec\":{\"containers\":[{"
		"\"name\":\"c\",\"image\":\"busybox\"}]}},\"dryRun\":false}}",
		number, number, number, number);
	int len = snprintf(request, sizeof(request),
		"POST /validate?timeout=60s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
		"application/json\r\nContent-Length: %d\r\n\r\n%s",
		n, body);

	if (SSL_write(ssl, request, len) != len)
		die("the connection was lost");
}

static uint64_t resident_bytes(void)
{
	const char *pid = getenv("WEBHOOK_PID");
	char path[64], line[256];
	uint64_t kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/status", pid ? pid : "self");
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtoull(line + 6, NULL, 10);
	if (f)
		fclose(f);
	return kib * 1024;
}

static long long number_of(PGconn *pg, const char *sql)
{
	PGresult *r = PQexec(pg, sql);
	long long n = PQntuples(r) == 1 ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : -1;

	PQclear(r);
	return n;
}

static void wait_until_all_wait(PGconn *pg, unsigned waiting)
{
	for (unsigned i = 0; i < 250; i++) {
		if (number_of(pg, "SELECT count(*) FROM holdpoint.hold WHERE state = 'pending' "
				  "AND name LIKE 'w-%'") == (long long)waiting)
			return;
		usleep(100000);
	}
	die("not all requests came to wait in time");
}

/* Approves the hold of request `number`; returns microseconds until its answer. */
static uint32_t wake(PGconn *pg, SSL *ssl, unsigned number)
{
	char sql[256], answer[8192];
	uint64_t began;
	PGresult *r;
	int n;

	snprintf(sql, sizeof(sql),
		"SELECT holdpoint.approve((SELECT id FROM holdpoint.hold WHERE cluster = 'bench' "
		"AND name = 'w-%u' AND state = 'pending' AND username = 'agent'), 'bench')",
		number);
	began = now_us();
	r = PQexec(pg, sql);
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		die(PQerrorMessage(pg));
	PQclear(r);
	n = SSL_read(ssl, answer, sizeof(answer) - 1);
	if (n <= 0)
		die("the connection was lost");
	answer[n] = '\0';
	if (!strstr(answer, "\"allowed\":true"))
		n = SSL_read(ssl, answer, sizeof(answer) - 1);
	if (n > 0)
		answer[n] = '\0';
	if (!strstr(answer, "\"allowed\":true"))
		die("an approved request was not let through");
	return (uint32_t)(now_us() - began);
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	unsigned waiting, samples;
	SSL_CTX *tls;
	struct sockaddr_in to;
	uint64_t before, rss;
	uint32_t *took;
	PGconn *pg;
	SSL **all;

	if (argc != 6)
		die("usage: see the top of bench_holds.c");
	signal(SIGPIPE, SIG_IGN);
	waiting = (unsigned)strtoul(argv[4], NULL, 10);
	samples = (unsigned)strtoul(argv[5], NULL, 10);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){waiting + 64, waiting + 64});
	tls = client_tls(argv[1]);
	to = address_of(argv[2]);
	pg = PQconnectdb(argv[3]);
	all = calloc(waiting, sizeof(*all));
	took = calloc(samples + 1, sizeof(*took));
	if (!all || !took || PQstatus(pg) != CONNECTION_OK || samples == 0 || samples > waiting)
		die("cannot begin");
	before = resident_bytes();
	for (unsigned i = 0; i < waiting; i++)
		all[i] = connect_to(tls, &to, i);
	for (unsigned i = 0; i < waiting; i++)
		send_held(all[i], i);
	wait_until_all_wait(pg, waiting);
	rss = resident_bytes();
	for (unsigned i = 0; i < samples; i++)
		took[i] = wake(pg, all[(uint64_t)i * waiting / samples],
			(unsigned)((uint64_t)i * waiting / samples));
	qsort(took, samples, sizeof(*took), compare_u32);
	printf("{\"waiting\":%u,\"samples\":%u,\"wake_p50_us\":%u,\"wake_p99_us\":%u,"
	       "\"rss_bytes\":%llu,\"rss_before_bytes\":%llu}\n",
		waiting, samples, took[samples / 2], took[samples * 99 / 100],
		(unsigned long long)rss, (unsigned long long)before);
	for (unsigned i = 0; i < waiting; i++) {
		close(SSL_get_fd(all[i]));
		SSL_free(all[i]);
	}
	PQfinish(pg);
	SSL_CTX_free(tls);
	free(all);
	free(took);
	return 0;
}
