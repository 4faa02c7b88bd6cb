/* What a command line names that a daemon does not know by itself: files, folders, commands, and the sides of `ab`. They
 * are written to DATA/registered, and requests name the ids of these files (docs/interfaces.md section 3). */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "bd_benchctl.h"

struct registry {
	char *dir;            /* DATA/registered */
	struct bd_strv files; /* written so far */
	bool keep;            /* else they are removed again in the end: no run was accepted that needs them */
};
#define auto_registry BD_CLEANUP(registry_done)
/* Whether files of this machine mean anything to the daemon that will be asked: it is one's own. usage otherwise, naming
 * `what`. */
int registry_check(const struct bd_ctl *ctl, const char *what, struct bd_error *err);
/* After connecting: the data folder is there. */
int registry_add(struct registry *g, const struct bd_registered *what, char ret_id[BD_ULID_LEN], struct bd_error *err);
void registry_done(struct registry *g);

/* ---- targets ---------------------------------------------------------------------------------------------------- */

bool target_is_suite(const char *word); /* one of benchd's own */
/* Whether the word means a file or folder, not a suite or cases: it looks like one, or is there (in one of the folders, each
 * of which may be NULL, or in the current one) and no suite is called so. here: what is not spelled as a path may be one. */
bool target_is_path(const char *word, const char *const *folders, size_t n, bool here);
/* A Python file, a folder of them or a plugin, relative to `folder` (NULL: the current one) → initialised ret. Errors:
 * no-such-input with the nearest name, usage. */
int target_path(const char *word, const char *folder, struct bd_registered *ret, struct bd_error *err);
/* A command line to be run in `folder` (NULL: the current one). One without a slash is looked for in `bin` first (may be
 * NULL), then in $PATH. */
int target_command(const struct bd_strv *argv, const char *folder, const char *bin, struct bd_registered *ret,
	struct bd_error *err);

/* The absolute path of what the word names, relative to `folder`; -errno. Caller frees. */
int path_find(const char *word, const char *folder, char **ret);
/* no-such-input, with the nearest of the names there are. what: "there is no file", … */
int path_missing(const char *what, const char *word, const char *folder, int code, struct bd_error *err);
/* The last part of a path, without slashes behind it; caller frees. */
char *path_name(const char *path);

/* ---- sides of ab ---------------------------------------------------------------------------------------------------- */

struct side {
	char *label;                /* as it was typed */
	char *word;                 /* the place as it was typed */
	struct bd_registered place; /* kind NULL: none, only settings */
	struct bd_map axes, env;
};
#define auto_side BD_CLEANUP(side_done)
/* What the values of an option say: PATH, NAME=VALUE[,NAME=VALUE...]. */
int side_parse(const struct bd_words *w, const char *option, struct side *ret, struct bd_error *err);
/* usage when the two are not of a kind. *ret_same: they are the same thing. */
int side_check(const struct side *a, const struct side *b, bool *ret_same, struct bd_error *err);
/* Folder of a side that has a copy of its own of what is measured, else NULL; borrowed. */
const char *side_folder(const struct side *s);
void side_done(struct side *s);

/* benchd.manifest.json of a folder → [{path, build_id}] with absolute paths; *ret NULL when there is none. */
int manifest_read(const char *folder, cJSON **ret, struct bd_error *err);
#define MANIFEST_FILE "benchd.manifest.json"

#endif
