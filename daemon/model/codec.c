/* The one codec: encoding, decoding, initialising and freeing read the same table of fields. */
#include "bd_model.h"

#include <errno.h>
#include <stdio.h>

void bd_jsonp(cJSON **j)
{
	cJSON_Delete(*j);
	*j = NULL;
}

static void *field_at(const struct bd_field *f, const void *obj)
{
	return (char *)(uintptr_t)obj + f->offset;
}

/* struct X *v; size_t n; adjacent, as every vector in the documents */
struct any_array {
	char *v;
	size_t n;
};

void bd_doc_init(const struct bd_doc *doc, void *obj)
{
	memset(obj, 0, doc->size);
	for (size_t i = 0; i < doc->fields_len; i++) {
		const struct bd_field *f = &doc->fields[i];
		void *p = field_at(f, obj);
		if (f->type == BD_F_INT)
			*(int64_t *)p = BD_NULL_INT;
		else if (f->type == BD_F_DOUBLE)
			*(double *)p = (double)NAN;
		else if (f->type == BD_F_OBJECT)
			bd_doc_init(f->doc, p);
	}
}

static void ints_done(struct bd_ints *v)
{
	free(v->v);
	*v = (struct bd_ints){0};
}

static void choices_done(struct bd_choices *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].name);
		bd_strv_done(&c->v[i].values);
	}
	free(c->v);
	*c = (struct bd_choices){0};
}

void bd_doc_done(const struct bd_doc *doc, void *obj)
{
	for (size_t i = 0; i < doc->fields_len; i++) {
		const struct bd_field *f = &doc->fields[i];
		void *p = field_at(f, obj);
		struct any_array *a = p;
		switch (f->type) {
		case BD_F_STRING:
			free(*(char **)p);
			break;
		case BD_F_OBJECT:
			bd_doc_done(f->doc, p);
			break;
		case BD_F_OPTIONAL:
			if (*(void **)p)
				bd_doc_done(f->doc, *(void **)p);
			free(*(void **)p);
			break;
		case BD_F_ARRAY:
			for (size_t k = 0; k < a->n; k++)
				bd_doc_done(f->doc, a->v + k * f->doc->size);
			free(a->v);
			break;
		case BD_F_STRINGS:
			bd_strv_done(p);
			break;
		case BD_F_INTS:
			ints_done(p);
			break;
		case BD_F_MAP:
			bd_map_done(p);
			break;
		case BD_F_AXES:
			bd_axes_done(p);
			break;
		case BD_F_CHOICES:
			choices_done(p);
			break;
		case BD_F_JSON:
			cJSON_Delete(*(cJSON **)p);
			break;
		case BD_F_INT:
		case BD_F_DOUBLE:
		case BD_F_BOOL:
			break;
		}
	}
	bd_doc_init(doc, obj);
}

/* ---- encoding ------------------------------------------------------------------------------------------- */

/* 12 significant digits: more would be noise of the last addition, and would differ between compilers. */
static cJSON *number(double d)
{
	if (!isfinite(d))
		return cJSON_CreateNull();
	char text[32];
	snprintf(text, sizeof text, "%.12g", d);
	return cJSON_CreateNumber(strtod(text, NULL));
}

/* cJSON prints 15 digits of a number, which is not enough for a seed or a clock: those are written as they are. */
static cJSON *integer(int64_t i)
{
	if (i == BD_NULL_INT)
		return cJSON_CreateNull();
	if (i > -1000000000000000 && i < 1000000000000000)
		return cJSON_CreateNumber((double)i);
	char text[24];
	snprintf(text, sizeof text, "%lld", (long long)i);
	return cJSON_CreateRaw(text);
}

/* Numbers of threads are numbers; what is none stays as it was written, for whoever refuses it to quote. */
static cJSON *axis_value(const char *name, const char *value)
{
	size_t n = strlen(value);
	bool whole = n && n < 16 && strspn(value, "0123456789") == n;
	if (bd_streq(name, "threads") && whole)
		return cJSON_CreateNumber(strtod(value, NULL));
	return cJSON_CreateString(value);
}

