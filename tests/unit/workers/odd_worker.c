/* odd_worker START ANSWER [PATH]: a worker that misbehaves, at the start or when asked. Plain C, nothing of benchd.
 *
 * START  good (claims to hold no privilege, whatever it has), honest (reports what the kernel says), caps and new-privs
 *        (claims one), missing, protocol, pid (a wrong 'ready'), abort, exit, hang, mute (ignores SIGTERM and the end of its
 *        input), meet-read and meet-write (is ready when the other one is there, at the FIFO PATH)
 * ANSWER echo (default), and the names in answer() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;
static FILE *in, *out;
static char *hello; /* the line heard first */

static void say(const char *text)
{
	fputs(text, out);
	fputc('\n', out);
	fflush(out);
}

static void for_ever(void)
{
	for (;;)
		pause();
}

static void status_line(const char *name, char value[64])
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");
	strcpy(value, "?");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, name, strlen(name)) == 0)
			sscanf(line + strlen(name), ": %63s", value);
	if (f)
		fclose(f);
}

static void ready(const char *how)
{
	char caps[64] = "0000000000000000", no_new[64] = "1";
	if (strcmp(how, "honest") == 0) {
		status_line("CapEff", caps);
		status_line("NoNewPrivs", no_new);
	}
	if (strcmp(how, "caps") == 0)
		strcpy(caps, "0000000000000400");
	if (strcmp(how, "new-privs") == 0)
		strcpy(no_new, "0");
	int pid = strcmp(how, "pid") == 0 ? 1 : (int)getpid();
	fprintf(out, "{\"type\":\"ready\",\"protocol\":%d,%s\"pid\":%d,\"no_new_privs\":%s%s%s%s}\n",
		strcmp(how, "protocol") == 0 ? 2 : 1, "\"python\":\"9.9.9\",", pid, no_new,
		strcmp(how, "missing") == 0 ? "" : ",\"cap_eff\":\"", strcmp(how, "missing") == 0 ? "" : caps,
		strcmp(how, "missing") == 0 ? "" : "\"");
	fflush(out);
}

/* What this process was given. */
static void show(int argc, char **argv)
{
	fprintf(out, "{\"type\":\"sample\",\"fds\":[");
	DIR *d = opendir("/proc/self/fd");
	const char *comma = "";
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d)) {
			fprintf(out, "%s%s", comma, e->d_name);
			comma = ",";
		}
	}
	if (d)
		closedir(d);
	fprintf(out, "],\"env\":[");
	for (char **e = environ; *e; e++)
		fprintf(out, "%s\"%s\"", e == environ ? "" : ",", *e);
	fprintf(out, "],\"args\":[");
	for (int i = 1; i < argc; i++)
		fprintf(out, "%s\"%s\"", i > 1 ? "," : "", argv[i]);
	char cwd[4096], target[64] = "";
	if (readlink("/proc/self/fd/0", target, sizeof target - 1) < 0)
		strcpy(target, "?");
	fprintf(out, "],\"cwd\":\"%s\",\"stdin\":\"%s\",\"leader\":%s,\"uid\":%d}\n", getcwd(cwd, sizeof cwd), target,
		getsid(0) == getpid() ? "true" : "false", (int)getuid());
	fflush(out);
}

static void flood(const char *text)
{
	for (;;)
		fputs(text, out);
}

/* A child in the same session that holds the pipes open. Its pid is the answer to the first request. */
static void child_and_exit(int asked)
{
	if (asked > 1)
		_exit(3);
	pid_t pid = fork();
	if (pid == 0)
		for_ever();
	fprintf(out, "{\"type\":\"sample\",\"child\":%d}\n", (int)pid);
	fflush(out);
}

static void echo(const char *line, int asked)
{
	fprintf(out, "{\"type\":\"sample\",\"asked\":%d,\"hello\":%s,\"heard\":%s,\"length\":%zu}\n", asked, hello,
		strlen(line) < 4000 ? line : "null", strlen(line));
	fflush(out);
}

