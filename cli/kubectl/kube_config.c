/* SPDX-License-Identifier: Apache-2.0 */
/* See kube_config.h. */
#include "cli/kubectl/kube_config.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/kubectl/subprocess.h"
#include "common/base/crypto.h"
#include "common/json/json.h"

#define OUTPUT_MAX (4 << 20)
#define ARGS_MAX   64
#define FILE_MAX   (1 << 20)

static const struct json_limits limits = {
	.max_bytes = OUTPUT_MAX, .max_depth = 64, .max_nodes = 1 << 16};

struct view {
	struct json_doc doc;
	struct arena *arena;
};

static void wipe_and_free(struct buf *b)
{
	if (b->ptr)
		crypto_wipe(b->ptr, b->len);
	buf_free(b);
}

static struct span text_at(const struct view *v, json_ref object, const char *key)
{
	return json_string(&v->doc, json_get(&v->doc, object, span_of(key)), v->arena);
}

/* NULL: absent, not to be said in C because of a NUL in it, or the arena is full. */
static const char *c_string(const struct view *v, struct span s)
{
	if (!s.ptr || memchr(s.ptr, 0, s.len))
		return NULL;
	return arena_strndup(v->arena, s.ptr, s.len);
}

/* base64 under KEY-data; `kubectl config view --flatten` leaves no paths. */
static int data_at(
	const struct view *v, json_ref object, const char *key, struct span *ret, struct err *e)
{
	struct span text = text_at(v, object, key);

	if (text.len > 0 && base64_decode(text, BASE64, v->arena, ret) < 0)
		return err_set(e, "kubeconfig: %s is not base64", key);
	return 0;
}

static int read_json(
	struct buf *text, struct arena *arena, struct view *ret, const char *what, struct err *e)
{
	struct json_error je;
	char *copy = arena_strndup(arena, buf_span(text).ptr, text->len);

	ret->arena = arena;
	if (!copy)
		return err_set(e, "%s: too large", what);
	if (json_read(copy, text->len, &limits, arena, &ret->doc, &je) < 0) {
		json_error_to_err(&je, e);
		return err_prefix(e, "%s", what);
	}
	return 0;
}

/* ---- exec credential plugins ---- */

/* ExecCredential that the plugin finds in KUBERNETES_EXEC_INFO. */
static char *exec_info(const struct view *v, json_ref exec, struct span server, struct span ca)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(1 << 20);
	json_ref provide = json_get_str(&v->doc, exec, "provideClusterInfo");

	buf_add_str(&b, "KUBERNETES_EXEC_INFO={");
	json_put_key(&b, "kind");
	json_put_string(&b, SPAN("ExecCredential"));
	json_put_key(&b, "apiVersion");
	json_put_string(&b, text_at(v, exec, "apiVersion"));
	buf_printf(&b, ",\"spec\":{\"interactive\":%s", isatty(STDIN_FILENO) ? "true" : "false");
	if (json_type(&v->doc, provide) == JSON_TRUE) {
		buf_add_str(&b, ",\"cluster\":{");
		json_put_key(&b, "server");
		json_put_string(&b, server);
		buf_add_str(&b, ",\"certificate-authority-data\":\"");
		base64_put(&b, ca.ptr ? ca.ptr : "", ca.len);
		buf_add_str(&b, "\"}");
	}
	buf_add_str(&b, "}}");
	return buf_str(&b) ? arena_strndup(v->arena, b.ptr, b.len) : NULL;
}

/* exec.args behind the command's name; one that is left out would be another command. */
static int put_args(
	const struct view *v, json_ref exec, const char *argv[ARGS_MAX + 2], struct err *e)
{
	size_t n = 1;

	json_foreach (arg, &v->doc, json_get_str(&v->doc, exec, "args")) {
		const char *s = c_string(v, json_string(&v->doc, arg, v->arena));

		if (n > ARGS_MAX || !s)
			return err_set(e, "exec.args: too many, or not strings");
		argv[n++] = s;
	}
	argv[n] = NULL;
	return 0;
}

/* exec.env, and what tells the plugin of the cluster. */
static int put_env(const struct view *v, json_ref exec, const struct kube_config *config,
	const char *env[ARGS_MAX + 2], struct err *e)
{
	size_t n = 1;

	env[0] = exec_info(v, exec, config->server, config->ca);
	if (!env[0])
		return err_set(e, "the cluster's part is too large for a credential plugin");
	json_foreach (var, &v->doc, json_get_str(&v->doc, exec, "env")) {
		const char *name = c_string(v, text_at(v, var, "name"));
		const char *value = c_string(v, text_at(v, var, "value"));
		const char *both =
			name && value ? arena_printf(v->arena, "%s=%s", name, value).ptr : NULL;

		if (n > ARGS_MAX || !both)
			return err_set(e, "exec.env: too many, or without a name and a value");
		env[n++] = both;
	}
	env[n] = NULL;
	return 0;
}