static cJSON *encode_choices(const struct bd_choices *c)
{
	cJSON *o = cJSON_CreateObject();
	for (size_t i = 0; i < c->n; i++) {
		cJSON *list = cJSON_AddArrayToObject(o, c->v[i].name);
		for (size_t k = 0; k < c->v[i].values.n; k++)
			cJSON_AddItemToArray(list, axis_value(c->v[i].name, c->v[i].values.v[k]));
	}
	return o;
}

static cJSON *encode_pairs(const struct bd_pair *v, size_t n, bool axes)
{
	cJSON *o = cJSON_CreateObject();
	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToObject(o, v[i].key,
			axes ? axis_value(v[i].key, v[i].value) : cJSON_CreateString(v[i].value));
	return o;
}

static cJSON *encode_array(const struct bd_doc *doc, const struct any_array *a)
{
	cJSON *list = cJSON_CreateArray();
	for (size_t i = 0; i < a->n; i++)
		cJSON_AddItemToArray(list, bd_doc_encode(doc, a->v + i * doc->size));
	return list;
}

static cJSON *encode_field(const struct bd_field *f, const void *p)
{
	cJSON *list;
	switch (f->type) {
	case BD_F_STRING:
		return *(char *const *)p ? cJSON_CreateString(*(char *const *)p) : cJSON_CreateNull();
	case BD_F_INT:
		return integer(*(const int64_t *)p);
	case BD_F_DOUBLE:
		return number(*(const double *)p);
	case BD_F_BOOL:
		return cJSON_CreateBool(*(const bool *)p);
	case BD_F_OBJECT:
		return bd_doc_encode(f->doc, p);
	case BD_F_OPTIONAL:
		return *(void *const *)p ? bd_doc_encode(f->doc, *(void *const *)p) : cJSON_CreateNull();
	case BD_F_ARRAY:
		return encode_array(f->doc, p);
	case BD_F_STRINGS:
		list = cJSON_CreateArray();
		for (size_t i = 0; i < ((const struct bd_strv *)p)->n; i++)
			cJSON_AddItemToArray(list, cJSON_CreateString(((const struct bd_strv *)p)->v[i]));
		return list;
	case BD_F_INTS:
		list = cJSON_CreateArray();
		for (size_t i = 0; i < ((const struct bd_ints *)p)->n; i++)
			cJSON_AddItemToArray(list, integer(((const struct bd_ints *)p)->v[i]));
		return list;
	case BD_F_MAP:
		return encode_pairs(((const struct bd_map *)p)->v, ((const struct bd_map *)p)->n, false);
	case BD_F_AXES:
		return encode_pairs(((const struct bd_axes *)p)->v, ((const struct bd_axes *)p)->n, true);
	case BD_F_CHOICES:
		return encode_choices(p);
	case BD_F_JSON:
		return *(cJSON *const *)p ? cJSON_Duplicate(*(cJSON *const *)p, true) : cJSON_CreateNull();
	}
	return cJSON_CreateNull();
}

cJSON *bd_doc_encode(const struct bd_doc *doc, const void *obj)
{
	cJSON *o = cJSON_CreateObject();
	if (doc->schema)
		cJSON_AddStringToObject(o, "schema", doc->schema);
	for (size_t i = 0; i < doc->fields_len; i++) {
		const struct bd_field *f = &doc->fields[i];
		cJSON *value = encode_field(f, field_at(f, obj));
		if (f->omit_null && cJSON_IsNull(value))
			cJSON_Delete(value);
		else
			cJSON_AddItemToObject(o, f->name, value);
	}
	return o;
}

/* ---- decoding ------------------------------------------------------------------------------------------- */

struct decoder {
	char path[256];
	struct bd_error *err;
};

static const char *where(const struct decoder *d)
{
	return d->path[0] ? d->path : "the document";
}

static int wrong(struct decoder *d, const char *wanted)
{
	return bd_error_set(d->err, -EINVAL, "bad-value", NULL, "%s must be %s", where(d), wanted);
}

static int decode_doc(struct decoder *d, const struct bd_doc *doc, const cJSON *json, void *obj);

