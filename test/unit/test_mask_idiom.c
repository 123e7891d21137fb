/* SPDX-License-Identifier: Apache-2.0 */
/* Commands, files and sentences in which a secret has no name beside it, or stands far from it. */
#include "support/run_tests.h"
#include "unit/mask_cases.h"

START_TEST(mask_idiom__commands)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"x\":\"keytool -importcert -storepass " S " -file a.crt\"}"},
		{GONE, "", "{\"x\":\"keytool -genkey -alias a -keypass " S "\"}"},
		{GONE, "", "{\"x\":\"htpasswd -bnBC 10 kim " S "\"}"},
		{GONE, "", "{\"x\":\"htpasswd -b -c /etc/nginx/users kim " S "\\nls\"}"},
		{SAME, "", "{\"x\":\"htpasswd -c /etc/nginx/users kim\"}"},
		{GONE, "", "{\"x\":\"echo 'kim:" S "' | chpasswd\"}"},
		{GONE, "", "{\"x\":\"chpasswd <<EOF\\nkim:" S "\\nEOF\"}"},
		{GONE, "", "{\"x\":\"echo " S " | gh auth login --with-token\"}"},
		{GONE, "", "{\"x\":\"printf " S " | sudo -S reboot\"}"},
		{SAME, "", "{\"x\":\"echo hello there | tee -a log.txt\"}"},
		{GONE, "", "{\"x\":\"smbclient //files/share -U kim%" S "\"}"},
		{GONE, "", "{\"x\":\"lftp -u kim," S " files.example.com\"}"},
		{GONE, "", "{\"x\":\"vault kv put secret/shop a=1 b=" S "\"}"},
		{SAME, "", "{\"x\":\"vault kv get -field=a secret/shop\"}"},
		{GONE, "", "{\"x\":\"zip -P " S " a.zip b\"}"},
		{GONE, "", "{\"x\":\"mosquitto_pub -u kim -P " S " -t a\"}"},
		{GONE, "", "{\"x\":\"snmpwalk -v2c -c " S " 10.0.0.1\"}"},
		{GONE, "", "{\"x\":\"aws configure set aws_secret_access_key " S "\"}"},
		{GONE, "", "{\"x\":\"setx DB_PASSWORD " S "\"}"},
		{GONE, "", "{\"x\":\"FROM a\\nENV API_TOKEN " S "\\nRUN b\"}"},
		{GONE, "", "{\"x\":\"mc alias set shop https://s3.example.com kim " S "\"}"},
		{GONE, "", "{\"x\":\"rabbitmqctl add_user kim " S "\"}"},
		{GONE, "", "{\"x\":\"rabbitmqctl change_password kim " S "\"}"},
		{GONE, "", "{\"x\":\"mysqladmin -u root password " S "\"}"},
		{GONE, "", "{\"x\":\"sqlplus kim/" S "@shop\"}"},
		{GONE, "", "{\"x\":\"wpa_passphrase guests " S "\"}"},
		{GONE, "", "{\"x\":\"net use \\\\\\\\files\\\\a /user:kim " S "\"}"},
		{GONE, "", "{\"x\":\"net user kim " S " /add\"}"},
		{GONE, "", "{\"x\":\"ConvertTo-SecureString \\\"" S "\\\" -AsPlainText -Force\"}"},
		{GONE, "", "{\"x\":\"expect \\\"assword:\\\"\\nsend \\\"" S "\\\\r\\\"\\n\"}"},
		{SAME, "", "{\"x\":\"expect \\\"login:\\\"\\nsend \\\"kim\\\\r\\\"\\n\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

START_TEST(mask_idiom__files)
{
	static const struct mask_case cases[] = {
		{GONE, "",
			"{\"x\":\"variable \\\"password\\\" {\\n  default = \\\"" S
			"\\\"\\n}\\n\"}"},
		{SAME, "",
			"{\"x\":\"variable \\\"region\\\" {\\n  default = \\\"eu-1\\\"\\n}\\n\"}"},
		{GONE, "", "{\"x\":\"userlist a\\n  user kim insecure-password " S "\\n\"}"},
		{GONE, "", "{\"x\":\"rocommunity " S " 10.0.0.0/8\\n\"}"},
		{GONE, "", "{\"x\":\"snmp-server community " S " RO\\n\"}"},
		{SAME, "", "{\"x\":\"thanks to the community of users\"}"},
		{GONE, "", "{\"x\":\"_auth=" S "\\n\"}"},
		{GONE, "", "{\"auth.txt\":\"kim\\n" S "\\n\"}"},
		{SAME, "", "{\"auth.txt\":\"one line of words\\nand another\\n\"}"},
		{GONE, "",
			"{\"x\":\"<AdministratorPassword><Value>" S
			"</Value></AdministratorPassword>\"}"},
		{SAME, "", "{\"x\":\"<TimeZone><Value>Europe</Value></TimeZone>\"}"},
		{GONE, "",
			"{\"x\":\"user,password,role\\nkim," S ",ops\\nlee,x,"
			"dev\\n\"}"},
		{GONE, "",
			"{\"x\":\"\\\"name\\\";\\\"api key\\\"\\n\\\"kim\\\";\\\"" S "\\\"\\n\"}"},
		{SAME, "", "{\"x\":\"user,role\\nkim,ops\\n\"}"},
		{SAME, "", "{\"x\":\"Password, please\\nthen wait\\n\"}"},
		{GONE, "", "{\"x\":\"INSERT INTO t (id, password) VALUES (1, '" S "');\"}"},
		{GONE, "", "{\"x\":\"insert into t (token,a) values ('a)','b'), ('" S "','d');\"}"},
		{SAME, "", "{\"x\":\"INSERT INTO t (id, name) VALUES (1, 'kim');\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

START_TEST(mask_idiom__sentences)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"x\":\"The password is " S "9, change it.\"}"},
		{SAME, "", "{\"x\":\"The password is required, and is not shown.\"}"},
		{GONE, "", "{\"x\":\"Log in with admin / " S "9\\n\"}"},
		{SAME, "", "{\"x\":\"Log in with admin / operator rights\\n\"}"},
		{GONE, "",
			"{\"message\":\"denied: env DB_PASSWORD has literal value \\\"" S
			"\\\"\"}"},
		{GONE, "",
			"{\"message\":\"rule r failed at path /spec/containers/0/env/0/value/ "
			"value \\\"" S "\\\" not allowed\"}"},
		{SAME, "", "{\"message\":\"label team has the value \\\"ops\\\"\"}"},
		{GONE, "",
			"{\"kind\":\"SecretStore\",\"spec\":{\"provider\":{\"fake\":{\"data\":[{"
			"\"key\":\"/a\",\"value\":\"" S "\"}]}}}}"},
		{GONE, "",
			"[{\"op\":\"replace\",\"path\":\"/spec/containers/0/args/1\",\"value\":\"" S
			"9\"}]"},
		{SAME, "",
			"[{\"op\":\"replace\",\"path\":\"/spec/containers/0/args/1\","
			"\"value\":\"--level=2\"}]"},
	};

	CHECK_CASES(cases);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("mask_idiom");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, mask_idiom__commands);
	tcase_add_test(t, mask_idiom__files);
	tcase_add_test(t, mask_idiom__sentences);
	return run_tests(t);
}
