/* What the daemon lists in pages, newest first, and which row of it is meant. */
#include "bd_benchctl.h"

#include <strings.h>

#define PAGE 1000

int bd_ctl_rows(struct bd_client *c, const char *path, const char *name, size_t limit, cJSON **ret,
	struct bd_error *err)
{
	bd_auto_json cJSON *all = cJSON_CreateObject();
	cJSON *rows = cJSON_AddArrayToObject(all, name);
	bd_auto_free char *cursor = NULL;
	for (size_t have = 0; have < limit;) {
		bd_auto_free char *count = bd_printf("%zu", BD_MIN(limit - have, (size_t)PAGE));
		bd_auto_free char *page = bd_ctl_path(path, "limit", count),
				  *whole = bd_ctl_path(page, "before", cursor);
		bd_auto_json cJSON *json = NULL;
		int r = bd_client_call(c, "GET", whole, NULL, &json, err);
		if (r < 0)
			return r;
		cJSON *got = cJSON_GetObjectItemCaseSensitive(json, name);
		while (cJSON_GetArraySize(got) && have < limit) {
			cJSON_AddItemToArray(rows, cJSON_DetachItemFromArray(got, 0));
			have++;
		}
		const cJSON *next = cJSON_GetObjectItemCaseSensitive(json, "next");
		bd_freep(&cursor);
		if (!cJSON_IsString(next))
			break;
		cursor = bd_strdup(next->valuestring);
	}
	*ret = BD_TAKE_PTR(all);
	return 0;
}

size_t bd_ctl_row_of(const cJSON *rows, const char *begin, const char **ret_id)
{
	const cJSON *row;
	size_t matches = 0;
	cJSON_ArrayForEach(row, rows) {
		const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "id"));
		if (id && strncasecmp(id, begin, strlen(begin)) == 0) {
			matches++;
			*ret_id = id;
		}
	}
	return matches;
}