/* Within what a double holds exactly. */
static bool is_whole(const cJSON *v)
{
	return cJSON_IsNumber(v) && fabs(v->valuedouble) <= 0x1p53 && v->valuedouble == floor(v->valuedouble);
}

/* An axis value: a string, or a whole number written as one. Caller frees. */
static char *axis_text(const cJSON *v)
{
	if (cJSON_IsString(v) && v->valuestring[0])
		return bd_strdup(v->valuestring);
	if (cJSON_IsNumber(v) && v->valuedouble == floor(v->valuedouble) && fabs(v->valuedouble) < 1e15)
		return bd_printf("%.0f", v->valuedouble);
	return NULL;
}

static int decode_choice(struct decoder *d, const cJSON *item, struct bd_choices *c)
{
	bd_auto_strv struct bd_strv values = {0};
	if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) == 0)
		return wrong(d, "a list of at least one value");
	const cJSON *v;
	cJSON_ArrayForEach(v, item) {
		bd_auto_free char *text = axis_text(v);
		if (!text)
			return wrong(d, "a list of strings or whole numbers");
		if (bd_strv_has(&values, text))
			return bd_error_set(d->err, -EINVAL, "bad-value", NULL, "%s lists '%s' twice", where(d), text);
		bd_strv_add(&values, text);
	}
	bd_choices_set(c, item->string, &values);
	return 0;
}

static int decode_members(struct decoder *d, const struct bd_field *f, const cJSON *json, void *p)
{
	if (!cJSON_IsObject(json))
		return wrong(d, "an object");
	size_t base = strlen(d->path);
	const cJSON *item;
	cJSON_ArrayForEach(item, json) {
		snprintf(d->path + base, sizeof d->path - base, "%s%s", base ? "." : "", item->string);
		if (f->type == BD_F_CHOICES) {
			int r = decode_choice(d, item, p);
			if (r < 0)
				return r;
		} else {
			bd_auto_free char *text = f->type == BD_F_AXES ? axis_text(item)
				: cJSON_IsString(item)                 ? bd_strdup(item->valuestring)
								       : NULL;
			if (!text)
				return wrong(d, f->type == BD_F_AXES ? "a string or a whole number" : "a string");
			if (f->type == BD_F_AXES)
				bd_axes_set(p, item->string, text);
			else
				bd_map_set(p, item->string, text);
		}
		d->path[base] = 0;
	}
	return 0;
}

static int decode_list(struct decoder *d, const struct bd_field *f, const cJSON *json, void *p)
{
	if (!cJSON_IsArray(json))
		return wrong(d, "a list");
	size_t base = strlen(d->path), i = 0;
	const cJSON *item;
	cJSON_ArrayForEach(item, json) {
		snprintf(d->path + base, sizeof d->path - base, "[%zu]", i++);
		if (f->type == BD_F_STRINGS) {
			if (!cJSON_IsString(item))
				return wrong(d, "a string");
			bd_strv_add(p, item->valuestring);
		} else if (f->type == BD_F_INTS) {
			struct bd_ints *v = p;
			if (!is_whole(item))
				return wrong(d, "a whole number");
			*BD_PUSH(v->v, v->n) = (int64_t)item->valuedouble;
		} else {
			/* BD_PUSH by hand: the element type is known to the table only */
			struct any_array *a = p;
			void *slot = bd_push_((void **)&a->v, &a->n, f->doc->size);
			bd_doc_init(f->doc, slot);
			int r = decode_doc(d, f->doc, item, slot);
			if (r < 0)
				return r;
		}
		d->path[base] = 0;
	}
	return 0;
}

