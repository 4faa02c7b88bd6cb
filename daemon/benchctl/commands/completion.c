/* benchctl completion: scripts that let a shell complete words, and the words themselves. */
#include "bd_benchctl.h"
#include "completion_scripts.h"

static int bash(struct bd_ctl *ctl, const struct bd_words *w)
{
	(void)w;
	return bd_ctl_answer(ctl, completion_bash);
}

static int zsh(struct bd_ctl *ctl, const struct bd_words *w)
{
	(void)w;
	return bd_ctl_answer(ctl, completion_zsh);
}

static int fish(struct bd_ctl *ctl, const struct bd_words *w)
{
	(void)w;
	return bd_ctl_answer(ctl, completion_fish);
}

static int words_json(const struct bd_ctl *ctl, const struct bd_offers *offers)
{
	bd_auto_json cJSON *json = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(json, "words");
	for (size_t i = 0; i < offers->n; i++) {
		cJSON *o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "word", offers->v[i].word);
		cJSON_AddItemToObject(o, "about",
			*offers->v[i].about ? cJSON_CreateString(offers->v[i].about) : cJSON_CreateNull());
		cJSON_AddItemToArray(list, o);
	}
	cJSON_AddBoolToObject(json, "files", offers->files);
	return bd_ctl_answer_json(ctl, json);
}

static int words(struct bd_ctl *ctl, const struct bd_words *w)
{
	struct bd_offers offers = {0};
	bd_auto_str struct bd_str out = {0};
	bd_complete(bd_command_table, bd_command_table_len, &w->operands, bd_offers_here, &offers);
	for (size_t i = 0; i < offers.n; i++) {
		bd_auto_free char *about = bd_text_for(&ctl->out, offers.v[i].about);
		bd_str_printf(&out, "%s\t%s\n", offers.v[i].word, about);
	}
	if (offers.files)
		bd_str_puts(&out, "\tfiles\n");
	int status = ctl->json ? words_json(ctl, &offers) : bd_ctl_answer(ctl, out.s ? out.s : "");
	bd_offers_done(&offers);
	return status;
}

static const struct bd_command verbs[] = {
	{
		.name = "bash",
		.summary = "print the script for bash",
		.details =
			"For this shell: source <(benchctl completion bash), also as a line of ~/.bashrc. For every user: "
			"benchctl completion bash >/etc/bash_completion.d/benchctl, where bash-completion is installed.",
		.example = "benchctl completion bash",
		.run = bash,
	},
	{
		.name = "zsh",
		.summary = "print the script for zsh",
		.details =
			"For this shell: source <(benchctl completion zsh), also as a line of ~/.zshrc after compinit. For every user: "
			"benchctl completion zsh >/usr/local/share/zsh/site-functions/_benchctl",
		.example = "benchctl completion zsh",
		.run = zsh,
	},
	{
		.name = "fish",
		.summary = "print the script for fish",
		.details = "For good: benchctl completion fish >~/.config/fish/completions/benchctl.fish",
		.example = "benchctl completion fish",
		.run = fish,
	},
	{
		.name = "words",
		.summary = "print what the last of these words can become",
		.operands = "[WORD...]",
		.operands_max = SIZE_MAX,
		.details =
			"What the scripts ask, with the words after --: a word per line, a tab, and what it is; a line that begins with the tab stands for names of "
			"files. Commands, options and suites are always known; runs, cases and values of axes while a benchd runs. None "
			"is started, and one that is busy is waited for 0.7 s.",
		.example = "benchctl completion words -- run gil",
		.run = words,
	},
};

const struct bd_command bd_command_completion = {
	.name = "completion",
	.summary = "let a shell complete commands, options, suites and runs",
	.details = "An installation brings the scripts to where the three shells look for them.",
	.example = "benchctl completion bash",
	.verbs = verbs,
	.verbs_len = BD_LEN(verbs),
};