static int exec_command(const struct view *v, json_ref exec, const struct kube_config *config,
	struct buf *out, struct err *e)
{
	const char *argv[ARGS_MAX + 2] = {c_string(v, text_at(v, exec, "command"))};
	const char *env[ARGS_MAX + 2];

	if (!argv[0])
		return err_set(e, "exec without a command");
	if (put_args(v, exec, argv, e) < 0 || put_env(v, exec, config, env, e) < 0)
		return -1;
	return subprocess_output(argv, env, out, e);
}

static int exec_plugin(
	const struct view *v, json_ref exec, struct kube_config *config, struct err *e)
{
	_cleanup_(wipe_and_free) struct buf out = BUF_INIT(OUTPUT_MAX);
	struct view answer;
	json_ref status;

	if (exec_command(v, exec, config, &out, e) < 0 ||
		read_json(&out, v->arena, &answer, "credential plugin", e) < 0)
		return err_prefix(e, "kubeconfig");
	status = json_get_str(&answer.doc, JSON_ROOT, "status");
	config->token = text_at(&answer, status, "token");
	config->client_cert = text_at(&answer, status, "clientCertificateData");
	config->client_key = text_at(&answer, status, "clientKeyData");
	if (config->token.len == 0 && config->client_cert.len == 0)
		return err_set(e, "kubeconfig: exec: the credential plugin gave no credential");
	return 0;
}

/* ---- the kubeconfig ---- */

static int read_token_file(
	const struct view *v, json_ref user, struct kube_config *config, struct err *e)
{
	const char *path = c_string(v, text_at(v, user, "tokenFile"));
	char *token = NULL, *copy;
	size_t len;

	if (!path)
		return 0;
	if (secret_read_file(path, FILE_MAX, &token, &len, e) < 0)
		return err_prefix(e, "kubeconfig: tokenFile");
	copy = arena_strndup(v->arena, token, len);
	secret_free(token, len);
	config->token = span_of(copy);
	return copy ? 0 : err_set(e, "kubeconfig: tokenFile: too large");
}

static int read_user(const struct view *v, struct kube_config *config, struct err *e)
{
	json_ref user = json_pointer_str(&v->doc, JSON_ROOT, "/users/0/user");
	json_ref exec = json_get_str(&v->doc, user, "exec");

	config->token = text_at(v, user, "token");
	config->username = text_at(v, user, "username");
	config->password = text_at(v, user, "password");
	if (data_at(v, user, "client-certificate-data", &config->client_cert, e) < 0 ||
		data_at(v, user, "client-key-data", &config->client_key, e) < 0 ||
		read_token_file(v, user, config, e) < 0)
		return -1;
	if (json_type(&v->doc, exec) == JSON_OBJECT)
		return exec_plugin(v, exec, config, e);
	if (config->token.len == 0 && config->client_cert.len == 0 && config->username.len == 0)
		return err_set(e, "kubeconfig: the current context's user has no credential that "
				  "is understood here (certificate, token, password, exec)");
	return 0;
}

static int read_cluster(const struct view *v, struct kube_config *config, struct err *e)
{
	json_ref cluster = json_pointer_str(&v->doc, JSON_ROOT, "/clusters/0/cluster");

	config->server = text_at(v, cluster, "server");
	config->tls_server_name = text_at(v, cluster, "tls-server-name");
	config->proxy_url = text_at(v, cluster, "proxy-url");
	config->insecure = json_type(&v->doc, json_get_str(&v->doc, cluster,
						      "insecure-skip-tls-verify")) == JSON_TRUE;
	if (config->server.len == 0)
		return err_set(
			e, "kubeconfig: no current context; see kubectl config get-contexts");
	return data_at(v, cluster, "certificate-authority-data", &config->ca, e);
}

int kube_config_load(const struct kube_options *options, struct arena *arena,
	struct kube_config *ret, struct err *e)
{
	const char *argv[16] = {
		"kubectl", "config", "view", "--raw", "--minify", "--flatten", "-o", "json"};
	_cleanup_(wipe_and_free) struct buf out = BUF_INIT(OUTPUT_MAX);
	struct kube_config config = {0};
	struct view v;
	size_t n = 8;

	if (options->kubeconfig) {
		argv[n++] = "--kubeconfig";
		argv[n++] = options->kubeconfig;
	}
	if (options->context) {
		argv[n++] = "--context";
		argv[n++] = options->context;
	}
	if (options->kubeconfig && access(options->kubeconfig, R_OK) != 0)
		return err_set_errno(e, errno, "--kubeconfig=%.256s", options->kubeconfig);
	if (subprocess_output(argv, NULL, &out, e) < 0)
		return err_prefix(e, "no kubeconfig with a current context");
	if (read_json(&out, arena, &v, "kubectl config view", e) < 0)
		return -1;
	if (read_cluster(&v, &config, e) < 0 || read_user(&v, &config, e) < 0)
		return -1;
	*ret = config;
	return 0;
}