static void answer(const char *how, const char *line, int asked, int argc, char **argv)
{
	if (strcmp(how, "abort") == 0)
		abort();
	else if (strcmp(how, "exit") == 0)
		exit(3);
	else if (strcmp(how, "exit-0") == 0)
		exit(0);
	else if (strcmp(how, "last-words") == 0) {
		say("{\"type\":\"sample\",\"cell\":7}");
		exit(4);
	} else if (strcmp(how, "hang") == 0)
		for_ever();
	else if (strcmp(how, "flood-line") == 0)
		flood("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	else if (strcmp(how, "flood-log") == 0)
		flood("{\"type\":\"log\",\"level\":\"debug\",\"message\":\"still\\nhere\"}\n");
	else if (strcmp(how, "flood-samples") == 0)
		flood("{\"type\":\"sample\",\"cell\":0}\n");
	else if (strcmp(how, "long-line") == 0) {
		/* 4 MiB and one byte, or just 4 MiB with the line end not counted, by turns */
		size_t n = ((size_t)4 << 20) - (asked == 1) + (asked == 2);
		fputs("{\"type\":\"sample\",\"x\":\"", out);
		for (size_t i = strlen("{\"type\":\"sample\",\"x\":\"") + 2; i < n; i++)
			fputc('x', out);
		say("\"}");
	} else if (strcmp(how, "not-json") == 0)
		say("Traceback (most recent call last):");
	else if (strcmp(how, "array") == 0)
		say("[1,2]");
	else if (strcmp(how, "two-objects") == 0)
		say("{\"type\":\"sample\"}{\"type\":\"sample\"}");
	else if (strcmp(how, "empty-line") == 0)
		say("");
	else if (strcmp(how, "no-type") == 0)
		say("{\"cell\":0}");
	else if (strcmp(how, "type-number") == 0)
		say("{\"type\":1}");
	else if (strcmp(how, "wrong-type") == 0)
		say("{\"type\":\"memory\"}");
	else if (strcmp(how, "deep") == 0) {
		for (int i = 0; i < 2000000; i++)
			fputc('[', out);
		say("");
	} else if (strcmp(how, "nul") == 0) {
		fwrite("{\"type\":\"sample\"\0}\n", 1, 19, out);
		fflush(out);
	} else if (strcmp(how, "fault") == 0)
		say("{\"type\":\"fault\",\"reason\":{\"key\":\"x\",\"message\":\"no interpreter\",\"hint\":\"install one\"}}");
	else if (strcmp(how, "fault-text") == 0)
		say("{\"type\":\"fault\",\"reason\":\"no room\"}");
	else if (strcmp(how, "close-output") == 0) {
		fclose(out);
		for_ever();
	} else if (strcmp(how, "close-input") == 0) {
		fclose(in);
		say("{\"type\":\"sample\"}");
		for_ever();
	} else if (strcmp(how, "child") == 0)
		child_and_exit(asked);
	else if (strcmp(how, "log-then-answer") == 0) {
		say("{\"type\":\"log\",\"level\":\"info\",\"message\":\"one\"}\n{\"type\":\"log\"}\n{\"type\":\"sample\",\"cell\":1}");
	} else if (strcmp(how, "show") == 0)
		show(argc, argv);
	else if (strcmp(how, "stdout") == 0) {
		printf("said aloud\n");
		fflush(stdout);
		fprintf(stderr, "and to stderr\n");
		say("{\"type\":\"sample\"}");
	} else
		echo(line, asked);
}

int main(int argc, char **argv)
{
	const char *start = argc > 1 ? argv[1] : "good", *how = argc > 2 ? argv[2] : "echo",
		   *fds = getenv("BENCHD_FDS");
	int r, w;
	if (!fds || sscanf(fds, "%d,%d", &r, &w) != 2)
		return 9;
	in = fdopen(r, "r");
	out = fdopen(w, "w");
	if (!in || !out)
		return 9;
	if (strcmp(start, "abort") == 0)
		abort();
	if (strcmp(start, "exit") == 0)
		return 5;
	if (strcmp(start, "hang") == 0)
		for_ever();
	if (strcmp(start, "mute") == 0) {
		signal(SIGTERM, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		signal(SIGPIPE, SIG_IGN);
	}
	/* Both sides of a FIFO: neither opens before the other is there. */
	if (strcmp(start, "meet-read") == 0 || strcmp(start, "meet-write") == 0) {
		int fd = open(argv[3], strcmp(start, "meet-read") == 0 ? O_RDONLY : O_WRONLY);
		if (fd < 0)
			return 8;
		close(fd);
	}
	char *line = NULL;
	size_t cap = 0;
	int asked = 0;
	while (getline(&line, &cap, in) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (!hello) {
			hello = strdup(line);
			ready(start);
		} else
			answer(how, line, ++asked, argc, argv);
	}
	if (strcmp(start, "mute") == 0)
		for_ever();
	free(line);
	free(hello);
	return 0;
}
