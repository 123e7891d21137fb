/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool_receiver CERTS FOLDER: an HTTPS server on a free loopback port that keeps each POST it gets
 * as FOLDER/NNN.head ("path", then "name: value" lines, names in lower case) and FOLDER/NNN.body,
 * and answers with the status in FOLDER/status, once that is a number. Prints where it listens,
 * ends with its stdin.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX (1 << 20)

static const char *folder;
static _Atomic unsigned count;

struct post {
	size_t len;
	char body[BODY_MAX];
};

static FILE *open_in(const char *name, const char *mode)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return fopen(path, mode);
}

static char *read_all(const char *folder_of, const char *name)
{
	char path[4096], *text = calloc(1, 65536);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder_of, name);
	f = fopen(path, "r");
	if (f && text && fread(text, 1, 65535, f) == 0)
		text[0] = '\0';
	if (f)
		fclose(f);
	return text;
}

static enum MHD_Result put_header(
	void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	FILE *f = arg;

	(void)kind;
	for (; *name; name++)
		fputc(tolower((unsigned char)*name), f);
	fprintf(f, ": %s\n", value);
	return MHD_YES;
}

static void keep(struct MHD_Connection *c, const char *url, const struct post *p)
{
	unsigned n = ++count;
	char name[64];
	FILE *f;

	snprintf(name, sizeof(name), "%03u.body", n);
	f = open_in(name, "w");
	fwrite(p->body, 1, p->len, f);
	fclose(f);
	snprintf(name, sizeof(name), "%03u.new", n);
	f = open_in(name, "w");
	fprintf(f, "%s\n", url);
	MHD_get_connection_values(c, MHD_HEADER_KIND, put_header, f);
	fclose(f);
	/* Only now is it there for who watches the folder. */
	char from[4096], to[4096];
	snprintf(from, sizeof(from), "%s/%03u.new", folder, n);
	snprintf(to, sizeof(to), "%s/%03u.head", folder, n);
	rename(from, to);
}

/* Waits for it: until the file holds a number, who sent does not know whether it arrived. */
static unsigned status_to_send(void)
{
	unsigned code = 0;

	while (code == 0) {
		char *status = read_all(folder, "status");

		code = (unsigned)strtoul(status, NULL, 10);
		free(status);
		if (code == 0)
			usleep(20000);
	}
	return code;
}

static enum MHD_Result answer(struct MHD_Connection *c)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(2, (void *)"ok", MHD_RESPMEM_PERSISTENT);
	enum MHD_Result rc;

	MHD_add_response_header(r, "Location", "https://127.0.0.1:1/elsewhere");
	rc = MHD_queue_response(c, status_to_send(), r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **state)
{
	struct post *p = *state;

	(void)arg, (void)method, (void)version;
	if (!p) {
		*state = p = malloc(sizeof(*p));
		p->len = 0;
		return MHD_YES;
	}
	if (*size > 0) {
		if (*size > BODY_MAX - p->len)
			return MHD_NO;
		memcpy(p->body + p->len, data, *size);
		p->len += *size;
		*size = 0;
		return MHD_YES;
	}
	keep(c, url, p);
	return answer(c);
}

static void on_end(
	void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	(void)arg, (void)c, (void)why;
	free(*state);
	*state = NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *d;
	char *cert, *key, wait[16];

	if (argc != 3)
		return 2;
	folder = argv[2];
	cert = read_all(argv[1], "webhook.crt");
	key = read_all(argv[1], "webhook.key");
	d = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS, 0, NULL, NULL, on_request,
		NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_HTTPS_MEM_CERT, cert,
		MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
		MHD_OPTION_END);
	info = d ? MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT) : NULL;
	if (!info) {
		fprintf(stderr, "tool_receiver: cannot start\n");
		return 1;
	}
	printf("127.0.0.1:%u\n", info->port);
	fflush(stdout);
	while (read(STDIN_FILENO, wait, sizeof(wait)) > 0)
		;
	MHD_stop_daemon(d);
	free(cert);
	free(key);
	return 0;
}
