/* Checks JSON against a schema of an OpenAPI contract under ../shared/contracts: $ref, allOf, oneOf, type,
 * nullable, required, properties, additionalProperties, items, enum, minimum, maximum; read-only members
 * must not be sent. Enough for the contracts the actuators are tested against. */
#ifndef LLMDECK_TESTS_CONTRACT_H
#define LLMDECK_TESTS_CONTRACT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "parse/json_edit.h"

struct contract {
	struct buf text;
	char wrong[512]; /* "" while all is well */
};

static inline char *contract_path(const char *name)
{
	const char *shared = getenv("LLMDECK_SHARED");

	return mem_printf("%s/contracts/%s", shared ? shared : "../shared", name);
}

/* False when the contracts are not there. */
static inline bool contract_read(const char *name, struct buf *out)
{
	char *path = contract_path(name);
	struct err err;
	bool there = file_read(path, 16u << 20, out, &err) == 0;

	free(path);
	return there;
}

static inline struct json_value contract_resolve(const struct contract *c, struct json_value schema)
{
	char ref[256];

	for (int i = 0; i < 16 && json_text_at(schema.text, "/$ref", ref, sizeof(ref)); i++)
		schema = json_at(buf_str(&c->text), ref + 1);
	return schema;
}

static inline bool contract_wrong(struct contract *c, const char *where, const char *what)
{
	if (!*c->wrong)
		snprintf(c->wrong, sizeof(c->wrong), "%.200s: %.200s", where, what);
	return false;
}

/* Is `key` declared in the schema or in what it is made of? Its schema in *out. */
static inline bool contract_property(const struct contract *c, struct json_value schema, struct str key,
                                     struct json_value *out)
{
	struct json_value parts, part, v;
	struct str name;

	schema = contract_resolve(c, schema);
	struct json_value properties = json_at(schema.text, "/properties");
	for (size_t i = 0; (v = json_child(properties, i, &name)).kind != JSON_ERROR; i++) {
		if (str_equal(name, key)) {
			*out = v;
			return true;
		}
	}
	parts = json_at(schema.text, "/allOf");
	for (size_t i = 0; (part = json_child(parts, i, NULL)).kind != JSON_ERROR; i++) {
		if (contract_property(c, part, key, out))
			return true;
	}
	return false;
}

static inline bool contract_type(struct json_value value, const char *type)
{
	if (strcmp(type, "integer") == 0)
		return value.kind == JSON_NUMBER && !memchr(value.text.ptr, '.', value.text.len);
	if (strcmp(type, "boolean") == 0)
		return value.kind == JSON_TRUE || value.kind == JSON_FALSE;
	return value.kind == (strcmp(type, "object") == 0 ? JSON_OBJECT : strcmp(type, "array") == 0 ? JSON_ARRAY :
	                      strcmp(type, "string") == 0 ? JSON_STRING : JSON_NUMBER);
}

static inline bool contract_check(struct contract *c, struct json_value schema, struct json_value value, const char *where);

static inline bool contract_members(struct contract *c, struct json_value top, struct json_value schema,
                                    struct json_value value, const char *where)
{
	struct json_value required = json_at(schema.text, "/required"), v, property;
	struct str key;
	bool ok = true;

	for (size_t i = 0; (v = json_child(required, i, NULL)).kind == JSON_STRING; i++) {
		char *pointer = mem_printf("/%.*s", (int)v.text.len - 2, v.text.ptr + 1);

		if (json_at(value.text, pointer).kind == JSON_ERROR)
			ok = contract_wrong(c, where, pointer);
		free(pointer);
	}
	for (size_t i = 0; ok && (v = json_child(value, i, &key)).kind != JSON_ERROR; i++) {
		char *inner = mem_printf("%s/%.*s", where, STR_ARG(key));
		bool read_only = false;

		if (contract_property(c, schema, key, &property)) {
			json_bool_at(property.text, "/readOnly", &read_only);
			ok = read_only ? contract_wrong(c, inner, "is read-only") : contract_check(c, property, v, inner);
		} else if ((property = json_at(schema.text, "/additionalProperties")).kind == JSON_OBJECT) {
			ok = contract_check(c, property, v, inner);
		} else if (json_at(schema.text, "/properties").kind == JSON_OBJECT && !contract_property(c, top, key, &property) &&
		           json_at(schema.text, "/additionalProperties").kind != JSON_TRUE) {
			ok = contract_wrong(c, inner, "is not in the contract");
		}
		free(inner);
	}
	return ok;
}