static int decode_field(struct decoder *d, const struct bd_field *f, const cJSON *json, void *p)
{
	switch (f->type) {
	case BD_F_STRING:
		if (!cJSON_IsString(json))
			return wrong(d, "a string");
		free(*(char **)p);
		*(char **)p = bd_strdup(json->valuestring);
		return 0;
	case BD_F_INT:
		if (!is_whole(json))
			return wrong(d, "a whole number");
		*(int64_t *)p = (int64_t)json->valuedouble;
		return 0;
	case BD_F_DOUBLE:
		if (!cJSON_IsNumber(json) || !isfinite(json->valuedouble))
			return wrong(d, "a number");
		*(double *)p = json->valuedouble;
		return 0;
	case BD_F_BOOL:
		if (!cJSON_IsBool(json))
			return wrong(d, "true or false");
		*(bool *)p = cJSON_IsTrue(json);
		return 0;
	case BD_F_OBJECT:
		return decode_doc(d, f->doc, json, p);
	case BD_F_OPTIONAL:
		if (!*(void **)p)
			*(void **)p = bd_alloc(f->doc->size);
		bd_doc_init(f->doc, *(void **)p);
		return decode_doc(d, f->doc, json, *(void **)p);
	case BD_F_MAP:
	case BD_F_AXES:
	case BD_F_CHOICES:
		return decode_members(d, f, json, p);
	case BD_F_ARRAY:
	case BD_F_STRINGS:
	case BD_F_INTS:
		return decode_list(d, f, json, p);
	case BD_F_JSON:
		cJSON_Delete(*(cJSON **)p);
		*(cJSON **)p = cJSON_Duplicate(json, true);
		return 0;
	}
	return -EINVAL;
}

static const struct bd_field *find_field(const struct bd_doc *doc, const char *name)
{
	for (size_t i = 0; i < doc->fields_len; i++)
		if (bd_streq(doc->fields[i].name, name))
			return &doc->fields[i];
	return NULL;
}

static int unknown_field(struct decoder *d, const struct bd_doc *doc, const char *name)
{
	const char *names[64];
	size_t n = BD_MIN(doc->fields_len, BD_LEN(names));
	for (size_t i = 0; i < n; i++)
		names[i] = doc->fields[i].name;
	const char *near = bd_nearest(name, names, n);
	char hint[128] = "";
	if (near)
		snprintf(hint, sizeof hint, "did you mean '%s'?", near);
	return bd_error_set(d->err, -EINVAL, "unknown-field", hint, "unknown field %s", where(d));
}

static int decode_doc(struct decoder *d, const struct bd_doc *doc, const cJSON *json, void *obj)
{
	if (!cJSON_IsObject(json))
		return wrong(d, "an object");
	size_t base = strlen(d->path);
	const cJSON *item;
	cJSON_ArrayForEach(item, json) {
		snprintf(d->path + base, sizeof d->path - base, "%s%s", base ? "." : "", item->string);
		const struct bd_field *f = find_field(doc, item->string);
		if (doc->schema && bd_streq(item->string, "schema")) {
			if (!cJSON_IsString(item) || !bd_streq(item->valuestring, doc->schema))
				return bd_error_set(d->err, -EINVAL, "bad-value", NULL, "%s must be \"%s\"", where(d),
					doc->schema);
		} else if (f) {
			if (item != cJSON_GetObjectItemCaseSensitive(json, f->name))
				return bd_error_set(d->err, -EINVAL, "bad-value", NULL, "%s is given twice", where(d));
			int r = cJSON_IsNull(item) ? 0 : decode_field(d, f, item, field_at(f, obj));
			if (r < 0)
				return r;
		} else if (!doc->lenient && !bd_streq(item->string, "$schema")) {
			return unknown_field(d, doc, item->string);
		}
		d->path[base] = 0;
	}
	for (size_t i = 0; i < doc->fields_len; i++) {
		const struct bd_field *f = &doc->fields[i];
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, f->name);
		if (f->required && (!value || cJSON_IsNull(value)))
			return bd_error_set(d->err, -EINVAL, "bad-value", NULL, "%s%s%s is missing", d->path,
				base ? "." : "", f->name);
	}
	return 0;
}

int bd_doc_decode(const struct bd_doc *doc, const cJSON *json, void *obj, struct bd_error *err)
{
	struct decoder d = {.err = err};
	int r = decode_doc(&d, doc, json, obj);
	if (r < 0)
		bd_doc_done(doc, obj);
	return r;
}