static inline bool contract_check(struct contract *c, struct json_value schema, struct json_value value, const char *where)
{
	struct json_value parts, part;
	bool nullable = false, ok = true, any = false;
	char type[32];
	double number, limit;

	schema = contract_resolve(c, schema);
	json_bool_at(schema.text, "/nullable", &nullable);
	if (value.kind == JSON_NULL && nullable)
		return true;
	if (json_text_at(schema.text, "/type", type, sizeof(type)) && !contract_type(value, type))
		return contract_wrong(c, where, type);
	parts = json_at(schema.text, "/oneOf");
	for (size_t i = 0; !any && (part = json_child(parts, i, NULL)).kind != JSON_ERROR; i++) {
		char kept[sizeof(c->wrong)];

		memcpy(kept, c->wrong, sizeof(kept));
		any = contract_check(c, part, value, where);
		memcpy(c->wrong, kept, sizeof(kept));
	}
	if (parts.kind == JSON_ARRAY && !any)
		return contract_wrong(c, where, "fits none of oneOf");
	parts = json_at(schema.text, "/enum");
	for (size_t i = 0; !any && (part = json_child(parts, i, NULL)).kind != JSON_ERROR; i++)
		any = str_equal(part.text, value.text);
	if (parts.kind == JSON_ARRAY && !any)
		return contract_wrong(c, where, "is none of the enum");
	if (value.kind == JSON_NUMBER && str_to_double(value.text, &number) &&
	    ((json_number_at(schema.text, "/minimum", &limit) && number < limit) ||
	     (json_number_at(schema.text, "/maximum", &limit) && number > limit)))
		return contract_wrong(c, where, "is out of range");
	parts = json_at(schema.text, "/allOf");
	for (size_t i = 0; ok && (part = json_child(parts, i, NULL)).kind != JSON_ERROR; i++) {
		struct json_value base = contract_resolve(c, part);

		if (value.kind == JSON_OBJECT)
			ok = contract_members(c, schema, base, value, where);
		else
			ok = contract_check(c, base, value, where);
	}
	if (ok && value.kind == JSON_OBJECT)
		ok = contract_members(c, schema, schema, value, where);
	part = json_at(schema.text, "/items");
	for (size_t i = 0; ok && part.kind == JSON_OBJECT && value.kind == JSON_ARRAY && i < json_count(value); i++)
		ok = contract_check(c, part, json_child(value, i, NULL), where);
	return ok;
}

/* Does "/a/{x}/b" of a contract fit the path of a request? */
static inline bool contract_path_fits(const char *pattern, const char *path)
{
	while (*pattern && *path && *path != '?') {
		if (*pattern == '{') {
			pattern += strcspn(pattern, "}") + 1;
			path += strcspn(path, "/?");
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*pattern && (!*path || *path == '?');
}

/* The operation of a request, checked: path, method, content type, body. */
static inline bool contract_request(struct contract *c, const char *method, const char *target, const char *media,
                                    struct str body)
{
	struct json_value paths = json_at(buf_str(&c->text), "/paths"), item;
	struct str key;
	char lower[16], pattern[512];

	for (size_t i = 0; i < sizeof(lower) - 1 && i <= strlen(method); i++)
		lower[i] = (char)(method[i] | (method[i] ? 0x20 : 0));
	for (size_t i = 0; (item = json_child(paths, i, &key)).kind != JSON_ERROR; i++) {
		snprintf(pattern, sizeof(pattern), "%.*s", STR_ARG(key));
		if (!contract_path_fits(pattern, target))
			continue;
		char *pointer = mem_printf("/%s", lower);
		struct json_value operation = json_at(item.text, pointer);

		free(pointer);
		if (operation.kind == JSON_ERROR)
			continue;
		if (!body.len)
			return true;
		struct json_value content = json_at(operation.text, "/requestBody/content"), type;
		for (size_t k = 0; (type = json_child(content, k, &key)).kind != JSON_ERROR; k++) {
			if (str_equal_c(key, media))
				return contract_check(c, json_at(type.text, "/schema"), json_at(body, ""), "");
		}
		return contract_wrong(c, target, "takes no such content type");
	}
	return contract_wrong(c, target, "is no operation of the contract");
}

#endif
